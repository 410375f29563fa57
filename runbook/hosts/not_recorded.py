"""The errors of a replay: what a recording does not hold, and the next move.

With RUNBOOK_AUTHOR in the environment they also show the difference, and how a new recording is made.
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runbook.errors import NotRecorded
from runbook.model.ask import Ask

_OTHERWISE = "for anything else name a machine under `connection` in the parameters"
_ORDER = (
    "play it from its beginning, with the parameters that the recording was made with: in JupyterLab "
    "Run ▸ Run All Above Selected Cell"
)
_RENEW = (
    "if the change is meant: `make record STEP=…` records the step anew on the testbed, `make record` all"
)
_LONGEST = 100
"""Characters of a question, or of what was to be done, in a message: some are scripts of many lines."""


def notebook(recording: Path, name: str) -> NotRecorded:
    """Return the error for a notebook of which there is no recording."""
    return NotRecorded(
        f"There is no recording of {name}",
        where=str(recording),
        why="a replay plays the notebooks that were recorded, and nothing else",
        do=_next_move(_OTHERWISE),
    )


def question(ask: Ask, known: Iterable[str], where: str) -> NotRecorded:
    """Return the error for a question that has no answer; `known` are those that have one."""
    near = difflib.get_close_matches(ask.key, known, n=1, cutoff=0) if is_author() else []
    return NotRecorded(
        f"The recorded host was never asked: {_short(ask.key)}",
        where=where,
        why="a replay knows only what was asked with the parameters that it was recorded with"
        + (f"\nthe nearest that it was asked: {near[0]}" if near else ""),
        do=_next_move(f"give these parameters back what you changed; {_OTHERWISE}"),
    )


def deed(recorded: dict[str, Any], wanted: dict[str, Any], where: str, on_its_own: str) -> NotRecorded:
    """Return the error for something that is to be done and is not what was done next; `on_its_own` is how all of it is played."""
    why = f"next in the recording: {_named(recorded)}; asked for now: {_named(wanted)}"
    if _named(recorded) == _named(wanted):
        why += ", with another content"
    if is_author():
        diff = difflib.unified_diff(
            _lines(recorded), _lines(wanted), "recorded", "asked now", lineterm="", n=2
        )
        why = "\n".join((why, *diff))
    return NotRecorded(
        "The recorded host was asked to do something else than what was recorded",
        where=where,
        why=why,
        do=_next_move(f"{_ORDER}; {on_its_own}"),
    )


def is_author() -> bool:
    """Return whether who works here makes the recordings too, and wants to see what differs."""
    return bool(os.environ.get("RUNBOOK_AUTHOR"))


def _next_move(move: str) -> str:
    return f"{move}; {_RENEW}" if is_author() else move


def _short(text: str) -> str:
    first, more, _ = text.partition("\n")
    return f"{first[:_LONGEST]} …" if more or len(first) > _LONGEST else first


def _named(exchange: dict[str, Any]) -> str:
    """Return in a few words what is to be done.

    >>> _named({"write": "/etc/hosts", "content": "127.0.0.1"}), _named({"run": ["rm", "-f", "x"]}), _named({})
    ('write /etc/hosts', 'run rm -f x', 'the recording ends here')
    """
    if not exchange:
        return "the recording ends here"
    kind = next(kind for kind in ("run", "write", "put", "reboot", "reconnect") if kind in exchange)
    value = exchange[kind]
    if kind == "reboot":
        return "restart"
    if kind == "put":
        return _short(f"copy {exchange['what']} to {value}")
    return _short(f"{kind} {shlex.join(value) if isinstance(value, list) else value}")


def _lines(exchange: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for key, value in sorted(exchange.items()):
        text = value if isinstance(value, str) else json.dumps(value)
        lines += [f"{key}: {text}"] if "\n" not in text else [f"{key}:", *text.splitlines()]
    return lines or ["(the recording ends here)"]
