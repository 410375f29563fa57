"""One command on a host, which has to succeed."""

from __future__ import annotations

import shlex

from runbook.errors import CommandFailed
from runbook.hosts.base import Host, OnLine


def command(
    host: Host,
    argv: tuple[str, ...],
    timeout_s: float,
    on_line: OnLine,
    stdin: bytes = b"",
    said_as: str = "",
) -> str:
    """Run one command and return both its streams.

    Raises `CommandFailed` with its last lines; `said_as` is what the message calls the command.
    """
    result = host.run(argv, stdin=stdin, timeout_s=timeout_s, on_line=on_line)
    said = result.out + result.err
    if result.status:
        tail = "\n".join(said.strip().splitlines()[-12:])
        raise CommandFailed(
            f"'{said_as or shlex.join(argv)}' ended with status {result.status}",
            where=host.describe,
            why=tail or "it said nothing",
            do="correct what it names, then run again: what is done is not done twice",
        )
    return said
