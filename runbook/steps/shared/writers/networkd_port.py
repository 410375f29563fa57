"""A card's .network when the card becomes a port: its addresses go to the bridge, and its wire stays with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from runbook.facts.networkd import FOLDER, Status, Unit
from runbook.facts.unit_files import Entry, Section, UnitFile, put
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.writers.given_up import belongs
from runbook.steps.shared.writers.networkd_names import HEADER, Work, earlier, is_own, link_of
from runbook.steps.shared.writers.networkd_places import names_a_link, place


@dataclass(frozen=True)
class Carried:
    """What a port brings to its bridge."""

    port: str
    is_new: bool
    """False for one that was the bridge's already."""
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Split:
    """One file, parted."""

    stays: UnitFile
    goes: tuple[Section, ...]


def as_port(port: str, bridge: Bridge, work: Work) -> Carried:
    """Make a card a port of a bridge, in its own file or in one beside it, and return what goes to the bridge."""
    unit = work.told.network(link_of(port, work.now))
    work.links.append(port)
    said = work.told.status.get(port, Status()).file
    if unit is None:
        work.findings += [_stale(port, said, "none")] if said else []
        _beside(port, bridge.name, (), work)
        return Carried(port, True)
    if has := unit.value("Network", "Bridge"):
        if has != bridge.name:
            work.findings.append(belongs(port, bridge.name, f"Bridge={has}"))
        work.files.setdefault(unit.path, unit.file.text)
        return Carried(port, False)
    work.findings += [_stale(port, said, unit.path)] if said not in ("", unit.path) else []
    parts = [split(file, port, bridge.name, work.findings) for file in (unit.file, *unit.drop_ins)]
    goes = tuple(section for part in parts for section in part.goes)
    _follow(port, bridge.name, unit, work)
    if not is_own(unit, port, work.told, work.now):
        _beside(port, bridge.name, tuple(s for part in parts for s in part.stays.sections), work)
        return Carried(port, True, _bare(goes))
    _in_place(bridge.name, [part.stays for part in parts], work)
    return Carried(port, True, goes)


def _in_place(bridge: str, files: list[UnitFile], work: Work) -> None:
    """Change a port's own file and its drop-ins; one with nothing left in it goes, and its comments come to the file."""
    own, *drop_ins = files
    for file in drop_ins:
        if any(section.entries for section in file.sections):
            work.files[file.path] = file.text
        else:
            work.files[file.path] = None
            lines = (*(line for section in file.sections for line in section.before), *file.after)
            own = replace(own, after=(*own.after, *(line for line in lines if line.strip())))
    entry = Entry.of("Bridge", bridge)
    work.files[own.path] = replace(own, sections=put(own.sections, "Network", entry)).text


def _beside(port: str, bridge: str, stays: tuple[Section, ...], work: Work) -> None:
    """Add a file for a port that none has, or whose file takes in other cards too or is not for us to change."""
    match = Section("Match", (Entry.of("Name", port),), before=(HEADER,))
    kept = _bare(tuple(section for section in stays if section.name != "Match" and section.entries))
    path = earlier(port, ".network", link_of(port, work.now), work.told.networks, work.findings)
    sections = put((match, *kept), "Network", Entry.of("Bridge", bridge))
    work.files[path] = UnitFile(path, sections).text


def _bare(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """Return sections without their comments, which stay in the file that they are copied from."""
    return tuple(
        Section(s.name, tuple(replace(e, before=()) for e in s.entries), s.line, ("",)) for s in sections
    )


def split(file: UnitFile, port: str, bridge: str, found: list[Finding]) -> Split:
    """Return what of a file stays with the port and what goes to the bridge, each with its comments."""
    stays: list[Section] = []
    goes: list[Section] = []
    for section in file.sections:
        kept, moved = _parted(section, file.path, port, bridge, found)
        if moved:
            before = ("",) if kept else section.before
            goes.append(replace(section, entries=tuple(moved), before=before))
        if kept or not moved or section.name == "Network":
            blank = tuple(line for line in section.before if not line.strip())[:1]
            before = blank if moved and not kept else section.before
            stays.append(replace(section, entries=tuple(kept), before=before))
    return Split(replace(file, sections=tuple(stays)), tuple(goes))


def _parted(
    section: Section, path: str, port: str, bridge: str, found: list[Finding]
) -> tuple[list[Entry], list[Entry]]:
    """Return the assignments of a section that stay with the port, and those that go to the bridge."""
    kept: list[Entry] = []
    moved: list[Entry] = []
    for entry in section.entries:
        where = place(section.name, entry.key, entry.value)
        line = entry.lines[0].strip()
        if where == "belongs":
            found.append(belongs(port, bridge, line))
        elif where == "unknown":
            found.append(_by_hand(f"`{line}` in [{section.name}] of {path}", port, bridge))
        if where in ("port", "both"):
            kept.append(entry)
        if where in ("bridge", "both"):
            moved.append(_renamed(entry if where == "bridge" else replace(entry, before=()), port, bridge))
    return kept, moved


def _follow(port: str, bridge: str, own: Unit, work: Work) -> None:
    """Rename the card in other files that speak of packets coming or going by it: they do so by the bridge then."""
    for unit in work.told.networks:
        for file in (unit.file, *unit.drop_ins):
            spoken = [e for s in file.sections for e in s.entries if _renamed(e, port, bridge) != e]
            if unit is own or not spoken:
                continue
            if not file.path.startswith(FOLDER):
                work.findings.append(_by_hand(f"`{spoken[0].lines[0].strip()}` of {file.path}", port, bridge))
            entries = [tuple(_renamed(e, port, bridge) for e in s.entries) for s in file.sections]
            sections = (replace(s, entries=e) for s, e in zip(file.sections, entries, strict=True))
            work.files[file.path] = replace(file, sections=tuple(sections)).text
            work.links += [name for name, said in work.told.status.items() if said.file == unit.path]


def _renamed(entry: Entry, port: str, bridge: str) -> Entry:
    """Return an assignment with the bridge where it names the card as the link that packets go by."""
    is_hop = entry.key == "MultiPathRoute"  # `ROUTER@LINK WEIGHT`
    value = re.sub(rf"(?<=@){re.escape(port)}(?!\S)", bridge, entry.value) if is_hop else bridge
    if value == entry.value or not (is_hop or (names_a_link(entry.key) and entry.value == port)):
        return entry
    return replace(entry, value=value, lines=(f"{entry.key}={value}",))


def _by_hand(what: str, port: str, bridge: str) -> Finding:
    """Return that it is not known what a line about a card means once the card is a port."""
    return Finding(
        "refuse",
        f"It is not sure what becomes of {what} when {port} is a port of {bridge}",
        f"the addresses of {port} are {bridge}'s then, and nobody but its author knows which of the two it means",
        f"write a .netdev and a .network for {bridge} into {FOLDER}, with this line where it belongs and "
        f"`Bridge={bridge}` in the .network of {port}, and run again: a bridge that is as asked is left as it is",
        "systemd.network(5)",
    )


def _stale(port: str, said: str, path: str) -> Finding:
    return Finding(
        "refuse",
        f"networkd has {port} by {said}, and by the files as they are it would be {path}",
        "a file was changed and not read again, or what decides is not in the files; what would be changed here may "
        "be the wrong one",
        f"run `networkctl reload; networkctl reconfigure {port}` on the host and see with `networkctl status {port}` "
        f"which file has it; if that is {said} still, write `Name={port}` into its [Match] in place of what stands "
        "there, and reload once more; then run again",
        "systemd.network(5)",
    )
