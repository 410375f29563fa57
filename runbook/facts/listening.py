"""What listens on a host for others, and whether this session came in through a tunnel (ss(8), ip-address(8))."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook.facts.network import session_address
from runbook.model.ask import Ask, Facts

_SOCKETS = Ask.run("ss", "-Hlntup")
_ADDR = Ask.run("ip", "-j", "addr")
_SESSION = Ask.run("printenv", "SSH_CONNECTION")

RAW = Ask.run("ss", "-Hlnwp")
"""Who takes packets of protocols without ports, for whoever shuts those: what else comes in so shows in `COMMANDS`."""

COMMANDS = (_SOCKETS, _ADDR, _SESSION)
_LEASES = (("udp", "68"), ("udp", "546"))
"""Where the host's own DHCP clients wait for answers."""
_TUNNELS = {"gre": "GRE", "gre6": "GRE", "ipip": "IPIP", "sit": "IPv6 in IPv4", "tunnel6": "IP in IPv6"}
_NAMES = {
    "4": "IPIP",
    "47": "GRE",
    "50": "ESP",
    "51": "AH",
    "89": "OSPF",
    "103": "PIM",
    "112": "VRRP",
    "115": "L2TP",
}
_KNOWN_OTHERWISE = ("1", "2", "6", "17", "58", "255")
"""ICMP and IGMP, of which what a host needs is let in or asked for by nobody; TCP and UDP, which have ports: DHCP clients
take them raw; and what is only sent by (protocols(5))."""
_IPSEC = ("charon", "charon-systemd", "pluto", "racoon", "iked")


@dataclass(frozen=True)
class Socket:
    """One port on which somebody outside can reach the host."""

    kind: str
    """`tcp` or `udp`."""
    port: str
    program: str
    """Who listens, '' for the kernel itself."""

    def __str__(self) -> str:
        return f"{self.kind} {self.port}" + (f" ({self.program})" if self.program else "")


@dataclass(frozen=True)
class Listening:
    """The ways into a host."""

    sockets: tuple[Socket, ...]
    """Each once; those that only the host itself reaches are left out."""
    tunnel: str
    """The interface of a tunnel, such as wg0, that this session came through; '' when it came by no tunnel."""
    protocols: tuple[str, ...] = ()
    """What comes in by a protocol without ports, each with what shows it, such as `GRE (gre1)`."""


def parse(facts: Facts) -> Listening:
    """Return what listens, of the facts."""
    every = rows = json.loads(facts[_ADDR].out or "[]")
    address = session_address(facts[_SESSION].out)
    rows = [r for r in rows if address and any(a.get("local") == address for a in r.get("addr_info", ()))]
    # WireGuard and other tunnels have no address of hardware, unlike cards, bridges and VLANs.
    tunnels = [r["ifname"] for r in rows if r.get("link_type") == "none" or not r.get("address")]
    listens = sockets(facts[_SOCKETS].out)
    found = (*_protocols(every, listens), *(raw(facts[RAW].out) if RAW in facts else ()))
    return Listening(listens, next(iter(tunnels), ""), tuple(dict.fromkeys(found)))


def _protocols(rows: list[dict[str, Any]], listens: tuple[Socket, ...]) -> Iterator[str]:
    """Yield what comes in by protocols without ports: of tunnels that are up, and of IPsec.

    A tunnel's interface tells its kind (ip-link(8)); who negotiates keys for IPsec listens by UDP, its packets are ESP.
    """
    for row in rows:
        if row.get("link_type") in _TUNNELS and "UP" in row.get("flags", ()):
            yield f"{_TUNNELS[row['link_type']]} ({row['ifname']})"
    if ipsec := next((s.program for s in listens if s.program in _IPSEC), ""):
        yield f"ESP ({ipsec})"


def raw(text: str) -> Iterator[str]:
    """Yield the protocols of `ss -Hlnwp`, each with who takes its packets.

    >>> list(raw('UNCONN 0 0 0.0.0.0:112 0.0.0.0:* users:(("keepalived",pid=9,fd=3))\\nUNCONN 0 0 *:58 *:* users:(("x",pid=1,fd=2))'))
    ['VRRP (keepalived)']
    """
    for line in text.splitlines():
        number, program = re.search(r"\S:(\d+)\s", line), _program(line)
        if number and number[1] not in _KNOWN_OTHERWISE:
            yield _NAMES.get(number[1], f"protocol {number[1]}") + (f" ({program})" if program else "")


def sockets(text: str) -> tuple[Socket, ...]:
    """Return the sockets of `ss -Hlntup` that others can reach.

    >>> sockets('tcp LISTEN 0 32 0.0.0.0:53 0.0.0.0:* users:(("dnsmasq",pid=612,fd=5))\\nudp UNCONN 0 0 127.0.0.1:323 *:*')
    (Socket(kind='tcp', port='53', program='dnsmasq'),)
    """
    found = {}
    for line in text.splitlines():
        local = re.search(r"\s(\S*):(\d+)(?=\s|$)", line)
        kind = line.split()[0] if line.split() else ""
        if (
            local is None
            or kind not in ("tcp", "udp")
            or re.match(r"\[?(::ffff:)?127\.|\[?::1\]?$|.*%lo$", local[1])
        ):
            continue
        if (kind, local[2]) not in _LEASES:
            found[kind, int(local[2])] = Socket(kind, local[2], _program(line))
    return tuple(socket for _, socket in sorted(found.items()))


def _program(line: str) -> str:
    """Return the first program of a line of ss(8), '' when it names none."""
    found = re.search(r'users:\(\("([^"]+)"', line)
    return found[1] if found else ""
