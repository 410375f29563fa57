"""Free room on the file systems that the steps write to."""

from __future__ import annotations

from runbook.model.ask import Ask, Facts

MIB = 1024 * 1024


def commands(*paths: str) -> tuple[Ask, ...]:
    """Return the questions about the room at some paths."""
    return tuple(Ask.run("df", "-B1", "--output=avail", path) for path in paths)


def free_mib(facts: Facts, path: str) -> int | None:
    """Return the free MiB at a path, None when the host could not say.

    >>> from runbook.model.ask import Answer
    >>> free_mib(Facts({commands("/boot")[0]: Answer(0, "     Avail\\n885796864\\n")}), "/boot")
    844
    """
    words = facts[commands(path)[0]].out.split()
    return int(words[-1]) // MIB if words and words[-1].isdecimal() else None
