"""Take back what earlier runs of a host did, and archive that as a run of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from runbook import params as parameters
from runbook import programs, steps
from runbook.actions import Action
from runbook.controller.signals import watching
from runbook.engine import finished, gates, undo, undo_files
from runbook.engine.beat import Beat, Work
from runbook.errors import CheckFailed, CommandFailed, ConsentMissing, ParamsError, Refused, RunbookError
from runbook.evidence import abandoned, session, vouched
from runbook.evidence.outcomes import StepEnd
from runbook.evidence.record import NotebookRecord, Run
from runbook.facts import identity
from runbook.hosts import Host
from runbook.model.ask import Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.params.secrets import mask_known_secrets
from runbook.redaction import KNOWN
from runbook.show.steps import Outcome
from runbook.steps import Step

Say = Callable[[str], None]


@dataclass(frozen=True)
class WayBack:
    """What would be taken back: for each step, the newest first, the actions; and the whole as one plan."""

    parts: tuple[tuple[str, tuple[undo.Done, ...]], ...]
    whole: Plan
    facts: Facts
    machine: str
    is_real: bool = True
    """False where no machine is behind it that could go this way."""

    @property
    def step(self) -> Step:
        """The whole in the shape of a step, as consent asks for it."""
        known = {steps.name_of(s): s.RISK for book in steps.notebooks().values() for s in book}
        risk = undo.risk(self.everything, known)
        return cast(Step, SimpleNamespace(TITLE="Take back", RISK=risk, __name__=undo.NOTEBOOK))

    @property
    def everything(self) -> list[undo.Done]:
        """All that is taken back, the newest first."""
        return [d for _, part in self.parts for d in part]


def find(
    params: HostParams, reports: Path, steps: tuple[str, ...], host: Host, unsigned: Collection[str] = ()
) -> WayBack:
    """Return the way back from all that the runs of this host did, or from these steps only.

    Raises `ParamsError` for a step that no run of the host has carried out, `Refused` for reports that were altered.
    """
    kept = vouched.journals(reports / params.host, unsigned)
    machine = identity.parse(host.gather(identity.COMMANDS))
    done = undo.history(kept.lines, machine)
    if not host.is_real:
        done = undo.newest_of_each(done)
    known = {d.step for d in done}
    if missing := [name for name in steps if name not in known]:
        raise ParamsError(
            f"Nothing to take back of {', '.join(missing)}",
            where=str(reports / params.host),
            why="no run of this host carried it out, or it was taken back already",
            do="done so far: " + (", ".join(sorted(known)) or "nothing"),
        )
    chosen = [d for d in done if not steps or d.step in steps]
    asks = undo.asks(chosen)
    facts = host.gather(asks)
    if not host.is_real:
        facts = undo_files.played(chosen, facts, asks)
    planned = undo.plan(chosen, facts)
    chosen = undo.needed(chosen, facts)
    parts = tuple((name, tuple(group)) for name, group in groupby(chosen, key=lambda d: d.step))
    return WayBack(
        parts, Plan(planned.actions, (*kept.findings, *planned.findings)), facts, machine, host.is_real
    )


def go_back(
    params_path: str | Path, steps: tuple[str, ...], mode: str, reports: Path, say: Say,
    unsigned: Collection[str] = (),
) -> Run | WayBack:  # fmt: skip
    """Return the way back in mode `plan`; in mode `apply` take it, and return the archived run.

    Only journals that verify are believed; `unsigned` are runs that the operator takes at their word though no
    known key signed them. Raises `ParamsError`, `Refused` (a report was altered, nobody vouches for one, a file was
    changed since), `ConsentMissing` or `HostError` before anything was done; what fails later is in the run.
    """
    params = parameters.load(params_path)
    programs.require(params)
    mask_known_secrets(params)
    abandoned.finish_orphans(reports.absolute(), params.host)
    host = finished.reach(params, undo.NOTEBOOK)
    try:
        if mode == "apply":
            host.lock()
        way = find(params, reports, steps, host, unsigned)
        if mode != "apply":
            return way
        if not host.is_real:
            raise Refused(
                "A recorded host cannot be taken back",
                where=params.host,
                why="no machine is behind it; the way back is shown, as it would be gone on one",
                do="leave --mode apply out",
            )
        gates.refuse_if_blocked(way.whole, undo.NOTEBOOK, params.host)
        return _archived(
            params, params_path, reports, way, host, lambda line: say(KNOWN.text(line)), unsigned
        )
    finally:
        host.close()


def _archived(
    params: HostParams, path: str | Path, reports: Path, way: WayBack, host: Host, say: Say,
    unsigned: Collection[str] = (),
) -> Run:  # fmt: skip
    names = dict.fromkeys(name for name, _ in way.parts)
    entry = NotebookRecord(undo.NOTEBOOK, "The way back", steps=[StepEnd(n, f"Take back {n}") for n in names])
    # A signal ends the way back in the middle, and its report is written all the same.
    with watching() as stops, stops.deferred():
        run = session.begin(params, path, entry, reports, undo.NOTEBOOK)
        error: BaseException | None = None
        try:
            with stops.interruptible():
                _take_back(params, way, Beat(host, run.journal, undo.NOTEBOOK), say, unsigned)
            stops.go_on()
        except (Exception, KeyboardInterrupt) as raised:
            error = raised
        stops.answer()
        done = run.close(error)
    if isinstance(error, ConsentMissing):
        raise error
    return done


def _take_back(
    params: HostParams, way: WayBack, beat: Beat, say: Say, unsigned: Collection[str] = ()
) -> None:
    """Carry the way back out, agreed to; what was taken back is noted at once, so that it is never done twice."""
    whole = way.step
    taken = {"unsigned": list(unsigned)} if unsigned else {}
    beat.log("open", machine=way.machine, **taken)
    beat.agree(Work(undo.NOTEBOOK, whole, params, way.facts, way.whole))
    last, left = "", list[undo.Done]()
    for index, (action, same) in enumerate(undo.order(way.everything)):
        step = same[0].step
        if step != last:
            _end(beat, last, left)
            beat.log("step-begin", step=step, digest=way.whole.digest(), risk=whole.RISK)
        last = step
        say(f"{step}: {action.title}")
        if _carried(index, action, same, beat, say):
            beat.log("taken-back", keys=[d.key for d in same])
        else:
            left += same
    _end(beat, last, left)
    _prove(way, beat)
    for step in {d.step for d in way.everything} - {d.step for d in way.everything if d.back is not None}:
        stays = "stays, as nothing needs to be taken back or nothing can be: "
        stays += "; ".join(d.title for d in way.everything if d.step == step)
        beat.log("step-begin", step=step)
        beat.end(Outcome(step, "skipped", stays))
    beat.log("taken-back", keys=[d.key for d in way.everything if d not in left])


def _prove(way: WayBack, beat: Beat) -> None:
    """Look whether every file is as it was. Raises `CheckFailed`; a step with a wrong one has failed, and stays to be taken back."""
    wrong = undo_files.check(way.whole, beat.host.gather(undo.asks(way.everything)))
    if not wrong:
        return
    for step in dict.fromkeys(d.step for d in way.everything if wrong.keys() & d.paths):
        mine = [d for d in way.everything if d.step == step and wrong.keys() & d.paths]
        message = "; ".join(
            dict.fromkeys(wrong[path].what for d in mine for path in d.paths if path in wrong)
        )
        beat.log("step-begin", step=step)
        beat.log("not-back", keys=[d.key for d in mine])
        beat.end(Outcome(step, "failed", message))
    raise CheckFailed(
        "\n".join(finding.what for finding in wrong.values()),
        do="look at it on the host, then run undo again",
    )


def _carried(index: int, action: Action, same: list[undo.Done], beat: Beat, say: Say) -> bool:
    """Carry out one action of the way back; return False when it failed and perhaps there was nothing to do.

    That is so where the action that it takes back did not end well either. It stays in the plan.
    """
    step = same[0].step
    try:
        beat.act(step, index, action, say)
    except RunbookError as error:
        if isinstance(error, CommandFailed) and not any(d.is_sure for d in same):
            say(f"{step}: left as it is, because what this takes back had failed itself: {error.what}")
            return False
        beat.end(Outcome(step, error.status, error.what))
        raise
    return True


def _end(beat: Beat, step: str, left: list[undo.Done]) -> None:
    if any(d.step == step for d in left):
        message = "what had failed itself could not be taken back: perhaps there is nothing"
        beat.end(Outcome(step, "skipped", message))
    elif step:
        beat.end(Outcome(step, "changed", "taken back"))
