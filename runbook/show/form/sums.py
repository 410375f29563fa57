"""What the parameters add up to while they are typed: memory and virtual CPUs, right or wrong as they are."""

from __future__ import annotations

from typing import Any

from runbook.params.edit import inside
from runbook.params.guests import Guest
from runbook.params.host import Dom0
from runbook.params.model import need_mib
from runbook.params.yaml12 import Where
from runbook.show import bars as drawing
from runbook.show.bars import Bar
from runbook.show.budget import Share, shared_out
from runbook.show.form.picker import items
from runbook.survey.machine import Machine

_TITLE = "If every guest ran at once, each with what Xen needs for it on top of its memory"


def html(values: dict[str, Any], machine: Machine | None) -> str:
    """Return who gets how much, as bars and a table; a number that cannot be read counts nothing, and says so."""
    return drawing.fluid(_TITLE, *_bars(values, machine))


def text(values: dict[str, Any], machine: Machine | None) -> str:
    """Return the same as lines of text."""
    return drawing.draw(_TITLE, *_bars(values, machine)).text


def _bars(values: dict[str, Any], machine: Machine | None) -> tuple[tuple[Bar, ...], list[str]]:
    """Return both bars, and the names of the guests; what is too much for the file or the machine is too much."""
    guests = [_guest(values, index) for index, _ in enumerate(items(values, "guests"))]
    has = [_number(values, ("ram_mib",), 0), machine.memory.machine_mib if machine else 0]
    total = min(filter(None, has), default=0)
    bars = shared_out((_dom0(values), *guests), total, machine.cpu.threads if machine else 0)
    return bars, [share.name for share in guests]


def _dom0(values: dict[str, Any]) -> Share:
    memory = _number(values, ("dom0", "memory_mib"), Dom0().memory_mib)
    return Share("dom0", "", memory, _number(values, ("dom0", "max_vcpus"), Dom0().max_vcpus), is_guest=False)


def _guest(values: dict[str, Any], index: int) -> Share:
    at = ("guests", index)
    name, what = inside(values, (*at, "name")), inside(values, (*at, "what"))
    memory = _number(values, (*at, "memory_mib"), 0)
    cpus = _number(values, (*at, "vcpus"), Guest.model_fields["vcpus"].default)
    return Share(str(name or f"guests.{index}"), str(what or ""), memory and need_mib(memory, cpus), cpus)


def _number(values: dict[str, Any], where: Where, default: int) -> int:
    """Return the number at a place, 0 for what is none."""
    value = inside(values, where)
    try:
        return default if value is None else max(int(value), 0)
    except (TypeError, ValueError):
        return 0
