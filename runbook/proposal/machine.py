"""What a machine has, and what is suggested for it: one round trip, then nothing but thought."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.errors import Refused
from runbook.facts import network
from runbook.hosts import Host
from runbook.model.ask import Ask, Facts
from runbook.model.unreadable import reading
from runbook.proposal import adopted, cards, disks, guests
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
    dom0_mib: int
    dom0_why: str
    max_vcpus: int
    has: adopted.Adopted
    """What the host has already, and keeps."""
    there: tuple[guests.Found, ...]
    """The guests' configurations on it."""
    other_systems: tuple[str, ...]
    """Systems that os-prober put into the boot menu."""
    ssh_port: int
    """The port of the host that this session came in by; 0 without one."""

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
        """How many devices guests can have."""
        return sum(len(group.members) for group in self.groups if group.is_offered)


def asks(*, is_real: bool = True) -> tuple[Ask, ...]:
    """Return every question. A recording knows only those of the survey, so no disk by its lasting name."""
    more = (*network.MORE, disks.BY_ID, cards.CONFIGURED, *adopted.COMMANDS)
    return tuple(dict.fromkeys((*machines.asks(), *more))) if is_real else machines.asks()


def look(host: Host) -> Proposal:
    """Return the proposal for a host, asked once; nothing on it is changed.

    Raises `HostError` when it cannot be reached, `Refused` when the questions were not asked as root.
    """
    try:
        return read(host.gather(asks(is_real=host.is_real)))
    finally:
        host.close()


@reading()
def read(facts: Facts) -> Proposal:
    """Return the proposal for the machine of the facts. Raises `Refused` when they were not read as root."""
    machine = machines.read(facts)
    if not machine.system.is_root:
        raise Refused(
            f"Not root on {machine.system.hostname}",
            why="disks and volume groups are shown to root alone, and the runbook works as root",
            do="say --become sudo, where the account may use it; or let the connection go to root, by key (`--to root@host`)",
        )
    there, has = guests.read(facts, machine.storage), adopted.read(machine, facts)
    group, why = disks.guest_group(machine, there)
    found = cards.read(machine, facts)
    kept = found.staying | {
        bdf: f"it becomes a port of the bridge {b.name} above" for b in found.bridges for bdf in b.controllers
    }
    memory, memory_why = dom0_memory(machine.memory.machine_mib)
    if "memory_mib" in has.dom0:
        memory, memory_why = has.dom0["memory_mib"], "what it has now"
    return Proposal(
        machine=machine,
        disks=disks.disks(machine, facts),
        wiring=found,
        groups=groups(machine, group, kept),
        guest_group=group,
        guest_group_why=why,
        dom0_mib=memory,
        dom0_why=memory_why,
        max_vcpus=has.dom0.get("max_vcpus") or min(2, max(1, machine.cpu.threads)),
        has=has,
        there=there,
        other_systems=adopted.other_systems(facts),
        ssh_port=network.session_port(facts),
    )


def dom0_memory(machine_mib: int) -> tuple[int, str]:
    """Return the suggested memory of dom0 in MiB, and why.

    >>> [dom0_memory(mib)[0] for mib in (2000, 5925, 12288, 32768)]
    [896, 2048, 3072, 4096]
    """
    if machine_mib < 4096:
        half = max(machine_mib // 2 // 128 * 128, 64)
        return half, f"half of the machine's {machine_mib} MiB, which is little for a Xen host"
    quarter = machine_mib // 4 // 256 * 256
    if quarter > 4096:
        return (
            4096,
            f"enough for a host that only serves its guests; {machine_mib - 4096} MiB are left for them",
        )
    memory = max(quarter, 2048)
    reason = "a quarter of the machine" if memory == quarter else "the least for comfort on Debian 12 and 13"
    return memory, f"{reason}; {machine_mib - memory} MiB are left for Xen and the guests"
