"""What iptables' chains do with a packet, read from `iptables -S` (iptables(8), iptables-extensions(8))."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Mapping
from fnmatch import fnmatchcase

from runbook.facts.forward_chains import Packet

_Rules = Mapping[str, list[list[str]]]
_NOTHING = ("-m", "--comment")
"""What matches nothing by itself."""
_BRIDGED = "--physdev-is-bridged"
"""Holds for what comes and goes by one bridge; the only match here that has no value."""


def drops(text: str, packet: Packet) -> bool:
    """Return whether a packet is dropped. A rule with a match that nobody can tell is as if it were not there.

    >>> rules = "-P FORWARD DROP\\n-A FORWARD -j own\\n-A own -i xenbr0 -j ACCEPT\\n"
    >>> drops(rules, Packet("xenbr0", "wlan0")), drops(rules, Packet("wlan0", "xenbr0"))
    (False, True)
    >>> rules = "-P FORWARD DROP\\n-A FORWARD -m physdev --physdev-is-bridged -j ACCEPT\\n"
    >>> drops(rules, Packet("xenbr0", "xenbr0")), drops(rules, Packet("xenbr0", "wlan0"))
    (False, True)
    """
    policy, rules, chain = "ACCEPT", defaultdict[str, list[list[str]]](list), packet.hook.upper()
    for line in text.splitlines():
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        if words[:2] == ["-P", chain]:
            policy = words[-1]
        elif words[:1] == ["-A"]:
            rules[words[1]].append(words[2:])
    said = _verdict(chain, packet, rules, ())
    return (policy if said in ("", "RETURN") else said) in ("DROP", "REJECT")


def _verdict(chain: str, packet: Packet, rules: _Rules, within: tuple[str, ...]) -> str:
    """Return how a packet leaves a chain, '' at its end."""
    for words in () if chain in within else rules.get(chain, ()):
        how = next((word for word in words if word in ("-j", "-g")), "")
        if not how or not _holds(words[: words.index(how)], packet):
            continue
        target = words[words.index(how) + 1]
        if target in rules:
            said = _verdict(target, packet, rules, (*within, chain))
            target = said if said in ("ACCEPT", "DROP", "REJECT") else "RETURN" if how == "-g" else ""
        if target in ("ACCEPT", "DROP", "REJECT", "RETURN"):
            return target
    return ""


def _holds(words: list[str], packet: Packet) -> bool:
    """Return whether all matches of a rule are sure to hold."""
    rest, is_not = iter(words), False
    for word in rest:
        if word == "!":
            is_not = True
            continue
        value = "" if word == _BRIDGED else next(rest, "")
        if (found := _match(word, value, packet)) is None or found == is_not:
            return False
        is_not = False
    return True


def _match(word: str, value: str, packet: Packet) -> bool | None:
    if word in _NOTHING:
        return True
    if word == _BRIDGED:
        return packet.came_by == packet.goes_by
    if word == "-i":
        return fnmatchcase(packet.came_by, value.replace("+", "*"))
    if word == "-o":
        return fnmatchcase(packet.goes_by, value.replace("+", "*"))
    if word == "-p" and packet.protocol:
        return value == packet.protocol
    if word in ("--dport", "--dports") and packet.port:
        return _among(packet.port, value)
    if word in ("--ctstate", "--state"):
        return packet.state.upper() in value.split(",")
    # What a guest asks the host is for the host, by its address or to all.
    return value in ("LOCAL", "BROADCAST") if word == "--dst-type" and packet.hook == "input" else None


def _among(port: int, text: str) -> bool | None:
    """Return whether a port is one of some ports and ranges, None for what are no numbers.

    >>> _among(53, "50:60,67"), _among(68, "50:60,67"), _among(53, "domain")
    (True, False, None)
    """
    stretches = [part.partition(":")[::2] for part in text.split(",")]
    if not all(first.isdecimal() and (last.isdecimal() or not last) for first, last in stretches):
        return None
    return any(int(first) <= port <= int(last or first) for first, last in stretches)
