"""How much memory the machine has."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.facts import xl
from runbook.model.ask import Ask, Facts

_MEMTOTAL = Ask.run("grep", "^MemTotal:", "/proc/meminfo")

COMMANDS = (_MEMTOTAL, xl.INFO)


@dataclass(frozen=True)
class Memory:
    """Memory in MiB."""

    visible_mib: int
    """What the running kernel can use: under Xen only dom0's part."""
    machine_mib: int
    """What the whole machine has: Xen's own count when Xen runs, otherwise the same as above."""


def parse(facts: Facts) -> Memory:
    """Return the memory of the facts.

    >>> mib("MemTotal:        8131072 kB")
    7940
    """
    visible = mib(facts[_MEMTOTAL].out)
    return Memory(visible, int(xl.info(facts).get("total_memory") or visible))


def mib(line: str) -> int:
    """Return the MiB of a `MemTotal: N kB` line of proc_meminfo(5), 0 when there is none."""
    words = line.split()
    return int(words[1]) // 1024 if len(words) > 1 else 0
