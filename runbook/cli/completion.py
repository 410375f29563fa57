"""`runbook completion`: what bash, zsh, fish and man(1) read about this command, put where they look."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem, get_completion_class

PLACES = {
    "bash": "bash-completion/completions/runbook",
    "zsh": "zsh/site-functions/_runbook",
    "fish": "fish/vendor_completions.d/runbook.fish",
}
"""Of each shell, its file below `$XDG_DATA_HOME`: bash-completion and fish look there by themselves."""
MANUAL = "man/man1/runbook.1"
VARIABLE = "_RUNBOOK_COMPLETE"


@click.command(short_help="Let the shell complete this command, and bring its manual page.")
@click.pass_context
def completion(ctx: click.Context) -> None:
    """Put completion for bash, zsh and fish, and the manual page runbook(1), where your shells and man(1) look.

    All are files below ~/.local/share (or $XDG_DATA_HOME), and nothing else is touched: to be rid of them,
    remove the files that the command names. Run it again after an upgrade.

    A new shell then completes commands, options, parameter files, notebooks and steps. For bash the package
    bash-completion has to be there, as it is on most desktops; zsh has to be told the folder, once. man(1)
    finds the page where ~/.local/bin is in PATH.

    \b
    Example:
      runbook completion
    """
    from runbook.cli.manual import page
    from runbook.controller.atomic import write_atomic

    main = ctx.find_root().command
    assert isinstance(main, click.Group)
    home = data_home()
    files = {home / place: script(main, shell) for shell, place in PLACES.items()}
    for path, text in (files | {home / MANUAL: page(main)}).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text)
        click.echo(str(path))
    folder = (home / PLACES["zsh"]).parent
    click.echo("Open a new shell. zsh needs this line in ~/.zshrc, before `compinit`:", err=True)
    click.echo(f"  fpath=({folder} $fpath)", err=True)
    click.echo("man(1) finds the page where ~/.local/bin is in PATH.", err=True)


def data_home() -> Path:
    """Return the folder of a user's own data, as the XDG base directory specification has it."""
    named = os.environ.get("XDG_DATA_HOME", "")
    return Path(named) if named.startswith("/") else Path.home() / ".local" / "share"


def script(main: click.Group, shell: str) -> str:
    """Return the completion script of a shell."""
    kind = get_completion_class(shell)
    assert kind is not None
    complete = kind(main, {}, "runbook", VARIABLE)
    return complete.source_template % complete.source_vars()


class _Names(click.ParamType):  # type: ignore[type-arg]  # click 8.1 has no arguments
    """Text that is one of some names, which the shell is told; what is typed is judged by the command itself."""

    name = "text"

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        return [CompletionItem(name) for name in self._names() if name.startswith(incomplete)]


def teach(group: click.Group) -> None:
    """Let the shell complete what every command has: parameter files, notebooks, and steps."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            teach(command)
        for parameter in command.params:
            if parameter.type is click.STRING and (kind := _KINDS.get(parameter.name or "")):
                parameter.type = kind


def _notebooks() -> list[str]:
    from runbook.controller.project import PATTERN, project
    from runbook.errors import RunbookError

    try:
        return sorted(path.stem for path in (project() / "notebooks").glob(PATTERN))
    except RunbookError:
        return []


def _steps() -> list[str]:
    from runbook.params.here import step_names

    return step_names()


_KINDS: dict[str, Any] = {
    "params": click.Path(),
    "like": click.Path(),
    "only": _Names(lambda: [*_notebooks(), *_steps()]),
    "start": _Names(_notebooks),
    "step": _Names(_steps),
    "steps": _Names(_steps),
}
