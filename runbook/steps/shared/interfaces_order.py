"""The order in which `ifup -a` brings interfaces up: a bridge takes the place that its port had among the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from runbook.facts.interfaces import Paragraph

_AT_START = ("auto", "allow-auto")


def overtaken(old: Iterable[Paragraph], new: Iterable[Paragraph], owner: Mapping[str, str]) -> dict[str, str]:
    """Return the ports behind which their bridge has to be named, so that nothing comes up before it that came up
    behind them: a tunnel, or a route by a router that is reached over the card.

    >>> auto = lambda *names: Paragraph("auto", names, ())
    >>> overtaken([auto("eno1", "wg0")], [auto("wg0"), auto("xenbr0")], {"eno1": "xenbr0"})
    {'eno1': 'xenbr0'}
    """
    before, after = _order(old), _order(new)
    found = {}
    for bridge in dict.fromkeys(owner.values()):
        ports = [port for port, of in owner.items() if of == bridge and port in before]
        last = max(ports, key=before.index, default="")
        others = before[before.index(last) + 1 :] if last else []
        early = after[: after.index(bridge)] if bridge in after else []
        if bridge not in before and {name for name in others if name not in owner} & set(early):
            found[last] = bridge
    return found


def named(
    paragraph: Paragraph, owner: Mapping[str, str], busy: set[str], behind: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the names of a list when some cards become ports: without those that nothing is to be brought up for.

    A VLAN is brought up for itself: made by the bridge's script, its card would lose its link-local address, and the
    bridge, which has the hardware address of its port, would not find it there yet. What is said in a list of another
    kind (`no-auto-down`, a class of one's own) holds for the bridge then.
    """
    is_start = paragraph.keyword in (*_AT_START, "allow-hotplug")
    found: list[str] = []
    for name in paragraph.words:
        bridge = behind.get(name) if is_start else owner.get(name)
        if (name not in owner or name in busy or "." in name) and not alias(name, owner):
            found.append(name)
        if bridge:
            found.append(bridge)
    return tuple(dict.fromkeys(found))


def alias(name: str, owner: Mapping[str, str]) -> str:
    """Return the bridge's name for an alias of a card that becomes its port, '' for every other name.

    >>> alias("eno1:0", {"eno1": "xenbr0"}), alias("eno1", {"eno1": "xenbr0"})
    ('xenbr0:0', '')
    """
    port, colon, label = name.partition(":")
    return f"{owner[port]}:{label}" if colon and port in owner else ""


def without_start(made: list[Paragraph]) -> list[Paragraph]:
    """Return the paragraphs of a new bridge without the line that brings it up, which another names it in."""
    return [replace(made[1], before=("",)), *made[2:]]


def _order(paragraphs: Iterable[Paragraph]) -> list[str]:
    """Return the names that `ifup -a` brings up, the first one first."""
    return list(dict.fromkeys(name for p in paragraphs if p.keyword in _AT_START for name in p.words))
