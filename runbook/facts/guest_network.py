"""A network of the guests' own behind the host: forwarding, the rules that lead out, and who else decides (nft(8))."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from runbook.facts import bridge_filter, firewall, forward_chains, iptables_rules, listening, routes
from runbook.facts.forward_chains import Chains, Packet
from runbook.model.ask import Ask, Facts

TABLE = ("inet", "xen_guests")
_NOW = Ask.run("nft", "--stateless", "list", "table", *TABLE)
_RULESET = Ask.run("nft", "--json", "--terse", "list", "ruleset")
_FORWARDS = Ask.read("/proc/sys/net/ipv4/ip_forward")
_IPTABLES = Ask.run("iptables", "-S")
_ROUTE = Ask.run("ip", "-j", "route")
_SOCKETS = Ask.run("ss", "-Hlntup")
_PORTS = (("udp", "53"), ("tcp", "53"), ("udp", "67"))


@dataclass(frozen=True)
class GuestNetwork:
    """What leads guests out."""

    forwards: bool
    """Whether the kernel hands packets on from one interface to another (net.ipv4.ip_forward)."""
    is_in_force: bool
    """True when exactly the rules asked about are in force."""
    error: str
    """Why nft does not accept them, '' when it does, or is not installed yet."""
    way_out: str
    """The interface by which what is for all others leaves, '' where there is none."""
    rivals: tuple[str, ...]
    """Who answers for addresses and names on all addresses of the host, such as `udp 53 (named)`."""
    networks: tuple[tuple[str, str], ...]
    """The networks that the host reaches, each with its interface; the way to all others is not among them."""
    rules: str = field(default="", repr=False)
    """What `iptables -S` says."""
    chains: Chains = field(default=Chains({}, {}), repr=False)
    """Those of nft."""

    def stops(self, bridge: str) -> str:
        """Return who drops what a guest sends out, or what answers it; '' when it passes."""
        out = self.way_out or "elsewhere"
        return self._stops((Packet(bridge, out), Packet(out, bridge, "established")))

    def shuts(self, bridge: str) -> str:
        """Return who drops what a guest asks this host for, its address and names; '' when it passes."""
        return self._stops([Packet(bridge, protocol="udp", port=port) for port in (67, 53)])

    def _stops(self, packets: Iterable[Packet]) -> str:
        """Return who drops one of some packets. The table of close_ports follows the same parameters, and is not asked."""
        own = " ".join(firewall.TABLE)
        for packet in packets:
            if iptables_rules.drops(self.rules, packet):
                # Docker has no say in what the host itself is asked.
                rules = self.rules if packet.goes_by else self.rules.replace("DOCKER", "")
                return bridge_filter.who(rules).replace("FORWARD", packet.hook.upper())
            if found := [who for who in self.chains.stopping(packet) if not who.endswith(own)]:
                return found[0]
        return ""


def commands(rules: str) -> tuple[Ask, ...]:
    """Return the questions about forwarding, and about some rules."""
    return (_NOW, _RULESET, _FORWARDS, _IPTABLES, _ROUTE, _SOCKETS, firewall.listed(rules, TABLE))


def parse(facts: Facts, rules: str) -> GuestNetwork:
    """Return what leads guests out; `rules` as given to `commands`."""
    wanted, table = facts[firewall.listed(rules, TABLE)], json.loads(facts[_ROUTE].out or "[]")
    return GuestNetwork(
        forwards=(facts.text(_FORWARDS.argv[-1]) or "").strip() == "1",
        is_in_force=facts[_NOW].ok and wanted.ok and bool(wanted.out) and facts[_NOW].out == wanted.out,
        error="" if wanted.ok or facts[_RULESET].status == 127 else wanted.err.strip(),
        way_out=routes.way_out(routes.routes(table, 4)),
        rivals=rivals(facts[_SOCKETS].out),
        networks=tuple(
            (row["dst"], row.get("dev", ""))
            for row in table
            if row.get("dst", "default") not in ("default", *routes.HALVES)
        ),
        rules=facts[_IPTABLES].out,
        chains=forward_chains.read(facts[_RULESET].out),
    )


def rivals(text: str) -> tuple[str, ...]:
    """Return who answers on all addresses; one that is bound to an interface or an address of its own does not disturb.

    >>> rivals('udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:* users:(("named",pid=6,fd=5))\\n')
    ('udp 53 (named)',)
    >>> rivals('udp UNCONN 0 0 192.168.122.1:53 0.0.0.0:*\\nudp UNCONN 0 0 0.0.0.0%virbr0:67 0.0.0.0:*')
    ()
    """
    lines = [line for line in text.splitlines() if re.search(r" (?:0\.0\.0\.0|\*|\[::\]):\d+ ", line)]
    found = listening.sockets("\n".join(lines))
    return tuple(dict.fromkeys(str(one) for one in found if (one.kind, one.port) in _PORTS))
