"""A picture of the PCI devices: where each hangs, what the IOMMU cannot tell apart, and who has it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby

from runbook import survey
from runbook.facts import xen
from runbook.facts.pci import Device
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.show.canvas import AMBER, BLUE, GREEN, GREY, box, label, line, picture
from runbook.show.pieces import Shown

WIDE, ROW, TOP, STEP = 880, 26, 30, 20
_GROUP_X, _OWNER_X = 520, 600


@dataclass(frozen=True)
class Row:
    """One device of the tree. `kind` is guest, waits, dom0 or nobody."""

    device: Device
    depth: int
    owner: str
    """Who has it, in words."""
    kind: str

    @property
    def label(self) -> str:
        return f"{self.device.bdf} {self.device.class_name}: {self.device.name}"


_TINT = {"guest": GREEN, "waits": AMBER, "dom0": BLUE, "nobody": GREY}


def show(params: HostParams, facts: Facts) -> Shown:
    """Return the tree with its text alternative."""
    found = rows(params, facts)
    text = "\n".join(outline(found))
    title = f"The PCI devices of {params.host}, their IOMMU groups, and who has each"
    return Shown(picture(WIDE, TOP + ROW * len(found) + 4, title, text, _inside(found)), text)


def rows(params: HostParams, facts: Facts) -> tuple[Row, ...]:
    """Return all devices, each bridge directly before what hangs on it."""
    machine = survey.read(facts)
    running = xen.parse(facts) if all(ask in facts for ask in xen.COMMANDS) else None
    wanted = {bdf: guest.name for guest in params.guests for bdf in guest.pci}
    ordered = sorted(machine.devices, key=lambda d: (*d.path, d.bdf))
    return tuple(Row(d, len(d.path), *_owner(d, running, wanted.get(d.bdf, ""))) for d in ordered)


def outline(found: tuple[Row, ...]) -> list[str]:
    """Return the tree as indented lines: the picture for those who cannot see it."""
    sizes = Counter(row.device.group for row in found)
    lines = []
    for row in found:
        number = row.device.group
        group = "" if number is None else f", IOMMU group {number}"
        group += f" of {sizes[number]} devices" if group and sizes[number] > 1 else ""
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
    for at, row in enumerate(found):
        y, x = TOP + at * ROW, 6 + row.depth * STEP
        short = row.device.bdf.removeprefix("0000:")
        parts.append(label(x, y + 17, short, 90, look='font-family="monospace"'))
        name = f"{row.device.class_name}: {row.device.name}"
        parts.append(label(x + 74, y + 17, name, _GROUP_X - x - 84))
        parts.append(box(_OWNER_X, y + 2, WIDE - _OWNER_X - 2, ROW - 4, _TINT[row.kind], says=row.owner))
        parts.append(label(_OWNER_X + 8, y + 17, row.owner, WIDE - _OWNER_X - 14))
    return "".join(parts)


def _branches(found: tuple[Row, ...]) -> list[str]:
    """Return an elbow from each device to the bridge that it hangs on."""
    place = {row.device.bdf: at for at, row in enumerate(found)}
    elbows = []
    for at, row in enumerate(found):
        above = place.get(row.device.path[-1]) if row.device.path else None
        if above is not None:
            x, y = 6 + found[above].depth * STEP + 8, TOP + at * ROW + 13
            elbows.append(line((x, TOP + above * ROW + 21), (x, y), (x + STEP - 10, y)))
    return elbows


def _groups(found: tuple[Row, ...]) -> list[str]:
    """Return a box for each stretch of devices of one group, so that what goes together is seen together."""
    parts, at = [], 0
    for number, stretch in groupby(found, key=lambda row: row.device.group):
        count = len(list(stretch))
        if number is not None:
            y, high = TOP + at * ROW, count * ROW
            parts.append(box(_GROUP_X, y + 2, 62, high - 4, GREY, says=f"IOMMU group {number}"))
            parts.append(label(_GROUP_X + 31, y + high / 2 + 4, str(number), 50, look='text-anchor="middle"'))
        at += count
    return parts
