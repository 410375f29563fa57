"""The book a notebook holds: one host, one mode, and the beat of every step — plan, apply, check."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbook import releases
from runbook.book import replay
from runbook.book.guests import WithGuests
from runbook.book.rehearsed import rehearsed_of, said_of
from runbook.book.rehearsing import Rehearsing
from runbook.controller.signals import go_on, watching
from runbook.drift import kept
from runbook.engine import gates
from runbook.engine.beat import Beat, Work, checked
from runbook.engine.consent import Approval, require_same_machine
from runbook.engine.journal import Journal
from runbook.errors import ParamsError, Refused
from runbook.facts import identity, system
from runbook.hosts import Host
from runbook.model.ask import Facts
from runbook.model.unreadable import reading
from runbook.params import HostParams, digest
from runbook.show import steps as views
from runbook.show.bar import Bar
from runbook.show.live import Live
from runbook.show.pieces import Shown
from runbook.show.steps import Outcome
from runbook.steps import Step, steps_of

if TYPE_CHECKING:
    from runbook.evidence.record import Run


class Book(WithGuests, Rehearsing):
    """Plans, applies and checks the steps of one notebook on one host."""

    def __init__(self, params: HostParams, mode: str, host: Host, notebook: str, journal: Journal,
                 file: str | Path = "", approval: Approval | None = None) -> None:  # fmt: skip
        self._guide_only = releases.get(params.release).reproduction
        replays = mode == "auto" and replay.plays(host) and not self._guide_only
        self.mode = "apply" if replays else ("plan" if mode == "auto" else mode)
        self.params, self.host, self.notebook, self._file = params, host, notebook, file
        self._steps = steps_of(notebook, params.release)
        self._beat = Beat(host, journal, notebook, self._end, approval, rehearsed_of(host, params))
        self._planned: dict[str, str] = {}
        self._ended: dict[str, Outcome] = {}
        self._place: Path | None = None
        self._close: Callable[[], Run] | None = None
        self._changed: set[str] = set()
        self._bar = Bar(self._steps, self._last_time)
        if self.mode == "apply":
            host.lock()
        replay.begin(host, self._steps)
        self.facts = Facts({})
        self._look(*self._steps)
        gates.require_usable(
            host, params, self.system, notebook, plans_only=self._guide_only and self.mode == "plan"
        )
        require_same_machine(approval, identity.parse(self.facts), host)
        self._log("open", mode=self.mode, host=params.host, params_digest=digest(params),
                  machine=identity.parse(self.facts), kernel=self.system.kernel, boot_id=self.system.boot_id)  # fmt: skip
        self._bar.go()

    def _last_time(self) -> Mapping[str, float]:
        from runbook.evidence.timings import step_times

        return step_times(self.notebook, self.params.host, self.mode)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self._title()._repr_mimebundle_()

    def __repr__(self) -> str:
        return self._title().text

    @reading()
    def plan(self, step: str) -> Shown:
        """Return what a step would do, as diffs and commands with a digest. Changes nothing."""
        module = self._step(step)
        self._bar.go(step)
        self._fresh(step)
        if why := replay.unrecorded(self.host, step, module, self.params, self.facts, self.mode):
            return views.unrecorded(module, why)
        with replay.explained(self.host, self.params, step):
            planned = replay.DONE if self._was_replayed(step) else module.plan(self.params, self.facts)
        self._planned[step] = planned.digest()
        return views.plan(module, planned, self.facts, said_of(self._beat, module, planned, self.facts))

    def apply(self, step: str) -> None:
        """Carry a step out, read the host again, check it, and show how it ended.

        In mode `plan` nothing is done; in mode `check` the host is only checked.

        Raises `Refused`, `ConsentMissing`, `CommandFailed`, `TimedOut`, `HostError` or
        `CheckFailed`; the journal then says the same. Raises `KeyboardInterrupt`, with nothing begun, when
        somebody has asked to stop.
        """
        with watching(signal.SIGINT) as stops, stops.interruptible():
            self._apply(step, self._step(step))

    def _apply(self, step: str, module: Step) -> None:
        self._bar.go(step)
        live = Live(is_real=self.host.is_real, expected_s=self._bar.expected_s(step))
        try:
            with replay.explained(self.host, self.params, step):
                end = self._beat.step(step, lambda: self._carry(step, module, live))
        except BaseException:
            live.fail()
            raise
        live.end(views.outcome(module, end))

    @reading()
    def show(self, what: str) -> Any:
        """Return a table about the host, as `devices`, or a picture, as `network`; a wrong name gets the list of all."""
        from runbook.show import tables

        if self._guide_only:
            return views.summary("The guide's own release: only its commands are shown", [])
        if self._known < set(self._steps):
            self._look(*self._steps)
        return replay.shown(self.host, self.params, what, lambda: tables.show(what, self.params, self.facts))

    def status(self) -> Shown:
        """Return which steps are done, which is next, and which failed. Changes nothing."""
        return self._bar.shown()

    def form(self) -> Any:
        """Return the parameter file as a form; this book goes on with what it was opened with."""
        from runbook.show.form import form

        return form(self._file, self.host)

    def summary(self) -> Shown:
        """Return how each step of this notebook ended, and let go of the host.

        A run that the notebook opened itself is archived; to go on, run the cell that opens the host again.
        Raises `RunbookError` when its report cannot be written; then call this again.
        """
        ends = [self._ended.get(name, Outcome(name, "never-run")) for name in self._steps]
        rows = [(end.step, end.status, end.message) for end in ends]
        self._log("close")
        self.host.close()
        if self._close is not None:
            run = self._close()
            self.let_go()
            signed = "" if run.record.signed_by else "; not signed: nobody vouches for it"
            rows.append(("report", run.outcome, "; ".join((f"{run.index}{signed}", *run.told))))
        return views.summary(f"{self.notebook} on {self.params.host}", rows)

    def keep(self, place: Path, close: Callable[[], Run]) -> None:
        """Take the folder of this book's run, to be named first, and what closes it in the end."""
        self._place, self._close = place, close

    def let_go(self) -> None:
        """Let go of the host and of the run's journal: this book only shows from now on."""
        self.host.close()
        self._beat.journal, self._close = Journal(None), None

    @reading()
    def _carry(self, name: str, module: Step, live: Live) -> Outcome:
        if self._was_replayed(name):
            return Outcome(name, "unchanged", replay.DONE.note)
        self._fresh(name)
        if why := replay.unrecorded(self.host, name, module, self.params, self.facts, self.mode):
            return Outcome(name, "skipped", why)
        planned = module.plan(self.params, self.facts)
        if self.mode == "apply" and planned.actions and not replay.holds(self.host, name):
            return Outcome(name, "skipped", replay.unrecorded_line(name))
        go_on()
        work = Work(name, module, self.params, self.facts, planned)
        self._beat.begin(work, stops=self.mode == "plan")
        if self.mode == "plan":
            return views.end_of_plan(name, planned)
        if self.mode == "check":
            gates.refuse_if_blocked(planned, name, self.params.host)
            end = checked(work, self.facts, "unchanged")
            gates.require_nothing_left(planned, f"{name} is not as the parameters say", self.params.host)
            return end
        if planned.actions or planned.stops:
            replay.require_order(self.host, self._steps, name, self._changed, self.params)
        if planned.actions and planned.digest() != self._planned.get(name, planned.digest()):
            raise Refused(
                f"The plan of {name} is not the one that was shown",
                why="the host or the parameters changed in between",
                do="run the plan cell again and read it",
            )
        return self._beat.carry(work, lambda: self._look(name, *self._after(name)), live.line, live.begin)

    def _was_replayed(self, step: str) -> bool:
        """A recording holds a step once, and not what the host would have answered to it later."""
        return not self.host.is_real and step in self._changed

    @reading()
    def _look(self, *steps: str) -> Facts:
        """Read afresh what these steps need, in one round trip; what was known before is forgotten.

        Opening a notebook asks for all of its steps, so a run without changes looks once. After an
        action only the step itself and the next one are asked again.
        """
        asks = [
            *system.COMMANDS,
            *identity.COMMANDS,
            *(ask for name in steps for ask in self._steps[name].asks(self.params)),
        ]
        began = time.monotonic()
        self.facts = self.host.gather(asks)
        self._known = set(steps)
        self.system = system.parse(self.facts)
        if self._beat.journal.path:
            kept.keep(self._beat.journal.path.parent, self.notebook, self.facts)
        self._log("gather", asks=len(self.facts), elapsed_s=round(time.monotonic() - began, 3),
                  kernel=self.system.kernel, is_dom0=self.system.is_dom0)  # fmt: skip
        return self.facts

    def _fresh(self, step: str) -> None:
        replay.at(self.host, step)
        if step not in self._known:
            self._look(step, *self._after(step))

    def _after(self, step: str) -> list[str]:
        return (names := list(self._steps))[names.index(step) + 1 :][:1]

    def _step(self, name: str) -> Step:
        try:
            return self._steps[name]
        except KeyError:
            raise ParamsError(
                f"{self.notebook} has no step '{name}'", do="it has: " + ", ".join(self._steps)
            ) from None

    def _end(self, end: Outcome) -> None:
        self._ended[end.step] = end
        if end.status == "changed":
            self._changed.add(end.step)
        self._bar.end(end.step, end.status)

    def _log(self, event: str, **fields: Any) -> None:
        self._beat.log(event, **fields)

    def _title(self) -> Shown:
        running = f"Linux {self.system.kernel}" + (" under Xen" if self.system.is_dom0 else "")
        rows = [
            ("host", self.system.hostname, f"{self.system.pretty_name}, {running}"),
            ("mode", self.mode, replay.meant(self.host, self.mode)),
            (
                "reached by",
                self.params.connection.kind,
                f"{self.host.describe}{', root by sudo' if self.params.is_by_sudo else ''}",
            ),
        ]
        if self._place is not None:
            rows.append(("report", "running", f"{self._place}; book.summary() closes it"))
        return views.summary(f"{self.notebook} on {self.params.host}", rows)
