"""What a person chose for guests on the command line, by address: whole groups, and nothing that dom0 needs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.errors import ParamsError, Refused
from runbook.facts import modules
from runbook.params.types import bdf
from runbook.proposal.adopted import Adopted
from runbook.proposal.entries import is_offer, is_writable
from runbook.survey.groups import Group
from runbook.survey.machine import Machine
from runbook.survey.reasons import FIRM, STAY, Reason
from runbook.survey.verdict import own


@dataclass(frozen=True)
class Choice:
    """What `runbook new` was told to take from dom0; nothing by default."""

    devices: tuple[str, ...] = ()
    """Addresses in their full form."""
    takes_all: bool = False
    """True for every offer."""


NOTHING = Choice()
_ANOTHER = "choose another device: `runbook new` without --pass offers those that guests can have"
_BEHIND = re.compile(r"[0-9a-f]{5,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
"""An address that Linux makes up for what lies behind a controller: refused with the reason, when the machine has it."""


def choice(devices: tuple[str, ...], *, takes_all: bool = False) -> Choice:
    """Return what was said on the command line. Raises `ParamsError` for what is no address of a device."""
    try:
        return Choice(tuple(t if _BEHIND.fullmatch(t) else bdf(t) for t in devices), takes_all)
    except ValueError as error:
        raise ParamsError(
            "--pass names no device", why=str(error), do="look them up with `lspci -D` on the machine, or read what "
            "`runbook new` offers without --pass",
        ) from None  # fmt: skip


def chosen(asked: Choice, groups: tuple[Group, ...], machine: Machine) -> frozenset[str]:
    """Return the addresses that are taken from dom0: what was named, and whatever goes along with it.

    Raises `ParamsError` for an address that the machine does not have, `Refused` for a device that must stay.
    """
    by_address = {address: group for group in groups for address in group.bdfs}
    found = {a for g in groups if asked.takes_all and is_offer(g) for a in g.bdfs}
    for address in asked.devices:
        _refuse_what_stays(address, by_address.get(address), machine)
        found |= {*by_address[address].bdfs}
    return frozenset(found)


def open_eyes(groups: tuple[Group, ...], taken: frozenset[str]) -> tuple[str, ...]:
    """Return a line for each device that was taken although nobody would offer it, with why and what to do about it."""
    return tuple(
        f"{member.device.bdf} is taken, and would not be offered: {reason.text}; {reason.do}"
        for group in groups
        for member in group.members
        if member.device.bdf in taken
        for reason in member.reasons
        if reason.kind in FIRM
    )


def hidden(has: Adopted, groups: tuple[Group, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the addresses that dom0 has given up already, and in words what its file names besides.

    What that file names and dom0 needs is no choice of anybody: it is said, and not repeated.
    """
    needed = {address for group in groups if group.verdict == STAY for address in group.bdfs}
    there = {address for group in groups for address in group.bdfs}
    held, notes = set(has.hidden), []
    for address in has.named:
        if address in there and address not in needed:
            held.add(address)
        elif address not in held:
            why = "dom0 needs it" if address in there else "no such device is there now"
            notes.append(f"{modules.OPTIONS} hides {address} too, but {why}: it is left out here.")
    return frozenset(held), tuple(notes)


def _refuse_what_stays(address: str, group: Group | None, machine: Machine) -> None:
    device = machine.device(address)
    if device is None:
        raise ParamsError(
            f"There is no device {address}", where=machine.system.hostname,
            do="look it up with `lspci -D` there, or read what `runbook new` offers without --pass",
        )  # fmt: skip
    member = next((m for m in group.members if m.device.bdf == address), None) if group else None
    reasons: tuple[Reason, ...] = member.reasons if member else own(machine, device)
    first = next((reason for reason in reasons if reason.verdict == STAY), None)
    if first is not None or group is None:
        raise Refused(
            f"{address} ({device.name}) must stay with dom0",
            where=machine.system.hostname,
            why="; ".join(reason.text for reason in reasons),
            do=(first.do if first else "") or _ANOTHER,
        )
    bad = next((m.device for m in group.members if not is_writable(m)), None)
    if bad is not None:
        raise Refused(
            f"{address} ({device.name}) must stay with dom0",
            where=machine.system.hostname,
            why=f"no parameter file can name {bad.bdf}, which would go along with it"
            if bad.bdf != address
            else "no parameter file can name it: its address or its id is none that Xen takes",
            do=_ANOTHER,
        )
