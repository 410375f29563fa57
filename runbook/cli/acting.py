"""What `runbook backup`, `runbook volume` and `runbook guest` share: a command that changes a real host is a run among the reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from runbook.engine import gates
from runbook.errors import ConsentMissing
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.engine.beat import Beat
    from runbook.engine.journal import Journal
    from runbook.hosts import Host
    from runbook.model.ask import Facts
    from runbook.model.plan import Plan
    from runbook.params import HostParams
    from runbook.steps import Step

NOTEBOOK = "09_management"
Titles = Sequence[tuple[str, str]]


@contextmanager
def reached(params: HostParams, notebook: str = NOTEBOOK) -> Iterator[Host]:
    """Give the host of these parameters, and let go of it at the end."""
    from runbook.hosts import connect

    host = connect(params, notebook)
    try:
        yield host
    finally:
        host.close()


@contextmanager
def recorded(
    host: Host, params: HostParams, path: str, *steps: str, notebook: str = NOTEBOOK, titles: Titles = ()
) -> Iterator[Journal]:
    """Give the journal of a new run with these steps, archive it at the end, and say where it is.

    A host that only replays keeps nothing. `params` is what stands in the file `path`; `titles` are names and titles
    of steps that no notebook has.
    """
    from runbook.book import stepping
    from runbook.cli.running import UNSIGNED
    from runbook.engine.journal import Journal
    from runbook.evidence.session import kept
    from runbook.steps import steps_of

    if not host.is_real:
        yield Journal(None)
        return
    known = steps_of(notebook, params.release)
    session = None
    try:
        named = [*((name, known[name].TITLE) for name in steps), *titles]
        with kept(params, path, notebook, named, stepping.reports()) as session:
            yield session.journal
    finally:
        if session is not None:
            if not session.record.signed_by:
                say(UNSIGNED, fg="yellow", err=True)
            click.echo(str(session.place / "index.html"), err=True)


@contextmanager
def acting(params: HostParams, path: str, *steps: Step, notebook: str = NOTEBOOK) -> Iterator[Beat]:
    """Reach and lock the host of a parameter file, and give the beat for these steps of it."""
    from runbook.engine.beat import Beat
    from runbook.facts import identity
    from runbook.params import digest
    from runbook.steps import name_of

    titles = [(name_of(step), step.TITLE) for step in steps]
    with (
        reached(params, notebook) as host,
        recorded(host, params, path, notebook=notebook, titles=titles) as journal,
    ):
        host.lock()
        beat = Beat(host, journal, notebook)
        machine = identity.parse(host.gather(identity.COMMANDS)) if host.is_real else ""
        beat.log("open", mode="apply", host=params.host, params_digest=digest(params), machine=machine)
        yield beat
        beat.log("close")


def show(step: Step, planned: Plan, facts: Facts) -> None:
    """Print a step's plan."""
    from runbook.show import steps as views

    click.echo(views.plan(step, planned, facts).text)


def carry(
    beat: Beat, params: HostParams, step: Step, planned: Plan, facts: Facts, *, is_once: bool = False
) -> None:
    """Carry a plan out with its progress on the terminal, read the host again and check what a plan leaves."""
    from runbook.engine.beat import Work
    from runbook.show.steps import Outcome
    from runbook.steps import name_of

    work = Work(name_of(step), step, params, facts, planned, is_once)

    def carried() -> Outcome:
        beat.begin(work)
        for finding in planned.findings:
            if not finding.stops:
                click.echo(f"{finding.level}: {finding.what}" + (f": {finding.why}" if finding.why else ""))
        gates.refuse_if_blocked(planned, work.name, params.host)
        if step.RISK != "safe" and f"{work.name}:{planned.digest()}" not in params.consent:
            show(step, planned, facts)
            raise ConsentMissing(
                f"{work.name} is {step.RISK} and this plan was not agreed to",
                where=params.host,
                do=f"read the plan above; then add --consent {planned.digest()}",
            )
        return beat.carry(work, lambda: beat.host.gather(step.asks(params)), click.echo)

    beat.step(work.name, carried)
