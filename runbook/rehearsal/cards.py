"""The network cards of a machine, and stand-ins for what is passed to guests, at their addresses; what their networks answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from runbook.facts import network, pci
from runbook.facts.network import Interface, Network
from runbook.model.ask import Ask, Facts
from runbook.params import HostParams
from runbook.testbed.machines.model import Card

#: By the beginning of the class: the device of QEMU that stands for it, and its own `vendor:device` (QEMU: pci-ids.rst in
#: docs/specs, pci.h in include/hw/pci, e1000x_regs.h in hw/net). The first that fits is taken.
STAND_INS = (
    ("02", "e1000e", "8086:10d3"),
    ("0106", "ich9-ahci", "8086:2922"),
    ("0108", "nvme", "1b36:0010"),
    ("0c03", "qemu-xhci", "1b36:000d"),
    ("0403", "ich9-intel-hda", "8086:293e"),
    ("03", "bochs-display", "1234:1111"),
    ("0700", "pci-serial", "1b36:0002"),
)
_OTHER = ("pci-testdev", "1b36:0005")
_PRIVATE = "10.0.{}.0/24"


@dataclass
class Cards:
    """The cards, the one that ssh comes in by first, and what is not like the machine's."""

    cards: list[Card] = field(default_factory=list)
    ids: dict[str, tuple[str, str]] = field(default_factory=dict)
    """For each card to be passed its own `vendor:device`, and that of what stands for it."""
    at: str = ""
    """The address at which the machine is reached."""
    unlike: list[str] = field(default_factory=list)


def stand_in(class_code: str) -> tuple[str, str]:
    """Return what stands for a device of a class, and its `vendor:device`.

    >>> stand_in("030000"), stand_in("0c0330"), stand_in("118000")
    (('bochs-display', '1234:1111'), ('qemu-xhci', '1b36:000d'), ('pci-testdev', '1b36:0005'))
    """
    code = class_code.removeprefix("0x")
    found = next(((model, own) for head, model, own in STAND_INS if code.startswith(head)), None)
    return found or _OTHER


def read(facts: Facts, params: HostParams) -> Cards:
    """Return the cards for the machine of the facts, and for the parameters with which it is rehearsed.

    Raises `ValueError` for a machine that cannot be reached by a cable and IPv4.
    """
    seen, devices, found = network.parse(facts), {d.bdf: d for d in pci.parse(facts)}, Cards()
    passed = {d.bdf: d for d in params.passthrough.devices}
    reals = [i for i in seen.interfaces if i.controller and i.link_type == "ether"]
    way = _way_in(seen)
    reals.sort(key=lambda i: (i.name not in way, i.controller))
    for number, card in enumerate(reals):
        if card.name.startswith("wl"):
            if card.name in way:
                raise ValueError(
                    f"its way out is the wireless card {card.name}, and the virtual PC has cables alone"
                )
            found.unlike.append(f"{card.name} is not there: it is wireless")
            continue
        if card.controller in passed:
            continue  # the system has its driver for it now, and soon no more
        model = "virtio-net-pci"
        found.cards.append(_card(card, model, seen, facts, number, found))
    for bdf, wanted in passed.items():
        device = devices.get(bdf)
        if device is None:
            found.unlike.append(
                f"{bdf} ({wanted.what or wanted.id}) is not there: the machine did not show it"
            )
            continue
        found.cards.append(_passed(device, seen, found, len(found.cards)))
        _told_of_mates(bdf, device, devices.values(), found)
    if not found.at:
        raise ValueError(
            "no network card that leads out has an IPv4 address, by which the virtual PC could be reached"
        )
    return found


def _told_of_mates(bdf: str, device: pci.Device, devices: Iterable[pci.Device], found: Cards) -> None:
    """Say of a card that its IOMMU group is another, where the host's holds more than its own functions."""
    mates = [d.bdf for d in devices if device.group is not None and d.group == device.group and d.bdf != bdf]
    if mates and not all(mate.rpartition(".")[0] == bdf.rpartition(".")[0] for mate in mates):
        found.unlike.append(
            f"the IOMMU group of {bdf} is another: on the host it holds {', '.join(sorted(mates))}, too"
        )


def _way_in(seen: Network) -> tuple[str, ...]:
    """Return the cards by which the machine is reached: those below its first default route."""
    routes = seen.default_routes or seen.default_routes6
    return seen.cards_below(routes[0]) if routes else ()


def _card(card: Interface, model: str, seen: Network, facts: Facts, number: int, found: Cards) -> Card:
    """Return a network card, with what its network answers."""
    top = _above(card, seen)
    addresses = [a for i in top for a in i.addresses if _is_ipv4(a)]
    routers = [r.via for r in seen.table if r.interface in {i.name for i in top}]
    mac = card.permanent_mac or card.mac
    if not addresses:
        net = _PRIVATE.format(100 + number)
        return Card(address=card.controller, device=model, mac=mac, what=card.name, net=net)
    mine = ipaddress.IPv4Interface(addresses[0])
    net, router = str(mine.network), next((r for r in routers if _is_in(r, mine)), "")
    servers = [s for s in _servers(facts) if _is_in(s, mine)]
    names = next((s for s in servers if s != router), "") or _free(mine, {router, str(mine.ip)})
    door = "" if found.at else _door(mine, {router, names, *(a.partition("/")[0] for a in addresses)})
    if servers and names not in servers:
        found.unlike.append(
            f"names are answered by {names}, and no more by {servers[0]}, which is the router, too"
        )
    leased = any(addresses[0] in i.leased for i in top)
    if not leased:
        found.unlike.append(
            f"the network of {card.name} offers addresses by DHCP, whether the machine's does or not"
        )
    found.at = found.at or str(mine.ip)
    if len({str(ipaddress.IPv4Interface(a).network) for a in addresses}) > 1:
        found.unlike.append(
            f"of the networks of {card.name} only {net} answers: {', '.join(addresses[1:])} do not"
        )
    return Card(address=card.controller, device=model, mac=mac, what=card.name, net=net, router=router, names=names,
                lease=str(mine.ip), door=door)  # fmt: skip


def _above(card: Interface, seen: Network) -> list[Interface]:
    """Return a card and all interfaces that end on it, addresses first."""
    found = [i for i in seen.interfaces if i.name == card.name or card.name in seen.cards_below(i.name)]
    return sorted(found, key=lambda i: not i.addresses)


def _passed(device: pci.Device, seen: Network, found: Cards, number: int) -> Card:
    model, own = stand_in(device.class_code)
    found.ids[device.bdf] = (device.id, own)
    if own != device.id:
        found.unlike.append(f"{device.bdf} is a {model} ({own}), and not {device.name} ({device.id})")
    near = next((i for i in seen.interfaces if i.controller == device.bdf), None)
    net = _PRIVATE.format(100 + number) if model in ("e1000e", "virtio-net-pci") else ""
    mac = (near.permanent_mac or near.mac) if near else f"52:54:00:13:01:{number:02x}" if net else ""
    router, names = (net.replace(".0/24", end) if net else "" for end in (".2", ".3"))
    return Card(
        address=device.bdf,
        device=model,
        id=own,
        mac=mac,
        what=device.name,
        net=net,
        router=router,
        names=names,
    )


def _servers(facts: Facts) -> list[str]:
    ask = Ask.read("/etc/resolv.conf")
    text = facts[ask].out if ask in facts else ""
    return [
        words[1]
        for line in text.splitlines()
        if (words := line.split())[:1] == ["nameserver"] and len(words) > 1
    ]


def _is_ipv4(address: str) -> bool:
    """Return whether an address with its prefix is one of IPv4. Raises `ValueError` for one of no kind.

    What stands behind the % of an IPv6 address can be any text (RFC 4007), so `fe80::1%x.y` is none of IPv4 for its dot.

    >>> _is_ipv4("10.0.2.15/24"), _is_ipv4("fe80::1%a.b,c/64")
    (True, False)
    """
    try:
        return isinstance(ipaddress.ip_interface(address), ipaddress.IPv4Interface)
    except ValueError:
        raise ValueError(f"{address!r:.80} is no address") from None


def _is_in(address: str, mine: ipaddress.IPv4Interface) -> bool:
    """Return whether an address of IPv4 is in the network of another."""
    try:
        return ipaddress.IPv4Address(address) in mine.network
    except ValueError:
        return False


def _door(mine: ipaddress.IPv4Interface, taken: Iterable[str]) -> str:
    """Return the address of the network's end that is for apt: nobody's, and none that DHCP gives. Raises `ValueError` for none.

    >>> _door(ipaddress.IPv4Interface("192.168.1.2/24"), {"192.168.1.254"})
    '192.168.1.253'
    """
    used = {*map(str, _leases(mine)), *taken}
    end = int(mine.network.broadcast_address)
    first = (
        str(ipaddress.IPv4Address(n))
        for n in range(end - 1, max(int(mine.network.network_address), end - 64), -1)
    )
    found = next((host for host in first if host not in used), "")
    if not found:
        raise ValueError(
            f"the network {mine.network} is too small: the virtual PC needs an address there for its packages"
        )
    return found


def _leases(mine: ipaddress.IPv4Interface) -> Iterator[ipaddress.IPv4Address]:
    """Yield what QEMU's DHCP may give: 16 addresses, the machine's own first (libslirp, bootp.h)."""
    size = min(16, int(mine.network.broadcast_address) - int(mine.ip) + 1)
    yield from (mine.ip + n for n in range(size))


def _free(mine: ipaddress.IPv4Interface, taken: Iterable[str]) -> str:
    """Return an address of the network that nobody is known to have, '' in one that is full.

    >>> _free(ipaddress.IPv4Interface("192.168.1.2/24"), {"192.168.1.1"})
    '192.168.1.3'
    """
    used = {str(mine.ip), *taken}
    first = (str(mine.network.network_address + n) for n in range(1, min(8, mine.network.num_addresses)))
    return next((host for host in first if host not in used), "")
