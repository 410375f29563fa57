"""Free room on the file systems that the steps write to."""

from __future__ import annotations

from runbook.model.ask import Ask, Facts

MIB = 1024 * 1024


def commands(*paths: str) -> tuple[Ask, ...]:
    """Return the question about the room at some paths."""
    return (Ask.run("df", "-B1", "--output=avail,file", *paths),)


def free_mib(facts: Facts, path: str, *paths: str) -> int | None:
    """Return the free MiB at `path`, None when the host could not say; `paths` as given to `commands`.

    >>> ask = commands("/boot")[0]
    >>> from runbook.model.ask import Answer
    >>> free_mib(Facts({ask: Answer(0, "     Avail File\\n885796864 /boot\\n")}), "/boot", "/boot")
    844
    """
    for line in facts[commands(*paths)[0]].out.splitlines():
        avail, _, file = line.strip().partition(" ")
        if file.strip() == path and avail.isdigit():
            return int(avail) // MIB
    return None
