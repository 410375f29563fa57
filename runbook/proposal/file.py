"""Where a new parameter file goes, and how it gets there: whole, and over another only when that was said."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from runbook import params as parameters
from runbook.controller.atomic import write_atomic
from runbook.controller.project import project
from runbook.errors import ParamsError
from runbook.params import HostParams, edit
from runbook.params.host import Local, Ssh, Stored

SCHEMA = "schema.json"
MODELINE = f"# yaml-language-server: $schema={SCHEMA}"
"""An editor with the YAML language server checks and completes what names it in a comment."""


def place(host: str, out: Path | None) -> Path:
    """Return the file of a new host: `out`, else `params/<host>.yml` of the project."""
    return out or project() / "params" / f"{host}.yml"


def prove_free(path: Path, *, force: bool) -> None:
    """Raise `ParamsError` when there is something at `path` already, unless `force` was said."""
    if os.path.lexists(path) and not force:
        raise ParamsError(
            f"{path} is there already",
            why="what somebody wrote into it would be lost",
            do="choose another name with --out, or say --force to write it anew",
        )


def becoming(become: str | None, password: str | None) -> dict[str, str]:
    """Return how to be root on a new host, of what was said about it; a password is for sudo."""
    given = {"become": become or ("sudo" if password else None), "become_password": password}
    return {key: value for key, value in given.items() if value}


def reached(to: str | None, how: dict[str, str]) -> Ssh | Local:
    """Return the way to a new host, to this machine for None. Raises `ParamsError` for one that no parameter file may say."""
    try:
        return Local.model_validate(how) if to is None else Ssh.model_validate({"to": to, **how})
    except ValidationError as error:
        problem = error.errors()[0]
        raise ParamsError(
            f"The host cannot be reached so: {'.'.join(map(str, problem['loc'])) or 'connection'}",
            why=problem["msg"].removeprefix("Value error, "),
            do="see `runbook new --help` for what is understood, and docs/parameters.md",
        ) from None


def described(host: str, connection: Ssh | Local | Stored) -> HostParams:
    """Return the parameters of a host of which nothing is known but its name and the way to it.

    Raises `ParamsError` for a name that no host can have.
    """
    try:
        return HostParams(host=host, connection=connection)
    except ValidationError as error:
        raise ParamsError(
            f"'{host}' cannot name the host",
            why=error.errors()[0]["msg"].removeprefix("Value error, "),
            do="give its short name, and how it is reached with --to, such as --to root@192.168.0.10",
        ) from None


def copied(text: str, host: str) -> str:
    """Return the text of a parameter file for a host of another name; all else stays as it is.

    A recorded host answers to the parameters that it was recorded with, so a file of one's own begins as a copy of those.
    """
    head = (
        f"# {host}: the recorded host under a name of your own, with the parameters that it was recorded with.\n"
        "# Change what you like: what the recording does not hold then, it says.\n"
    )
    body = text.removeprefix(f"{MODELINE}\n")
    return head + edit.put(body, ("host",), host)


def save(path: Path, text: str, *, force: bool) -> None:
    """Write the file, readable as it is or not at all, once it was proven to be right.

    Raises `ParamsError` when the text is no parameter file, or when something is there and `force` was
    not said.
    """
    try:
        parameters.loads(text, path)
    except ParamsError as error:
        raise ParamsError(
            f"What the machine says makes no parameter file, so {path} was not written",
            why="; ".join(f"{'.'.join(map(str, one.at)) or one.what}: {one.why}" for one in error.all),
            do="write it by hand, from params/example.yml, with what is named as the parameters take it; that `runbook new` "
            "did not leave it out is a fault of the runbook: report it with this message",
        ) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    if (path.parent / SCHEMA).exists():
        text = f"{MODELINE}\n{text}"
    try:
        write_atomic(path, text, is_new=not force)
    except FileExistsError:
        prove_free(path, force=force)
