"""The rehearsal itself: the virtual PC built, all notebooks applied with the person's parameters, checked, undone, compared."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from subprocess import SubprocessError

from runbook import params as parameters
from runbook.controller.signals import go_on
from runbook.errors import RunbookError
from runbook.evidence import rehearsals
from runbook.evidence.record import Event
from runbook.evidence.rehearsals import Rehearsal, StepPlayed
from runbook.rehearsal import breaking, building, checkpoints, notebooks, noted, screen
from runbook.rehearsal import parameters as own
from runbook.rehearsal.described import Twin
from runbook.rehearsal.looked import Looked
from runbook.runner.run import Run, run
from runbook.runner.telling import OnEvent
from runbook.testbed import hardware, state
from runbook.testbed.acceptance import pause_guests
from runbook.testbed.errors import TestbedError
from runbook.testbed.machine import Machine
from runbook.testbed.remote import must, stop_guests
from runbook.testbed.returns import keep_state, kept_state, take_back
from runbook.testbed.state import State
from runbook.testbed.zoo.building import restart

MOST_LINES = 400
"""Differences that a record keeps."""
_EXACT = re.compile(r"add '([a-z0-9_]+:[0-9a-f]{12})'")
Say = Callable[[str], None]


@dataclass
class Play:
    """One rehearsal on its way; `at` is the part under way."""

    looked: Looked
    twin: Twin
    say: Say
    on_event: OnEvent
    to: str = ""
    broken: str = ""
    again: bool = False
    """Begin with an empty disk, whatever an earlier rehearsal left."""
    keep: bool = False
    at: str = "build"
    minutes: dict[str, float] = field(default_factory=dict)
    played: dict[str, StepPlayed] = field(default_factory=dict)
    exact: list[str] = field(default_factory=list)
    start: str = ""
    changed: tuple[str, ...] = ()
    left: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        way = self.twin.description.way
        become = () if way.user == "root" else ("sudo",)
        self.machine = Machine(building.folder(self.looked.params.host), become)
        self.unlike: tuple[str, ...] = self.twin.unlike
        self._made = datetime.now(UTC)

    @property
    def reports(self) -> Path:
        """The reports of its runs, which end with the virtual PC."""
        return self.machine.state / "reports"

    def carry_out(self) -> Rehearsal:
        """Return what it came to, whatever happens on the way. The virtual PC is off then, unless it is to be kept."""
        why = ""
        try:
            self._play()
            outcome = "failed" if self.left else "held"
            why = f"undo did not return {len(self.left)} things" if self.left else ""
        except KeyboardInterrupt:
            outcome, why = "interrupted", "it was interrupted"
        except (RunbookError, TestbedError, OSError, SubprocessError, ValueError) as error:
            outcome = "refused" if isinstance(error, RunbookError) and error.status == "refused" else "failed"
            why = str(error) or type(error).__name__
        except BaseException:  # a fault of the runbook's own: whoever sees it has no machine to look after
            if not self.keep:
                noted.switched_off(self.machine, "failed", "")
            raise
        if not self.keep:
            outcome, why = noted.switched_off(self.machine, outcome, why)
        return self._record(outcome, why)

    def _play(self) -> None:
        checks = checkpoints.Checkpoints(self.machine, self.looked, self.twin)
        with self._part("build"):
            self.start = (
                "" if self.again or self.broken else checks.begin_again(self.say, notebooks.home_of(self.to))
            )
            building.boot(self.twin, self.machine, fresh=not self.start, say=self.say)
            self.unlike += building.not_there(self.machine)
        if self.start:
            before = kept_state(self.machine)
            self.played = noted.kept(self.machine.state, self.looked.machine, checks.begun_at)
        else:
            shutil.rmtree(self.reports, ignore_errors=True)
            noted.forget(self.machine.state)
            before = keep_state(self.machine)
            checks.fresh()
        with self._part("apply"):
            self._apply(checks.keeper())
        with self._part("compare"):
            self.changed = tuple(state.difference(before, keep_state(self.machine, "xen")))[:MOST_LINES]
        if self.to:
            return
        with self._part("check"):
            pause_guests(self.machine)
            noted.require_good(self._run("check"))
        with self._part("undo"):
            self._undo(before)

    def _apply(self, keep: OnEvent) -> None:
        """Run the notebooks, once more where a person's word for one very plan is asked, or something was broken."""
        with notebooks.until(self.to) as (whole, single):
            self._apply_these(whole, single, keep)

    def _apply_these(self, whole: Path | None, single: list[str], keep: OnEvent) -> None:
        """Keep the disks behind whole notebooks of a machine that nothing was broken in: only there can another one begin."""
        folder, spec = self.machine.folder, building.spec_of(self.twin.description)
        breaker = breaking.Breaker(self.broken, self.machine, lambda: hardware.switch_on(folder, spec))

        def hear_step(event: Event) -> None:
            self.on_event(event)
            screen.hear(event, self.machine, self.say)
            if self.broken:
                breaker(event)

        def hear(event: Event) -> None:
            hear_step(event)
            if not self.broken:
                keep(event)

        is_any = whole is None or any(path.stem >= self.start for path in whole.iterdir())
        done = self._agreed(hear, whole=whole, start=self.start) if is_any else None
        if self.broken and done:
            told = breaking.told(self.broken)
            must(bool(breaker.done), f"{told.capitalize()}: it never came to that", f"{done.folder}")
            breaker.mend()
            self.say(f"{told}; run 1 ended with {done.exit_code}: {done.message.splitlines()[:1]}")
            self.machine.wait_ready()
            done = self._agreed(hear, whole=whole, start="")
        if done:
            noted.require_good(done)
        for step in single:
            noted.require_good(self._agreed(hear_step, only=step))

    def _agreed(self, hear: OnEvent, *, whole: Path | None = None, start: str = "", only: str = "") -> Run:
        """Return a run; one that only lacks a word for a very plan is gone on with, and the word is noted."""
        while True:
            done = self._run("apply", hear, whole=whole, start=start, only=only)
            found = _EXACT.search(done.message)
            if done.exit_code != 4 or not found or found[1] in self.exact:
                return done
            self.exact.append(found[1])
            self.say(f"a person would be asked for this very plan: {found[1]}")
            start = (
                next((b.name for b in done.record.notebooks if b.status != "completed"), start)
                if not only
                else ""
            )

    def _run(
        self,
        mode: str,
        hear: OnEvent | None = None,
        *,
        whole: Path | None = None,
        start: str = "",
        only: str = "",
    ) -> Run:
        hear = hear or self.on_event
        done = run(self._file(), mode, only or None, start or None, self.reports, hear, notebooks=whole)
        if mode == "apply":
            noted.note(self.played, done, self.exact)
            noted.keep(self.played, self.machine.state, self.looked.machine)
        return done

    def _file(self) -> Path:
        """Return the parameters for the virtual PC, as they are with every word that was given so far."""
        user = self.twin.description.way.user
        return own.write(self.looked.params, self.twin.ids, self.machine, user, self.exact)

    def _undo(self, before: State) -> None:
        stop_guests(self.machine)
        file = self._file()
        take_back(self.machine, str(file), self.reports)
        restart(self.machine)
        self.left = tuple(state.difference(before, keep_state(self.machine, "after")))[:MOST_LINES]

    def _record(self, outcome: str, why: str) -> Rehearsal:
        params = self.looked.params
        return Rehearsal(
            host=params.host,
            made=self._made.isoformat(timespec="seconds"),
            outcome=outcome,
            params=parameters.digest(params),
            edition=rehearsals.edition(),
            machine=self.looked.machine,
            of=self.looked.facts.of or params.host,
            unlike=self.unlike,
            steps=tuple(self.played.values()),
            minutes=self.minutes,
            changed=self.changed,
            left=self.left,
            to=self.to,
            broken=breaking.told(self.broken) if self.broken else "",
            started=self.start,
            at="" if outcome == "held" else self.at,
            why=why,
        )

    @contextmanager
    def _part(self, name: str) -> Iterator[None]:
        go_on()
        self.at, began = name, time.monotonic()
        self.say(f"{name} …")
        try:
            yield
        finally:
            self.minutes[name] = round((time.monotonic() - began) / 60, 1)
