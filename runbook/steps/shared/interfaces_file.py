"""/etc/network/interfaces with the bridges of the parameters: changed where it must be, kept wherever it can."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from runbook.facts.interfaces import FILE, Paragraph, paragraphs, words_of
from runbook.facts.sourced import in_order
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.host import Bridge
from runbook.steps.shared import port_lines
from runbook.steps.shared.bridge_paragraph import Carried, adopted, made, ports_of, takes_any
from runbook.steps.shared.interfaces_order import alias, named, overtaken, without_start
from runbook.steps.shared.interfaces_unclear import late, unclear
from runbook.steps.shared.port_paragraph import NO_ADDRESS, belongs, by_hand, taken_over

HEADER = "# Changed by the runbook; bridges come from params network.bridges. See interfaces(5)."
# What Debian's installer says of the paragraphs that it writes. Where nobody wrote more, nothing is lost with it.
_INSTALLERS = frozenset((
    "# This file describes the network interfaces available on your system",
    "# and how to activate them. For more information, see interfaces(5).",
    "# The loopback network interface",
    "# The primary network interface",
))  # fmt: skip
_BELONGS = ("bridge_ports", "bridge-ports", "bond-slaves", "bond_slaves", "slaves")
_LO = (
    Paragraph("auto", ("lo",), ("auto lo",), ("",)),
    Paragraph("iface", ("lo", "inet", "loopback"), ("iface lo inet loopback",)),
)


@dataclass(frozen=True)
class Edited:
    """The files to be, and what of the old ones does not go on in them."""

    files: Mapping[str, str]
    """Text by path: all that are in force, changed or not."""
    findings: tuple[Finding, ...]
    paragraphs: tuple[Paragraph, ...]
    """What stands in them."""


def edit(params: HostParams, files: Mapping[str, str]) -> Edited:
    """Return the new files; one that is as asked is left as it is. Editing its own result gives the same texts.

    `files` are all that ifup reads, /etc/network/interfaces among them. The one that has a port's paragraphs is the
    one that changes.
    """
    done = _edited(params, files, {})
    owner = {port: b.name for b in params.network.bridges for port in b.ports}
    behind = overtaken(in_order(files), done.paragraphs, owner)
    return _edited(params, files, behind) if behind else done


def _edited(params: HostParams, files: Mapping[str, str], behind: Mapping[str, str]) -> Edited:
    """Return the new files; `behind` are ports in whose place among those that come up their bridge is named."""
    old = [p for path, text in files.items() for p in paragraphs(text, path)]
    bridges = params.network.bridges
    there = {b.name: [p for p in old if p.keyword == "iface" and p.words[:1] == (b.name,)] for b in bridges}
    owner = {
        port: b
        for b in bridges
        for port in b.ports
        if port not in ports_of(there[b.name]) and not takes_any(there[b.name])
    }
    carried, found = {b.name: Carried() for b in bridges}, list(unclear(old, owner))
    names = {port: b.name for port, b in owner.items()}
    kept: list[Paragraph] = []
    for paragraph in old:
        port = paragraph.words[0] if paragraph.keyword == "iface" and paragraph.words else ""
        if port in owner:
            kept += taken_over(paragraph, port, owner[port], carried[owner[port].name], found)
        else:
            kept.append(_followed(paragraph, names, found))
    kept = [
        p for path in files for p in _named([k for k in kept if k.file == path], names, behind, (kept, old))
    ]
    new: dict[str, list[Paragraph]] = {path: [] for path in files}
    for bridge in bridges:
        home = new[_home(bridge, there[bridge.name], kept)]
        home += [_manual(port) for port in bridge.ports if port in owner and not _stands(port, kept)]
    for bridge in bridges:
        home = new[_home(bridge, there[bridge.name], kept)]
        if there[bridge.name]:
            mine = adopted(bridge, there[bridge.name], carried[bridge.name], found)
            kept = _exchanged(kept, there[bridge.name], mine)
        else:
            mine = made(bridge, carried[bridge.name], found)
            home += without_start(mine) if bridge.name in behind.values() else mine
        home += _brought_up(bridge, names, old, is_new=not there[bridge.name])
    done = {path: _joined([p for p in kept if p.file == path], new[path], set(owner)) for path in files}
    texts = {p: _text(done[p], tuple(one for one in old if one.file == p), files[p], p) for p in files}
    order = tuple(in_order(texts))
    return Edited(texts, (*found, *late(order, owner)), order)


def _stands(port: str, kept: list[Paragraph]) -> bool:
    return any(p.keyword == "iface" and p.words[0] == port for p in kept)


def _manual(port: str) -> Paragraph:
    lines = (f"iface {port} inet manual", *(NO_ADDRESS if "." in port else ()))
    return Paragraph("iface", (port, "inet", "manual"), lines, ("",))


def _brought_up(
    bridge: Bridge, owner: Mapping[str, str], old: list[Paragraph], *, is_new: bool
) -> list[Paragraph]:
    """Return what brings a bridge up that is in the file and that nothing brings up, and the aliases of its ports."""
    lists = [p for p in old if p.is_list]
    named = [] if is_new or any(bridge.name in p.words for p in lists) else [bridge.name]
    aliases = [
        a for p in lists for name in p.words if (a := alias(name, owner)).startswith(f"{bridge.name}:")
    ]
    return [
        Paragraph("auto", (name,), (f"auto {name}",), ("",)) for name in dict.fromkeys((*named, *aliases))
    ]


def _home(bridge: Bridge, there: list[Paragraph], kept: list[Paragraph]) -> str:
    """Return the file that a bridge's paragraphs stand in: with its own, or with those of its ports."""
    mine = there or [p for p in kept if p.keyword == "iface" and p.words[0] in bridge.ports]
    return mine[-1].file if mine else FILE


def _joined(kept: list[Paragraph], new: list[Paragraph], ports: set[str]) -> list[Paragraph]:
    """Return the paragraphs of one file with new ones behind the last of a port, and behind what brings it up."""
    mine = [p.words[:1] if p.keyword == "iface" else p.words if p.is_list else () for p in kept]
    places = (i + 1 for i, names in enumerate(mine) if ports & set(names))
    last = max(places, default=len(kept))
    rest = kept[last:]
    if new and rest and not (rest[0].before and rest[0].before[0] == ""):
        rest[0] = replace(rest[0], before=("", *rest[0].before))
    return [*kept[:last], *new, *rest]


def _followed(paragraph: Paragraph, owner: dict[str, str], found: list[Finding]) -> Paragraph:
    """Return another paragraph, its hooks renamed where they speak of a card whose address moves to a bridge."""
    for port, bridge in owner.items():
        lines = (
            [paragraph.lines[0], *(_line(line, port, bridge, found) for line in paragraph.lines[1:])]
            if paragraph.lines
            else []
        )
        if paragraph.keyword == "iface" and paragraph.words and paragraph.words[0].startswith(f"{port}:"):
            words = (bridge + paragraph.words[0].removeprefix(port), *paragraph.words[1:])
            lines[0] = f"iface {' '.join(words)}"
            paragraph = replace(paragraph, words=words)
        paragraph = replace(paragraph, lines=tuple(lines))
    return paragraph


def _line(line: str, port: str, bridge: str, found: list[Finding]) -> str:
    words = tuple(words_of(line)) or ("#",)
    if words[0] in _BELONGS and port in words[1:]:
        found.append(belongs(port, bridge, line.strip()))
    new = port_lines.renamed(line, port, bridge)
    if not port_lines.is_hook(words) or new == line or port_lines.place(words, port) == "port":
        return line
    if not port_lines.follows_address(words):
        found.append(by_hand(port, bridge, line.strip()))
    return new


def _named(
    kept: list[Paragraph],
    owner: dict[str, str],
    behind: Mapping[str, str],
    all_of: tuple[list[Paragraph], list[Paragraph]],
) -> list[Paragraph]:
    """Return the paragraphs without the names of ports that have nothing to be brought up for, aliases renamed.

    `all_of` are those of all files, as they shall be and as they were.
    """
    every, old = all_of
    busy = {p.words[0] for p in every if p.keyword == "iface" and (len(p.lines) > 1 or p in old)}
    found: list[Paragraph] = []
    before: tuple[str, ...] = ()
    for p in kept:
        if p.is_list and p.keyword != "no-scripts":
            names = named(p, owner, busy, behind)
            if not names:
                before = (*before, *p.before)
                continue
            if names != p.words:
                p = replace(p, words=names, lines=(f"{p.keyword} {' '.join(names)}",))
        found.append(replace(p, before=(*before, *p.before)) if before else p)
        before = ()
    return [*found, Paragraph("", (), (), before, kept[-1].file)] if before else found


def _exchanged(kept: list[Paragraph], old: list[Paragraph], new: list[Paragraph]) -> list[Paragraph]:
    """Return the paragraphs with those of one bridge exchanged, and what it got besides behind the last of them."""
    places = [i for i, p in enumerate(kept) if p.keyword == "iface" and p.words[:1] == old[0].words[:1]]
    for place, paragraph in zip(places, new, strict=False):
        kept[place] = replace(paragraph, before=kept[place].before)
    end = places[-1] + 1
    more = [replace(p, file=kept[end - 1].file) for p in new[len(places) :]]
    return [*kept[:end], *more, *kept[end:]]


def _text(new: list[Paragraph], old: tuple[Paragraph, ...], text: str, path: str) -> str:
    """Return the file; the installer's own comments go with what they were about if nobody wrote others."""
    if tuple(new) == old:
        return text
    if path == FILE and not any(
        p.keyword.startswith("source") or (p.names == ("lo",) and p.keyword == "iface") for p in new
    ):
        new = [*_LO, *new]
    lines = [line for p in new for line in (*p.before, *p.lines)]
    comments = {line.strip() for line in lines if line.lstrip().startswith("#")}
    if comments <= {*_INSTALLERS, HEADER}:
        lines = [line for line in lines if line.strip() not in _INSTALLERS]
    if HEADER not in lines:
        lines = [HEADER, "", *lines]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip("\n")) + "\n"
