"""The xl.cfg of one guest, written so that a person can read it (xl.cfg(5))."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

from runbook.guests import drives, parts, seal
from runbook.guests.lines import Line, section
from runbook.params import HostParams, secrets
from runbook.params.guest_extra import FIELDS
from runbook.params.guests import Guest
from runbook.params.host import Device
from runbook.params.xl_words import SECRET_KEYS
from runbook.releases import Release

FOLDER = "/etc/xen"


def path_of(name: str) -> str:
    """Return where a guest's configuration stands on the host.

    >>> path_of("ipfire")
    '/etc/xen/ipfire.cfg'
    """
    return f"{FOLDER}/{name}.cfg"


def volume_of(params: HostParams, guest: Guest) -> str:
    """Return what a guest's first disk is on the host, such as /dev/guests/ipfire; '' for a guest without disks."""
    first = next((disk for disk in drives.disks_of(guest) if disk.cd is None), None)
    return drives.target_of(params, first) if first else ""


def uuid_of(params: HostParams, guest: Guest) -> str:
    """Return the guest's identity: its own, or the same at every start and another one on every host.

    xl draws a new one at each start otherwise, and Windows sees a new mainboard (H704).
    """
    return guest.uuid or made_uuid(params.host, guest.name)


def made_uuid(host: str, name: str) -> str:
    """Return the identity of a guest that has none of its own."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{host}"))


def render(
    params: HostParams,
    guest: Guest,
    release: Release,
    installed: bool,
    secret: Callable[[str], str] = secrets.resolve,
) -> str:
    """Return the text of /etc/xen/NAME.cfg, the same for the same parameters.

    `installed` tells whether the volume holds a partition table: as long as it does not, a guest
    with `install_media` starts from that disc; afterwards from its disk, the disc still in reach (H701).
    `secret` fetches the passwords that the guest refers to; `ParamsError` of the default one goes through.
    """
    found = (
        _identity(params, guest),
        parts.machine(guest),
        parts.storage(params, guest, installed),
        parts.network(guest),
        _devices(params, guest),
        parts.screen(guest, secret),
        parts.ending(guest),
    )
    kept = [[line for line in part if not _is_replaced(line.key, guest)] for part in found]
    own = _extra(guest, secret)
    head = _head(params, guest, release)
    return seal.sealed("\n".join([head, *(section(part) for part in (*kept, own) if part)]))


def pci_words(device: Device) -> str:
    """Return one device as `pci` of xl.cfg(5) wants it.

    Permissive is said per device, never for all (H614); `rdm_policy` is said only where it
    differs from xl's own `strict` (H711).
    """
    options = [device.bdf]
    if device.rdm_policy != "strict":
        options.append(f"rdm_policy={device.rdm_policy}")
    options += [
        f"{name}=1" for name in ("permissive", "msitranslate", "power_mgmt", "seize") if getattr(device, name)
    ]
    return ",".join(options)


MARK = "The runbook writes this file from its parameters:"


def is_ours(text: str) -> bool:
    """Return whether the runbook wrote a configuration: what a person wrote is that person's.

    >>> is_ours('name = "web"\\nmemory = 512\\n')
    False
    """
    return MARK in text


def _head(params: HostParams, guest: Guest, release: Release) -> str:
    title = f"{guest.name}: {_one_line(guest.what)}" if guest.what else guest.name
    return (
        f"# {title}\n"
        f"# For Xen {release.xen} on {params.host}. {MARK}\n"
        "# change those, not this. Every word is explained in xl.cfg(5).\n"
    )


def _identity(params: HostParams, guest: Guest) -> Iterator[Line]:
    yield Line("name", guest.name)
    yield Line("uuid", uuid_of(params, guest))


def _devices(params: HostParams, guest: Guest) -> Iterator[Line]:
    if guest.pci:
        devices = [params.device_of(bdf) for bdf in guest.pci]
        notes = (f"  {device.bdf}  {device.id}  {_one_line(device.what)}" for device in devices)
        head = "Devices of the host that are this guest's own:"
        yield Line("pci", tuple(map(pci_words, devices)), (head, *notes))


def _extra(guest: Guest, secret: Callable[[str], str]) -> list[Line]:
    found = (Line(key, secret(value) if key in SECRET_KEYS else value) for key, value in guest.extra.items())
    first, *rest = [*found, None]
    if first is None:
        return []
    return [Line(first.key, first.value, ("As the parameters have it under `extra`:",)), *filter(None, rest)]


def _is_replaced(key: str, guest: Guest) -> bool:
    """Return whether `extra` says what a line would say where nothing is said."""
    return key in guest.extra or FIELDS.get(key, key) in {FIELDS[k] for k in guest.extra if k in FIELDS}


def _one_line(text: str) -> str:
    """Return free text that stays inside its comment."""
    return " ".join(text.split())
