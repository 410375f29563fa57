"""What the chains of nft(8) do with the first packet that one guest sends another over a bridge.

With br_netfilter such a packet meets the hook `forward`, with the bridge as the interface that it comes from and goes to.
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


@dataclass(frozen=True)
class Chains:
    """All chains of a host: what hangs on the hook, and the rules of each."""

    base: Mapping[_Key, str]
    """The policy of each chain on the hook `forward`."""
    rules: Mapping[_Key, list[list[dict[str, Any]]]]

    def dropping(self, bridge: str) -> tuple[str, ...]:
        """Return in words the chains that drop what guests send each other over a bridge, () where it passes."""
        found = (key for key, policy in self.base.items() if self._verdict(key, bridge, ()) in ("drop", "reject") or (
            self._verdict(key, bridge, ()) in ("", "return") and policy == "drop"))  # fmt: skip
        return tuple(dict.fromkeys(FIREWALLD if t == FIREWALLD else f"the chain {c} of the table {f} {t}" for f, t, c in found))  # fmt: skip

    def _verdict(self, chain: _Key, bridge: str, within: tuple[_Key, ...]) -> str:
        """Return how a packet leaves a chain, '' at its end. What cannot be told is as if it were not there."""
        for rule in () if chain in within else self.rules.get(chain, ()):
            for word in rule:
                name, value = next(iter(word.items()))
                if name == "match" and not _holds(value, bridge):
                    break
                if name == "vmap":
                    name, value = _looked_up(value, bridge)
                if name in ("jump", "goto"):
                    to = (*chain[:2], str(value.get("target")))
                    said = self._verdict(to, bridge, (*within, chain))
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
    base: dict[_Key, str] = {}
    rules: dict[_Key, list[list[dict[str, Any]]]] = defaultdict(list)
    for row in rows:
        if (
            (chain := row.get("chain"))
            and chain.get("hook") == "forward"
            and chain["family"] in ("ip", "inet")
        ):
            key = (chain["family"], chain["table"], chain["name"])
            if key != ("ip", "filter", "FORWARD"):
                base[key] = str(chain.get("policy", "accept"))
        if rule := row.get("rule"):
            words = [word for word in rule.get("expr", []) if isinstance(word, dict) and word]
            rules[rule["family"], rule["table"], rule["chain"]].append(words)
    return Chains(base, rules)


def _holds(match: dict[str, Any], bridge: str) -> bool:
    """Return whether a match is sure to hold for the packet."""
    values = _values(match.get("right"))
    if (own := _own(match.get("left"), bridge)) is None or values is None:
        return False
    found = any(fnmatchcase(own, value) for value in values)
    return not found if match.get("op") == "!=" else found


def _own(left: Any, bridge: str) -> str | None:
    """Return what the packet has there, None for what nobody can tell."""
    left = left if isinstance(left, dict) else {}
    if left.get("meta", {}).get("key") in ("iif", "oif", "iifname", "oifname"):
        return bridge
    return "new" if left.get("ct", {}).get("key") == "state" else None


def _values(right: Any) -> list[str] | None:
    """Return the values of a match, None for a set whose elements are not shown."""
    if isinstance(right, dict):
        right = right.get("set")
    if isinstance(right, str):
        return None if right.startswith("@") else [right]
    plain = isinstance(right, list) and all(isinstance(one, str) for one in right)
    return list(right) if plain else None


def _looked_up(value: dict[str, Any], bridge: str) -> tuple[str, Any]:
    """Return the verdict that a map has for the packet, with what stands behind it; '' where it has none."""
    own, data = _own(value.get("key"), bridge), value.get("data")
    rows = data.get("set", []) if isinstance(data, dict) else []
    for key, verdict in (row for row in rows if isinstance(row, list) and len(row) == 2):
        if own is not None and isinstance(key, str) and fnmatchcase(own, key) and isinstance(verdict, dict):
            return next(iter(verdict.items()))
    return "", None
