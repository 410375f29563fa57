"""A parameter file with one guest taken out of it, or with another name: all that names the guest changes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runbook.params import HostParams, edit, loads
from runbook.params.yaml12 import Where, parse

_NAMED = ("mounts", "snapshots", "restores")
"""The lists under `management` whose items name a guest."""


def without(text: str, path: Path, name: str) -> tuple[str, HostParams]:
    """Return the text of a parameter file without a guest, and what it says then.

    Raises `ParamsError` when it would be wrong without it.
    """
    values = parse(text, path)[0]
    places = [where for where, found in _places(values) if found == name]
    for where in sorted(places, key=lambda where: [str(part).zfill(4) for part in where], reverse=True):
        text = edit.remove(text, where)
    return text, loads(text, path)


def renamed(text: str, path: Path, old: str, new: str, uuid: str) -> tuple[str, HostParams]:
    """Return the text of a parameter file in which a guest has another name and keeps its identity, and what it says then.

    Raises `ParamsError` when it would be wrong with that name.
    """
    values = parse(text, path)[0]
    for where, found in _places(values):
        if found != old:
            continue
        if where[0] == "guests":
            text = edit.put(text, (*where, "name"), new)
            text = edit.put(text, (*where, "uuid"), uuid)
        else:
            text = edit.put(text, where if where[1] == "backups" else (*where, "guest"), new)
    return text, loads(text, path)


def _places(values: Any) -> list[tuple[Where, str]]:
    """Return each place that is about one guest, and whose it is."""
    found: list[tuple[Where, str]] = [
        (("guests", i), str(guest.get("name")))
        for i, guest in enumerate(edit.inside(values, ("guests",)) or ())
    ]
    for part in _NAMED:
        items = edit.inside(values, ("management", part)) or ()
        found += [(("management", part, i), str(item.get("guest"))) for i, item in enumerate(items)]
    kept = edit.inside(values, ("management", "backups", "guests")) or ()
    return [*found, *((("management", "backups", "guests", i), str(name)) for i, name in enumerate(kept))]
