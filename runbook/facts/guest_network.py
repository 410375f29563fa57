"""A network of the guests' own behind the host: forwarding, the rules that lead out, and who else decides (nft(8))."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from runbook.facts import bridge_filter, firewall, listening
from runbook.model.ask import Ask, Facts

TABLE = ("inet", "xen_guests")
_NOW = Ask.run("nft", "--stateless", "list", "table", *TABLE)
_CHAINS = Ask.run("nft", "-j", "list", "chains")
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
    drops: str
    """Who drops what is forwarded, by its own policy; '' when nobody does."""
    rivals: tuple[str, ...]
    """Who answers for addresses and names on all addresses of the host, such as `udp 53 (named)`."""
    networks: tuple[tuple[str, str], ...]
    """The networks that the host reaches, each with its interface; the way to all others is not among them."""


def commands(rules: str) -> tuple[Ask, ...]:
    """Return the questions about forwarding, and about some rules."""
    return (_NOW, _CHAINS, _FORWARDS, _IPTABLES, _ROUTE, _SOCKETS, firewall.listed(rules, TABLE))


def parse(facts: Facts, rules: str) -> GuestNetwork:
    """Return what leads guests out; `rules` as given to `commands`."""
    wanted = facts[firewall.listed(rules, TABLE)]
    drops = dropping(facts[_CHAINS].out)
    if bridge_filter.policy_drops(facts[_IPTABLES].out):
        drops = (bridge_filter.who(facts[_IPTABLES].out), *drops)
    return GuestNetwork(
        forwards=(facts.text(_FORWARDS.argv[-1]) or "").strip() == "1",
        is_in_force=facts[_NOW].ok and wanted.ok and bool(wanted.out) and facts[_NOW].out == wanted.out,
        error="" if wanted.ok or facts[_CHAINS].status == 127 else wanted.err.strip(),
        drops=next(iter(drops), ""),
        rivals=rivals(facts[_SOCKETS].out),
        networks=tuple(
            (row["dst"], row.get("dev", ""))
            for row in json.loads(facts[_ROUTE].out or "[]")
            if row.get("dst", "default") != "default"
        ),
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


def dropping(text: str) -> tuple[str, ...]:
    """Return the chains of `nft -j list chains` that drop what is forwarded and is not let pass; iptables' own is not among them.

    >>> dropping('{"nftables": [{"chain": {"family": "inet", "table": "own", "name": "fwd", "hook": "forward", "policy": "drop"}}]}')
    ('the chain fwd of the table inet own',)
    >>> dropping('{"nftables": [{"chain": {"family": "inet", "table": "own", "name": "in", "hook": "input", "policy": "drop"}}]}')
    ()
    """
    rows = json.loads(text or "{}").get("nftables", [])
    chains = [row["chain"] for row in rows if "chain" in row]
    return tuple(
        f"the chain {c.get('name')} of the table {c.get('family')} {c.get('table')}"
        for c in chains
        if c.get("hook") == "forward" and c.get("policy") == "drop" and c.get("family") in ("inet", "ip")
        if (c.get("family"), c.get("table"), c.get("name")) != ("ip", "filter", "FORWARD")
    )
