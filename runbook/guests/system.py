"""What a guest's system is told at its birth, and the program that the host keeps to put it on the disk."""

from __future__ import annotations

import uuid
from functools import cache
from importlib.resources import files
from ipaddress import ip_interface

from runbook.guests import cloud, config, drives, roles
from runbook.params import HostParams
from runbook.params.guest_system import System, keys_of
from runbook.params.guests import Guest

PROGRAM = "/usr/local/lib/xen-runbook/install-system"
"""Where the host keeps the program."""
STATE = drives.SYSTEMS
TIMEOUT_S = 3600
_CONSOLES = {"hvm": ("hvc0", "ttyS0"), "pvh": ("ttyS0", "hvc0"), "pv": ("ttyS0", "hvc0")}
"""The last one is /dev/console; the others are there for a guest whose type is changed afterwards."""


@cache
def program() -> str:
    """Return the shell program that puts a system on a guest's volume; it has `holds` inside."""
    return (files("runbook.guests") / "system.sh").read_text(encoding="utf-8").replace("@HOLDS@\n", holds())


@cache
def holds() -> str:
    """Return the program for perl that tells what a volume holds."""
    return (files("runbook.guests") / "holds.pl").read_text(encoding="utf-8")


def command(params: HostParams, guest: Guest, volume: str, identity: str, image: str) -> tuple[str, ...]:
    """Return the argv that puts the system on a volume, whose LVM uuid is `identity`, from the folder of a build."""
    return (PROGRAM, guest.name, volume, identity, disk_id(params, guest), root_uuid(params, guest), image)


def root_uuid(params: HostParams, guest: Guest) -> str:
    """Return the UUID of the file system that a guest's Debian is on: the same for the same guest."""
    return str(uuid.uuid5(uuid.UUID(config.uuid_of(params, guest)), "root"))


def disk_id(params: HostParams, guest: Guest) -> str:
    """Return the identifier of the partition table of a guest's first disk: 8 hexadecimal digits."""
    return root_uuid(params, guest)[:8]


def host_name(guest: Guest) -> str:
    """Return what the system calls itself.

    >>> from runbook.params.guests import Guest
    >>> host_name(Guest(name="Web_1.test", memory_mib=512))
    'web-1'
    """
    own = guest.system.host_name if guest.system else None
    return own or guest.name.partition(".")[0].lower().replace("_", "-").strip("-+") or "guest"


def files_of(params: HostParams, guest: Guest, system: System) -> dict[str, str]:
    """Return the files that make an image this guest's own: path in the guest, or on its seed, → text."""
    if system.cloud:
        return cloud.seed(host_name(guest), root_uuid(params, guest), guest, keys_of(params, guest))
    name, root = host_name(guest), root_uuid(params, guest)
    first = {"etc/systemd/network/50-first.network": f"{_match(guest)}\n[Network]\n{_network(system)}"}
    return {
        "etc/hostname": f"{name}\n",
        "etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost ip6-localhost ip6-loopback\n",
        "etc/fstab": f"UUID={root} / ext4 errors=remount-ro 0 1\n",
        **(roles.networks(guest, system, _network(system)) or first),
        **roles.files_of(guest, system, name),
        "boot/grub/grub.cfg": _menu(guest, root),
        "root/.ssh/authorized_keys": "".join(f"{key}\n" for key in keys_of(params, guest)),
    }


def _match(guest: Guest) -> str:
    """Return how the first network card is known (systemd.network(5)): by its address, else as the one of Xen's driver."""
    mac = next((nic.mac for nic in guest.nics), None)
    return f"[Match]\n{f'MACAddress={mac}' if mac else 'Driver=vif'}\n"


def _network(system: System) -> str:
    """Return address and way out of a card, the lines below [Network]."""
    lines = []
    if system.ipv4 == "dhcp":
        lines.append("DHCP=ipv4")
    elif system.ipv4 != "none":
        lines.append(f"Address={ip_interface(system.ipv4).with_prefixlen}")
    lines += [f"Gateway={system.gateway}"] if system.gateway else []
    lines += [f"DNS={address}" for address in system.name_servers]
    return "".join(f"{line}\n" for line in lines)


def _menu(guest: Guest, root: str) -> str:
    """Return a menu that stays right by itself: Debian's kernels keep /vmlinuz and /initrd.img up to date.

    The one before is there as long as apt keeps it. pygrub reads this file, too, so it holds only what that knows.
    """
    consoles = " ".join(f"console={name}" for name in ("tty0", *_CONSOLES[guest.type]))
    line = f"root=UUID={root} ro {consoles} quiet"
    entries = (("Debian", ""), ("Debian, the kernel before", ".old"))
    return "set default=0\nset timeout=2\n" + "".join(
        f"menuentry '{title}' {{\n\tlinux /vmlinuz{tail} {line}\n\tinitrd /initrd.img{tail}\n}}\n"
        for title, tail in entries
    )
