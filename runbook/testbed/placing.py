"""Where the devices of a PC made like another one go, so that their addresses, and the names made from those, are the same.

Behind port number N of the root bus is bus N, as the firmware counts them in the order of their addresses; so `enp3s0` is
`enp3s0` when its card hangs on the third port. What QEMU's q35 machine has at an address of its own stays there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_OWN = {0x00: "its host bridge", 0x01: "its IOMMU", 0x1F: "its chipset's bridge, SATA and SMBus"}
"""Slots of the root bus that QEMU's machine has taken."""
MOST_PORTS = 40


@dataclass(frozen=True)
class Placement:
    """Where each address is, and why some are nowhere."""

    ports: tuple[tuple[str, str], ...]
    """Name and address of each root port, in order."""
    at: dict[str, tuple[str, str]]
    """For each address that can be had its bus and its place there, as QEMU takes them."""
    not_had: dict[str, str]
    """For each other one the reason."""

    @property
    def free(self) -> list[str]:
        """Places on the root bus that nothing has, for what can be anywhere."""
        taken = {int(addr.partition(".")[0], 16) for bus, addr in self.at.values() if bus == "pcie.0"}
        taken |= {int(addr.partition(".")[0], 16) for _, addr in self.ports} | {*_OWN}
        return [f"{slot:#x}" for slot in range(2, 0x1F) if slot not in taken]

    @property
    def shared(self) -> frozenset[tuple[str, str]]:
        """Bus and place of each slot in which more than one function is: QEMU wants to be told at the first one.

        >>> sorted(place(["0000:01:00.0", "0000:01:00.1", "0000:00:04.0"]).shared)
        [('port1', '0x0')]
        """
        return frozenset((bus, slot) for bus, slot, function in self._places if function)

    @property
    def headless(self) -> tuple[tuple[str, str], ...]:
        """Bus and place of each first function that nothing has: without one no system looks for the others.

        >>> place(["0000:01:00.1"]).headless
        (('port1', '0x0'),)
        """
        first = {(bus, slot) for bus, slot, function in self._places if not function}
        return tuple(sorted(self.shared - first))

    @property
    def _places(self) -> list[tuple[str, str, str]]:
        parts = ((bus, addr.partition(".")) for bus, addr in self.at.values())
        return [(bus, slot, function) for bus, (slot, _, function) in parts]


def place(addresses: Iterable[str]) -> Placement:
    """Return where devices go.

    >>> found = place(["0000:00:03.0", "0000:02:00.0", "0000:00:1f.3"])
    >>> found.at["0000:00:03.0"], found.at["0000:02:00.0"], len(found.ports)
    (('pcie.0', '0x3'), ('port2', '0x0'), 2)
    >>> found.not_had
    {'0000:00:1f.3': "QEMU's machine has its chipset's bridge, SATA and SMBus at 00:1f"}
    """
    parts = {address: _parts(address) for address in dict.fromkeys(addresses)}
    not_had = {address: why for address, where in parts.items() if (why := _why_not(*where))}
    had = {address: where for address, where in parts.items() if address not in not_had}
    taken = {slot for bus, slot, _ in had.values() if not bus}
    last = max((bus for bus, _, _ in had.values()), default=0)
    free = [slot for slot in range(0x1E, 0x01, -1) if slot not in taken and slot not in _OWN]
    wanted = free[: -(-last // 8)]
    places = [(slot, function) for slot in sorted(wanted) for function in range(8)][:last]
    ports = tuple((f"port{n}", _spelt(slot, f)) for n, (slot, f) in enumerate(places, 1))
    for address, (bus, _, _) in had.items():
        if bus > len(ports):
            not_had[address] = f"its bus {bus:02x} has no port left"
    at = {
        address: (f"port{bus}" if bus else "pcie.0", _spelt(slot, function))
        for address, (bus, slot, function) in had.items()
        if address not in not_had
    }
    return Placement(ports, at, not_had)


def _parts(address: str) -> tuple[int, int, int]:
    """Return bus, slot and function; a bus that is none for an address of another domain.

    >>> _parts("0000:03:00.1")
    (3, 0, 1)
    """
    domain, bus, rest = address.split(":")
    slot, _, function = rest.partition(".")
    return (int(bus, 16) if int(domain, 16) == 0 else 0x10000), int(slot, 16), int(function)


def _why_not(bus: int, slot: int, _: int) -> str:
    if bus > 0xFFFF:
        return "QEMU's machine has one PCI domain"
    if bus > MOST_PORTS:
        return f"its bus is number {bus}, and the PC has at most {MOST_PORTS} ports"
    if bus and slot:
        return "behind a port of PCI Express there is slot 0 alone"
    return f"QEMU's machine has {_OWN[slot]} at 00:{slot:02x}" if not bus and slot in _OWN else ""


def _spelt(slot: int, function: int) -> str:
    return f"{slot:#x}.{function}" if function else f"{slot:#x}"
