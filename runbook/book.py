"""The book a notebook holds: one host, one mode, and the beat of every step — plan, apply, check."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from runbook import gates, releases, undo
from runbook.apply import carry_out
from runbook.ask import Facts
from runbook.consent import require
from runbook.drift import kept
from runbook.errors import ParamsError, Refused, RunbookError
from runbook.facts import identity, system
from runbook.hosts import Host, connect
from runbook.journal import Journal
from runbook.modes import MODES
from runbook.params import HostParams, digest, load
from runbook.plan import Plan
from runbook.replay import DONE, require_order
from runbook.show import steps as views
from runbook.show.bar import Bar
from runbook.show.live import Live
from runbook.show.pieces import Shown
from runbook.show.steps import Outcome
from runbook.steps import Step, steps_of


def open_host(params: str, mode: str = "auto", *, notebook: str) -> Book:
    """Return the book of one notebook on the host of a parameter file, after one look at the host.

    `mode` is `plan` (show, change nothing), `apply` (change), `check` (verify a finished host) or
    `auto`: replay on a recorded host, `plan` on any real one.

    Raises `ParamsError` for wrong parameters, `HostError` when the host cannot be used (unreachable,
    not root, another run at work) and `Refused` for another release than the parameters say.
    """
    if mode not in MODES:
        raise ParamsError(f"'{mode}' is not a mode", do="use one of " + ", ".join(MODES))
    asked = load(params)
    begun_with = os.environ.get("RUNBOOK_PARAMS_DIGEST", "")
    if begun_with not in ("", digest(asked)):
        raise ParamsError(
            "The parameters were changed while the run was under way",
            where=params,
            why=f"it began with {begun_with}, they are {digest(asked)} now, and its report names only those",
            do="run again: what is done already is found done",
        )
    releases.get(asked.release)
    host = connect(asked, notebook)
    run_dir = os.environ.get("RUNBOOK_RUN_DIR")
    journal = Journal(Path(run_dir) / "journal.jsonl" if run_dir else None)
    return Book(asked, mode, host, notebook, journal, params)


class Book:
    """Plans, applies and checks the steps of one notebook on one host."""

    def __init__(self, params: HostParams, mode: str, host: Host, notebook: str, journal: Journal,
                 file: str | Path = "") -> None:  # fmt: skip
        self._guide_only = releases.get(params.release).reproduction
        replays = mode == "auto" and not host.is_real and not self._guide_only
        self.mode = "apply" if replays else ("plan" if mode == "auto" else mode)
        self.params, self.host, self.notebook = params, host, notebook
        self._steps = steps_of(notebook, params.release)
        self._journal, self._file = journal, file
        self._planned: dict[str, str] = {}
        self._ended: dict[str, Outcome] = {}
        self._known: set[str] = set()
        self._changed: set[str] = set()
        self._bar = Bar(notebook, tuple(self._steps), params.host, self.mode)
        if self.mode == "apply":
            host.lock()
        self.facts = Facts({})
        self._look(*self._steps)
        gates.is_usable(
            host, params, self.system, notebook, plans_only=self._guide_only and self.mode == "plan"
        )
        self._log("open", mode=self.mode, host=params.host, params_digest=digest(params),
                  machine=identity.parse(self.facts), kernel=self.system.kernel, boot_id=self.system.boot_id)  # fmt: skip
        self._bar.go()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self._title()._repr_mimebundle_()

    def __repr__(self) -> str:
        return self._title().text

    def plan(self, step: str) -> Shown:
        """Return what a step would do, as diffs and commands with a digest. Changes nothing."""
        module = self._step(step)
        self._bar.go(step)
        self._fresh(step)
        planned = DONE if self._was_replayed(step) else module.plan(self.params, self.facts)
        self._planned[step] = planned.digest()
        return views.plan(module, planned, self.facts)

    def apply(self, step: str) -> None:
        """Carry a step out, read the host again, check it, and show how it ended.

        In mode `plan` nothing is done; in mode `check` the host is only checked.

        Raises `Refused`, `ConsentMissing`, `CommandFailed`, `TimedOut`, `HostError` or
        `CheckFailed`; the journal then says the same.
        """
        module = self._step(step)
        self._bar.go(step)
        live = Live(is_real=self.host.is_real, expected_s=self._bar.expected_s(step))
        try:
            end = self._carry(step, module, live)
        except BaseException as error:
            other = "failed" if isinstance(error, Exception) else "killed"
            status = error.status if isinstance(error, RunbookError) else other
            message = str(error).splitlines()[0] if str(error) else type(error).__name__
            self._end(Outcome(step, status, message))
            live.fail()
            raise
        self._end(end)
        live.end(views.outcome(module, end))

    def show(self, what: str) -> Any:
        """Return a table about the host, as `devices`, or a picture, as `network`; a wrong name gets the list of all."""
        from runbook.show import tables

        if self._guide_only:
            return views.summary("The guide's own release: only its commands are shown", [])
        if self._known < set(self._steps):
            self._look(*self._steps)
        return tables.show(what, self.params, self.facts)

    def status(self) -> Shown:
        """Return which steps are done, which is next, and which failed. Changes nothing."""
        return self._bar.shown()

    def form(self) -> Any:
        """Return the parameter file as a form; this book goes on with what it was opened with."""
        from runbook.show.form import form

        return form(self._file, self.host)

    def summary(self) -> Shown:
        """Return how each step of this notebook ended, and let go of the host."""
        rows = []
        for name in self._steps:
            end = self._ended.get(name, Outcome(name, "never-run"))
            rows.append((name, end.status, end.message))
        self._log("close")
        self.host.close()
        return views.summary(f"{self.notebook} on {self.params.host}", rows)

    def _carry(self, name: str, module: Step, live: Live) -> Outcome:
        if self._was_replayed(name):
            return Outcome(name, "unchanged", DONE.note)
        self._fresh(name)
        planned = module.plan(self.params, self.facts)
        more = views.decided(planned, stops=self.mode == "plan")
        self._log("step-begin", step=name, digest=planned.digest(), actions=len(planned.actions), **more)
        if self.mode == "plan":
            return views.end_of_plan(name, planned)
        if self.mode == "check":
            gates.may_go(planned, name, self.params.host)
            end = self._checked(name, module, planned, "unchanged", ())
            gates.is_done(planned, f"{name} is not as the parameters say", self.params.host)
            return end
        if planned.actions or planned.stops:
            require_order(self.host, self._steps, name, self._changed, self.params)
        if planned.actions and planned.digest() != self._planned.get(name, planned.digest()):
            raise Refused(
                f"The plan of {name} is not the one that was shown",
                why="the host or the parameters changed in between",
                do="run the plan cell again and read it",
            )
        gates.may_go(planned, name, self.params.host)
        if not planned.actions:
            return self._checked(name, module, planned, "unchanged", ())
        require(name, module, planned, self.params, self.facts)
        done = tuple(
            (action.title, self._act(name, i, action, live)) for i, action in enumerate(planned.actions)
        )
        self._look(name, *self._after(name))
        end = self._checked(name, module, planned, "changed", done)
        left = module.plan(self.params, self.facts)
        gates.is_done(left, f"{name} ran and is still not done", self.params.host)
        return end

    def _was_replayed(self, step: str) -> bool:
        """A recording holds a step once, and not what the host would have answered to it later."""
        return not self.host.is_real and step in self._changed

    def _act(self, step: str, index: int, action: Any, live: Live) -> str:
        live.begin(action.title)
        way_back = {"undo": undo.pack(action.inverse(self.facts)), **undo.left_by(action)}
        self._log("action-begin", step=step, index=index, title=action.title, **way_back)
        status = "failed"
        try:
            said = carry_out(action, self.host, live.line)
            status = "done"
        finally:
            self._log("action-end", step=step, index=index, title=action.title, status=status)
        return said

    def _checked(self, name: str, module: Step, planned: Plan, status: str,
                 done: tuple[tuple[str, str], ...]) -> Outcome:  # fmt: skip
        findings = tuple(module.check(self.params, self.facts))
        gates.passes(findings, name, self.params.host)
        message = "done and checked" if status == "changed" else views.unchanged(planned, findings)
        return Outcome(name, status, message, done, findings)

    def _look(self, *steps: str) -> None:
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
        if self._journal.path:
            kept.keep(self._journal.path.parent, self.notebook, self.facts)
        self._log("gather", asks=len(self.facts), elapsed_s=round(time.monotonic() - began, 3))

    def _fresh(self, step: str) -> None:
        if step not in self._known:
            self._look(step, *self._after(step))

    def _after(self, step: str) -> list[str]:
        names = list(self._steps)
        return names[names.index(step) + 1 :][:1]

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
        self._log("step-end", step=end.step, status=end.status, message=end.message)
        self._bar.end(end.step, end.status)

    def _log(self, event: str, **fields: Any) -> None:
        self._journal.write(event, notebook=self.notebook, **fields)

    def _title(self) -> Shown:
        now = f"Linux {self.system.kernel}" + (" under Xen" if self.system.is_dom0 else "")
        what = {"plan": "shows and changes nothing", "apply": "changes the host", "check": "only verifies"}
        mode = what[self.mode] if self.host.is_real else "replays a recorded run; no machine is touched"
        return views.summary(
            f"{self.notebook} on {self.params.host}",
            [
                ("host", self.system.hostname, f"{self.system.pretty_name}, {now}"),
                ("mode", self.mode, mode),
                ("reached by", self.params.connection.kind, self.host.describe),
            ],
        )


__all__ = ["Book", "open_host"]
