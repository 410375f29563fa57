"""What is inside a volume that a guest takes for a disk: its partition table, and what each part holds.

The table comes from `sfdisk --json` (fdisk's own reader, MBR and GPT), the contents from `blkid -p`, which
reads the disk itself at an offset. Nothing has to be mapped or mounted for it, and no name or column of a
table for humans is ever split at blanks or colons (H802).
"""

from __future__ import annotations

import json
import re
import shlex

from runbook.facts.storage.tables import SECTOR, Content, Table, partition, problems
from runbook.model.ask import MISSING, Ask, Facts

_NOT_A_TABLE = "does not contain a recognized partition table"


def look(path: str) -> Ask:
    """Return the question what a volume holds: some four processes, and one more for each partition.

    `partx` reads the table a second time, because a shell cannot take numbers out of JSON.
    """
    return Ask.shell(
        f"d={shlex.quote(path)}\n"
        f'[ -e "$d" ] || exit {MISSING}\n'
        'echo "== size"; blockdev --getsize64 "$d"\n'
        'echo "== whole"; blkid -p -o export "$d" 2>/dev/null\n'
        'echo "== table"; sfdisk --json "$d" || echo "== status $?"\n'
        'partx -g -b -o START,SECTORS --raw "$d" 2>/dev/null | while read -r start size; do\n'
        f'  start=$((start * {SECTOR})) size=$((size * {SECTOR})); echo "== at $start"\n'
        '  blkid -p -O $start -S $size -o export "$d" 2>/dev/null\n'
        "done\ntrue"
    )


def parse(facts: Facts, path: str) -> Table:
    """Return what a volume holds, from the answer to `look(path)`."""
    answer = facts[look(path)]
    if answer.status == MISSING:
        return Table(path, exists=False)
    parts = _sections(answer.out)
    size = int(parts.get("size", "").strip() or 0)
    whole = content(parts.get("whole", ""))
    said = tuple(line.strip() for line in answer.err.splitlines() if _NOT_A_TABLE not in line)
    remarks = tuple(re.sub(r"^sfdisk: ", "", line) for line in said if line)
    if whole.fstype and not whole.table:
        # A FAT or NTFS boot sector ends like an MBR: blkid can tell them apart, sfdisk cannot.
        return Table(path, True, size, content=whole)
    if "status 127" in parts:
        return Table(path, True, size, content=whole, is_unread=True)
    text = parts.get("table", "").strip()
    if not text:
        said_no = f"blkid sees a table ({whole.table}) that sfdisk cannot read: {'; '.join(remarks)}"
        return Table(
            path, True, size, content=whole, problems=(said_no,) if whole.table else (), remarks=remarks
        )
    table = json.loads(text)["partitiontable"]
    held = {int(name[3:]): content(said) for name, said in parts.items() if name.startswith("at ")}
    found = tuple(partition(row, table, held) for row in table.get("partitions", []))
    wrong = problems(table["label"], found, size)
    return Table(path, True, size, table["label"], found, whole, wrong, remarks=remarks)


def holding(paths: tuple[str, ...]) -> Ask:
    """Return the question which of some disks hold anything: blkid reads the disk itself (blkid(8), -p).

    One process a disk: given several, blkid stops at the first that is empty.
    """
    return Ask.shell(f'for d in {shlex.join(paths)}; do blkid -p -o export "$d"; done; true')


def parse_holding(text: str) -> frozenset[str]:
    """Return which of the asked disks hold a partition table or a file system.

    >>> sorted(parse_holding("DEVNAME=/dev/guests/comm\\nPTUUID=1c7a\\nPTTYPE=dos\\n"))
    ['/dev/guests/comm']
    """
    return frozenset(line.partition("=")[2] for line in text.splitlines() if line.startswith("DEVNAME="))


def content(text: str) -> Content:
    r"""Return what `blkid -p -o export` said about a stretch of a disk; unsafe letters come with a backslash.

    >>> content("LABEL=Win:\\ C\nUUID=5DB49DE46318C1CA\nTYPE=ntfs\nUSAGE=filesystem\n")
    Content(fstype='ntfs', label='Win: C', uuid='5DB49DE46318C1CA', usage='filesystem', table='')
    """
    pairs = (line.partition("=") for line in text.splitlines())
    said = {name: re.sub(r"\\(.)", r"\1", value) for name, _, value in pairs}
    names = ("TYPE", "LABEL", "UUID", "USAGE", "PTTYPE")
    return Content(*(said.get(name, "") for name in names))


def _sections(text: str) -> dict[str, str]:
    """Return the text under each `== NAME` line.

    >>> _sections("== size\\n1048576\\n== table\\n== status 1\\n")
    {'size': '1048576\\n', 'table': '', 'status 1': ''}
    """
    rows = re.split(r"(?m)^== (.*)\n", text)
    return dict(zip(rows[1::2], rows[2::2], strict=True))
