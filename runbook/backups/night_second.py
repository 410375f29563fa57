"""What a night does about the second place: each guest's newest good backup goes there, and what was agreed to goes away.

The host runs this very file; it needs nothing but Python's own library.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from runbook.backups import keeping
from runbook.backups.keeping import Rules
from runbook.backups.night_store import Folder
from runbook.backups.second import WHOLE, Place, Trouble

Json = dict[str, Any]
PARTS = 30
"""In how many nights the whole second place is read once."""


def copy(place: Place, folder: Folder, guests: list[str], keep: Json, moment: int) -> Json:
    """Return what was copied, what went and what is there, by guest; a guest whose copy failed loses none.

    Copies the newest good backup of each guest that is not there yet. `keep` is what was agreed to, `moment` is now, in
    seconds since 1970. Raises `Trouble` when the place cannot be used at all.
    """
    row: Json = {"repository": place.repository, "id": place.open(folder.place), "copied": {}, "dropped": [], "there": {}}  # fmt: skip
    copies = place.copies()
    place.forget([one for one in copies if "data" in one["tags"] and WHOLE not in one["tags"]])
    failed: dict[str, str] = {}
    for guest in guests:
        done = tried(guest, partial(_copy_of, place, folder, copies, guest))
        row["copied"] |= done.get("copied", {})
        failed |= {guest: done["error"]} if "error" in done else {}
    copies = place.copies() if row["copied"] else copies
    for guest in guests:
        gone = [] if guest in failed else _gone(place, copies, guest, keep, moment)
        row["dropped"] += gone
        row["there"][guest] = [b.name for b in place.of(guest, copies) if b.name not in gone]
    place.forget([one for one in copies if {*row["dropped"]} & {*one["tags"]}])
    checked = tried("the second place", lambda: place.check(moment // 86400 % PARTS + 1, PARTS))
    failed |= {"": checked["error"]} if "error" in checked else {}
    return row | ({"error": "; ".join(dict.fromkeys(failed.values()))} if failed else {})


def tried(what: str, work: Callable[[], Json | None]) -> Json:
    """Return what came of one piece of work; whatever stops it stops no other, and is told as its `error`."""
    try:
        return work() or {}
    except Trouble as trouble:
        return {"error": str(trouble)}
    except Exception as error:
        traceback.print_exc()
        return {"error": f"{what}: {error or type(error).__name__}"}


def _copy_of(place: Place, folder: Folder, copies: list[Json], guest: str) -> Json:
    good = [b for b in folder.of(guest) if b.is_good]
    if not good or good[-1].name in {b.name for b in place.of(guest, copies)}:
        return {}
    return {"copied": {good[-1].name: place.copy(folder, good[-1].name, guest)}}


def _gone(place: Place, copies: list[Json], guest: str, keep: Json, moment: int) -> list[str]:
    """Return the names of the copies that the rules for the second place let go."""
    agreed = keep.get("second") or {}
    if agreed.get("repository") != place.repository or guest not in keep.get("guests", ()):
        return []
    return list(keeping.dropped(place.of(guest, copies), Rules(**agreed["rules"]), moment))
