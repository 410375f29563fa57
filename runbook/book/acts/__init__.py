"""What a person does to one guest: each is a step that is made for that guest, with the beat of every other."""

from __future__ import annotations

from runbook.facts.guests import Domain
from runbook.guests import ending
from runbook.model.plan import Finding

NOTEBOOK = "08_guests"
"""The notebook whose host and whose steps they belong to."""
GUIDE = "Not in the guide: there xl(1) is typed by hand"


def still_runs(domain: Domain, what: str) -> Finding:
    """Return the refusal to do what cannot be done to a guest that runs."""
    return Finding(
        "refuse",
        f"The guest '{domain.name}' runs (number {domain.domid}), so it cannot be {what}",
        "its system has its disks open",
        f"stop it first: `runbook guest stop PARAMS {ending.quoted(domain.name)} --apply`",
    )
