"""The program that the host keeps to make, verify and restore backups, and how it is called."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from runbook.actions import Run, WriteFile
from runbook.model.ask import Ask, Facts

PROGRAM = "/usr/local/lib/xen-runbook/backup"
"""Where the host keeps it."""
BLOCKS = "/usr/local/lib/xen-runbook/blocks"
"""Where the host keeps the part of it that moves bytes."""
STATE = "/var/lib/xen-runbook/backups"
"""Where the host notes what was verified and what was restored."""
TIMEOUT_S = 24 * 3600
"""How long one backup, verification or restore may take."""

COMMANDS = (Ask.read(PROGRAM), Ask.read(BLOCKS))


@cache
def text_of(path: str) -> str:
    """Return what a program has to say on the host."""
    source = {PROGRAM: "backup.sh", BLOCKS: "blocks.pl"}[path]
    return (files("runbook.backups") / source).read_text(encoding="utf-8")


def install(facts: Facts) -> tuple[WriteFile, ...]:
    """Return what puts the program on the host, nothing when it is there as it should be."""
    return tuple(
        WriteFile(path, text_of(path), mode="0755")
        for path in (PROGRAM, BLOCKS)
        if facts.text(path) != text_of(path)
    )


def make(guest: str, volume: str, folder: str, content: str, source: str) -> Run:
    """Return the making of a backup.

    >>> make("comm", "/dev/guests/comm", "/srv/backups", "used-blocks", "off").argv[1:]
    ('make', 'comm', '/dev/guests/comm', '/srv/backups', 'used-blocks', 'off')
    """
    return Run((PROGRAM, "make", guest, volume, folder, content, source), _why(guest, content), TIMEOUT_S)


def verify(folder: str, name: str) -> Run:
    """Return the verification of a backup: every byte of it is read, nothing is restored."""
    return Run(
        (PROGRAM, "verify", folder, name), "reads all of it from the disk; restores nothing", TIMEOUT_S
    )


def restore(folder: str, name: str, guest: str, volume: str, checksum: str, again: int) -> Run:
    """Return the restoring of a backup; `checksum` is of its SHA256SUMS, so the plan's digest covers it."""
    argv = (PROGRAM, "restore", folder, name, guest, volume, checksum, str(again))
    return Run(argv, f"overwrites {volume}, then reads it again and compares", 3 * TIMEOUT_S)


def _why(guest: str, content: str) -> str:
    what = "every byte" if content == "whole" else "what its file systems use"
    return f"{what} of the disk of '{guest}', packed; it gets its name when all of it has reached the disk"
