"""The guests of a book's host, from a cell: seen, started and stopped as `runbook guest` does it."""

from __future__ import annotations

import signal

from runbook.book.acts.stop_guest import StopGuest
from runbook.controller.signals import watching
from runbook.engine.beat import Beat, Work
from runbook.engine.journal import Journal
from runbook.errors import Refused
from runbook.hosts import Host
from runbook.model.unreadable import reading
from runbook.params import HostParams
from runbook.show import guests as table
from runbook.show import steps as views
from runbook.show.live import Live
from runbook.show.pieces import Shown
from runbook.show.steps import Outcome
from runbook.steps import Step, name_of
from runbook.steps.guests import start_guests
from runbook.steps.shared import single


class WithGuests:
    """What a book has for its guests, beside its steps."""

    params: HostParams
    mode: str
    host: Host
    notebook: str
    _beat: Beat
    _known: set[str]
    """The steps whose answers are as the host is now."""

    @property
    def guests(self) -> Guests:
        """The guests of this host: a table of all, and what starts and stops one."""
        return Guests(self)

    @property
    def journal(self) -> Journal:
        """What is done here is written to it."""
        return self._beat.journal

    def forget(self) -> None:
        """Have the next cell read the host anew: something was done to it that no step here knows."""
        self._known = set()


class Guests:
    """Shows itself as a table. In mode `apply` its methods act; in every other they show what they would do."""

    def __init__(self, book: WithGuests) -> None:
        self._book = book

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self.list()._repr_mimebundle_()

    def __repr__(self) -> str:
        return self.list().text

    @reading()
    def list(self) -> Shown:
        """Return every guest, those that the parameters do not have among them, as it is now."""
        return table.show(self._book.params, self._book.host.gather(table.ASKS))

    def start(self, *names: str) -> Shown | None:
        """Start guests of the parameters, with the checks of the step `start_guests`.

        Raises `ParamsError` for one that they lack, and what `Book.apply` raises.
        """
        return self._do(start_guests, single.started(self._book.params, names))

    def stop(self, *names: str, limit_s: int | None = None, kill: bool = False) -> Shown | None:
        """Stop guests cleanly and wait; one that has not ended in `limit_s` seconds runs on, unless `kill` is said.

        Raises `CommandFailed` when one runs on, and what `Book.apply` raises.
        """
        return self._do(StopGuest(names, limit_s, kill), self._book.params)

    def restart(self, *names: str, limit_s: int | None = None, kill: bool = False) -> Shown | None:
        """Stop guests cleanly and start them as their configuration is now; raises what both raise."""
        shown = self.stop(*names, limit_s=limit_s, kill=kill)
        return shown or self.start(*names)

    def _do(self, step: Step, params: HostParams) -> Shown | None:
        with watching(signal.SIGINT) as stops, stops.interruptible():
            return self._carried(step, params)

    @reading()
    def _carried(self, step: Step, params: HostParams) -> Shown | None:
        host = self._book.host
        facts = host.gather(step.asks(params))
        planned = step.plan(params, facts)
        if self._book.mode != "apply":
            return views.plan(step, planned, facts)
        if not host.is_real:
            raise Refused(
                "A recorded host has no guests to start or stop", do="name the parameters of a real host"
            )
        beat = Beat(host, self._book.journal, self._book.notebook)
        work, live = Work(name_of(step), step, params, facts, planned, is_once=False), Live(is_real=True)

        def carried() -> Outcome:
            beat.begin(work)
            return beat.carry(work, lambda: host.gather(step.asks(params)), live.line, live.begin)

        try:
            end = beat.step(work.name, carried)
        except BaseException:
            live.fail()
            raise
        finally:
            self._book.forget()
        live.end(views.outcome(step, end))
        return None
