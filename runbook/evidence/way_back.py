"""Take back what earlier runs of a host did, and archive that as a run of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from runbook import params as parameters
from runbook import programs, undo, undo_files
from runbook.apply import carry_out
from runbook.ask import Facts
from runbook.consent import require
from runbook.errors import CheckFailed, CommandFailed, ParamsError, Refused, RunbookError
from runbook.evidence import abandoned, archive
from runbook.evidence.outcomes import INTERRUPTED, Failure, StepEnd, step_ends
from runbook.evidence.provenance import author, provenance
from runbook.evidence.record import NotebookRecord, Run, RunRecord
from runbook.facts import identity
from runbook.hosts import Host, connect
from runbook.journal import Journal, read
from runbook.params import HostParams
from runbook.params.secrets import foresee
from runbook.plan import Plan
from runbook.redaction import KNOWN
from runbook.signals import go_on, watching
from runbook.steps import Step

Say = Callable[[str], None]


@dataclass(frozen=True)
class WayBack:
    """What would be taken back: for each step, the newest first, the actions; and the whole as one plan."""

    parts: tuple[tuple[str, tuple[undo.Done, ...]], ...]
    whole: Plan
    facts: Facts
    machine: str

    @property
    def step(self) -> Step:
        """The whole in the shape of a step, as consent asks for it."""
        return cast(
            Step, SimpleNamespace(TITLE="Take back", RISK=undo.risk(self.whole), __name__=undo.NOTEBOOK)
        )


def find(params: HostParams, reports: Path, steps: tuple[str, ...], host: Host) -> WayBack:
    """Return the way back from all that the runs of this host did, or from these steps only.

    Raises `ParamsError` for a step that no run of the host has carried out.
    """
    machine = identity.parse(host.gather(identity.COMMANDS))
    done = undo.history(reports / params.host, machine)
    known = {d.step for d in done}
    if missing := [name for name in steps if name not in known]:
        raise ParamsError(
            f"Nothing to take back of {', '.join(missing)}",
            where=str(reports / params.host),
            why="no run of this host carried it out, or it was taken back already",
            do="done so far: " + (", ".join(sorted(known)) or "nothing"),
        )
    chosen = [d for d in done if not steps or d.step in steps]
    facts = host.gather(undo.asks(chosen))
    parts = tuple((name, tuple(group)) for name, group in groupby(chosen, key=lambda d: d.step))
    return WayBack(parts, undo.plan(chosen, facts), facts, machine)


def go_back(
    params_path: str | Path, steps: tuple[str, ...], mode: str, reports: Path, say: Say
) -> Run | WayBack:
    """Return the way back in mode `plan`; in mode `apply` take it, and return the archived run.

    Raises `ParamsError`, `Refused` (a file was changed since), `ConsentMissing` or `HostError` before
    anything was done; what fails later is in the run.
    """
    file = parameters.find(params_path)
    asked = parameters.load(file)
    programs.require(asked)
    foresee(asked)
    abandoned.finish_orphans(reports.absolute(), asked.host)
    host = connect(asked, undo.NOTEBOOK)
    try:
        if mode == "apply":
            host.lock()
        way = find(asked, reports, steps, host)
        if mode != "apply":
            return way
        if not host.is_real:
            raise Refused("A recorded host cannot be taken back", do="use mode plan, or a real host")
        if way.whole.stops:
            first = way.whole.stops[0]
            raise Refused(f"undo: {first.what}", where=asked.host, why=first.why, do=first.do)
        require(undo.NOTEBOOK, way.step, way.whole, asked, way.facts)
        return _archived(asked, params_path, file, reports, way, host, lambda line: say(KNOWN.text(line)))
    finally:
        host.close()


def _archived(
    asked: HostParams, path: str | Path, file: Path, reports: Path, way: WayBack, host: Host, say: Say
) -> Run:
    names = [(name, f"Take back {name}") for name, _ in way.parts]
    book = NotebookRecord(undo.NOTEBOOK, "The way back", steps=[StepEnd(*name) for name in names])
    record = RunRecord(
        id=archive.new_id(reports.absolute(), asked.host),
        host=asked.host,
        release=asked.release,
        connection=asked.connection.kind,
        mode=undo.NOTEBOOK,
        params={"path": str(path), "digest": parameters.digest(asked)},
        made_with=provenance(),
        by=author(asked),
        notebooks=[book],
    )
    book.status = "running"
    # A signal ends the way back in the middle, and its report is written all the same.
    with watching() as stops, stops.deferred(), abandoned.begun(reports.absolute(), record, file) as place:
        journal = Journal(place / "journal.jsonl")
        try:
            with stops.interruptible():
                _take_back(way, host, journal, say)
            stops.go_on()
            record.close("completed", 0)
        except (Exception, KeyboardInterrupt) as error:
            _close_early(record, error)
        stops.answer()
        book.steps = step_ends(read(place / "journal.jsonl"), undo.NOTEBOOK, names)
        book.status = record.outcome
        archive.close(place, record)
    return Run(place, record)


def _close_early(record: RunRecord, error: BaseException) -> None:
    """Close the record of a way back that this error ended."""
    status, code = ("killed", INTERRUPTED) if isinstance(error, KeyboardInterrupt) else ("failed", 1)
    if isinstance(error, RunbookError):
        status, code = error.status, error.exit_code
    record.failure = Failure(undo.NOTEBOOK, "", type(error).__name__, str(error), status, code)
    record.close(status, code)


def _take_back(way: WayBack, host: Host, journal: Journal, say: Say) -> None:
    """Carry the way back out; what was taken back is noted at once, so that it is never done twice."""
    everything = [d for _, part in way.parts for d in part]
    _log(journal, "open", machine=way.machine)
    last, left = "", list[undo.Done]()
    for action, same in undo.order(everything):
        step = same[0].step
        go_on()
        if step != last:
            _end(journal, last, left)
            _log(journal, "step-begin", step=step, digest=way.whole.digest())
        last = step
        say(f"{step}: {action.title}")
        if _carried(action, same, host, journal, say):
            _log(journal, "taken-back", keys=[d.key for d in same])
        else:
            left += same
    _end(journal, last, left)
    _prove(way, everything, host, journal)
    for step in {d.step for d in everything} - {d.step for d in everything if d.back is not None}:
        stays = "stays, as nothing needs to be taken back or nothing can be: "
        stays += "; ".join(d.title for d in everything if d.step == step)
        _log(journal, "step-begin", step=step)
        _log(journal, "step-end", step=step, status="skipped", message=stays)
    _log(journal, "taken-back", keys=[d.key for d in everything if d not in left])


def _prove(way: WayBack, everything: list[undo.Done], host: Host, journal: Journal) -> None:
    """Look whether every file is as it was. Raises `CheckFailed`; a step with a wrong one has failed, and stays to be taken back."""
    wrong = undo_files.check(way.whole, host.gather(undo.asks(everything)))
    if not wrong:
        return
    for step in dict.fromkeys(d.step for d in everything if d.path in wrong):
        mine = [d for d in everything if d.step == step and d.path in wrong]
        message = "; ".join(dict.fromkeys(wrong[d.path].what for d in mine))
        _log(journal, "step-begin", step=step)
        _log(journal, "not-back", keys=[d.key for d in mine])
        _log(journal, "step-end", step=step, status="failed", message=message)
    raise CheckFailed(
        "\n".join(finding.what for finding in wrong.values()),
        do="look at it on the host, then run undo again",
    )


def _carried(action: Any, same: list[undo.Done], host: Host, journal: Journal, say: Say) -> bool:
    """Carry out one action of the way back; return False when it failed and perhaps there was nothing to do.

    That is so where the action that it takes back did not end well either. It stays in the plan.
    """
    step, status = same[0].step, "failed"
    _log(journal, "action-begin", step=step, title=action.title)
    try:
        carry_out(action, host, say)
        status = "done"
    except RunbookError as error:
        if isinstance(error, CommandFailed) and not any(d.is_sure for d in same):
            say(f"{step}: left as it is, because what this takes back had failed itself: {error.what}")
            return False
        _log(journal, "step-end", step=step, status=error.status, message=error.what)
        raise
    finally:
        _log(journal, "action-end", step=step, status=status)
    return True


def _end(journal: Journal, step: str, left: list[undo.Done]) -> None:
    if any(d.step == step for d in left):
        message = "what had failed itself could not be taken back: perhaps there is nothing"
        _log(journal, "step-end", step=step, status="skipped", message=message)
    elif step:
        _log(journal, "step-end", step=step, status="changed", message="taken back")


def _log(journal: Journal, event: str, **fields: Any) -> None:
    journal.write(event, notebook=undo.NOTEBOOK, **fields)
