"""The manual page of `runbook`, made from the help of its commands, so that neither says what the other does not."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from runbook.controller import shipped
from runbook.text.roff import roff

_AS_IT_IS = "\b"
"""Before a paragraph: click does not wrap it."""


def page(main: click.Group) -> str:
    """Return the page runbook(1) in man(7)."""
    return "\n".join([*_head(main), *_commands(main), *_end(main), ""])


def _head(main: click.Group) -> Iterator[str]:
    yield f'.TH RUNBOOK 1 "" "xen-host-runbook {roff(shipped.version())}" "User Commands"'
    yield ".SH NAME"
    yield roff(
        "runbook - a Xen host that hands PCI devices to its guests: planned, installed, proved and kept"
    )
    yield ".SH SYNOPSIS"
    yield f".B runbook\n{roff('COMMAND [OPTION]... [ARGUMENT]...')}"
    yield ".SH DESCRIPTION"
    yield from _prose(main.help)
    yield ".SH COMMANDS"


def _commands(group: click.Group, before: str = "runbook") -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        path = f"{before} {name}"
        if isinstance(command, click.Group):
            yield from _commands(command, path)
            continue
        context = click.Context(command, info_name=path)
        yield f'.SS "{roff(path)}"'
        usage = " ".join(command.collect_usage_pieces(context))
        yield f".B {roff(path)}\n{roff(usage)}\n.PP"
        yield from _prose(command.help)
        for parameter in command.get_params(context):
            if (record := parameter.get_help_record(context)) and record[1]:
                yield f".TP\n.B {roff(record[0])}\n{roff(' '.join(record[1].split()))}"


def _end(main: click.Group) -> Iterator[str]:
    yield ".SH EXAMPLES AND EXIT STATUS"
    yield from _prose(main.epilog)
    yield ".SH SEE ALSO"
    yield roff("xl(1), xl.cfg(5), ssh_config(5); `runbook explain CODE` for an error or a message of Xen")


def _prose(text: str | None) -> Iterator[str]:
    """Yield the paragraphs of a help text; what click leaves as it is stays as it is."""
    for paragraph in inspect.cleandoc(text or "").split("\n\n"):
        if paragraph.startswith(_AS_IT_IS):
            yield f".PP\n.nf\n{roff(paragraph.removeprefix(_AS_IT_IS).strip(chr(10)))}\n.fi"
        elif paragraph.strip():
            yield f".PP\n{roff(' '.join(paragraph.split()))}"
