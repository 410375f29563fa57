"""The newest fleet runs of a folder of reports, for the page that leads to all reports."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from runbook.controller import plain
from runbook.evidence import shapes
from runbook.evidence.fleets.page import verdict
from runbook.evidence.fleets.record import FILE, FOLDER
from runbook.text.printable import printable

log = logging.getLogger("runbook.fleet")
Json = dict[str, Any]
SHOWN = 10
"""So many are read and listed: each host's end writes the list anew, and a fleet may be large."""


def newest(reports: Path) -> tuple[list[Json], int]:
    """Return the content of the newest `fleet.json` files, each with `link` and `verdict`, and how many are older.

    Their folders' names sort by time. One that cannot be read is left out.
    """
    found = sorted(reports.glob(f"{FOLDER}/*/{FILE}"), reverse=True)
    rows = (_row(path) for path in found[:SHOWN])
    return [row for row in rows if row], len(found[SHOWN:])


def _row(path: Path) -> Json | None:
    try:
        fleet: Json = plain.read_json(path)
        shapes.prove_fleet(fleet)
        shown = {key: fleet[key] for key in ("started", "outcome", "asked", "hosts", "seconds")}
        link = f"{FOLDER}/{path.parent.name}/index.html"
        return {**shown, "id": path.parent.name, "link": link, "verdict": verdict(fleet)}
    except (OSError, ValueError, KeyError) as error:
        log.warning("%s is left out of the list: %s", printable(path), printable(error))
        return None
