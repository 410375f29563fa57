"""The newest plans of a host: so many stay, and the older ones go by themselves."""

from __future__ import annotations

import shutil
from pathlib import Path

from runbook.attestation.places import plans_in
from runbook.attestation.statement import RECORD
from runbook.controller import plain
from runbook.controller.locks import locked

KEPT = 5
"""How many plans of a host stay. They prove nothing that the next one does not say anew."""


def thin(host: Path) -> list[Path]:
    """Remove the plans of a host beyond the newest that have ended; return those that went. Raises `OSError`.

    A plan goes whole: it is first given the name of one that is being made, so that what is left of a removal that was
    cut off is no plan, and goes with those (`runbook.evidence.abandoned`).
    """
    with locked(host):
        gone = [place for place in plans_in(host) if not place.is_symlink() and _has_ended(place)][:-KEPT]
        for place in gone:
            shutil.rmtree(place.rename(place.with_name(f".{place.name}.part")))
    return gone


def _has_ended(place: Path) -> bool:
    """Return whether a plan is neither under way nor such that `verify` has something to say of it."""
    try:
        return bool(plain.read_json(place / RECORD)["outcome"] != "running")
    except (OSError, ValueError, KeyError, TypeError):
        return False
