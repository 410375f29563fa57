"""A picture of the PCI devices: where each hangs, what the IOMMU cannot tell apart, and who has it."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from runbook import survey
from runbook.facts import xen
from runbook.facts.pci import Device
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.show.canvas import AMBER, BLUE, GREEN, GREY, box, label, letters, line, picture
from runbook.show.pci_rows import Row, folded, path
from runbook.show.pieces import Shown
from runbook.text.alike import cut_apart

WIDE, ROW, TOP, STEP = 880, 26, 30, 20
_GROUP_X, _OWNER_X = 500, 600
_DIGIT, _LANE = 7.3, 5
"""Pixels of a letter of an address, and from one line that joins the pieces of a group to the next."""


_TINT = {"guest": GREEN, "waits": AMBER, "dom0": BLUE, "nobody": GREY}


def show(params: HostParams, facts: Facts) -> Shown:
    """Return the tree with its text alternative."""
    found = rows(params, facts)
    text = "\n".join(outline(found))
    title = f"The PCI devices of {params.host}, their IOMMU groups, and who has each"
    return Shown(picture(WIDE, TOP + ROW * len(found) + 4, title, text, _inside(found)), text)


def rows(params: HostParams, facts: Facts) -> tuple[Row, ...]:
    """Return all devices, each bridge directly before what hangs on it; parts of the machine that nobody wants folded."""
    machine = survey.read(facts)
    running = xen.parse(facts) if all(ask in facts for ask in xen.COMMANDS) else None
    wanted = {bdf: guest.name for guest in params.guests for bdf in guest.pci}
    found = [Row(d, path(d, machine), *_owner(d, running, wanted.get(d.bdf, ""))) for d in machine.devices]
    return folded(sorted(found, key=lambda row: (*row.path, row.device.bdf)), machine)


def outline(found: tuple[Row, ...]) -> list[str]:
    """Return the tree as indented lines: the picture for those who cannot see it."""
    sizes = Counter(device.group for row in found for device in row.devices)
    lines = []
    for row in found:
        group = (
            f", in {row.group}" if len(row.groups) > 1 else f", IOMMU group {row.group}" if row.group else ""
        )
        size = sizes[row.device.group]
        group += f" of {size} devices" if len(row.groups) == 1 and size > 1 else ""
        lines.append(f"{'  ' * row.depth}{row.label}{group}, {row.owner}")
    return lines


def _owner(device: Device, running: xen.Xen | None, wanted: str) -> tuple[str, str]:
    """Return who has a device, in words, and the kind of that."""
    names = {domain.id: domain.name for domain in running.domains} if running else {}
    holder = next((n for bdf, n in running.assigned if bdf == device.bdf), None) if running else None
    whom = f" for {wanted}" if wanted else ""
    if holder is not None:
        return names.get(holder, f"guest {holder}"), "guest"
    if device.driver == "pciback" or (running and device.bdf in running.assignable):
        return f"waits{whom or ' for a guest'}", "waits"
    if device.driver:
        return f"dom0, by {device.driver}" + (f"; meant{whom}" if wanted else ""), "dom0"
    return f"no driver{'; meant' + whom if wanted else ''}", "nobody"


def _inside(found: tuple[Row, ...]) -> str:
    head = 'font-weight="bold"'
    parts = [
        label(4, 18, "device", 200, look=head),
        label(_GROUP_X, 18, "IOMMU group", 90, look=head),
        label(_OWNER_X + 8, 18, "who has it", 200, look=head),
        *_branches(found),
        *_groups(found),
    ]
    rooms = [_GROUP_X - _name_x(row) - 6 for row in found]
    names = cut_apart([row.name for row in found], [letters(room) for room in rooms])
    for at, (row, room, name) in enumerate(zip(found, rooms, names, strict=True)):
        y = TOP + at * ROW
        parts.append(label(_x(row), y + 17, _address(row), 120, look='font-family="monospace"'))
        parts.append(label(_name_x(row), y + 17, row.name, room, short=name))
        parts.append(box(_OWNER_X, y + 2, WIDE - _OWNER_X - 2, ROW - 4, _TINT[row.kind], says=row.owner))
        parts.append(label(_OWNER_X + 8, y + 17, row.owner, WIDE - _OWNER_X - 14))
    return "".join(parts)


def _address(row: Row) -> str:
    return row.device.bdf.removeprefix("0000:")


def _x(row: Row) -> int:
    return 6 + row.depth * STEP


def _name_x(row: Row) -> float:
    """Return where a name begins: behind its address, which is longer beyond the domain 0000."""
    return _x(row) + max(74, len(_address(row)) * _DIGIT + 10)


def _branches(found: tuple[Row, ...]) -> list[str]:
    """Return an elbow from each device to the bridge, or the controller, that it hangs on."""
    place = {row.device.bdf: at for at, row in enumerate(found)}
    elbows = []
    for at, row in enumerate(found):
        above = place.get(row.path[-1]) if row.path else None
        if above is not None:
            x, y = 6 + found[above].depth * STEP + 8, TOP + at * ROW + 13
            elbows.append(line((x, TOP + above * ROW + 21), (x, y), (x + STEP - 10, y)))
    return elbows


def _groups(found: tuple[Row, ...]) -> list[str]:
    """Return a box for each group; one whose devices do not stand together has several, joined by a line at their right."""
    pieces: dict[str, list[tuple[int, int]]] = {}
    at = 0
    for groups, stretch in groupby(found, key=lambda row: row.groups):
        count = len(list(stretch))
        if groups:
            name = str(groups[0]) if len(groups) == 1 else f"{len(groups)} groups"
            key = name if len(groups) == 1 else f"{name} at {at}"
            pieces.setdefault(key, []).append((at, count))
        at += count
    parts = [part for key, some in pieces.items() for part in _boxes(key, some)]
    apart = [some for some in pieces.values() if len(some) > 1]
    return [
        *parts,
        *(part for some, lane in zip(apart, _lanes(apart), strict=True) for part in _joined(some, lane)),
    ]


def _boxes(key: str, pieces: list[tuple[int, int]]) -> list[str]:
    name, parts = key.partition(" at ")[0], []
    says = (
        name
        if "groups" in name
        else f"IOMMU group {name}" + (f", in {len(pieces)} places" if len(pieces) > 1 else "")
    )
    for at, count in pieces:
        y, high = TOP + at * ROW, count * ROW
        parts.append(box(_GROUP_X, y + 2, 62, high - 4, GREY, says=says))
        parts.append(label(_GROUP_X + 31, y + high / 2 + 4, name, 62, look='text-anchor="middle"'))
    return parts


def _lanes(apart: list[list[tuple[int, int]]]) -> list[int]:
    """Return for each group that is in several places a lane for its line, so that no two lines lie on each other."""
    ends: list[int] = []
    lanes = []
    for some in apart:
        lane = next((i for i, end in enumerate(ends) if end < some[0][0]), len(ends))
        ends[lane : lane + 1] = [some[-1][0]]
        lanes.append(lane)
    return lanes


def _joined(pieces: list[tuple[int, int]], lane: int) -> list[str]:
    x = _GROUP_X + 66 + lane % 6 * _LANE
    middles = [TOP + (at + count / 2) * ROW for at, count in pieces]
    return [
        line((x, middles[0]), (x, middles[-1])),
        *(line((_GROUP_X + 62, y), (x, y)) for y in middles),
    ]
