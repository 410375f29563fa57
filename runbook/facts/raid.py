"""Linux's software RAID as the kernel tells it: /proc/mdstat (md(4))."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

_STATE = Ask.read("/proc/mdstat")
COMMANDS = (_STATE,)


@dataclass(frozen=True)
class Array:
    """One array."""

    name: str
    wanted: int
    """Of how many disks it is; 0 for a kind that does not say."""
    working: int
    failed: tuple[str, ...]
    """The members that were thrown out."""
    is_active: bool
    doing: str = ""
    """What it is doing now and how far it is, such as `recovery = 12.6%`; '' when nothing."""

    @property
    def is_degraded(self) -> bool:
        """True when a disk is missing or was thrown out: the next failure may be the last."""
        return self.working < self.wanted or bool(self.failed)


def parse(facts: Facts) -> tuple[Array, ...]:
    """Return the arrays of the facts, () where there are none."""
    return arrays(facts.text(_STATE.argv[0]) or "")


def arrays(text: str) -> tuple[Array, ...]:
    """Return the arrays of a /proc/mdstat.

    >>> arrays('''Personalities : [raid1]
    ... md0 : active raid1 vdb1[1](F) vda1[0]
    ...       1046528 blocks super 1.2 [2/1] [U_]
    ...       [==>..................]  recovery = 12.6% (132608/1046528) finish=0.3min speed=44202K/sec
    ...
    ... md127 : inactive sdb[1](S) sda[0](S)
    ...       5288 blocks super external:imsm
    ...
    ... unused devices: <none>
    ... ''')
    (Array(name='md0', wanted=2, working=1, failed=('vdb1',), is_active=True, doing='recovery = 12.6%'),)
    """
    found = []
    for block in re.split(r"(?m)^(?=md\S+ : )", text)[1:]:
        head, _, rest = block.partition("\n")
        if re.search(r"super external:[^/\s]", rest):
            continue  # a firmware's container (IMSM, DDF), never active by itself; its arrays say `external:/md127/0`
        name, _, words = head.partition(" : ")
        count = re.search(r"\[(\d+)/(\d+)\]", rest)
        doing = re.search(r"(?:recovery|resync|reshape|check) *= *[\d.]+%|resync=(?:PENDING|DELAYED)", rest)
        found.append(
            Array(name, int(count[1]) if count else 0, int(count[2]) if count else 0, tuple(re.findall(r"(\S+)\[\d+\]\(F\)", words)),
                  words.startswith("active"), re.sub(r" +", " ", doing[0]) if doing else "")
        )  # fmt: skip
    return tuple(found)
