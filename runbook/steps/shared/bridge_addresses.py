"""The addresses of one bridge in its paragraphs, brought to what the parameters ask; what gives way is named."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace

from runbook.facts.interfaces import Paragraph, words_of
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.port_lines import ADDRESS

_METHODS = {"dhcp": "dhcp", "auto": "auto", "none": "manual"}
_WORDS = {"dhcp": "what DHCP leases", "auto": "what routers announce"}


@dataclass(frozen=True)
class _Asked:
    """What the parameters ask of a bridge in one family."""

    family: str
    """As interfaces(5) calls it."""
    key: str
    """The parameter."""
    value: str
    gateway: str

    @property
    def method(self) -> str:
        return _METHODS.get(self.value, "static")

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of the address."""
        if "/" not in self.value:
            return ()
        return (f"    address {self.value}", *([f"    gateway {self.gateway}"] if self.gateway else []))


def as_asked(bridge: Bridge, mine: Sequence[Paragraph], whose: str, found: list[Finding]) -> list[Paragraph]:
    """Return the paragraphs of a bridge with the addresses that the parameters ask for.

    With `keep` they stay as they are. `whose` is the card that had them, or the bridge itself.
    """
    done = list(mine)
    for asked in (
        _Asked("inet", "ipv4", bridge.ipv4, bridge.gateway or ""),
        _Asked("inet6", "ipv6", bridge.ipv6, bridge.gateway6 or ""),
    ):
        if asked.value != "keep":
            done = _mended(bridge, asked, done, whose, found)
    has = {given(p) for p in done}
    for address in bridge.more_addresses:
        if address not in has:
            # `inet6 static` turns off what routers announce, unless it is told not to.
            more = ("    autoconf 1",) if ":" in address and "/" not in bridge.ipv6 else ()
            family = "inet6" if ":" in address else "inet"
            done.append(_paragraph(bridge.name, family, "static", (f"    address {address}", *more)))
    return done


def given(paragraph: Paragraph) -> str:
    """Return what a paragraph gives its interface: an address with its prefix, or a method such as `dhcp`."""
    method = paragraph.words[2] if len(paragraph.words) > 2 else ""
    return address_of(paragraph.lines[1:]) if method == "static" else method


def address_of(lines: Sequence[str]) -> str:
    """Return the address with its prefix of some lines of a paragraph, '' when there is none.

    >>> address_of(["  address 192.168.1.10", "  netmask 255.255.255.0"]), address_of(["address 2001:db8::2/64"])
    ('192.168.1.10/24', '2001:db8::2/64')
    """
    said = {words[0]: words[1] for line in lines if len(words := words_of(line)) > 1}
    address, mask = said.get("address", ""), said.get("netmask", "")
    try:
        if "/" in address or not address:
            return str(ipaddress.ip_interface(address)) if address else ""
        found = ipaddress.ip_address(address)
        first = int(found) >> 24
        by_class = "8" if first < 128 else "16" if first < 192 else "24"
        return str(ipaddress.ip_interface(f"{address}/{mask or ('64' if found.version == 6 else by_class)}"))
    except ValueError:  # a name, or something that ifup does not take either
        return address


def _mended(
    bridge: Bridge, asked: _Asked, mine: list[Paragraph], whose: str, found: list[Finding]
) -> list[Paragraph]:
    of_family = [p for p in mine if p.words[1:2] == (asked.family,)]
    if asked.value == "none":
        return _without(bridge, asked, mine, whose, found)
    wanted = next((p for p in of_family if given(p) == asked.value), None)
    if wanted is not None:
        return [_with_gateway(bridge, asked, p, found) if p is wanted else p for p in mine]
    first = next((p for p in of_family if given(p) != "manual"), of_family[0] if of_family else None)
    if first is None:
        return [*mine, _paragraph(bridge.name, asked.family, asked.method, asked.lines)]
    if given(first) != "manual":
        found.append(_gives_way(bridge, asked, whose, _said(first), asked.value))
    return [_exchanged(bridge, asked, p) if p is first else p for p in mine]


def _without(
    bridge: Bridge, asked: _Asked, mine: list[Paragraph], whose: str, found: list[Finding]
) -> list[Paragraph]:
    """Return the paragraphs without addresses of a family."""
    done: list[Paragraph] = []
    for p in mine:
        if p.words[1:2] != (asked.family,) or given(p) == "manual":
            done.append(p)
        elif asked.family == "inet":
            found.append(_no_address(bridge, whose, given(p)))
            done.append(_exchanged(bridge, asked, p))
        else:
            found.append(_gives_way(bridge, asked, whose, _said(p), "none"))
            done.append(Paragraph("", (), (), (), p.file))
    if asked.family == "inet6" and not any(is_off(p) for p in done):
        done.append(_paragraph(bridge.name, "inet6", "manual", (_OFF.format(bridge.name),)))
    return done


_OFF = "    up [ ! -e /proc/sys/net/ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/{}/disable_ipv6"
"""No paragraph of interfaces(5) keeps the kernel from taking what routers announce."""


def is_off(paragraph: Paragraph) -> bool:
    """Return whether a paragraph turns IPv6 off."""
    return any("disable_ipv6" in line for line in paragraph.lines)


def _paragraph(name: str, family: str, method: str, lines: tuple[str, ...]) -> Paragraph:
    return Paragraph("iface", (name, family, method), (f"iface {name} {family} {method}", *lines), ("",))


def _exchanged(bridge: Bridge, asked: _Asked, old: Paragraph) -> Paragraph:
    """Return a paragraph with another address; its further lines stay."""
    lines = [line for line in old.lines[1:] if words_of(line)[:1] == [] or words_of(line)[0] not in ADDRESS]
    head = f"iface {bridge.name} {asked.family} {asked.method}"
    return replace(old, words=(bridge.name, asked.family, asked.method), lines=(head, *asked.lines, *lines))


def _with_gateway(bridge: Bridge, asked: _Asked, old: Paragraph, found: list[Finding]) -> Paragraph:
    """Return a paragraph that has the address with the gateway of the parameters, if they have one."""
    there = " ".join(old.option("gateway"))
    if not asked.gateway or there == asked.gateway:
        return old
    if there:
        found.append(_gives_way(bridge, asked, bridge.name, f"the gateway {there}", asked.gateway))
    line = f"    gateway {asked.gateway}"
    lines = [line if words_of(one)[:1] == ["gateway"] else one for one in old.lines]
    if line not in lines:
        at = next((i for i, one in enumerate(lines) if words_of(one)[:1] == ["address"]), 0) + 1
        lines.insert(at, line)
    return replace(old, lines=tuple(lines))


def _said(paragraph: Paragraph) -> str:
    """Return in words what a paragraph gives, with its gateway."""
    what = given(paragraph)
    gateway = " ".join(paragraph.option("gateway"))
    return _WORDS.get(what, what) + (f" with the gateway {gateway}" if gateway else "")


def _gives_way(bridge: Bridge, asked: _Asked, whose: str, old: str, new: str) -> Finding:
    return Finding(
        "loss",
        f"{old} gives way on {bridge.name} to what the parameters say: {new}",
        f"the file gives {whose} the one, network.bridges asks for the other; what is reached by it, such as "
        "this host, is reached no more",
        f"leave `{asked.key}` of {bridge.name} out of network.bridges, which keeps it, or write it there; to let it "
        "go, agree to this very plan",
        "H655",
    )


def _no_address(bridge: Bridge, whose: str, had: str) -> Finding:
    return Finding(
        "refuse",
        f"{bridge.name} would have no address, and {whose} has one: {had}",
        f"{whose} is a port then, and a port has none; what is reached by it would be cut off",
        f"leave `ipv4: none` of {bridge.name} out of network.bridges, which keeps it, or leave {whose} out of it",
        "H651",
    )
