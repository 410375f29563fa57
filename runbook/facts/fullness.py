"""How full the host's own file systems are, in bytes and in inodes: df(1)."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

# -l: a network's file system that is gone never answers.
_DF = Ask.shell(
    "timeout 20 df -l -B1 -x tmpfs -x devtmpfs -x overlay -x squashfs -x iso9660 -x efivarfs --output=pcent,ipcent,avail,target; true"
)
COMMANDS = (_DF,)


@dataclass(frozen=True)
class FileSystem:
    """One file system."""

    at: str
    used_percent: int
    used_inodes_percent: int
    free_bytes: int


def parse(facts: Facts) -> tuple[FileSystem, ...]:
    """Return the file systems of the host.

    >>> from runbook.model.ask import Answer
    >>> parse(Facts({_DF: Answer(0, "Use% IUse%       Avail Mounted on\\n 46%   12% 59055800320 /\\n 95%     - 123 /mnt/a b\\n")}))[1]
    FileSystem(at='/mnt/a b', used_percent=95, used_inodes_percent=0, free_bytes=123)
    """
    rows = (line.split(None, 3) for line in facts[_DF].out.splitlines()[1:])
    return tuple(
        FileSystem(row[3], _percent(row[0]), _percent(row[1]), int(row[2]))
        for row in rows
        if len(row) == 4 and row[2].isdigit()
    )


def _percent(text: str) -> int:
    number = text.removesuffix("%")
    return int(number) if number.isdigit() else 0
