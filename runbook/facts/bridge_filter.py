"""Whether the host's own packet filter drops what passes over its bridges (iptables(8), nft(8), br_netfilter)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from runbook.facts import forward_chains
from runbook.facts.forward_chains import Chains
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
    """The program whose policy in iptables' chains drops bridged packets, '' when they pass."""
    owner: str = ""
    """Who has rules in those chains, whether they drop or not; '' where there is no iptables."""
    closed: tuple[str, ...] = ()
    """The bridges that no rule of ufw's own lets pass."""
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
    rules = facts[_RULES].out
    owner = who(rules) if facts[_RULES].ok else ""
    # ufw that was switched off leaves its chains until the next start, and its policy not.
    is_ufw = owner == UFW and "-P FORWARD DROP\n" in rules
    closed = tuple(
        b for b in bridges if is_ufw and f"-A ufw-user-forward -i {b} -o {b} -j ACCEPT\n" not in rules
    )
    is_called = (facts.text("/proc/sys/net/bridge/bridge-nf-call-iptables") or "").strip().endswith("1")
    if not is_called:
        return BridgeFilter("", owner, closed)
    drops = policy_drops(rules) and not (owner == UFW and not closed)
    return BridgeFilter(owner if drops else "", owner, closed, forward_chains.parse(facts))


def who(rules: str) -> str:
    """Return who has rules in iptables' chains, in words.

    >>> who("-P FORWARD DROP\\n-N ufw-before-forward\\n"), who("-P FORWARD DROP\\n")
    ('ufw', "iptables' chain FORWARD")
    """
    return "Docker" if "DOCKER" in rules else UFW if "-N ufw-" in rules else "iptables' chain FORWARD"


def policy_drops(rules: str) -> bool:
    """Return whether the chain FORWARD drops what no rule of it, or of Docker's own for people, lets pass as bridged.

    >>> policy_drops("-P FORWARD DROP\\n-N DOCKER-USER\\n")
    True
    >>> policy_drops("-P FORWARD DROP\\n-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT\\n")
    False
    """
    if not re.search(r"(?m)^-P FORWARD DROP$", rules):
        return False
    passing = re.findall(r"(?m)^-A (?:FORWARD|DOCKER-USER) (.*-j ACCEPT)$", rules)
    # A rule for one state or one of Docker's own bridges is no pass for a guest's first packet.
    return not any(
        re.fullmatch(r"(?:-m physdev --physdev-is-bridged |-[io] (?!docker|br-)\S+ )*-j ACCEPT", rule)
        for rule in passing
    )
