"""A picture of a disk, to scale: its partitions, and below them what each volume group is divided into."""

from __future__ import annotations

from itertools import pairwise

from runbook.facts.storage import MIB, Storage
from runbook.installation.layout import Layout
from runbook.model.ask import Ask, Facts
from runbook.params import HostParams
from runbook.show.bars import Bar, Piece, draw, marks
from runbook.show.pieces import Shown
from runbook.steps.shared import target
from runbook.steps.shared.target import Situation

#: Below this a hole between partitions is alignment, and no room that anybody left.
LEAST_FREE = 8 * MIB


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions that the picture needs."""
    return target.asks(params)


def show(params: HostParams, facts: Facts) -> Shown:
    """Return the disk as it is, and beside it as it is asked for where the two are not the same thing yet."""
    here = target.read(params, facts)
    parts = [draw("Now", present(here.storage, _chosen(here)))]
    if params.installation.method != "none" and not (here.is_installed or here.is_partitioned) and here.disk:
        parts.append(draw("As the parameters ask for", wanted(here.layout, here)))
    return Shown("".join(p.html for p in parts), "\n\n".join(p.text for p in parts))


def present(storage: Storage, path: str) -> tuple[Bar, ...]:
    """Return what is on a disk: the disk itself, then each volume group that has a part on it."""
    disk = storage.device(path)
    if disk is None:
        return ()
    name = " ".join(word for word in (disk.model, disk.serial) if word)
    pieces = _pieces(storage, path) or (Piece("", disk.fstype or "empty", disk.size_bytes, "free"),)
    bars = [
        Bar(
            path,
            ", ".join(w for w in (disk.table or "no partition table", name) if w),
            disk.size_bytes,
            pieces,
        )
    ]
    mine = {path, *(d.path for d in storage.above(path))}
    for group in storage.groups:
        if mine & {p.path for p in storage.parts_of(group.name)}:
            volumes = [
                Piece(v.name, _use(storage, v.dm_path), v.size, "group", v.group)
                for v in storage.volumes_of(group.name)
            ]
            free = [Piece("", "free", group.free, "free")] if group.free else []
            bars.append(Bar(group.name, _on(bars[0], group.name), group.size, (*volumes, *free)))
    return tuple(bars)


def wanted(layout: Layout, here: Situation) -> tuple[Bar, ...]:
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


def _pieces(storage: Storage, path: str) -> tuple[Piece, ...]:
    """Return a disk's partitions and the holes between them, in the order in which they lie."""
    table, disk = storage.table(path), storage.device(path)
    if table is None or disk is None:
        return ()
    groups = {p.path: p.group for p in storage.physical_volumes}
    entries = sorted(table.partitions, key=lambda entry: entry.start)
    found: list[tuple[int, Piece]] = []
    for entry in entries:
        group, device = groups.get(entry.path, ""), storage.device(entry.path)
        use = _use(storage, entry.path)
        kind = "group" if group else "boot" if device and device.fstype in ("vfat", "ext4") else "other"
        name = entry.name or entry.path.rpartition("/")[2]
        piece = Piece(name, f"volume group {group}" if group else use, entry.size, kind, group)
        found.append((entry.start, piece))
    edges = [(0, MIB), *((e.start, e.start + e.size) for e in entries), (disk.size_bytes, 0)]
    found += [
        (b, Piece("", "free", c - b, "free")) for (_, b), (c, _) in pairwise(edges) if c - b > LEAST_FREE
    ]
    return tuple(piece for _, piece in sorted(found, key=lambda pair: pair[0]))


def _use(storage: Storage, path: str) -> str:
    """Return what a device holds and where it is mounted: `ext4 /home`."""
    device = storage.device(path)
    if device is None:
        return ""
    places = ["swap in use" if m == "[SWAP]" else m for m in device.mountpoints]
    return " ".join([device.fstype or "empty", *places])


def _chosen(here: Situation) -> str:
    """Return the disk of the parameters, else the one that the root is on, else the first."""
    if here.disk:
        return here.path
    root = here.storage.mount("/")
    below = here.storage.disks_of(root.source) if root else ()
    return next(iter((*below, *(d.path for d in here.storage.disks))), "")


def _on(disk: Bar, group: str) -> str:
    """Return of which partitions a volume group is made: `volume group on 4 system`."""
    pieces = zip(marks(disk), disk.pieces, strict=True)
    return "volume group on " + ", ".join(f"{mark} {p.name}" for mark, p in pieces if p.group == group)
