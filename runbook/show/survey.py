"""The survey of a machine for people: what it is, what may be done with each device, and the pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runbook.errors import RunbookError
from runbook.facts import guests, storage, xen
from runbook.model.ask import Ask, Facts
from runbook.params import HostParams
from runbook.show import disk, network, pci_tree, tables
from runbook.show.bars import draw
from runbook.show.pieces import Shown
from runbook.survey import machine as machines
from runbook.survey.tables import moves


@dataclass(frozen=True)
class Part:
    """A table or a picture with its title."""

    title: str
    shown: Shown

    @property
    def html(self) -> str:
        """What a page shows of it; all that a machine said was escaped."""
        return self.shown.html


def asks() -> tuple[Ask, ...]:
    """Return what tables and pictures need, each question once."""
    return tuple(dict.fromkeys((*machines.asks(), storage.TABLES, *xen.COMMANDS, *guests.RUNNING)))


def parts(params: HostParams, facts: Facts) -> tuple[Part, ...]:
    """Return machine, devices, and every picture that the answers suffice for; another says why there is none."""
    shown = [
        Part("The machine", tables.show("machine", params, facts)),
        Part("The devices, and what may be done with each", tables.show("devices", params, facts)),
        Part("What to do about it", _moves(params, facts)),
    ]
    return (*shown, *pictures(params, facts))


def _moves(params: HostParams, facts: Facts) -> Shown:
    """Return each next move with the devices that it is for."""
    rows = [{"for": whose, "what to do": do} for do, whose in moves(facts, params)]
    return tables.styled("moves", tables.indexed(rows, "for")) if rows else tables.nothing("Nothing.")


def pictures(params: HostParams, facts: Facts) -> tuple[Part, ...]:
    """Return the pictures alone."""
    return tuple(Part(title, _drawn(draw, params, facts)) for title, draw in _PICTURES)


def _disks(params: HostParams, facts: Facts) -> Shown:
    """Return every disk to scale, with what lies on it."""
    tree = storage.parse(facts)
    if storage.TABLES not in facts:
        return tables.nothing("The partition tables were not asked for.")
    drawn = [draw(d.name, disk.present(tree, d.path)) for d in tree.disks]
    if not drawn:
        return tables.nothing("There is no disk.")
    return Shown("".join(one.html for one in drawn), "\n\n".join(one.text for one in drawn))


def _drawn(show: Callable[[HostParams, Facts], Shown], params: HostParams, facts: Facts) -> Shown:
    try:
        return show(params, facts)
    except RunbookError as error:
        return tables.nothing(f"There is no picture: {error.what}.")


_PICTURES: tuple[tuple[str, Callable[[HostParams, Facts], Shown]], ...] = (
    ("Where each device hangs", pci_tree.show),
    ("The disks", _disks),
    ("The network", network.show),
)
