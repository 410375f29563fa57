"""The disks within disks of a host, drawn and listed: disk, volume group, a guest's volume, its own table."""

from __future__ import annotations

from runbook.facts import storage as storages
from runbook.facts.storage import Volume, inside, kinds
from runbook.facts.storage.tables import Content, Partition, Table
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.show.nested import Box, drawing
from runbook.show.pieces import Shown
from runbook.steps.shared import mount_refusals
from runbook.text import html
from runbook.text.sizes import human_size

_WORTH_DRAWING = 1024**2
_EMPTY = "empty"


def show(params: HostParams, facts: Facts) -> Shown:
    """Return the picture of all guests' volumes with its text alternative, and below it the table."""
    import pandas as pd

    host = boxes(params, facts)
    if not host:
        sentence = f"There is no volume group {params.storage.guest_volume_group} on {params.host}."
        return Shown(f"<p>{html.escape(sentence)}</p>", sentence)
    text = "\n".join(line for box in host for line in outline(box))
    picture = drawing(host, f"Disks within disks on {params.host}", text)
    table = pd.DataFrame(rows(params, facts), columns=list(_COLUMNS)).set_index("volume")
    return Shown(picture + html.table("volumes", table), f"{text}\n\n{table.to_string(max_colwidth=60)}")


def boxes(params: HostParams, facts: Facts) -> tuple[Box, ...]:
    """Return the host's disks as nested boxes: the group lies on them, and in it the guests' volumes."""
    group = params.storage.guest_volume_group
    storage = storages.parse(facts)
    volumes = storage.volumes_of(group)
    owners = {v.name: g for g in params.guests for v in g.own_volumes}
    inner = tuple(_volume(v, owners.get(v.name), facts) for v in volumes)
    disks = storage.parts_of(group)
    if not disks:
        return ()
    size = sum(part.size for part in disks)
    free = size - sum(v.size for v in volumes)
    rest = (Box("free", free, is_free=True),) if free >= _WORTH_DRAWING else ()
    held = Box(f"volume group {group}", size, (*inner, *rest), is_stack=True)
    names = " and ".join(part.path for part in disks)
    return (Box(f"the host's {names}", size, (held,), is_stack=True),)


def outline(box: Box, depth: int = 0) -> list[str]:
    """Return a box and all in it as indented lines: the picture for those who cannot see it."""
    line = "  " * depth + f"{box.label}, {human_size(box.size)}"
    return [line, *(text for inner in box.inner for text in outline(inner, depth + 1))]


_COLUMNS = ("volume", "guest", "part", "starts at", "size", "kind", "holds", "in use")


def rows(params: HostParams, facts: Facts) -> list[dict[str, str]]:
    """Return one row for each partition in each guest's volume, or one for a volume without a table."""
    storage = storages.parse(facts)
    found = []
    owned = [(guest, volume) for guest in params.guests for volume in guest.own_volumes]
    for guest, wanted in owned:
        volume = storage.volume(params.storage.guest_volume_group, wanted.name)
        if volume is None:
            continue
        table = inside.parse(facts, volume.path)
        if not table.partitions:
            found.append(_row(volume, guest, "–", "", volume.size, _whole(table), table.content, 0))
        for part in table.partitions:
            kind = part.name or kinds.find(table.label, part.type).name or part.type
            place = human_size(part.start)
            found.append(
                _row(volume, guest, str(part.number), place, part.size, kind, part.content, part.start)
            )
    return found


def _row(
    volume: Volume, guest: Guest, part: str, place: str, size: int, kind: str, held: Content, start: int
) -> dict[str, str]:
    uses = [use for use in volume.uses if use.loop is None or use.loop.offset == start]
    values = (
        volume.full_name,
        guest.name,
        part,
        place,
        human_size(size),
        kind,
        _held(held),
        "; ".join(f"{use.kind} {use.who}" + (" (read-only)" if use.is_read_only else "") for use in uses),
    )
    return dict(zip(_COLUMNS, values, strict=True))


def _volume(volume: Volume, guest: Guest | None, facts: Facts) -> Box:
    """Return one volume as a box, with what is in it if it is a guest's."""
    whose = f": the disk of '{guest.name}'" if guest else ""
    whose = f": a snapshot of {volume.origin}" if volume.origin else whose
    label = f"volume {volume.full_name}{whose}"
    if guest is None:
        return Box(label, volume.size)
    table = inside.parse(facts, volume.path)
    if not table.partitions:
        whole = _whole(table)
        return Box(label, volume.size, (Box(whole, volume.size, is_free=whole == _EMPTY),))
    if table.problems:
        label += ", with a table that cannot be trusted"
    first = min(p.start for p in table.partitions)
    head = Box("GPT" if table.label == "gpt" else "MBR", first)
    parts = tuple(_partition(p, table.label) for p in table.partitions if not p.is_extended)
    room = table.size - max(p.end for p in table.partitions)
    rest = (Box("unused", room, is_free=True),) if room > _WORTH_DRAWING else ()
    return Box(label, volume.size, (head, *parts, *rest))


def _partition(part: Partition, label: str) -> Box:
    kind = part.name or kinds.find(label, part.type).name or f"type {part.type}"
    inner = f", in it {mount_refusals.slots(part)}" if part.slots else ""
    return Box(f"{part.number}: {_held(part.content) or kind}{inner}", part.size)


def _whole(table: Table) -> str:
    if table.is_unread:
        return "not read yet: sfdisk is missing"
    if table.problems:
        return "a partition table that cannot be read"
    return _held(table.content) or ("not active" if not table.exists else _EMPTY)


def _held(content: Content) -> str:
    return content.fstype + (f" “{content.label}”" if content.label else "")
