"""What is not offered, a line a reason: a machine of a hundred devices has a dozen of them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from runbook.proposal.commented import folded
from runbook.proposal.machine import Proposal
from runbook.survey.groups import TOGETHER, Group, Member
from runbook.survey.reasons import CARE, FIRM, PLATFORM, STAY, Reason
from runbook.text.ranges import ranges

_HEAD = "Not offered, each with the reason; `A to B` are all devices from A to B:"
_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def lines(
    groups: Iterable[Group], seen: Proposal, entries: Callable[[Group], Iterator[str]], moves: set[str]
) -> list[str]:
    """Return the lines about the groups that are not offered; `entries` writes what a person could want nevertheless.

    `moves` is what the reader knows from above, as in `cares`.
    That is what needs care and is more than a part of the machine itself, and a card that only a suggestion keeps.
    """
    folds, wanted = list[Group](), list[Group]()
    for group in groups:
        is_wanted = group.verdict == CARE and not group.is_platform and not group.is_offered
        (wanted if is_wanted else folds).append(group)
    found = [
        line for why, who in reasons(folds, seen.groups) for line in folded(f"{why}: {who}", 4, "##", hang=2)
    ]
    for reason in _of_all(wanted):
        text = f"All that follow need care, so it is for you to decide: {reason.text}"
        found += folded(text + ("" if reason.do in moves else f": {reason.do}"), 4, "##", hang=2)
        moves |= {reason.do, reason.text}
    found += [line for group in wanted for line in entries(group)]
    return [f"    ## {_HEAD}", *found] if found else []


def reasons(groups: Iterable[Group], every: Iterable[Group]) -> Iterator[tuple[str, str]]:
    """Yield each reason why nobody is offered some groups' devices, with the verdict, and who they are of `every` group's."""
    among = sorted(bdf for group in every for bdf in group.bdfs)
    found = defaultdict[str, list[Member]](list)
    for group in groups:
        for member in group.members:
            found[_reason(group, member)].append(member)
    return ((why, _who(some, among)) for why, some in found.items())


def _of_all(groups: Sequence[Group]) -> list[Reason]:
    """Return the cares that are for a person to decide on and that all devices of several groups have."""
    first = [r for r in groups[0].members[0].reasons if r.kind in FIRM] if len(groups) > 1 else []
    return [r for r in first if all(r in member.reasons for group in groups for member in group.members)]


def cares(group: Group, moves: set[str]) -> Iterator[str]:
    """Yield each care of a group, once; of several devices with the addresses of those that have it.

    `moves` are the next moves, and the cares of all, that the reader knows from above; a move that is told is added.
    That its own members go together is no care of its own.
    """
    found: dict[Reason, list[str]] = {}
    for member in group.members:
        for reason in member.reasons:
            if reason.kind not in TOGETHER or {*_ADDRESS.findall(reason.text)} - {*group.bdfs}:
                found.setdefault(reason, []).append(member.device.bdf)
    new = ((reason, bdfs) for reason, bdfs in found.items() if reason.text not in moves)
    for reason, bdfs in sorted(new, key=lambda item: item[0].kind not in FIRM):
        decide = ", so it is for you to decide" if reason.kind in FIRM else ""
        whose = f"{ranges(bdfs, group.bdfs)}: " if len(group.members) > 1 else ""
        move = "" if reason.do in moves else f": {reason.do}"
        moves.add(reason.do)
        yield f"needs care{decide}: {whose}{reason.text}{move}"


def _reason(group: Group, member: Member) -> str:
    """Return why a device is not offered, so that the same reason is the same text."""
    if group.is_platform:
        why = "; ".join(dict.fromkeys(r.text for r in member.reasons if r.kind in PLATFORM))
        return f"{CARE}: {why}"
    if group.is_offered:
        return f"{group.verdict}, but this file has no way to name it"
    return f"{STAY}: {'; '.join(reason.text for reason in member.reasons)}"


def _who(some: Sequence[Member], among: Sequence[str]) -> str:
    """Return some devices by their addresses, with their names where they are few, else with their kinds."""
    where = ranges({m.device.bdf for m in some}, among)
    if len(some) < 3:
        names = "; ".join(dict.fromkeys(f"{m.device.class_name}, {m.device.name}" for m in some))
        return f"{where} ({names})"
    kinds = [name for name, _ in Counter(m.device.class_name for m in some).most_common(4)]
    return f"{where} ({len(some)} devices: {', '.join(kinds)})"
