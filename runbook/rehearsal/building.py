"""From a twin's description to a virtual PC that answers: its packages, its disks, the move there, its first start."""

from __future__ import annotations

import hashlib
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from runbook.errors import HostError
from runbook.rehearsal import door, packages
from runbook.rehearsal.described import Twin
from runbook.rehearsal.files import packed
from runbook.testbed import disk, hardware, qemu
from runbook.testbed.image import Image, base_image, default_recipe, image_key
from runbook.testbed.machine import Machine, state_dir, up
from runbook.testbed.machines.model import Card, Description, Layout, Pc
from runbook.testbed.placing import Placement, place
from runbook.testbed.recipe import Recipe
from runbook.testbed.remote import shell
from runbook.testbed.zoo import layout
from runbook.testbed.zoo.building import CHOSEN_NO_MORE, UP

ROOM_MIB = 8192
"""What the disks take on the controller until the end, about: the base disks, the system, and what the notebooks bring."""
SUDO = "/etc/sudoers.d/zz-rehearsal"
"""The last of them by its name: of the rules that fit, sudo takes the last (sudoers(5))."""
NOT_THERE = "/root/packages-not-there"
_PATIENT = (
    "/etc/systemd/system.conf.d/emulated.conf",
    0o644,
    "[Manager]\nDefaultDeviceTimeoutSec=15min\nDefaultTimeoutStartSec=15min\n",
)
_NETWORK = ("e1000e", "virtio-net-pci")


def folder(host: str) -> Path:
    """Return the folder of a host's virtual PC."""
    return state_dir() / "rehearsals" / host


def require_room(pc: Pc, place_: Path) -> None:
    """Raise `HostError` unless this controller has QEMU and what makes disks, memory for the PC, and room for its disks."""
    lacking = [
        name
        for name in ("qemu-system-x86_64", *disk.TOOLS)
        if not shutil.which(name, path=disk.search_path())
    ]
    if lacking:
        raise HostError(
            "This controller cannot rehearse",
            why=f"there is no {', no '.join(lacking)}",
            do="install the testbed's packages: make testbed-deps; what would be built shows without: runbook rehearse --describe",
        )
    existing = next(p for p in (place_, *place_.parents) if p.exists())
    room = shutil.disk_usage(existing).free >> 20
    if room < ROOM_MIB:
        raise HostError(
            "There is no room for a rehearsal",
            where=str(existing),
            why=f"{room} MiB are free, and {ROOM_MIB} are needed",
            do="make room, or name a folder elsewhere: RUNBOOK_TESTBED_DIR=/elsewhere runbook rehearse …",
        )
    if 0 < (has := _available_mib()) < pc.memory_mib + 512:
        raise HostError(
            "There is no memory for a rehearsal",
            why=f"{has} MiB are available here, and the virtual PC has {pc.memory_mib}",
            do="end what else runs here, or rehearse on a larger controller",
        )


def _available_mib() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable:")), 0)


def recipe_of(twin: Twin) -> Recipe:
    """Return what the plain system is made of that then moves to the twin's disks: its packages, and no file of its own."""
    described = twin.description
    plain = default_recipe(described.release)
    accounts = [f"useradd --create-home --shell /bin/bash {user.name}" for user in described.users]
    rules = [
        f"echo '{u.name} ALL=(ALL) NOPASSWD: ALL' >{SUDO}; chmod 0440 {SUDO}"
        for u in described.users
        if u.sudo == "without-password"
    ]
    first = [
        name
        for name in plain.packages
        if not ("grub-efi-amd64" in described.without and name == "grub-efi-amd64")
    ]
    if "grub-efi-amd64" in described.without:
        first += ["grub-efi-amd64-bin", "grub-pc"]
    return replace(
        plain,
        hostname=described.name,
        kernel_options=("no_timer_check",),
        packages=tuple(first),
        files=(_PATIENT,),
        hooks=(
            _installed(described.packages),
            *packages.purged(name for name in described.without if name not in packages.LATE),
            *accounts,
            *rules,
        ),
    )


def _installed(names: tuple[str, ...]) -> str:
    """Return the command that installs those packages that the sources have, and notes the others."""
    quoted = shlex.quote("\n".join(sorted(names)))
    return (
        f"cd /root; printf '%s\\n' {quoted} | sort -u >wanted; apt-cache pkgnames | sort -u >known; "
        f"comm -23 wanted known >{NOT_THERE}; export DEBIAN_FRONTEND=noninteractive; "
        "comm -12 wanted known | xargs -r apt-get -y -q --no-install-recommends install; rm wanted known"
    )


def spec_of(described: Description) -> qemu.Spec:
    """Return the virtual PC. Raises `ValueError` for a description without a PC."""
    pc = described.pc
    if pc is None:
        raise ValueError("a description without a PC")
    where = place([*(c.address for c in pc.cards), *(d.address for d in pc.drives if d.address)])
    free = where.free
    nics = tuple(_nic(n, card, where, free) for n, card in enumerate(pc.cards) if card.device in _NETWORK)
    spares = tuple(_spare(card, where, free) for card in pc.cards if card.device not in _NETWORK)
    spares += tuple((f"pci-testdev{qemu.MULTIFUNCTION}", addr, bus) for bus, addr in where.headless)
    disks, sata = [], 0
    for number, drive in enumerate(pc.drives):
        file = f"disk{number}.qcow2"
        if drive.device == "ide-hd":
            disks.append((file, "", "ide-hd", f"ide.{sata}"))
            sata += 1
        else:
            bus, addr = where.at.get(drive.address) or ("pcie.0", free.pop(0))
            more = qemu.MULTIFUNCTION if (bus, addr) in where.shared else ""
            disks.append((file, addr, f"{drive.device}{more}", bus))
    return replace(
        hardware.MACHINE,
        memory_mib=pc.memory_mib,
        cpus=pc.cpus,
        firmware="" if pc.firmware == "bios" else hardware.MACHINE.firmware,
        ports=where.ports,
        nics=nics,
        spares=spares,
        disks=tuple(disks),
        ssh_at=described.way.at,
        ssh_to=described.way.port,
        user=described.way.user,
    )


def _nic(number: int, card: Card, where: Placement, free: list[str]) -> qemu.Nic:
    bus, addr = where.at.get(card.address) or ("pcie.0", free.pop(0))
    name = qemu.UPLINK.name if number == 0 else f"net{number}"
    forward = door.forward(card.door, card.leads_to) if card.door and number == 0 else ""
    return qemu.Nic(name, card.device, addr, card.mac, card.net or "10.0.99.0/24", restrict=True, bus=bus, router=card.router,
                    names=card.names, lease=card.lease, forward=forward, has_more=(bus, addr) in where.shared)  # fmt: skip


def _spare(card: Card, where: Placement, free: list[str]) -> tuple[str, ...]:
    bus, addr = where.at.get(card.address) or ("pcie.0", free.pop(0))
    more = ",serial=stand-in" if card.device == "nvme" else ""
    more += qemu.MULTIFUNCTION if (bus, addr) in where.shared else ""
    return (f"{card.device}{more}", addr, bus)


def digest(twin: Twin) -> str:
    """Return 12 hex digits that change when anything changes that the virtual PC is made of."""
    text = repr((twin.description.pc, twin.description.layout, twin.description.way)).encode()
    return hashlib.sha256(text + packed(twin.files)).hexdigest()[:12]


def ids(twin: Twin) -> dict[str, str]:
    """Return what decides how the PC's disks are before the first notebook: the base disk by its packages, and the machine."""
    return {
        "base": f"base-{layout.key(recipe_of(twin), _layout(twin), packed(twin.files))}",
        "machine": digest(twin),
    }


def base(twin: Twin, say: Callable[[str], None]) -> Image:
    """Return the base disks of a twin, made now unless they are there. Raises `TestbedError` or `CheckFailed`."""
    recipe = recipe_of(twin)
    plain = base_image(state_dir(), recipe, say)
    say(f"the packages' base disk is {image_key(recipe)}")
    return layout.moved_in(
        state_dir(),
        recipe,
        _layout(twin),
        plain,
        replace(hardware.MACHINE, nics=(replace(qemu.UPLINK, restrict=True),), spares=()),
        say,
        packed(twin.files),
    )


def _layout(twin: Twin) -> Layout:
    if twin.description.layout is None:
        raise ValueError("a description without disks")
    return twin.description.layout


def boot(twin: Twin, machine: Machine, *, fresh: bool, say: Callable[[str], None]) -> None:
    """Let the machine answer, made anew with `fresh`. Raises `TestbedError` when it does not come up."""
    machine.state.mkdir(parents=True, exist_ok=True)
    disks = base(twin, say)
    link = machine.state / disks.folder.name
    if not link.exists():
        link.symlink_to(disks.folder)
    first = tuple(("sh", "-euc", shlex.quote(command)) for command in _layout(twin).at_first)
    up(
        fresh=fresh,
        state=machine.state,
        say=say,
        spec=spec_of(twin.description),
        become=machine.become,
        base=disks,
        at_first=first,
    )
    if not fresh:
        shell(machine, CHOSEN_NO_MORE)
    shell(machine, UP)


def not_there(machine: Machine) -> tuple[str, ...]:
    """Return as a clause which packages no source had, () where all had one."""
    names = ", ".join(shell(machine, f"cat {NOT_THERE} 2>/dev/null || :").split())
    return (f"these packages are in no source of this controller: {names}",) if names else ()
