"""The page of a fleet run: how each host ended, with a link to its report."""

from __future__ import annotations

from collections import Counter
from typing import Any

from runbook.evidence import layout
from runbook.evidence.pages import MODES
from runbook.evidence.plans import KEPT
from runbook.text.plural import plural

Json = dict[str, Any]


def fleet_page(fleet: Json) -> str:
    """Return the page of the content of a `fleet.json`; one file, nothing fetched, no script."""
    return layout.render("fleet.html", fleet=fleet, modes=MODES, verdict=verdict(fleet), kept=KEPT)


def verdict(fleet: Json) -> str:
    """Return in one sentence what a fleet run came to.

    >>> verdict({"outcome": "failed", "hosts": [{"state": "completed"}, {"state": "failed"}]})
    'Of 2 hosts: 1 completed, 1 failed.'
    """
    tally = Counter(host["state"] for host in fleet["hosts"])
    counts = ", ".join(f"{count} {state}" for state, count in tally.items())
    text = f"Of {plural(len(fleet['hosts']), 'host')}: {counts}."
    why = {
        "running": "It has not ended, or its parent was killed.",
        "stopped": "No more were begun after so many failures (--max-failures).",
        "interrupted": "It was interrupted.",
        "killed": "Its parent was killed.",
    }.get(fleet["outcome"], "")
    return f"{text} {why}".strip()
