"""What in the files of ifupdown is about a card in a way that is not followed here: each a reason to refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch

from runbook.facts.interfaces import Paragraph
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.bridge_dangers import carries_connection
from runbook.steps.shared.port_paragraph import by_hand


def unclear(paragraphs: Sequence[Paragraph], owner: Mapping[str, Bridge]) -> Iterator[Finding]:
    """Yield a finding for each paragraph that is about one of the cards that become ports, and not by its plain name."""
    for paragraph in paragraphs:
        for port, bridge in owner.items():
            if _carries_ppp(paragraph, port):
                yield carries_connection(port, bridge.name, paragraph.words[0])
            elif _is_indirect(paragraph, port, bridge.name):
                yield by_hand(port, bridge.name, paragraph.lines[0])


def late(order: Sequence[Paragraph], owner: Mapping[str, Bridge]) -> Iterator[Finding]:
    """Yield a finding for each bond or VLAN that would come up behind the bridge that takes it, and for each alias of
    a bridge that would come up before it.

    `ifup -a` keeps the order of the `auto` lines: the bridge's script passes over a port that is not there yet, and
    an alias of a bridge that is not there fails (seen with ifup).
    """
    first: dict[str, int] = {}
    for place, paragraph in enumerate(order):
        if paragraph.keyword in ("auto", "allow-auto"):
            for name in paragraph.words:
                first.setdefault(name, place)
    for name in [name for name in first if ":" in name]:
        bridge_name = name.partition(":")[0]
        if bridge_name in {b.name for b in owner.values()} and first[name] < first.get(bridge_name, 0):
            yield _early(name, bridge_name)
    made = {p.words[0] for p in order if p.keyword == "iface" and _is_made(p)}
    for port, bridge in owner.items():
        if port in made and first.get(port, -1) > first.get(bridge.name, len(order)):
            yield _late(port, bridge.name)


def _late(port: str, bridge: str) -> Finding:
    return Finding(
        "refuse",
        f"{port} comes up after {bridge}, which would be without it",
        "`ifup -a` goes by the order of the `auto` lines in all files that it reads",
        f"move the line `auto {port}` in front of the paragraphs of {port}, then run again",
        "interfaces(5)",
    )


def _early(alias: str, bridge: str) -> Finding:
    return Finding(
        "refuse",
        f"{alias} comes up before {bridge}, and would get no address",
        "`ifup -a` goes by the order of the `auto` lines in all files that it reads",
        f"write the address of {alias} as a second `iface {bridge} inet static` (of the card, while there is no "
        f"{bridge}), without a label; then run again",
        "interfaces(5)",
    )


def _is_indirect(paragraph: Paragraph, port: str, bridge: str) -> bool:
    words = paragraph.words
    match paragraph.keyword:
        case "mapping":
            return any(_is(port, word) for word in words)
        case "rename":
            return any(
                _is(name, half) for word in words for half in word.split("=") for name in (port, bridge)
            )
        case "no-scripts":
            return any(_is(name, word) for word in words for name in (port, bridge))
        case "iface" | "template":
            if "inherits" in words:
                return words[0] == port or bool({port, bridge} & set(words[words.index("inherits") :]))
            return bool(re.search(r"[*?\[/]", words[0])) and _is(port, words[0])
    return paragraph.is_list and any("=" in word and _is(port, word.partition("=")[0]) for word in words)


def _is_made(paragraph: Paragraph) -> bool:
    """Return whether an interface is not there before it is brought up: a VLAN or a bond."""
    keys = (words[0] for words in paragraph.options)
    return "." in paragraph.words[0] or any(re.match(r"bond[_-]|slaves$|vlan[_-]", key) for key in keys)


def _is(name: str, word: str) -> bool:
    """Return whether a word names an interface, by itself or by a pattern."""
    return fnmatch(name, word.lstrip("/"))


def _carries_ppp(paragraph: Paragraph, port: str) -> bool:
    """Return whether a connection of pppd runs over a card: its paragraph brings the card up first (pppoeconf(8))."""
    if paragraph.keyword != "iface" or paragraph.words[2:3] not in (("ppp",), ("wvdial",)):
        return False
    return any(port in words for words in paragraph.options)
