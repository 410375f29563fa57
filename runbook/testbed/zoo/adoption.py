"""The file that `new` wrote for a host that is lived in changes nothing there, but for what the file itself explains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runbook.runner.run import Run
from runbook.testbed.proving import say
from runbook.testbed.remote import must


def prove(done: Run, file: Path, explained: Mapping[str, str]) -> None:
    """Raise `CheckFailed` unless the plan `done` of the file, as it was written, acts in just those steps.

    `explained` has for each step with something to do the words by which the file says so.
    """
    must(
        not done.exit_code,
        "The plan of the file that `new` wrote is refused",
        f"{done.folder}: {done.message}",
    )
    acts = {end.step for book in done.record.notebooks for end in book.steps if end.actions}
    text = read(file.read_text(encoding="utf-8"))
    unsaid = sorted(step for step in acts if explained.get(step, "\n") not in text)
    idle = sorted({*explained} - acts)
    must(
        not unsaid and not idle,
        "The file that `new` wrote does not say what would change, or more than that",
        f"not explained: {', '.join(unsaid) or 'none'}; explained, and nothing to do: {', '.join(idle) or 'none'}; "
        f"{done.folder}",
        "let `new` write what the host has, or say in the file what will be another",
    )
    say(
        f"the plan of what `new` wrote changes nothing but what the file explains: {', '.join(sorted(acts)) or 'nothing'}"
    )


def read(text: str) -> str:
    """Return what a file says as a person reads it: its lines are joined, without the signs of a comment.

    >>> read("# It writes its\\n# own files\\nhost: a\\n")
    'It writes its own files host: a'
    """
    return " ".join(line.strip().lstrip("#").strip() for line in text.splitlines()).strip()
