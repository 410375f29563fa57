"""Parameters for one deed on one guest: the same steps do it, for `runbook volume` as for the notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from runbook.errors import ParamsError
from runbook.facts import storage
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.steps.shared import mount_marks
from runbook.text.nearest import nearest


def mounted(asked: HostParams, mount: dict[str, Any]) -> HostParams:
    """Return the parameters with this one mount listed; a snapshot that it looks into counts as listed too."""
    management = asked.model_dump()["management"] | {"mounts": [mount]}
    if mount["snapshot"] and mount["snapshot"] not in {s["name"] for s in management["snapshots"]}:
        listed = (*management["snapshots"], _frozen(mount["guest"], mount["snapshot"]))
        management |= {"snapshots": listed}
    return _valid(asked, {"management": management})


def frozen(asked: HostParams, snapshot: dict[str, Any]) -> HostParams:
    """Return the parameters with this one snapshot listed."""
    management = asked.model_dump()["management"] | {"mounts": [], "snapshots": [snapshot]}
    return _valid(asked, {"management": management})


def grown(asked: HostParams, guest: str, size_gib: int) -> HostParams:
    """Return the parameters with this one guest, its volume as large as said."""
    values = [g for g in asked.model_dump()["guests"] if g["name"] == guest]
    if not values:
        raise no_guest(asked, guest)
    if not values[0]["volume"]:
        raise ParamsError(
            f"The guest '{guest}' has no `volume` to grow",
            where=asked.host,
            why="its disks are a list, and nobody could tell which is meant",
            do="write the new `size_gib` of the one under `disks`, then run grow_volumes in 09_management",
        )
    values[0]["volume"]["size_gib"] = size_gib
    return _valid(asked, {"guests": values, "management": {}})


def unmounted(asked: HostParams, facts: Facts, guest: str) -> HostParams:
    """Return the parameters with all listed that is mounted now, but for what is this guest's."""
    owner = {v.name: g.name for g in asked.guests for v in g.own_volumes}
    if guest not in owner.values():
        raise no_guest(asked, guest)
    group = asked.storage.guest_volume_group
    origins = {v.name: v.origin for v in storage.parse(facts).volumes if v.group == group}
    mounts: list[dict[str, Any]] = []
    snapshots: dict[str, dict[str, Any]] = {}
    for mark, at in mount_marks.parse(facts).items():
        name, _, number = mark.rpartition(":")
        whose = owner.get(origins.get(name) or name)
        if whose and whose != guest:
            of = None if name in owner else name
            mounts.append({"guest": whose, "partition": int(number), "at": at, "snapshot": of})
            snapshots |= {of: _frozen(whose, of)} if of else {}
    return _valid(asked, {"management": {"mounts": mounts, "snapshots": list(snapshots.values())}})


def started(asked: HostParams, names: Sequence[str]) -> HostParams:
    """Return the parameters with these guests, and no others, to be started. Raises `ParamsError` for one that they lack."""
    for name in names:
        if name not in {guest.name for guest in asked.guests}:
            raise no_guest(asked, name)
    guests = (guest.model_copy(update={"start": guest.name in names}) for guest in asked.guests)
    return asked.model_copy(update={"guests": tuple(guests)})


def no_guest(asked: HostParams, guest: str) -> ParamsError:
    """Return the error for a guest that the parameters do not have."""
    names = [g.name for g in asked.guests]
    do = f"{nearest(guest, names)} there are: {', '.join(names) or 'none'}".strip()
    return ParamsError(f"There is no guest '{guest}'", where=asked.host, do=do)


def _frozen(guest: str, name: str) -> dict[str, Any]:
    return {"guest": guest, "name": name, "size_gib": 1}


def _valid(asked: HostParams, changes: dict[str, Any]) -> HostParams:
    try:
        return HostParams.model_validate(asked.model_dump() | changes)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ParamsError(
            "This does not fit the parameters", why=why, do="correct the command line"
        ) from None
