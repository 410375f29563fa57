"""`runbook rehearse`: the whole runbook on a virtual PC like a person's host, with their own parameters, before the host is touched."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli.reach import CAPTURE, patience
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.evidence.rehearsals import Rehearsal
    from runbook.rehearsal.described import Twin
    from runbook.rehearsal.looked import Looked


@click.command(short_help="Try it all on a virtual PC like your host first.")
@click.argument("params", metavar="[PARAMS]", default="")
@CAPTURE
@click.option(
    "--describe", is_flag=True, help="Show what would be built, and what it cannot be like; build nothing."
)
@click.option(
    "--to",
    metavar="STEP",
    default="",
    help="Stop behind this step; neither check nor undo is tried then, and no consent comes of it.",
)
@click.option("--keep", is_flag=True, help="Leave the virtual PC running afterwards.")
@click.option(
    "--break", "broken", metavar="WHAT", default="", help="Break power@STEP, network or xen once, and see."
)
@click.option(
    "--fresh", is_flag=True, help="Begin with empty disks, and not where an earlier rehearsal serves."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def rehearse(
    params: str,
    capture: Path | None,
    describe: bool,
    to: str,
    keep: bool,
    broken: str,
    fresh: bool,
    quiet: bool,
) -> None:
    """Run everything on a virtual PC that is made like your host, and touch the host with one look at most.

    The look asks what a capture holds: disks, cards, packages, files of /etc. A virtual PC is built from that, with disks of
    the same sizes (they take only what is written), the same partitions, volumes and file systems, the same addresses and
    names of cards, and its network as the host sees it; a stand-in of its class is at the address of each card that guests
    are to have. There all notebooks run in mode apply with your parameters, then a check, then undo, and the PC is compared
    with what it was. Nothing of that reaches your host, or anybody else: the PC's networks lead nowhere, apt alone gets to
    this computer's package sources, secrets that are recognised are digests, your own timers and services stay away.

    \b
    Examples:
      runbook rehearse params/myhost.yml --describe        what would be built?
      runbook rehearse params/myhost.yml                   all of it
      runbook rehearse params/myhost.yml --to configure_bridges --keep
      runbook rehearse params/myhost.yml --break network   and if the cable goes?
      runbook rehearse --capture FOLDER                    without the host

    With --to it stops behind a step, without check and undo; that is no whole rehearsal, and nothing is agreed to by it.

    It ends with one page: what the virtual PC could not be like, how each step ended, how long each disruptive moment
    was, what changed, and what undo left. Without hardware help the first one takes about as long as a coffee and a
    meal; a second begins at the first notebook that a changed parameter touches.

    The plan of your host then says of each step whether this very plan was rehearsed. `consent: rehearsed` in the
    parameters lets disruptive steps run unattended exactly then; never what destroys data, and never after a rehearsal
    from a capture, which names no host.

    Exit codes are those of a run: 0 when all was held, 3 when a step refused.
    """
    from runbook.rehearsal import breaking, looked, notebooks
    from runbook.rehearsal.described import describe as make

    if not params and not capture:
        raise click.UsageError("name the host's parameters, or a capture with --capture FOLDER")
    if broken and to:
        raise click.UsageError("--break belongs to a whole rehearsal: leave --to out")
    if broken:
        breaking.step_of(broken)
    notebooks.home_of(to)
    if capture:
        seen = looked.at_capture(Path(params) if params else None, capture)
    else:
        with patience("looking at the host, once"):
            seen = looked.at_host(Path(params))
    twin = make(seen.facts, seen.params, [] if describe else looked.sources_of(_release(seen)))
    _say_unlike(twin)
    if describe:
        _describe(twin)
        return
    done, page = _played(seen, twin, to=to, broken=broken, fresh=fresh, keep=keep, quiet=quiet)
    _show(done, page)
    click.get_current_context().exit({"held": 0, "refused": 3, "interrupted": 130}.get(done.outcome, 1))


def _release(seen: Looked) -> str:
    from runbook.facts import system

    return "bookworm" if system.parse(seen.facts).codename == "bookworm" else "trixie"


def _played(
    seen: Looked, twin: Twin, *, to: str, broken: str, fresh: bool, keep: bool, quiet: bool
) -> tuple[Rehearsal, Path]:
    """Return the rehearsal and its page; only one at a time runs on this controller."""
    from runbook.cli.progress import Plain, Progress
    from runbook.controller.locks import locked
    from runbook.controller.private import made_private
    from runbook.errors import HostError
    from runbook.evidence import rehearsals
    from runbook.rehearsal import building
    from runbook.rehearsal.playing import Play

    top = building.folder(seen.params.host).parent
    made_private(top)
    with locked(top, wait=False) as is_mine:
        if not is_mine:
            raise HostError(
                "Another rehearsal is under way",
                where=str(top),
                why="two virtual PCs at once would take each other's memory and time",
                do="wait for it, or end it where it runs; rehearse elsewhere: RUNBOOK_TESTBED_DIR=/elsewhere runbook rehearse …",
            )
        if twin.description.pc is not None:
            building.require_room(twin.description.pc, top)
        tell = (lambda _: None) if quiet else (lambda text: say(f"rehearsal: {text}", err=True))
        with Progress() if quiet else Plain(sys.stderr) as progress:
            play = Play(seen, twin, tell, progress.event, to=to, broken=broken, again=fresh, keep=keep)
            done = play.carry_out()
        place = rehearsals.top() / seen.params.host / done.made.replace(":", "").replace("+0000", "Z")
        return done, rehearsals.save(done, place)


def _say_unlike(twin: Twin) -> None:
    say("It is not your host. What differs, as far as is known:")
    for clause in twin.unlike:
        say(f"  {clause}")


def _describe(twin: Twin) -> None:
    """Print the description as the YAML of a machine, and what is carried into it by name."""
    from runbook.proposal.commented import dump

    values = twin.description.model_dump(mode="json", exclude_defaults=True)
    say("")
    say(dump(values).rstrip())
    say(
        f"# carried: {len(twin.files.carried)} files, {len(twin.files.links)} links; taken away: {len(twin.files.gone)}"
    )
    for file in sorted(twin.files.carried, key=lambda f: f.path):
        say(f"#   {file.path}")


def _show(done: Rehearsal, page: Path) -> None:
    from runbook.text.plural import plural

    bad = [step for step in done.steps if step.status not in ("unchanged", "changed", "skipped")]
    for step in bad:
        say(f"{step.notebook}  {step.step}: {step.status}: {step.message}", fg="red", err=True)
    if done.why:
        say(f"\n{done.why}", fg="red", err=True)
    until = f" until {done.to}, which is not a whole rehearsal" if done.to else ""
    held = (
        f"All was held{until}: {plural(len(done.steps), 'step')}"
        if done.outcome == "held"
        else f"It {done.outcome} at {done.at}"
    )
    back = (
        "undo was not tried"
        if done.left is None
        else "undo left something"
        if done.left
        else "undo returned all"
    )
    say(
        f"{held}; {back}; {sum(done.minutes.values()):.0f} minutes.",
        fg="green" if done.outcome == "held" else "red",
    )
    click.echo(str(page))
