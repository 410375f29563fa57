"""What a machine has, and what is suggested for it: one round trip, then nothing but thought."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.errors import Refused
from runbook.facts import network
from runbook.hosts import Host
from runbook.model.ask import Ask, Facts
from runbook.model.unreadable import reading
from runbook.proposal import adopted, cards, chosen, disks, dom0, filters, guests
from runbook.proposal.chosen import NOTHING, Choice
from runbook.proposal.entries import is_offer
from runbook.survey import machine as machines
from runbook.survey.groups import Group, groups
from runbook.survey.machine import Machine

RELEASES = ("trixie", "bookworm")


@dataclass(frozen=True)
class Proposal:
    """All that a parameter file is written from."""

    machine: Machine
    disks: tuple[disks.Disk, ...]
    wiring: cards.Cards
    groups: tuple[Group, ...]
    guest_group: str
    guest_group_why: str
    guest_pool: str
    """The thin pool of that group which holds its room, '' where guests' volumes need none."""
    dom0_mib: int
    dom0_why: str
    max_vcpus: int
    max_vcpus_why: str
    hidden: frozenset[str]
    """Devices that dom0 has given up already."""
    not_hidden: tuple[str, ...]
    """Sentences on devices that a file of its own hides, and that are left out nevertheless."""
    chosen: frozenset[str]
    """Those, and what a person named: no other is taken from dom0."""
    has: adopted.Adopted
    """What the host has already, and keeps."""
    there: tuple[guests.Found, ...]
    """The guests' configurations on it."""
    os_prober: str
    """Why os-prober stays, '' where it may go."""
    filters: filters.Filters
    """The ways in that are in use, and what drops packets over bridges."""

    @property
    def bridges(self) -> tuple[cards.Bridge, ...]:
        """The bridges that are there, and those that are suggested."""
        return self.wiring.bridges

    @property
    def release(self) -> str:
        """The release that it runs, trixie when that is none that the runbook installs."""
        codename = self.machine.system.codename
        return codename if codename in RELEASES else RELEASES[0]

    @property
    def offered(self) -> int:
        """How many more devices guests can have."""
        free = (bdf for group in self.groups if is_offer(group) for bdf in group.bdfs)
        return sum(bdf not in self.chosen for bdf in free)


def asks(*, is_real: bool = True) -> tuple[Ask, ...]:
    """Return every question. A recording knows only those of the survey, so no disk by its lasting name."""
    more = (*network.MORE, disks.BY_ID, cards.CONFIGURED, *adopted.COMMANDS, *filters.COMMANDS)
    return tuple(dict.fromkeys((*machines.asks(), *more))) if is_real else machines.asks()


def look(host: Host, choice: Choice = NOTHING) -> Proposal:
    """Return the proposal for a host, asked once; nothing on it is changed.

    Raises `HostError` when it cannot be reached, `Refused` when the questions were not asked as root, and what `read` does.
    """
    try:
        return read(host.gather(asks(is_real=host.is_real)), choice)
    finally:
        host.close()


@reading()
def read(facts: Facts, choice: Choice = NOTHING) -> Proposal:
    """Return the proposal for the machine of the facts.

    `choice` are the devices that a person named for guests. Raises `Refused` when the facts were not read as root, or a
    named device must stay; `ParamsError` when there is none.
    """
    machine = machines.read(facts)
    _see_root(machine)
    there, has = guests.read(facts), adopted.read(machine, facts)
    group, why = disks.guest_group(machine, there)
    found = cards.read(machine, facts, frozenset(choice.devices))
    kept = found.staying | {
        bdf: f"it becomes a port of the bridge {b.name} above" for b in found.bridges for bdf in b.controllers
    }
    together = groups(machine, group, kept)
    hidden, not_hidden = chosen.hidden(has, together)
    memory, memory_why = dom0.memory_of(machine, has.dom0)
    cpus, cpus_why = dom0.vcpus_of(machine, has.dom0)
    return Proposal(
        machine=machine,
        disks=disks.disks(machine, facts),
        wiring=found,
        groups=together,
        guest_group=group,
        guest_group_why=why,
        guest_pool=disks.guest_pool(machine, group),
        dom0_mib=memory,
        dom0_why=memory_why,
        max_vcpus=cpus,
        max_vcpus_why=cpus_why,
        hidden=hidden,
        not_hidden=not_hidden,
        chosen=hidden | chosen.chosen(choice, together, machine),
        has=has,
        there=there,
        os_prober=adopted.why_os_prober(facts),
        filters=filters.read(facts, tuple(b.name for b in found.bridges), network.session_port(facts)),
    )


def _see_root(machine: Machine) -> None:
    if not machine.system.is_root:
        raise Refused(
            f"Not root on {machine.system.hostname}",
            why="disks and volume groups are shown to root alone, and the runbook works as root",
            do="say --become sudo, where the account may use it; or let the connection go to root, by key (`--to root@host`)",
        )
