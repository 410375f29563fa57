"""The proof of one machine: `new`, plan, apply into proved Xen with a guest, check, undo, and all is as it was.

A machine that the runbook does not know how to treat yet must be refused, by its plan, before anything was done.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runbook import params as parameters
from runbook.errors import CheckFailed
from runbook.runner.run import Run, run
from runbook.steps import notebooks
from runbook.testbed import state
from runbook.testbed.acceptance import pause_guests
from runbook.testbed.cuts import NOTEBOOK, nothing_left
from runbook.testbed.machine import Machine
from runbook.testbed.machines import Claim, Description, Refusal
from runbook.testbed.proving import carry_out, nothing_changed, say
from runbook.testbed.remote import must, shell, stop_guests
from runbook.testbed.returns import compare, keep_state, take_back
from runbook.testbed.state import State
from runbook.testbed.zoo import adoption, asked, building, checkpoints, cut, in_force

_REFUSED = 3


class Proof:
    """One machine on its way; `at` is the part under way, `minutes` how long each took."""

    def __init__(self, described: Description, *, resume: bool = False, plan: bool = False) -> None:
        self.described = described
        self.machine: Machine = building.machine_of(described)
        self.at = "build"
        self.minutes: dict[str, float] = {}
        self.resumed = False
        self._resume, self._only_plan = resume, plan

    @property
    def reports(self) -> Path:
        """Where the reports of its runs are: they end with the machine."""
        return self.machine.state / "reports"

    def carry_out(self) -> str:
        """Return `held` or `refused`, as the description wants it, or `planned` where no more is asked for.

        Raises `CheckFailed`, or what the testbed or the runbook raised, at the first claim that does not hold.
        """
        start = ""
        with self._part("build"):
            start = checkpoints.begin_again(self.described, self.machine) if self._resume else ""
            self.resumed = bool(start)
            self.machine = building.boot(self.described, fresh=not start)
        before = self._before(start)
        with self._part("plan"):
            params = self._planned(start, before)
        refused = self.described.refused
        if refused and not refused[-1].leads_on:
            return "refused"
        if any(refusal.move for refusal in refused) and not start:
            before = keep_state(self.machine)  # a person has changed it meanwhile
            checkpoints.fresh(self.described, self.machine)
        if self._only_plan:
            return "refused" if refused else "planned"
        with self._part("apply"):
            self._apply(params, start, before)
        with self._part("claims"):
            self._claims(before, params)
        with self._part("check"):
            pause_guests(self.machine)
            nothing_changed(carry_out(str(params), 2, "check", reports=self.reports))
        with self._part("undo"):
            stop_guests(self.machine)
            take_back(self.machine, str(params), self.reports)
            building.restart(self.machine)
        with self._part("compare"):
            compare(before, keep_state(self.machine, "after"), self.described.returns_other)
        return "held"

    def _before(self, start: str) -> State:
        """Return what the machine was before the first run."""
        if start:
            return checkpoints.kept_state(self.machine)
        before = keep_state(self.machine)
        if not any(refusal.move for refusal in self.described.refused):
            checkpoints.fresh(self.described, self.machine)
        return before

    def _planned(self, start: str, before: State) -> Path:
        """Return the machine's parameters, planned without a refusal, or refused as the description wants it."""
        proposed = checkpoints.proposed(self.described, self.machine)
        is_fresh = start in ("", next(iter(notebooks())))  # nothing has been done to it yet
        if is_fresh or not proposed.exists():
            proposed = asked.propose(self.machine, self.described)
        if self.described.explained is not None and is_fresh:
            adoption.prove(self._plan(proposed), proposed, self.described.explained)
        params = asked.complete(self.machine, self.described, proposed)
        if start:
            return asked.with_moves(self.described, params)
        for refusal in self.described.refused:
            self._refuses(params, refusal)
            now = keep_state(self.machine, "refused")
            unchanged(before, now, self.described.returns_other)
            for command in refusal.move:
                shell(self.machine, command)
            before = keep_state(self.machine, "moved") if refusal.move else now
            params = asked.changed(params, refusal.parameters)
            if not refusal.leads_on:
                return params
        done = self._plan(params)
        must(not done.exit_code, "The plan is refused", f"{done.folder}: {done.message}")
        return params

    def _refuses(self, params: Path, refusal: Refusal) -> None:
        """Raise `CheckFailed` unless the plan refuses the machine, at that step and in those words."""
        done = self._plan(params)
        how = done.steps.get(refusal.step)
        missing = [words for words in refusal.words if words not in done.message]
        must(
            done.exit_code == _REFUSED and how == "refused" and not missing,
            f"{refusal.step} does not refuse this machine as it must",
            f"exit {done.exit_code}, {refusal.step}: {how}; not said: {missing}; {done.message}; {done.folder}",
        )
        say(f"refused, as it must be: {done.message.splitlines()[0]}")

    def _plan(self, params: Path) -> Run:
        say("run 0, mode plan")
        return run(str(params), mode="plan", reports=self.reports)

    def _apply(self, params: Path, start: str, before: State) -> None:
        """Run all notebooks, with a power cut in the switch of the network where the description wants it."""
        keep = checkpoints.keeper(self.described, self.machine, str(params))
        if self.described.cut and start <= NOTEBOOK:
            start = cut.prove(self.described, self.machine, str(params), start, before, keep, self.reports)
            if not start:
                return
        carry_out(str(params), 1, "apply", start=start or None, on_event=keep, reports=self.reports)

    def _claims(self, before: State, params: Path) -> None:
        """Look on the machine itself, past all of the runbook's own checks."""
        host = parameters.load(params)
        is_dom0 = "control_d" in shell(self.machine, "cat /proc/xen/capabilities")
        must(is_dom0, "Xen does not run", "/proc/xen/capabilities has no control_d")
        nothing_left(self.machine)
        bridges = {port: bridge.name for bridge in host.network.bridges for port in bridge.ports}
        gone = in_force.lost(before, keep_state(self.machine, "xen"), bridges, self.described.lost)
        must(
            not gone,
            f"{len(gone)} parts of the network that was in force are lost",
            "\n".join(gone),
            "mend the step that lost each, or have its plan refuse",
        )
        say("the network that was in force still is, behind the bridges")
        running = shell(self.machine, "xl list | awk 'NR > 2 { print $1 }'").split()
        wanted = {guest.name for guest in host.guests if guest.start}
        must(wanted <= set(running), "A guest does not run", f"{sorted(wanted)} should, {running} do")
        for claim in self.described.expect:
            _hold(self.machine, claim)

    @contextmanager
    def _part(self, name: str) -> Iterator[None]:
        self.at, began = name, time.monotonic()
        say(f"{self.described.name}: {name}")
        try:
            yield
        finally:
            self.minutes[name] = round((time.monotonic() - began) / 60, 1)


def unchanged(before: State, now: State, more: Iterable[str] = ()) -> None:
    """Raise `CheckFailed` with all that a plan changed that refused; `more` are patterns of exceptions."""
    wrong = state.difference(before, now, (*state.EXCEPTIONS, *more))
    must(not wrong, f"A plan that refused the machine changed {len(wrong)} things on it", "\n".join(wrong))


def _hold(machine: Machine, claim: Claim) -> None:
    """Raise `CheckFailed` unless a claim holds on the machine."""
    try:
        said = shell(machine, claim.ask)
    except CheckFailed as error:
        raise CheckFailed(f"It does not hold that {claim.what}", why=f"`{claim.ask}`: {error.why}") from None
    must(
        re.search(claim.prints, said) is not None,
        f"It does not hold that {claim.what}",
        f"`{claim.ask}` prints no {claim.prints!r} but: {said[:1000]}",
    )
    say(f"  it holds that {claim.what}")
