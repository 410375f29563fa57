"""`runbook undo`: the way back from what earlier runs did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli.reports import REPORTS
from runbook.errors import Refused
from runbook.text.folded import folded
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.runner.way_back import WayBack


@click.command(short_help="Take back what earlier runs did to a host.")
@click.argument("params")
@click.option("--step", "steps", multiple=True, metavar="STEP", help="Only this step; can be given again.")
@click.option("--mode", type=click.Choice(["plan", "apply"]), default="plan", show_default=True)
@click.option(
    "--unsigned", multiple=True, metavar="RUN",
    help="Take this run at its word, though no known key signed it; can be given again.",
)  # fmt: skip
@REPORTS
def undo(
    params: str, steps: tuple[str, ...], mode: str, unsigned: tuple[str, ...], reports: Path | None
) -> None:
    """Show the way back from what the archived runs of a host did; with --mode apply, take it.

    Every run keeps, in its journal, the original of each file that it changed and the inverse of each
    action. They are taken back newest first. A file that somebody changed since is refused.

    Only reports that verify are believed: one that was altered is refused, and where you have a key one
    that it did not sign, until you look into it and add --unsigned RUN. A run whose runner was killed is
    never signed.

    The way back needs the consent that the steps needed which it takes back: `undo` in the parameters'
    consent for a disruptive one, `undo:DIGEST` for a destructive one. A command always needs it. Ends with 3
    when something is refused, also when it only shows.

    \b
    Examples:
      runbook undo params/myhost.yml
      runbook undo params/myhost.yml --step allow_xl_by_sudo --mode apply
    """
    from runbook.cli.running import say_unsigned
    from runbook.controller.project import project
    from runbook.controller.signals import watching
    from runbook.evidence.record import Run
    from runbook.runner.way_back import go_back

    place = reports or project() / "reports"
    with watching() as stops:
        done = go_back(params, steps, mode, place, lambda line: click.echo(f"  {line}"), unsigned)
        if isinstance(done, Run):
            stops.ignore()  # the report is written; what is shown of it changes nothing
    if isinstance(done, Run):
        for name, status in done.steps.items():
            click.echo(f"{name}: {status}")
        if done.message:
            say(folded(done.message, hang=4), fg="red", err=True)
        say_unsigned(done)
        click.echo(str(done.index))
        click.get_current_context().exit(done.exit_code)
    _show(done)
    if done.whole.stops:
        click.get_current_context().exit(Refused.exit_code)


def _show(done: WayBack) -> None:
    """Print what would be taken back, step by step, and then in order."""
    from runbook.show.pieces import findings_text, indent

    if not done.parts:
        click.echo(
            "Nothing to take back: archived runs of this host changed nothing, or it was\ntaken back already."
        )
    for name, part in done.parts:
        click.echo(f"{name}:")
        for d in part:
            way = (
                d.back.title
                if d.back is not None
                else "none: it stays, as nothing needs to be taken back or nothing can be"
            )
            click.echo(f"  {d.title}\n    back: {way}")
    actions = done.whole.actions
    if done.whole.findings:
        click.echo(folded(findings_text(done.whole.findings), hang=4))
    if actions:
        click.echo(f"\nIn this order ({done.step.RISK}, digest {done.whole.digest()}):")
        for number, action in enumerate(actions, 1):
            click.echo(f"  {number}. {action.title}")
            if action.leaves:
                click.echo(indent(action.preview(done.facts)))
        if done.whole.stops:
            click.echo(folded(f"\nIt would be refused: {done.whole.stops[0].what}"))
        else:
            do = (
                "To do it"
                if done.is_real
                else "It is a recorded host, and stays as it is. To do it on a machine"
            )
            click.echo(f"\n{do}: the same with --mode apply")
