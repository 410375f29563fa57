"""What `xl` prints as text, read in one place: `xl info` and the table of `xl list`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

INFO = Ask.run("xl", "info")
LIST = Ask.run("xl", "list")


@dataclass(frozen=True)
class Row:
    """One running domain, dom0 included; memory in MiB, `state` as in xl(1)."""

    name: str
    id: int
    memory_mib: int
    vcpus: int
    state: str


def info(facts: Facts) -> dict[str, str]:
    """Return the `name : value` lines of `xl info`, none when Xen is not running."""
    answer = facts[INFO]
    return fields(answer.out) if answer.ok else {}


def fields(text: str) -> dict[str, str]:
    """Return the `name : value` lines of a text as a mapping; the first of a name counts.

    >>> fields("virt_caps              : pv hvm hvm_directio pv_directio hap")["virt_caps"]
    'pv hvm hvm_directio pv_directio hap'
    """
    result: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            result.setdefault(name.strip(), value.strip())
    return result


def rows(text: str) -> tuple[Row, ...]:
    """Return the rows of `xl list`, its heading left out.

    >>> rows("Domain-0                                     0  2048     2     r-----     123.4")
    (Row(name='Domain-0', id=0, memory_mib=2048, vcpus=2, state='r-----'),)
    >>> rows("Windows 10                                   3  8192     4     -b----      63.5")[0].name
    'Windows 10'
    """
    found = re.findall(r"(?m)^(\S.*?) +(\d+) +(\d+) +(\d+) +([a-z-]{6}) ", text)
    return tuple(Row(name, int(number), int(mib), int(n), state) for name, number, mib, n, state in found)
