"""`runbook new`: a first parameter file, read from the machine itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli.output import File
from runbook.cli.reach import CAPTURE, of_host
from runbook.text.folded import folded
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.proposal import Proposal


@click.command(short_help="Write a parameter file from what a machine says; change nothing on it.")
@click.argument("host", metavar="[USER@]HOST")
@click.option("--to", metavar="USER@HOST", help="How ssh reaches it; else root@HOST.")
@click.option("--local", is_flag=True, help="It is this very machine.")
@click.option(
    "--become", type=click.Choice(["none", "sudo"]), help="How to be root there; else none is needed."
)
@click.option("--become-password", metavar="REF", help="env:NAME, file:PATH, command:… or ask, for sudo.")
@click.option(
    "--pass", "devices", metavar="BDF", multiple=True, help="A guest shall have this device; again for more."
)
@click.option("--all", "takes_all", is_flag=True, help="Guests shall have every device that is offered.")
@click.option("--like", metavar="PARAMS", help="It is reached as the host of this parameter file is.")
@CAPTURE
@click.option("--out", type=File(), help="Write here; else params/HOST.yml.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def new(
    host: str,
    to: str | None,
    local: bool,
    become: str | None,
    become_password: str | None,
    devices: tuple[str, ...],
    takes_all: bool,
    like: str | None,
    capture: Path | None,
    out: Path | None,
    force: bool,
) -> None:
    """Look at a machine and write its parameter file, commented, as a start.

    The machine is read over one connection and nothing on it is changed. The file names its disks,
    network cards and memory, suggests dom0's memory and the bridges, and offers the PCI devices that
    guests can have, each group whole, with its ids; what cannot be had stands there too, with the reason.

    No device is taken from dom0 that you did not choose: an offer is a comment. Choose it by taking away
    its comment sign, by the form in JupyterLab (`book.form()`), or here by --pass with its address; what
    shares its IOMMU group or its card comes along. A device that dom0 needs is refused, with the reason.

    What a host has that people live on is written as it is, so that nothing of it is changed: its own
    bridges, cards in use, another system in the boot menu, and on one that runs Xen the boot words, the
    hidden devices and the guests. What no parameter can say is named in a comment and left alone.

    \b
    Examples:
      runbook new victory                            reached as root@victory
      runbook new victory --to root@192.168.0.10
      runbook new victory --pass 03:00.0             guests shall have that card
      runbook new ana@victory --become sudo          without root over ssh
      runbook new victory --local --become sudo --become-password ask
      runbook new demo --like params/example.yml     try it without a machine
      runbook new demo --capture FOLDER              what `survey --save` kept

    \b
    It is a start, not an answer: read it, add the guests, and look at
      runbook plan params/victory.yml
    """
    from runbook.captures.seen import see
    from runbook.hosts import connect
    from runbook.proposal import chosen, file, look, read, write

    params = of_host(host, to, local, become, become_password, like, capture)
    host, connection = params.host, params.connection
    path = file.place(host, out)
    file.prove_free(path, force=force)
    choice = chosen.choice(devices, takes_all=takes_all)
    was_there = path.exists()
    if like and connection.kind == "recorded" and not (devices or takes_all):
        _copy(like, host, path, force=force)
        return
    seen = read(see(capture).facts, choice) if capture else look(connect(params, "00_introduction"), choice)
    file.save(path, write(host, connection, seen), force=force)
    _tell(seen, path, was_there=was_there)
    for line in chosen.open_eyes(seen.groups, seen.chosen - seen.hidden):
        say(line, fg="yellow", err=True)
    if takes_all and not seen.chosen:
        say(
            "--all took nothing, for nothing is offered here: the file has the reason of each device",
            fg="yellow",
            err=True,
        )


def _copy(like: str, host: str, path: Path, *, force: bool) -> None:
    """Write the parameters of a recorded host under another name: what it answers, it answers to them."""
    from runbook.params import find
    from runbook.proposal import file

    was_there = path.exists()
    file.save(path, file.copied(find(like).read_text(encoding="utf-8"), host), force=force)
    note = f"{like} is a recorded host: this is a copy of it. Of a machine the file is written from what it says."
    click.echo(folded(note), err=True)
    _tell_written(path, was_there=was_there)


def _tell_written(path: Path, *, was_there: bool) -> None:
    click.echo(f"{'written over' if was_there else 'written'}; read it, then: runbook plan {path}", err=True)
    click.echo(str(path))


def _tell(seen: Proposal, path: Path, *, was_there: bool) -> None:
    from runbook.text.plural import plural

    about = [
        plural(len(seen.disks), "disk"),
        plural(len(seen.bridges), "bridge"),
        f"{plural(len(seen.chosen), 'device')} for guests, {seen.offered} more on offer",
    ]
    click.echo(f"read {seen.machine.system.hostname}: {', '.join(about)}", err=True)
    _tell_written(path, was_there=was_there)
