"""How a machine is named on the command line when there is no parameter file yet; and a capture in its place."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook.cli.output import Folder
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.params import HostParams

SILENT_S = 2.0
"""From how many seconds on a person is told what is waited for."""
CAPTURE = click.option(
    "--capture",
    type=Folder(holds="capture.json"),
    metavar="FOLDER",
    help="Look at this capture in place of the host (`runbook survey --save`); no machine is reached. "
    'A mistyped one is answered with "did you mean …?".',
)


def ways(function: Any) -> Any:
    """Add the options that say how a machine is reached."""
    for option in (
        click.option("--like", metavar="PARAMS", help="It is reached as the host of this parameter file is."),
        click.option(
            "--become-password", metavar="REF", help="env:NAME, file:PATH, command:… or ask, for sudo."
        ),
        click.option(
            "--become", type=click.Choice(["none", "sudo"]), help="How to be root there; else none is needed."
        ),
        click.option("--local", is_flag=True, help="It is this very machine."),
        click.option("--to", metavar="USER@HOST", help="How ssh reaches it; else root@HOST."),
    ):
        function = option(function)
    return function


def of_host(
    host: str,
    to: str | None,
    local: bool,
    become: str | None,
    become_password: str | None,
    like: str | None,
    capture: Path | None = None,
) -> HostParams:
    """Return the parameters of a host of which only its name and the way to it are known.

    Raises `click.UsageError` for ways that exclude each other, `ParamsError` for one that no parameter file may say.
    """
    from runbook.captures.seen import shortest
    from runbook.params import load
    from runbook.params.host import Captured
    from runbook.proposal import file

    if sum(map(bool, (to, local, like, capture))) > 1:
        raise click.UsageError("--to, --local, --like and --capture exclude each other")
    if (like or capture) and (become or become_password):
        raise click.UsageError(
            "--like and --capture say how to be root, too: leave out --become and --become-password"
        )
    if capture:
        return file.described(host, Captured(folder=shortest(capture)))
    if like:
        return file.described(host, load(like).connection)
    if "@" in host and not local:
        to, host = to or host, host.rpartition("@")[2].partition(".")[0]
    how = file.becoming(become, become_password)
    return file.described(host, file.reached(None if local else to or f"root@{host}", how))


@contextmanager
def patience(what: str) -> Iterator[None]:
    """Say on standard error what is waited for, once it takes more than two seconds."""
    timer = threading.Timer(SILENT_S, say, (f"{what} …",), {"err": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
