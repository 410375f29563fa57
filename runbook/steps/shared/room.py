"""Whether there is room for what a step writes: said before it begins, because a full disk leaves half of it."""

from __future__ import annotations

from runbook.facts import space
from runbook.facts.packages import DOWNLOADS
from runbook.model.ask import Facts
from runbook.model.plan import Finding

UNPACKED = 10
"""How much larger than its download a package is at most, once it is unpacked."""


def lacking(facts: Facts, path: str, need_mib: int, what: str) -> list[Finding]:
    """Return a refusal when there is too little room for something, none when the host cannot say."""
    free = space.free_mib(facts, path)
    if free is None or free >= need_mib:
        return []
    more = (
        "remove kernels that are not used (`apt-get autoremove`)"
        if path == "/boot"
        else f"make room there (`df -h {path}`, `apt-get clean`)"
    )
    return [
        Finding(
            "refuse",
            f"{path} has {free} MiB free; about {need_mib} MiB are needed",
            f"for {what}; a disk that fills up half way leaves half of it",
            f"{more}, then run again",
        )
    ]


def for_packages(facts: Facts, download_bytes: int) -> list[Finding]:
    """Return where the room for a download of packages, or for what is in them, is missing."""
    mib = -(-download_bytes // space.MIB)
    return [
        *lacking(facts, DOWNLOADS, mib, "the downloaded packages"),
        *lacking(facts, "/usr", mib * UNPACKED, "the unpacked packages"),
    ]
