"""/etc/network/interfaces with the bridges of the parameters: changed where it must be, kept wherever it can."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from runbook.facts.interfaces import Paragraph, paragraphs, words_of
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.steps.shared import port_lines
from runbook.steps.shared.bridge_paragraph import Carried, adopted, made, ports_of, takes_any
from runbook.steps.shared.port_paragraph import belongs, by_hand, taken_over

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
    """The file to be, and what of the old one does not go on in it."""

    text: str
    findings: tuple[Finding, ...]


def edit(params: HostParams, text: str) -> Edited:
    """Return the new file; one that is as asked is left as it is. Editing its own result gives the same text."""
    old, found, bridges = paragraphs(text), list[Finding](), params.network.bridges
    there = {b.name: [p for p in old if p.keyword == "iface" and p.words[:1] == (b.name,)] for b in bridges}
    owner = {
        port: b
        for b in bridges
        for port in b.ports
        if port not in ports_of(there[b.name]) and not takes_any(ports_of(there[b.name]))
    }
    carried = {b.name: Carried() for b in bridges}
    kept: list[Paragraph] = []
    for paragraph in old:
        port = paragraph.words[0] if paragraph.keyword == "iface" and paragraph.words else ""
        if port in owner:
            kept += taken_over(paragraph, port, owner[port], carried[owner[port].name], found)
        else:
            kept.append(_followed(paragraph, {p: b.name for p, b in owner.items()}, found))
    kept = _named(kept, {port: b.name for port, b in owner.items()}, old)
    last = (
        max((i for i, p in enumerate(kept) if p.keyword == "iface" and p.words[0] in owner), default=-1) + 1
    )
    new = [
        Paragraph("iface", (port, "inet", "manual"), (f"iface {port} inet manual",), ("",))
        for port in owner
        if not any(p.keyword == "iface" and p.words[0] == port for p in kept)
    ]
    for bridge in bridges:
        if not there[bridge.name]:
            new += made(bridge, carried[bridge.name], found)
            continue
        mine = adopted(bridge, there[bridge.name], carried[bridge.name], found)
        kept = _exchanged(kept, there[bridge.name], mine)
        if not any(p.is_list and bridge.name in p.words for p in old):
            new.append(Paragraph("auto", (bridge.name,), (f"auto {bridge.name}",), ("",)))
    last = last or len(kept)
    rest = kept[last:]
    if new and rest and not (rest[0].before and rest[0].before[0] == ""):
        rest[0] = replace(rest[0], before=("", *rest[0].before))
    return Edited(_text([*kept[:last], *new, *rest], old, text), tuple(found))


def gateways(params: HostParams, text: str) -> set[str]:
    """Return the bridges of the parameters that a file gives a gateway."""
    names = {b.name for b in params.network.bridges}
    return {n for p in paragraphs(text) if p.option("gateway") for n in p.names if n in names}


def _followed(paragraph: Paragraph, owner: dict[str, str], found: list[Finding]) -> Paragraph:
    """Return another paragraph, its hooks renamed where they speak of a card whose address moves to a bridge."""
    for port, bridge in owner.items():
        if _takes_in(paragraph, port):
            found.append(by_hand(port, bridge, paragraph.lines[0]))
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


def _takes_in(paragraph: Paragraph, port: str) -> bool:
    """Return whether a paragraph is about a card by a pattern."""
    words = paragraph.words if paragraph.keyword == "mapping" else paragraph.words[:1]
    is_pattern = paragraph.keyword == "mapping" or any(re.search(r"[*?\[/]", word) for word in words)
    return (
        paragraph.keyword in ("mapping", "iface")
        and is_pattern
        and any(fnmatch(port, word.lstrip("/")) for word in words)
    )


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


def _named(kept: list[Paragraph], owner: dict[str, str], old: Iterable[Paragraph]) -> list[Paragraph]:
    """Return the paragraphs without the names of ports that have nothing to be brought up for, aliases renamed."""
    busy = {p.words[0] for p in kept if p.keyword == "iface" and (len(p.lines) > 1 or p in old)}
    found: list[Paragraph] = []
    before: tuple[str, ...] = ()
    for p in kept:
        if p.keyword == "auto" or p.keyword.startswith("allow-"):
            names = [_alias(name, owner) for name in p.words if name not in owner or name in busy]
            if not names:
                before = (*before, *p.before)
                continue
            if tuple(names) != p.words:
                p = replace(p, words=tuple(names), lines=(f"{p.keyword} {' '.join(names)}",))
        found.append(replace(p, before=(*before, *p.before)) if before else p)
        before = ()
    return [*found, Paragraph("", (), (), before)] if before else found


def _alias(name: str, owner: dict[str, str]) -> str:
    port, colon, label = name.partition(":")
    return f"{owner[port]}:{label}" if colon and port in owner else name


def _exchanged(kept: list[Paragraph], old: list[Paragraph], new: list[Paragraph]) -> list[Paragraph]:
    """Return the paragraphs with those of one bridge exchanged, and what it got besides behind the last of them."""
    places = [i for i, p in enumerate(kept) if p.keyword == "iface" and p.words[:1] == old[0].words[:1]]
    for place, paragraph in zip(places, new, strict=False):
        kept[place] = replace(paragraph, before=kept[place].before)
    end = places[-1] + 1
    return [*kept[:end], *new[len(places) :], *kept[end:]]


def _text(new: list[Paragraph], old: tuple[Paragraph, ...], text: str) -> str:
    """Return the file; the installer's own comments go with what they were about if nobody wrote others."""
    if tuple(new) == old:
        return text
    if not any(p.keyword.startswith("source") or (p.names == ("lo",) and p.keyword == "iface") for p in new):
        new = [*_LO, *new]
    lines = [line for p in new for line in (*p.before, *p.lines)]
    comments = {line.strip() for line in lines if line.lstrip().startswith("#")}
    if comments <= {*_INSTALLERS, HEADER}:
        lines = [line for line in lines if line.strip() not in _INSTALLERS]
    if HEADER not in lines:
        lines = [HEADER, "", *lines]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip("\n")) + "\n"
