"""What a command prints for programs: `--json`, and then nothing else on standard output."""

from __future__ import annotations

from typing import Any

import click

from runbook.errors import RunbookError
from runbook.text.nearest import nearest

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for programs.")


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


def print_json(value: Any) -> None:
    """Print a value as JSON, the same way for every command; what is no value of JSON is printed as text."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def explained(error: RunbookError) -> str:
    """Return an error with the code that `runbook explain` knows it by."""
    from runbook.help import hint

    return f"{error}{hint(type(error).__name__, str(error))}"
