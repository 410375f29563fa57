"""`runbook explain`: what an error's code, or a message of Xen's, means and what to do about it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, NoReturn

import click

from runbook.cli.output import AS_JSON, print_json
from runbook.text.folded import folded
from runbook.text.plural import plural

if TYPE_CHECKING:
    from runbook.help import Entry, Reading

_COMPLAINS = re.compile(
    r"error|fail|cannot|can't|could not|couldn't|unable|denied|refuse|invalid|panic|fault|crash", re.I
)
_SHOWN = 8
"""How many lines that are not known are shown."""
_WHAT_NOW = (
    "it is not known, and not guessed: the first line in a log that complains is more often the cause than the last. Give all of it "
    "to `runbook explain -`: /var/log/xen/xl-NAME.log and qemu-dm-NAME.log, `xl dmesg`, `journalctl -k -b`. The list of what is "
    "known: runbook explain"
)


@click.command(short_help="What an error or a message of Xen's means, and what to do.")
@click.argument("texts", nargs=-1, metavar="[CODE… | MESSAGE | -]")
@AS_JSON
def explain(texts: tuple[str, ...], as_json: bool) -> None:
    """Say what an error means and what to do: by its code, or by the message itself.

    Without an argument: the list of all codes. With `-` the text is read from standard input, such as a
    log of the host: how many of its lines are known is said first, and the cause stands before what
    follows from it. The same texts are in docs/errors.md.

    \b
    Examples:
      runbook explain R501                 or 501
      runbook explain "Looks like pciback driver is not loaded"
      ssh myhost cat /var/log/xen/xl-guest.log | runbook explain -
    """
    from runbook.documents.errors import plain
    from runbook.help import entries, find, is_code

    if as_json:
        _as_json(texts)
        return
    if not texts:
        _list(entries())
        return
    named = [entry for entry in entries() if entry.error and texts == (entry.error,)]
    if named:
        _list(named)
        return
    found = [find(word) for word in texts]
    if all(found):
        click.echo(folded("\n\n".join(plain(entry) for entry in found if entry), hang=0))
        return
    if all(map(is_code, texts)):
        _unknown(next(word for word, entry in zip(texts, found, strict=True) if not entry))
    _text(sys.stdin.read() if texts == ("-",) else " ".join(texts), is_log=texts == ("-",))


def _as_json(texts: tuple[str, ...]) -> None:
    """Print the entries of codes or of an error's class, of a message or a log; all without a text."""
    from dataclasses import asdict

    from runbook.help import entries, find, is_code, read

    listed = [entry for entry in entries() if not texts or texts == (entry.error,)]
    if not listed and all(map(is_code, texts)):
        for word in texts:
            if not find(word):
                _unknown(word)
        listed = [entry for word in texts if (entry := find(word))]
    if listed:
        print_json([asdict(entry) for entry in listed])
        return
    reading = read(sys.stdin.read() if texts == ("-",) else " ".join(texts))
    known = [asdict(entry) | {"role": entry.role, "lines": count} for entry, count in reading.known]
    print_json({"lines": reading.lines, "known": known, "unknown": list(reading.unknown)})


def _text(text: str, *, is_log: bool) -> None:
    """Print what of a message or a log is known, the cause first; raise `ParamsError` when nothing is."""
    from runbook.documents.errors import plain
    from runbook.help import read

    reading = read(text)
    if not reading.known:
        _unknown("-" if is_log else text)
    if reading.lines > 1:
        click.echo(folded(summary(reading)) + "\n")
    click.echo(folded("\n\n".join(plain(entry) for entry, _ in reading.known), hang=0))
    complaints = [line.strip() for line in reading.unknown if _COMPLAINS.search(line)]
    if complaints:
        click.echo("\nNot known, and they complain; what they mean is not guessed")
        click.echo("\n".join(f"  {line[:160]}" for line in complaints[:_SHOWN]))
        if len(complaints) > _SHOWN:
            click.echo(f"  and {len(complaints) - _SHOWN} more")


def summary(reading: Reading) -> str:
    """Return in one line how much of a log is known.

    >>> from runbook.help import read
    >>> summary(read("a\\nlibxl: error: unable to add pci devices\\nqemu refused to add device: 0000:01:00.0\\n"))
    '3 lines: 2 known (1 the cause, 1 that follows from it), 1 not known'
    """
    told = {"cause": "the cause", "consequence": "that follows from it", "remark": "only a remark"}
    counts = {role: reading.count(role) for role in told}
    parts = ", ".join(f"{n} {told[role]}" for role, n in counts.items() if n)
    return f"{plural(reading.lines, 'line')}: {sum(counts.values())} known ({parts}), {len(reading.unknown)} not known"


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
    raise ParamsError(what, do=f"the nearest: {known}" if known else _WHAT_NOW)
