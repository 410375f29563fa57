"""A configuration that is there as a guest in the parameters: the way back from `config.render`.

What has no field stands under `extra`, so that the file which is rendered again has the same effect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from runbook.guests.adoption import devices, machine, screen
from runbook.guests.adoption.reading import Fields, Reading, Unadoptable
from runbook.guests.adoption.words import SizeOf
from runbook.guests.syntax import Config, Value
from runbook.params.guest_extra import ALWAYS
from runbook.params.guests import Guest
from runbook.params.xl_words import SECRET_KEYS

__all__ = ["Adopted", "Unadoptable", "parameters"]

_NEEDED = {"name", "memory_mib", "type"}
_SCREEN = {"screen", "vnc_display", "vnc_listen"}
_PARTS: tuple[Callable[[Reading], None], ...] = (
    machine.identity, machine.machine, machine.processors, machine.clock, devices.disks, machine.start, devices.cards,
    devices.passed, devices.usb, screen.screen, screen.serial, machine.endings,
)  # fmt: skip


@dataclass(frozen=True)
class Adopted:
    """A guest as it can be written into a parameter file."""

    guest: Fields
    """As under `guests`, in the order of the model."""
    devices: Mapping[str, Fields] = field(default_factory=dict)
    """Its devices by address: what each has under passthrough.devices beside its `id` and `what`."""
    bridges: tuple[str, ...] = ()
    """The bridges that network.bridges has to name for it."""
    skipped: Mapping[str, Value] = field(default_factory=dict)
    """Words that this release's xl skips, unknown ones and numbers that are none: they are lost without a loss."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Passwords that stood in the file, by the reference which the guest has instead."""


def parameters(
    config: Config,
    group: str = "guests",
    default_bridge: str = "xenbr0",
    size_gib: SizeOf = lambda _path: 0,
    release: str = "trixie",
) -> Adopted:
    """Return a configuration as a guest in the parameters, in the shortest form that has the same effect.

    `group` is storage.guest_volume_group, and `size_gib` says how large a volume of it is, 0 for none that LVM
    knows; a volume without a size is one that must be there. `default_bridge` is where xl plugs a card in that
    names none. Raises `Unadoptable` where xl itself would refuse the file, or the runbook its name.
    """
    reading = Reading(config, group, default_bridge, size_gib, release)
    for part in _PARTS:
        part(reading)
    _settle(reading)
    order = {name: place for place, name in enumerate(Guest.model_fields)}
    guest = {key: reading.guest[key] for key in sorted(reading.guest, key=order.__getitem__)}
    bridges = tuple(dict.fromkeys(nic["bridge"] for nic in guest.get("nics", ()) if "bridge" in nic))
    return Adopted(guest, reading.devices, bridges, reading.skipped, reading.secrets)


def _settle(reading: Reading) -> None:
    """Move to `extra` what is left, and each field that its model refuses."""
    # What is no number there, xl leaves out with a word on the screen.
    reading.skipped |= {key: reading.rest.pop(key) for key in ALWAYS if key in reading.rest}
    for key in SECRET_KEYS:
        if password := reading.atom(key):
            reading.rest[key] = reading.secret(password)
    while True:
        extra = {key: _plain(value) for key, value in reading.rest.items()}
        guest = {**reading.guest, **({"extra": extra} if extra else {})}
        try:
            Guest.model_validate(guest)
        except ValidationError as error:
            _take_back(reading, error)
        else:
            reading.guest = guest
            return


def _take_back(reading: Reading, error: ValidationError) -> None:
    """Move the fields that are wrong back to the keys that they were made of. Raises `Unadoptable` where none was."""
    names = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
    if names & _SCREEN:
        names |= _SCREEN  # they were made of the same keys
    taken = sorted(name for name in names - _NEEDED if reading.origin.get(name))
    if not taken:
        first = error.errors()[0]
        raise Unadoptable(str(first.get("ctx", {}).get("error") or first["msg"]))
    for name in taken:
        reading.guest.pop(name, None)
        reading.rest |= reading.origin.pop(name)
        if name == "pci":
            reading.devices = {}


def _plain(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, str) and re.fullmatch("0|[1-9][0-9]{0,17}", value) else value
