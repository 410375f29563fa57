"""`runbook survey --share` and `--known`: records of what was proved on machines, written and read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook.cli.output import Folder
from runbook.text.plural import plural
from runbook.text.printable import printable
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.shares.known import Known


def options(function: Any) -> Any:
    """Add the options that write and read records."""
    folder = click.Path(file_okay=False, path_type=Path)
    for option in (
        click.option(
            "--known",
            type=Folder(),
            metavar="FOLDER",
            multiple=True,
            help="Say what the records in this folder proved of the same cards, too.",
        ),
        click.option(
            "--reports",
            type=folder,
            envvar="RUNBOOK_REPORTS",
            help="With --share: where reports are kept. [default: $RUNBOOK_REPORTS, else reports/ of the project]",
        ),
        click.option(
            "--share",
            type=folder,
            metavar="FOLDER",
            help="Write into FOLDER what the reports proved on this machine, as a record that names nobody.",
        ),
    ):
        function = option(function)
    return function


def share(host: str, folder: Path, reports: Path | None, *, force: bool) -> None:
    """Write the record of a host's machine, show all of it, and say what did not go into it."""
    from runbook.attestation import keys
    from runbook.controller.project import project
    from runbook.shares import made

    key = keys.operator()
    found = made.make((reports or project() / "reports").absolute() / host)
    path = made.save(folder, found.record, key, force=force)
    click.echo(found.record.model_dump_json(indent=2))
    for note in found.notes:
        say(note, fg="yellow", err=True)
    count = found.record.proved
    if not count:
        say(
            "no report proves anything of a device: the record says what the machine is, and that",
            fg="yellow",
            err=True,
        )
    if key is None:
        say(
            "it is not signed, and counts as that where it is read; a key is made by: runbook report key",
            fg="yellow",
            err=True,
        )
    by = f", signed by {key.public.fingerprint}" if key else ""
    say(
        f"record: {printable(path)}, {plural(count, 'device')} proved{by}. What it says stands above: look before you hand it on",
        err=True,
    )


def known(folders: tuple[Path, ...]) -> Known:
    """Return the records of these folders and of the project, and say which files do not count."""
    from runbook.shares import known as records

    found = records.load(records.OWN, *folders)
    for line in found.refused:
        say(line, fg="yellow", err=True)
    if folders:
        say(f"records of {plural(len(found.kept), 'machine')} are read; they change no verdict", err=True)
    return found
