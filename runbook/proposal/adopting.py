"""Which guests of a host can stand in its parameters, and the proof that they would be the same guests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from runbook import releases
from runbook.guests import config
from runbook.guests.adoption import Unadoptable
from runbook.guests.effect import Difference
from runbook.guests.standing import told_apart
from runbook.guests.syntax import parse
from runbook.params import HostParams
from runbook.proposal.guests import Entry, Found, entry

Known = Mapping[str, dict[str, Any]]
"""Devices by address, as they stand under passthrough.devices."""


@dataclass(frozen=True)
class Guests:
    """What becomes of the guests of a host."""

    adopted: tuple[Entry, ...]
    """Those that the parameters say exactly, in the order of their files."""
    devices: dict[str, dict[str, Any]]
    """What their own files say of their devices."""
    left: tuple[tuple[Found, str], ...]
    """Those that stay as they are, outside the parameters, each with the reason."""


def differences(made: Entry, params: HostParams) -> tuple[Difference, ...]:
    """Return in what the guest that these parameters have is another one than that which is there; () for the same.

    Where it is installed from a disc, it is the same before and after that.
    """
    guest = next(one for one in params.guests if one.name == made.guest["name"])
    release = releases.get(params.release)
    if made.found.config is None:
        return ()
    found: tuple[Difference, ...] = ()
    for installed in (True, False):
        text = config.render(params, guest, release, installed, lambda ref: made.secrets.get(ref, ""))
        found = told_apart(made.found.config, parse(text), params.release)
        if not found:
            break
    return found


def adopt(found: Sequence[Found], base: dict[str, Any], known: Known, size: Callable[[str], int]) -> Guests:
    """Return which guests can stand in parameters that begin so, with these devices hidden.

    What cannot be said, what would be another guest, and what contradicts the guests before it, stays outside.
    """
    made: list[Entry] = []
    left: list[tuple[Found, str]] = []
    group, release = base["storage"]["guest_volume_group"], base["release"]
    files = {one.name: one.path for one in reversed(found) if one.config}
    for one in found:
        try:
            if (path := files.get(one.name, one.path)) != one.path:
                raise Unadoptable(f"{path} is that guest already")
            made.append(entry(one, base["host"], group, release, size))
        except Unadoptable as error:
            left.append((one, str(error)))
    told = {bdf: fields for one in made for bdf, fields in one.devices.items() if bdf in known}
    devices = {bdf: {**known[bdf], **told.get(bdf, {}), "id": known[bdf]["id"]} for bdf in known}
    base = {**base, "passthrough": {"devices": [*devices.values()]}}
    kept = _together(made, base, left)
    return Guests(
        tuple(kept), {bdf: devices[bdf] for bdf in told}, tuple(sorted(left, key=lambda one: one[0].path))
    )


def _together(made: list[Entry], base: dict[str, Any], left: list[tuple[Found, str]]) -> list[Entry]:
    """Return those that can stand in one file; the reasons of the others are added to what is left."""
    params = _valid(made, base)
    kept: list[Entry] = []
    for one in made:
        whole = params if isinstance(params, HostParams) else _valid([*kept, one], base)
        if isinstance(whole, str):
            left.append((one.found, whole))
        elif wrong := differences(one, whole):
            left.append((one.found, f"the parameters cannot say it: {', '.join(map(str, wrong))}"))
        else:
            kept.append(one)
    return kept


def _valid(made: Sequence[Entry], base: dict[str, Any]) -> HostParams | str:
    """Return the parameters with these guests, or what is wrong with them."""
    try:
        return HostParams.model_validate({**base, "guests": [one.guest for one in made]})
    except ValidationError as error:
        return error.errors()[0]["msg"].removeprefix("Value error, ")
