"""The form in words: what stands where no widget can be, in a headless run and in HTML."""

from __future__ import annotations

from runbook.errors import ParamsError
from runbook.params import HostParams
from runbook.proposal.rest import reasons
from runbook.show.form import sums
from runbook.show.form.draft import Draft
from runbook.show.form.picker import Row, rows
from runbook.show.pieces import Shown, code
from runbook.survey.machine import Machine
from runbook.text.html import escape


def state(checked: HostParams | ParamsError, machine: Machine | None) -> str:
    """Return whether the parameters are right, and if not what is wrong, why, and the next move."""
    if isinstance(checked, ParamsError):
        count = len(checked.all)
        return (f"{count} things are wrong.\n" if count > 1 else "") + str(checked)
    needed, has = checked.memory_needed_mib, machine.memory.machine_mib if machine else 0
    if has and needed > has:
        return f"The parameters are too much for this machine: {needed} of {has} MiB, {needed - has} MiB too much"
    return "The parameters are right."


def device_lines(row: Row) -> tuple[str, ...]:
    """Return a group's devices, a line each, behind the bridges that lead to them."""
    return tuple(
        "".join(f"{bridge} > " for bridge in m.device.path)
        + f"{m.device.bdf} {m.device.class_name}, {m.device.name}"
        for m in row.group.members
    )


def place(row: Row) -> str:
    """Return what holds a group's devices together."""
    return "no IOMMU group" if row.group.number is None else f"IOMMU group {row.group.number}"


def reason(row: Row) -> str:
    """Return the verdict about a group with its reason."""
    return f"{row.group.verdict}: {row.group.why}" if row.group.why else row.group.verdict


def picture(draft: Draft, machine: Machine | None, why: str) -> Shown:
    """Return the whole form as text and as HTML that needs no script; the same for the same file and machine."""
    checked = draft.check()
    lines = [f"{draft.path.name}, a form where widgets work. {state(checked, machine)}"]
    lines += _devices(draft, machine) if machine else [f"No devices to pick from: {why}"]
    lines.append(sums.text(draft.values(), machine))
    text = "\n".join(lines)
    return Shown(f"<div><b>{escape(lines[0])}</b>{code(chr(10).join(lines[1:]))}</div>", text)


def _devices(draft: Draft, machine: Machine) -> list[str]:
    lines, found = ["Devices"], rows(draft.values(), machine)
    for row in (row for row in found if not row.is_folded):
        lines.append(f"  {place(row)} ({reason(row)}): {row.owner}")
        lines += [f"    {line}" for line in device_lines(row)]
    return [*lines, *(f"  {why}: {who}" for why, who in not_offered(found))]


def not_offered(found: tuple[Row, ...]) -> tuple[tuple[str, str], ...]:
    """Return each verdict and reason why devices have no picker, and which those are."""
    return tuple(reasons((row.group for row in found if row.is_folded), [row.group for row in found]))
