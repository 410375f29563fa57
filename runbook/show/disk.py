"""A picture of a disk, to scale: its partitions, and below them what each volume group is divided into."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise

from runbook.ask import Ask, Facts
from runbook.facts.disks import MIB, Disks
from runbook.installation.layout import Layout
from runbook.params import HostParams
from runbook.show.pieces import Shown
from runbook.steps.debian_installation import target
from runbook.steps.debian_installation.target import Situation, gib

WIDE, HIGH, GAP, TOP = 880, 44, 34, 22
COLUMNS = 72
#: Below this a hole between partitions is alignment, and no room that anybody left.
LEAST_FREE = 8 * MIB
_GREY, _RED = "128,128,128", "248,81,73"
#: One for each volume group, on the disk and in its own bar; the words say the same.
_GROUP_TINTS = ("9,105,218", "46,160,67", "210,153,34", "163,113,247")
_MARKS = "123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Piece:
    """One stretch of a disk or group, in bytes. `kind` is boot, group, other or free."""

    name: str
    what: str
    size: int
    kind: str
    group: str = ""
    """The volume group that it belongs to, or ''."""


@dataclass(frozen=True)
class Bar:
    """A disk or a volume group with its pieces, in their order."""

    name: str
    what: str
    size: int
    pieces: tuple[Piece, ...]


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions that the picture needs."""
    return target.asks(params)


def show(params: HostParams, facts: Facts) -> Shown:
    """Return the disk as it is, and beside it as it is asked for where the two are not the same thing yet."""
    here = target.read(params, facts)
    parts = [draw("Now", now(here.disks, _chosen(here)))]
    if params.installation.method != "none" and not (here.is_installed or here.is_partitioned) and here.disk:
        parts.append(draw("As the parameters ask for", asked(here.layout, here)))
    return Shown("".join(p.html for p in parts), "\n\n".join(p.text for p in parts))


def now(disks: Disks, path: str) -> tuple[Bar, ...]:
    """Return what is on a disk: the disk itself, then each volume group that has a part on it."""
    disk = disks.device(path)
    if disk is None:
        return ()
    name = " ".join(word for word in (disk.model, disk.serial) if word)
    pieces = _pieces(disks, path) or (Piece("", disk.fstype or "empty", disk.size_bytes, "free"),)
    bars = [
        Bar(
            path,
            ", ".join(w for w in (disk.table or "no partition table", name) if w),
            disk.size_bytes,
            pieces,
        )
    ]
    mine = {path, *(d.path for d in disks.on(path))}
    for group in disks.groups:
        if mine & set(disks.partitions_of(group.name)):
            volumes = [
                Piece(v.name, _use(disks, v.path), v.size, "group", v.group)
                for v in disks.volumes
                if v.group == group.name
            ]
            free = [Piece("", "free", group.free, "free")] if group.free else []
            bars.append(Bar(group.name, _on(bars[0], group.name), group.size, (*volumes, *free)))
    return tuple(bars)


def asked(layout: Layout, here: Situation) -> tuple[Bar, ...]:
    """Return what the parameters make of the disk."""
    assert here.disk
    kinds = {"": "boot"}
    pieces = tuple(
        Piece(
            p.name,
            f"volume group {p.group}" if p.group else f"{p.fs} {p.mount}",
            size * MIB,
            kinds.get(p.group, "group"),
            p.group,
        )
        for p, (_, size) in zip(layout.partitions, here.entries(), strict=True)
    )
    bars = [Bar(layout.disk, "gpt", here.disk.size_bytes, pieces)]
    for group in layout.groups:
        size = next(piece.size for piece in pieces if piece.group == group.name)
        volumes = [Piece(v.name, v.mount, v.size_mib * MIB, "group", group.name) for v in group.volumes]
        free = size - sum(v.size for v in volumes)
        bars.append(
            Bar(group.name, _on(bars[0], group.name), size, (*volumes, Piece("", "free", free, "free")))
        )
    return tuple(bars)


def draw(title: str, bars: tuple[Bar, ...]) -> Shown:
    """Return bars as an inline SVG with a table that says the same, and as lines of text."""
    if not bars:
        return Shown(f"<div><b>{escape(title)}</b>: no disk</div>", f"{title}: no disk")
    high = TOP + len(bars) * (HIGH + GAP)
    groups = [bar.name for bar in bars[1:]]
    inside = "".join(_bar_svg(bar, TOP + i * (HIGH + GAP), groups) for i, bar in enumerate(bars))
    summary = f"{title}: " + "; ".join(_sentence(bar) for bar in bars)
    svg = (
        f'<svg role="img" viewBox="0 0 {WIDE} {high}" width="100%" style="max-width:{WIDE}px;color:inherit" '
        f'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="13" fill="currentColor">'
        f"<title>{escape(summary)}</title>{inside}</svg>"
    )
    text = "\n".join([title, *(_bar_text(bar) for bar in bars)])
    return Shown(f"<div><b>{escape(title)}</b><br>{svg}{_table(bars)}</div>", text)


def _pieces(disks: Disks, path: str) -> tuple[Piece, ...]:
    """Return a disk's partitions and the holes between them, in the order in which they lie."""
    table, disk = disks.table(path), disks.device(path)
    if table is None or disk is None:
        return ()
    groups = {p.path: p.group for p in disks.physical_volumes}
    entries = sorted(table.entries, key=lambda entry: entry.start)
    found: list[tuple[int, Piece]] = []
    for entry in entries:
        group, device = groups.get(entry.path, ""), disks.device(entry.path)
        use = _use(disks, entry.path)
        kind = "group" if group else "boot" if device and device.fstype in ("vfat", "ext4") else "other"
        name = entry.name or entry.path.rpartition("/")[2]
        piece = Piece(name, f"volume group {group}" if group else use, entry.size, kind, group)
        found.append((entry.start, piece))
    edges = [(0, MIB), *((e.start, e.start + e.size) for e in entries), (disk.size_bytes, 0)]
    found += [
        (b, Piece("", "free", c - b, "free")) for (_, b), (c, _) in pairwise(edges) if c - b > LEAST_FREE
    ]
    return tuple(piece for _, piece in sorted(found, key=lambda pair: pair[0]))


def _use(disks: Disks, path: str) -> str:
    """Return what a device holds and where it is mounted: `ext4 /home`."""
    device = disks.device(path)
    if device is None:
        return ""
    places = ["swap in use" if m == "[SWAP]" else m for m in device.mountpoints]
    return " ".join([device.fstype or "empty", *places])


def _chosen(here: Situation) -> str:
    """Return the disk of the parameters, else the one that the root is on, else the first."""
    if here.disk:
        return here.path
    root = here.disks.mount("/")
    below = here.disks.disks_below(root.source) if root else ()
    return next(iter((*below, *(d.path for d in here.disks.disks))), "")


def _spans(bar: Bar, wide: float) -> list[tuple[float, float]]:
    """Return start and width of each piece; what the bar has besides its pieces stays blank at its end."""
    whole, at, found = max(bar.size, sum(p.size for p in bar.pieces), 1), 0.0, []
    for piece in bar.pieces:
        found.append((at, piece.size / whole * wide))
        at += piece.size / whole * wide
    return found


def _bar_svg(bar: Bar, top: int, groups: list[str]) -> str:
    text = f'<text x="0" y="{top - 6}" font-weight="bold">{escape(_head(bar))}</text>'
    frame = 'stroke="currentColor" stroke-opacity=".55"'
    for mark, piece, (x, w) in zip(_marks(bar), bar.pieces, _spans(bar, WIDE), strict=True):
        is_free = piece.kind == "free"
        tint = f'fill="rgb({_tint(piece, groups)})" fill-opacity=".28"'
        look = 'fill="none" stroke-dasharray="4 4"' if is_free else tint
        name = piece.name or piece.what
        label = f"{mark} {name}".strip() if w > 9 * (len(name) + 3) else mark if w > 11 else ""
        text += (
            f'<rect x="{x:.1f}" y="{top}" width="{max(w, 1.5):.1f}" height="{HIGH}" {look} {frame}>'
            f"<title>{escape(_line(piece))}</title></rect>"
        )
        if label:
            text += f'<text x="{x + w / 2:.1f}" y="{top + HIGH / 2 + 5}" text-anchor="middle">{escape(label)}</text>'
    return text


def _tint(piece: Piece, groups: list[str]) -> str:
    if piece.group in groups:
        return _GROUP_TINTS[groups.index(piece.group) % len(_GROUP_TINTS)]
    return _GREY if piece.kind == "boot" else _RED


def _table(bars: tuple[Bar, ...]) -> str:
    rows = "".join(
        f'<tr><td style="text-align:left">{escape(bar.name)}</td><td>{mark}</td>'
        f'<td style="text-align:left">{escape(piece.name)}</td><td>{gib(piece.size)}</td>'
        f'<td style="text-align:left">{escape(piece.what)}</td></tr>'
        for bar in bars
        for mark, piece in zip(_marks(bar), bar.pieces, strict=True)
    )
    return f"<table><thead><tr><th>on</th><th></th><th>name</th><th>size</th><th>what</th></tr></thead><tbody>{rows}</tbody></table>"


def _bar_text(bar: Bar) -> str:
    line = ""
    for mark, (x, w) in zip(_marks(bar), _spans(bar, COLUMNS), strict=True):
        # Everything is seen, however small: at least one column each.
        line += (mark or ".") * max(1, round(x + w) - max(len(line), round(x)))
    rows = [f"    {mark or '.'}  {_line(piece)}" for mark, piece in zip(_marks(bar), bar.pieces, strict=True)]
    return "\n".join([f"  {_head(bar)}", f"    [{line}]", *rows])


def _on(disk: Bar, group: str) -> str:
    """Return of which partitions a volume group is made: `volume group on 4 system`."""
    pieces = zip(_marks(disk), disk.pieces, strict=True)
    return "volume group on " + ", ".join(f"{mark} {p.name}" for mark, p in pieces if p.group == group)


def _marks(bar: Bar) -> list[str]:
    """Return a digit or letter for each piece, '' for what is free."""
    marks = iter(_MARKS + "+" * len(bar.pieces))
    return ["" if piece.kind == "free" else next(marks) for piece in bar.pieces]


def _head(bar: Bar) -> str:
    return f"{bar.name}: {gib(bar.size)}, {bar.what}"


def _line(piece: Piece) -> str:
    name = f"{piece.name}: " if piece.name else ""
    return f"{name}{gib(piece.size)}, {piece.what}" if piece.what else f"{name}{gib(piece.size)}"


def _sentence(bar: Bar) -> str:
    return f"{_head(bar)}, with " + ", ".join(_line(piece) for piece in bar.pieces)
