"""`runbook explain`: what an error's code, or a message of Xen's, means and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from runbook.help import Entry


@click.command(short_help="What an error or a message of Xen's means, and what to do.")
@click.argument("texts", nargs=-1, metavar="[CODE… | MESSAGE | -]")
def explain(texts: tuple[str, ...]) -> None:
    """Say what an error means and what to do: by its code, or by the message itself.

    Without an argument: the list of all codes. With `-` the text is read from standard input, such as a
    log of the host. The same texts are in docs/errors.md.

    \b
    Examples:
      runbook explain R501
      runbook explain "Looks like pciback driver is not loaded"
      ssh myhost cat /var/log/xen/xl-guest.log | runbook explain -
    """
    from runbook.documents.errors import plain
    from runbook.help import entries, explaining, find, is_code

    if not texts:
        _list(entries())
        return
    named = [entry for entry in entries() if entry.error and texts == (entry.error,)]
    if named:
        _list(named)
        return
    found: list[Entry | None] = [find(word) for word in texts]
    if not all(found) and all(map(is_code, texts)):
        _unknown(next(word for word, entry in zip(texts, found, strict=True) if not entry))
    if not all(found):
        text = sys.stdin.read() if texts == ("-",) else " ".join(texts)
        found = [*explaining(text)]
    if not found:
        _unknown(" ".join(texts))
    click.echo("\n\n".join(plain(entry) for entry in found if entry))


def _list(listed: Iterable[Entry]) -> None:
    parts = []
    for section, group in groupby(listed, key=lambda entry: entry.section):
        parts.append("\n".join((section, *(f"  {entry.code}  {entry.title}" for entry in group))))
    click.echo("\n\n".join(parts))


def _unknown(text: str) -> NoReturn:
    from runbook.errors import ParamsError
    from runbook.help import is_code, near

    known = "; ".join(f"{entry.code} {entry.title}" for entry in near(text))
    what = "No message in it is known" if text == "-" else f"There is no entry for '{text}'"
    if is_code(text):
        what = f"There is no code {text}"
    raise ParamsError(what, do=f"the nearest: {known}" if known else "the list of all: runbook explain")
