"""Guests that are there, written into a parameter file that is there: what else stands in it stays to the byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runbook import params as parameters
from runbook.errors import ParamsError
from runbook.guests.adoption import Unadoptable
from runbook.params import HostParams, edit
from runbook.params.yaml12 import parse
from runbook.proposal.adopting import Known, differences
from runbook.proposal.entries import device_entry, is_writable
from runbook.proposal.guests import Entry
from runbook.proposal.machine import Proposal

_OWN = ("what", "start", "autostart")
"""What no configuration says of a guest: it stays as the parameters have it."""
_PASSED = ("rdm_policy", "permissive", "msitranslate", "power_mgmt", "seize")
Fields = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """What is known of the host beside its guests."""

    devices: Known
    """Every device that can stand under passthrough.devices, by address."""
    bridges: Mapping[str, Fields]
    """Every bridge that is there, as it stands under network.bridges."""


def place_of(seen: Proposal) -> Place:
    """Return what a machine says of itself beside its guests."""
    devices = {
        member.device.bdf: dict(device_entry(member))
        for group in seen.groups
        for member in group.members
        if is_writable(member)
    }
    there = {i.name for i in seen.machine.network.interfaces if i.is_bridge}
    bridges: dict[str, dict[str, Any]] = {
        b.name: {"name": b.name, "ports": list(b.ports)} for b in seen.bridges if b.name in there
    }
    return Place(devices, {name: {"name": name} for name in there} | bridges)


@dataclass
class Change:
    """What a parameter file gets, before a letter of it is written; and its values as they then are."""

    values: Fields
    place: Place
    replaces: bool
    bridges: list[Fields] = field(default_factory=list)
    devices: list[Fields] = field(default_factory=list)
    passed: list[tuple[int, str, Any]] = field(default_factory=list)
    """Number of a device that is there, and how it is passed from now on."""
    guests: list[Fields] = field(default_factory=list)
    replaced: list[tuple[int, Fields]] = field(default_factory=list)

    def add(self, one: Entry) -> bool:
        """Take one guest more, or put it in the place of the one of its name; False where that is the same already.

        Raises `Unadoptable` for what the host does not have, `ParamsError` where the name is another guest's; nothing
        is taken then.
        """
        there = self._part("guests")
        number = next((n for n, guest in enumerate(there) if guest.get("name") == one.guest["name"]), None)
        self._require(one)
        if number is not None:
            wrong = differences(one, self.params())
            if wrong and not self.replaces:
                raise _taken(one, wrong)
            if not wrong:
                return False
        self._bridges(one)
        self._devices(one)
        if number is None:
            there.append(one.guest)
            self.guests.append(one.guest)
        else:
            there[number] = {**one.guest, **{key: there[number][key] for key in _OWN if key in there[number]}}
            self.replaced.append((number, one.guest))
        return True

    def _require(self, one: Entry) -> None:
        """Raise `Unadoptable` where the guest has what is neither in the parameters nor on the host."""
        bridges = {bridge.get("name") for bridge in self._part("network", "bridges")} | {*self.place.bridges}
        for name in one.bridges:
            if name not in bridges:
                raise Unadoptable(
                    f"it is on the bridge {name}, which is neither on the host nor under network.bridges: write it "
                    "there first, with the card that it shall have"
                )
        devices = self._part("passthrough", "devices")
        for bdf in one.devices:
            if bdf not in self.place.devices and not any(_same(d.get("bdf"), bdf) for d in devices):
                raise Unadoptable(
                    f"it has the device {bdf}, which is not in this machine: take it out of the configuration"
                )

    def params(self) -> HostParams:
        """Return the parameters with the change. Raises `ParamsError` with what would be wrong with them."""
        try:
            return HostParams.model_validate(self.values)
        except ValidationError as error:
            why = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ParamsError(
                "With the guest in it the parameter file would no longer be right, so nothing was written",
                why=why,
                do="correct what is named there, in the parameters or in the guest's own configuration, and run it again",
            ) from None

    def _part(self, *where: str) -> list[Any]:
        """Return a list of the values, made where it is missing."""
        found: Any = self.values
        for key in where[:-1]:
            found[key] = found.get(key) or {}
            found = found[key]
        found[where[-1]] = found.get(where[-1]) or []
        last: list[Any] = found[where[-1]]
        return last

    def _bridges(self, one: Entry) -> None:
        there = self._part("network", "bridges") if one.bridges else []
        for name in one.bridges:
            if any(bridge.get("name") == name for bridge in there):
                continue
            there.append(self.place.bridges[name])
            self.bridges.append(dict(self.place.bridges[name]))

    def _devices(self, one: Entry) -> None:
        there = self._part("passthrough", "devices") if one.devices else []
        for bdf, fields in one.devices.items():
            number = next((n for n, device in enumerate(there) if _same(device.get("bdf"), bdf)), None)
            if number is not None:
                self._passed(number, there[number], fields)
                continue
            known = self.place.devices[bdf]
            device = {**known, **fields, "id": known["id"]}
            there.append(device)
            self.devices.append(device)

    def _passed(self, number: int, device: Fields, fields: Mapping[str, Any]) -> None:
        """Change how a device is passed where the parameters have it otherwise; what they say in words stays."""
        for key in _PASSED:
            usual = "strict" if key == "rdm_policy" else False
            wanted = fields.get(key, usual)
            if str(device.get(key, usual)).lower() != str(wanted).lower():
                device[key] = wanted
                self.passed.append((number, key, wanted))


def begun(text: str, path: Path, place: Place, *, replaces: bool) -> Change:
    """Return the change of a parameter file that changes nothing yet. Raises `ParamsError` for one that is no YAML."""
    return Change(parse(text, path)[0], place, replaces)


def prove(change: Change, entries: Sequence[Entry]) -> dict[str, str]:
    """Return for each guest that would be another one than that which is there the reason, by name."""
    params = change.params()
    wrong = {one.guest["name"]: ", ".join(map(str, differences(one, params))) for one in entries}
    return {name: f"the parameters cannot say it: {said}" for name, said in wrong.items() if said}


def write(text: str, path: Path, change: Change) -> str:
    """Return the text of the file with the change in it; read again, it says just what was meant.

    Raises `ParamsError` where it would not: then a value can be written down in no way.
    """
    new = text
    for where, items in (
        (("network", "bridges"), change.bridges),
        (("passthrough", "devices"), change.devices),
        (("guests",), change.guests),
    ):
        new = edit.extend(new, where, items)
    for number, key, value in change.passed:
        new = edit.put(new, ("passthrough", "devices", number, key), value)
    for number, guest in change.replaced:
        new = _replaced(new, number, guest)
    if parameters.loads(new, path) != change.params():
        raise ParamsError(
            f"{path} would not say what was meant, so nothing was written",
            why="a value of the guest's configuration cannot be written into this file as it stands",
            do="write the guest by hand; that the runbook could not is a fault of its own: report it",
        )
    return new


def _replaced(text: str, number: int, guest: Mapping[str, Any]) -> str:
    """Return the text with other values for one guest, key by key, so that its comments stay."""
    there = edit.value(text, ("guests", number))
    for key, new in _new(there, guest):
        if key in there:
            text = edit.remove(text, ("guests", number, key)) if isinstance(new, dict | list) else text
        text = edit.put(text, ("guests", number, key), new)
    for key in [key for key in there if key not in guest and key not in _OWN]:
        text = edit.remove(text, ("guests", number, key))
    return text


def _new(there: Mapping[str, Any], guest: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values of a guest that are other ones than those that stand there."""
    for key, new in guest.items():
        if key in _OWN and key in there:
            continue
        if key not in there or (there[key] != new and str(there[key]) != str(new)):
            yield key, new


def _same(one: Any, other: str) -> bool:
    """Return whether two addresses are one, with or without their domain."""
    text = str(one).lower()
    return (text if text.count(":") > 1 else f"0000:{text}") == other


def _taken(one: Entry, wrong: Sequence[object]) -> ParamsError:
    name = one.guest["name"]
    return ParamsError(
        f"There is a guest '{name}' in the parameters already, and it is another one",
        why=f"what is there would become what they say: {'; '.join(map(str, wrong))}",
        do="say --replace to put the one that is there in its place (what it is for and when it starts stays as the "
        "parameters have it), or rename one of the two",
    )
