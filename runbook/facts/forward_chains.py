"""What the chains of nft(8) do with a packet of a guest's: what one sends another over a bridge, or what it sends by the host.

With br_netfilter the first kind meets the hook `forward`, with the bridge as the interface that it comes from and goes to.
iptables' own chains are not judged here: nft does not show what they match.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from runbook.model.ask import Ask, Facts

RULES = Ask.shell(
    '[ "$(cat /proc/sys/net/bridge/*call-iptables 2>/dev/null)" != 1 ] || '
    "nft --json --terse list ruleset 2>/dev/null; true"
)
"""Only where bridged packets meet them: elsewhere the rules are nobody's business."""
FIREWALLD = "firewalld"
"""What its chains are called together."""
_Key = tuple[str, str, str]
_ENDS = ("accept", "drop", "reject", "return")
_IPV4 = {"nfproto": "ipv4", "protocol": "ip"}
"""What every packet that is judged here has there."""


@dataclass(frozen=True)
class Packet:
    """A packet, as far as it is known."""

    came_by: str
    """The interface that it came by."""
    goes_by: str = ""
    """The one that it goes on by; '' for one that is for the host itself."""
    state: str = "new"
    protocol: str = ""
    port: int = 0
    """The port that it is for; 0 for any."""

    @property
    def hook(self) -> str:
        """Where it is judged."""
        return "forward" if self.goes_by else "input"


@dataclass(frozen=True)
class Chains:
    """All chains of a host: what hangs on a hook, and the rules of each."""

    base: Mapping[_Key, tuple[str, str]]
    """Hook and policy of each chain that hangs on `forward` or `input`."""
    rules: Mapping[_Key, list[list[dict[str, Any]]]]

    def dropping(self, bridge: str) -> tuple[str, ...]:
        """Return in words the chains that drop what guests send each other over a bridge, () where it passes."""
        return self.stopping(Packet(bridge, bridge))

    def stopping(self, packet: Packet) -> tuple[str, ...]:
        """Return in words the chains that drop a packet, () where it passes."""
        found = [key for key, (hook, policy) in self.base.items() if hook == packet.hook
                 if (self._verdict(key, packet, ()) or policy).replace("return", policy) in ("drop", "reject")]  # fmt: skip
        return tuple(dict.fromkeys(FIREWALLD if t == FIREWALLD else f"the chain {c} of the table {f} {t}" for f, t, c in found))  # fmt: skip

    def _verdict(self, chain: _Key, packet: Packet, within: tuple[_Key, ...]) -> str:
        """Return how a packet leaves a chain, '' at its end. What cannot be told is as if it were not there."""
        for rule in () if chain in within else self.rules.get(chain, ()):
            for word in rule:
                name, value = next(iter(word.items()))
                if name == "match" and not _holds(value, packet):
                    break
                if name == "vmap":
                    name, value = _looked_up(value, packet)
                if name in ("jump", "goto"):
                    to = (*chain[:2], str(value.get("target")))
                    said = self._verdict(to, packet, (*within, chain))
                    name = (
                        said if said in ("accept", "drop", "reject") else "return" if name == "goto" else ""
                    )
                if name in _ENDS:
                    return name
                if name in ("limit", "xt"):
                    break
        return ""


def parse(facts: Facts) -> Chains:
    """Return the chains of the facts; none where nobody asked, or nft says nothing."""
    text = facts[RULES].out.strip() if RULES in facts else ""
    return read(text)


def read(text: str) -> Chains:
    """Return the chains of `nft --json list ruleset`.

    >>> chain = {"family": "inet", "table": "own", "name": "fwd", "hook": "forward", "policy": "drop"}
    >>> read(json.dumps({"nftables": [{"chain": chain}]})).dropping("xenbr0")
    ('the chain fwd of the table inet own',)
    >>> rule = {"family": "inet", "table": "own", "chain": "fwd", "expr": [{"accept": None}]}
    >>> read(json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]})).dropping("xenbr0")
    ()
    """
    try:
        rows = json.loads(text or "{}").get("nftables", [])
    except ValueError:
        rows = []
    base: dict[_Key, tuple[str, str]] = {}
    rules: dict[_Key, list[list[dict[str, Any]]]] = defaultdict(list)
    for row in rows:
        if (
            (chain := row.get("chain"))
            and chain.get("hook") in ("forward", "input")
            and chain["family"] in ("ip", "inet")
        ):
            key = (chain["family"], chain["table"], chain["name"])
            if key not in (("ip", "filter", "FORWARD"), ("ip", "filter", "INPUT")):
                base[key] = (str(chain["hook"]), str(chain.get("policy", "accept")))
        if rule := row.get("rule"):
            words = [word for word in rule.get("expr", []) if isinstance(word, dict) and word]
            rules[rule["family"], rule["table"], rule["chain"]].append(words)
    return Chains(base, rules)


def _holds(match: dict[str, Any], packet: Packet) -> bool:
    """Return whether a match is sure to hold for the packet."""
    if (own := _own(match.get("left"), packet)) is None:
        return False
    found = _membership(own, match.get("right"))
    return found is not None and found != (match.get("op") == "!=")


def _own(left: Any, packet: Packet) -> str | None:
    """Return what the packet has there, None for what nobody can tell."""
    left = left if isinstance(left, dict) else {}
    key, payload = left.get("meta", {}).get("key", ""), left.get("payload", {})
    if key.startswith("iif"):
        return packet.came_by if key in ("iif", "iifname") else None
    if key.startswith("oif"):
        return packet.goes_by or None if key in ("oif", "oifname") else None
    if key == "l4proto" or (payload.get("protocol"), payload.get("field")) == ("ip", "protocol"):
        return packet.protocol or None
    if key in _IPV4:
        return _IPV4[key]
    # A rule about the ports of another protocol is none for this packet: `tcp dport != 22` is said of TCP alone.
    if payload.get("field") == "dport" and packet.port and payload.get("protocol") in (packet.protocol, "th"):
        return str(packet.port)
    return packet.state if left.get("ct", {}).get("key") == "state" else None


def _membership(own: str, right: Any) -> bool | None:
    """Return whether a value is one of a match's, None for a set whose elements are not shown."""
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    each = [_match(own, one) for one in (right if isinstance(right, list) else [right])]
    return True if True in each else None if None in each else False


def _match(own: str, value: Any) -> bool | None:
    ends = value.get("range") if isinstance(value, dict) else None
    if isinstance(ends, list) and all(isinstance(end, int) for end in ends):
        return own.isdigit() and ends[0] <= int(own) <= ends[1]
    if isinstance(value, str | int):
        return None if str(value).startswith("@") else fnmatchcase(own, str(value))
    return None


def _looked_up(value: dict[str, Any], packet: Packet) -> tuple[str, Any]:
    """Return the verdict that a map has for the packet, with what stands behind it; '' where it has none."""
    own, data = _own(value.get("key"), packet), value.get("data")
    rows = data.get("set", []) if isinstance(data, dict) else []
    for key, verdict in (row for row in rows if isinstance(row, list) and len(row) == 2):
        if own is not None and isinstance(key, str) and fnmatchcase(own, key) and isinstance(verdict, dict):
            return next(iter(verdict.items()))
    return "", None
