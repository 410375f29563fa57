"""Whether the host's own packet filter drops what passes over its bridges (iptables(8), nft(8), br_netfilter)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from runbook.facts import forward_chains, iptables_rules
from runbook.facts.forward_chains import Chains, Packet
from runbook.model.ask import Ask, Facts

_CALLED = Ask.read("/proc/sys/net/bridge/bridge-nf-call-iptables")
_RULES = Ask.run("iptables", "-S")

UFW = "ufw"
FIREWALLD = forward_chains.FIREWALLD
COMMANDS = (_CALLED, _RULES, forward_chains.RULES)


@dataclass(frozen=True)
class BridgeFilter:
    """What forwarded packets meet."""

    drops: str
    """The program whose rules in iptables' chains drop packets of a bridge, '' where those of each one pass."""
    owner: str = ""
    """Who has rules in those chains, whether they drop or not; '' where there is no iptables."""
    closed: tuple[str, ...] = ()
    """The bridges whose packets those rules drop, or would if bridged packets met them."""
    chains: Chains = field(default=Chains({}, {}), repr=False)
    """Those of nft, which firewalld and people write."""

    def others(self, bridges: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return who else drops packets of some bridges, with those bridges."""
        found: dict[str, tuple[str, ...]] = {}
        for bridge in bridges:
            for who in self.chains.dropping(bridge):
                found[who] = (*found.get(who, ()), bridge)
        return found


def parse(facts: Facts, bridges: Iterable[str]) -> BridgeFilter:
    """Return what the facts say of some bridges; without br_netfilter bridged packets meet no filter."""
    rules = facts[_RULES].out if facts[_RULES].ok else ""
    owner = who(rules) if facts[_RULES].ok else ""
    closed = tuple(name for name in bridges if iptables_rules.drops(rules, Packet(name, name)))
    if not (facts.text(_CALLED.argv[0]) or "").strip().endswith("1"):
        return BridgeFilter("", owner, closed)
    return BridgeFilter(owner if closed else "", owner, closed, forward_chains.parse(facts))


def who(rules: str) -> str:
    """Return who has rules in iptables' chains, in words.

    >>> who("-P FORWARD DROP\\n-N ufw-before-forward\\n"), who("-P FORWARD DROP\\n")
    ('ufw', "iptables' chain FORWARD")
    """
    return "Docker" if "DOCKER" in rules else UFW if "-N ufw-" in rules else "iptables' chain FORWARD"
