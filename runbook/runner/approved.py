"""A run for which somebody else gave their word: it begins only on a host whose plan is still the one that they signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.attestation import approval, keys
from runbook.controller.atomic import write_atomic
from runbook.drift import kept
from runbook.engine.consent import Approval, require_same_machine
from runbook.errors import ConsentMissing, ParamsError
from runbook.evidence.drift import asks_of
from runbook.facts import identity
from runbook.hosts import connect
from runbook.hosts.control import Line
from runbook.model.ask import Facts
from runbook.params import HostParams, digest
from runbook.steps import steps_of


@dataclass(frozen=True)
class Agreed:
    """An approval that holds: what it agrees to, the file's own bytes, and what the report says of it."""

    approval: Approval
    data: bytes
    told: dict[str, Any]
    change: str

    def keep(self, place: Path) -> None:
        """Put the approval into the folder of its run, the very bytes that were proven."""
        write_atomic(place / approval.NAME, self.data.decode("ascii"))

    def prove_unchanged(self, params: HostParams, notebooks: Sequence[str], line: Line | None) -> None:
        """Plan all of a run's steps on a real host; raise `ConsentMissing` when one is not as it was approved.

        One that has nothing left to do is done already, and one that was only foreseen is asked about in its turn.
        """
        host = connect(params, kept.LAST, line)
        if not host.is_real:
            return
        try:
            facts = host.gather(dict.fromkeys(asks_of(params, notebooks)))
            require_same_machine(self.approval, identity.parse(facts), host)
        finally:
            host.close()
        if changed := list(self._changed(params, notebooks, facts)):
            raise ConsentMissing(
                "The approval does not hold, and nothing was done",
                where=params.host,
                why=f"what would be done is not what {self.approval.by} approved: {'; '.join(changed)}",
                do="plan anew, and have that approved: runbook plan PARAMS --save FILE",
            )

    def _changed(self, params: HostParams, notebooks: Sequence[str], facts: Facts) -> Iterator[str]:
        for notebook in notebooks:
            for name, step in steps_of(notebook, params.release).items():
                planned, before = step.plan(params, facts), self.approval.digests.get(name)
                if not planned.actions or name in self.approval.foreseen or planned.digest() == before:
                    continue
                yield f"{name} is {planned.digest()}" + (
                    f", and was {before}" if before else ", and was not planned"
                )


def require(file: Path | None, params: HostParams, mode: str) -> Agreed | None:
    """Return the approval of a file for these parameters, None without a file.

    Raises `ParamsError` in a mode that changes nothing, and as `runbook.attestation.approval.require` does.
    """
    if file is None:
        return None
    if mode not in ("apply", "auto"):
        raise ParamsError(
            f"An approval is for mode apply, and this is mode {mode}", do="leave --approval out"
        )
    found, given = approval.require(file, params, digest(params), keys.own())
    return Agreed(given, found.data, approval.told(found, given.by), str(found.sent.plan["change"]))
