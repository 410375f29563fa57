"""What a command prints: `--json` and then nothing else on standard output, tables of 80 columns, and files, of which `-` is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook.controller.nearest_path import nearest_path
from runbook.errors import RunbookError
from runbook.text.folded import WIDTH, folded
from runbook.text.nearest import nearest

if TYPE_CHECKING:
    import pandas as pd

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for programs.")


STDOUT = Path("-")
_FURTHER_IN = " " * 5


class File(click.Path):
    """A file that a command writes, as a `Path`; `-` is `STDOUT` where a command `takes_stdout`, and refused elsewhere."""

    def __init__(self, *, takes_stdout: bool = False) -> None:
        super().__init__(dir_okay=False, path_type=Path, allow_dash=takes_stdout)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raises `click.BadParameter` for standard output where it is not taken."""
        if str(value) == str(STDOUT) and not self.allow_dash:
            self.fail("name a file; standard output is not taken", param, ctx)
        return super().convert(value, param, ctx)


class Folder(click.Path):
    """A folder that is there, as a `Path`; of one that is not it is asked which was meant, of those that have the file `holds`."""

    def __init__(self, holds: str = "") -> None:
        super().__init__(exists=True, file_okay=False, path_type=Path)
        self.holds = holds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raises `click.BadParameter` for what is no folder."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            meant = nearest_path(value, lambda path: path.is_dir() and (path / self.holds).exists())
            self.fail(f"{error.message.rstrip('.')}; {meant}" if meant else error.message, param, ctx)


def write_text(path: Path, text: str) -> None:
    """Write a text into a file in one move, or print it for `STDOUT`."""
    from runbook.controller.atomic import write_atomic

    if path == STDOUT:
        click.echo(text, nl=not text.endswith("\n"))
    else:
        write_atomic(path, text)


class Group(click.Group):
    """A group of commands that asks, of a command that is none, which was meant."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        return resolved(super().resolve_command, ctx, args)


def resolved(resolve: Any, ctx: click.Context, args: list[str]) -> Any:
    """Return what `resolve` makes of a command's words. Raises `click.UsageError` with the nearest name for none."""
    try:
        return resolve(ctx, args)
    except click.UsageError as error:
        group = ctx.command
        known = group.list_commands(ctx) if isinstance(group, click.Group) else []
        meant = nearest(args[0], known) if args else ""
        if not meant or args[0] in known:
            raise
        raise click.UsageError(f"{error.message.rstrip('.')}; {meant}", ctx) from None


def plan_text(text: str) -> str:
    """Return a step's plan whose sentences are folded; the files and commands in it, which stand further in, are as they are."""
    lines = text.rstrip().splitlines()
    return "\n".join(line if line.startswith(_FURTHER_IN) else folded(line) for line in lines)


def print_json(value: Any) -> None:
    """Print a value as JSON, the same way for every command; what is no value of JSON is printed as text."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(table: pd.DataFrame) -> None:
    """Print a table; columns that 80 do not hold come below it, with its first one anew."""
    text = table.to_string(line_width=WIDTH, index_names=False)
    click.echo("\n".join(line.rstrip(" \\") for line in text.splitlines()))


def explained(error: RunbookError) -> str:
    """Return an error with the code that `runbook explain` knows it by."""
    from runbook.help import hint

    return f"{error}{hint(type(error).__name__, str(error))}"
