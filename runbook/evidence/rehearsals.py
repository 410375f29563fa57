"""What rehearsals came to: a folder each, with the record that a plan is compared with later, and one page.

`rehearsals/<host>/<utc>/rehearsal.json` beside the reports. A step counts as rehearsed when the plan that was carried out
in the virtual PC has the digest of the plan that the host is given now, word for word the same, and ended well.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from runbook.controller import plain
from runbook.controller.atomic import write_atomic
from runbook.controller.private import made_private
from runbook.controller.project import SOURCE, project
from runbook.engine.consent import Played, Rehearsed
from runbook.evidence import layout, provenance
from runbook.evidence.outcomes import GOOD
from runbook.redaction import KNOWN

FORMAT = 1
FOLDER, RECORD, PAGE = "rehearsals", "rehearsal.json", "index.html"
ENDS = ("held", "refused", "failed", "interrupted")
_NEWEST = 20


@dataclass(frozen=True)
class StepPlayed:
    """One step as it was carried out in the virtual PC."""

    notebook: str
    step: str
    title: str
    status: str
    digest: str = ""
    """That of the plan that was carried out there."""
    risk: str = ""
    seconds: float | None = None
    message: str = ""
    consent: str = ""
    """The line that `consent` needs for it, where a person's word for this very plan is asked; '' for none."""


@dataclass(frozen=True)
class Rehearsal:
    """One rehearsal, from the first look to the last comparison."""

    host: str
    made: str
    """ISO 8601, UTC."""
    outcome: str
    """One of `ENDS`."""
    params: str
    """The digest of the parameters, as they are for the host."""
    edition: str
    """Which runbook played it (`edition`)."""
    machine: str = ""
    """The installation that was looked at (`runbook.facts.identity`); that of a capture is nobody's."""
    of: str = ""
    """What was looked at: a host, or a capture's folder."""
    unlike: tuple[str, ...] = ()
    steps: tuple[StepPlayed, ...] = ()
    minutes: Mapping[str, float] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    """What was not as before when all was done, a line each."""
    left: tuple[str, ...] | None = None
    """What undo did not return; None where it was not tried."""
    broken: str = ""
    """What was broken on purpose."""
    to: str = ""
    """The step behind which it was to stop, '' for one that was to go on to the way back."""
    started: str = ""
    """The notebook that it began with, '' for the first."""
    at: str = ""
    why: str = ""
    """Where and why it ended otherwise than held."""


def save(rehearsal: Rehearsal, folder: Path) -> Path:
    """Write the record and its page; return the page."""
    made_private(folder.parent.parent)
    made_private(folder.parent)
    made_private(folder)
    content = KNOWN.clean({"format": FORMAT, **asdict(rehearsal)})
    write_atomic(folder / RECORD, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_atomic(folder / PAGE, layout.render("rehearsal.html", r=content, good=GOOD))
    return folder / PAGE


def read(folder: Path) -> Rehearsal | None:
    """Return the rehearsal of a folder, None when there is none that can be read."""
    try:
        value: dict[str, Any] = plain.read_json(folder / RECORD)
        if value.pop("format") != FORMAT or value["outcome"] not in ENDS:
            return None
        names = {f.name for f in fields(Rehearsal)}
        known: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in value.items() if key in names
        }
        known["steps"] = tuple(StepPlayed(**step) for step in value["steps"])
        return Rehearsal(**known)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def top() -> Path:
    """Return the folder of all rehearsals of this project."""
    return project() / FOLDER


def newest(host: str, top: Path) -> list[Rehearsal]:
    """Return the last rehearsals of a host, the newest first."""
    folders = sorted((path.parent for path in (top / host).glob(f"*/{RECORD}")), reverse=True)[:_NEWEST]
    return [found for folder in folders if (found := read(folder)) and found.host == host]


def rehearsed(host: str, top: Path, current: str) -> Rehearsed:
    """Return what the rehearsals of a host stand for; `current` is this runbook's edition."""
    return Rehearsed(
        tuple(
            Played(
                made=one.made,
                outcome=one.outcome,
                machine=one.machine,
                is_current=one.edition == current,
                is_broken=bool(one.broken),
                to=one.to or ("where it stopped" if one.outcome == "held" and one.left is None else ""),
                digests={step.step: step.digest for step in one.steps if step.digest},
                ended={step.step: step.status for step in one.steps},
            )
            for one in newest(host, top)
        )
    )


def edition() -> str:
    """Return which runbook this is: its version, the commit, and what is changed in it."""
    source = provenance.source(SOURCE)
    parts = (
        version(provenance.DISTRIBUTION),
        str(source.get("commit") or "")[:12],
        str(source.get("changes") or "")[:12],
    )
    return " ".join(part for part in parts if part)
