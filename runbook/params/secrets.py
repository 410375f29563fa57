"""Secrets by reference: the parameters say where one is, and it is fetched only where it is used."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel

from runbook.controller.allowed import Program, require
from runbook.errors import ParamsError
from runbook.params.files import UnfitFile, read_small
from runbook.redaction import KNOWN, LEAST, learn

TIMEOUT_S = 60
LARGEST = 64 * 1024
"""Bytes of a file that holds a secret in its first line."""
#: The kinds of password hash that are worth using today (crypt(5)).
HASH = re.compile(r"\$(?:y|gy|7|6|5|2[aby])\$[./A-Za-z0-9$=,]{20,}")


class SecretGiven(ValueError):
    """A parameter that ought to refer to a secret may be the secret itself, so it must not be shown."""


def reference(text: str) -> str:
    """Return a reference to a secret, or nothing. Raises `SecretGiven` for anything else.

    >>> reference("env:ROOT_HASH")
    'env:ROOT_HASH'
    """
    if text and not re.match(r"(?:env|file|command):.", text):
        raise SecretGiven(
            "a secret does not belong in a parameter file; write where it is: env:NAME, file:PATH or command:…"
        )
    return text


SecretReference = Annotated[str, AfterValidator(reference)]
TYPED = "ask"
"""What stands in the place of a reference to a secret that a person types."""


def password_reference(text: str) -> str:
    """Return a reference to a password, `ask` for one that is typed, or nothing. Raises `SecretGiven` for anything else."""
    return text if text == TYPED else reference(text)


PasswordReference = Annotated[str, AfterValidator(password_reference)]


def resolve(reference: str) -> str:
    """Return the secret behind `env:NAME`, `file:PATH` or `command:…`: its first line.

    From then on it is masked in all that is written (`runbook.redaction`); one that is too short to be
    masked is refused. Raises `ParamsError`; no message ever holds what was found.

    >>> os.environ["EXAMPLE_SECRET"] = "correct horse"
    >>> resolve("env:EXAMPLE_SECRET")
    'correct horse'
    """
    return _learnt(reference, _fetched(reference))


def password(reference: str) -> str:
    """Return the password behind a reference as `resolve` does, with the spaces that it may begin or end with."""
    return _learnt(reference, _fetched(reference, is_exact=True))


def mask_known_secrets(params: BaseModel) -> None:
    """Mask what parameters refer to before it is used, where a look has no effect: variables and files.

    A command is run when its value is needed, and not before. What cannot be had is no error here.
    """
    for reference in _references(params):
        kind, _, path = reference.partition(":")
        if kind == "env" or (kind == "file" and Path(path).expanduser().is_file()):
            with suppress(ParamsError):
                learn(reference, _fetched(reference))


def password_hash(reference: str) -> str:
    """Return a password's hash, and nothing that could be the password itself.

    Raises `ParamsError` for anything that crypt(5) does not call a strong hash.
    """
    value = _fetched(reference)
    learn(reference, value)
    if not HASH.fullmatch(value):
        raise ParamsError(
            f"{reference} does not hold the hash of a password",
            why="it must begin with $y$, $6$ or another strong method of crypt(5); a plain password is never used",
            do="make one with `mkpasswd -m yescrypt` or `openssl passwd -6`, which ask for the password",
        )
    return value


def commands(params: BaseModel) -> Iterator[Program]:
    """Yield the commands that secrets of parameters come from."""
    for reference in _references(params):
        kind, _, command = reference.partition(":")
        if kind == "command":
            yield _program(command)


def _program(command: str) -> Program:
    """Return a secret's command as a program: it is the same one, whichever parameter names it."""
    return Program("a secret", f"sh -c: {command}")


def _references(model: BaseModel) -> Iterator[str]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if any(getattr(about, "func", None) in (reference, password_reference) for about in field.metadata):
            yield from (said for said in [value] if said not in ("", TYPED))
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, BaseModel):
                yield from _references(inner)


def _learnt(reference: str, value: str) -> str:
    if not learn(reference, value):
        raise _wrong(
            reference, f"it is shorter than {LEAST} characters, which no report could keep to itself"
        )
    return value


def _fetched(reference: str, *, is_exact: bool = False) -> str:
    kind, _, rest = reference.partition(":")
    text = {"env": _of_environment, "file": _of_file, "command": _of_command}.get(kind, _unknown)(rest)
    if not (value := text.partition("\n")[0].removesuffix("\r") if is_exact else _first_line(text)):
        raise _wrong(reference, "it is empty")
    return value


def _first_line(text: str) -> str:
    return next(iter(text.splitlines()), "").strip()


def _of_environment(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise _wrong(f"env:{name}", "the environment has no such variable") from None


def _of_file(path: str) -> str:
    try:
        return read_small(Path(path).expanduser(), LARGEST)
    except UnfitFile as error:
        raise _wrong(f"file:{path}", error.why) from None


def _of_command(command: str) -> str:
    require([_program(command)])
    try:
        done = subprocess.run(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _wrong(f"command:{command}", f"it did not end within {TIMEOUT_S} s") from None
    if done.returncode:
        learn(f"command:{command}", _first_line(done.stdout))  # it may say it again, in its complaint
        said = KNOWN.text(done.stderr).strip()[-300:]
        raise _wrong(f"command:{command}", f"it ended with {done.returncode}: {said}")
    return done.stdout


def _unknown(_: str) -> str:
    raise ParamsError(
        "A secret is not given as a reference", do="write where it is: env:NAME, file:PATH or command:…"
    )


def _wrong(reference: str, why: str) -> ParamsError:
    return ParamsError(
        f"The secret at {reference} cannot be had", why=why, do="put it there, or correct the reference"
    )
