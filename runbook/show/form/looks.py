"""How the parts of the form look: whether it is right, the devices of a group as a tree, and the budget."""

from __future__ import annotations

import re
from html import escape

from runbook.errors import ParamsError
from runbook.params import HostParams
from runbook.show.canvas import TINTS
from runbook.show.form import words
from runbook.show.form.picker import Row, budget, shares
from runbook.show.pieces import TINT, badge
from runbook.survey.machine import Machine

_TIGHT = "line-height:1.45"
_LABEL_FROM = 0.09
"""The share of the bar from which on a name fits into its piece."""


def state(checked: HostParams | ParamsError, machine: Machine | None) -> str:
    """Return whether the parameters are right, on a ground that says the same."""
    said = words.state(checked, machine)
    word = "fail" if isinstance(checked, ParamsError) else "warn" if "too much" in said else "safe"
    return (
        f'<pre style="margin:.2em 0 .6em;padding:.3em .8em;white-space:pre-wrap;border-left:4px solid rgba({TINT[word]},.8);'
        f'background:rgba({TINT[word]},.1);{_TIGHT}">{escape(said)}</pre>'
    )


def note(text: str) -> str:
    """Return the help of a field, small, with its literal words as such; '' for none."""
    literal = re.sub("`([^`]*)`", r'<code style="background:none;font-size:1em">\1</code>', escape(text))
    return f'<div style="{_TIGHT}"><small>{literal}</small></div>' if text else ""


def wrong(why: str) -> str:
    """Return what is wrong with a field, to stand below its box; '' for nothing."""
    if not why:
        return ""
    style = f"margin:0 0 .6em 12.6em;padding:0 .6em;border-left:3px solid rgba({TINT['fail']},.8);{_TIGHT}"
    return f'<div style="{style}"><b>wrong:</b> {escape(why)}</div>'


def group(row: Row) -> str:
    """Return the devices of a group below the bridges that lead to them, and what may be done with them."""
    lines, seen = [], set[str]()
    for member in row.group.members:
        for depth, bridge in enumerate(member.device.path):
            if bridge not in seen:
                lines.append(_branch(depth, bridge, "bridge"))
                seen.add(bridge)
        device = member.device
        lines.append(_branch(len(device.path), device.bdf, f"{device.class_name}, {device.name}"))
    why = f" <small>{escape(row.group.why)}</small>" if row.group.why else ""
    grey = "opacity:.65;" if row.is_held else ""
    return f'<div style="{grey}{_TIGHT};padding-bottom:.7em">{"".join(lines)}{badge(row.group.verdict)}{why}</div>'


def sums(params: HostParams, machine: Machine | None) -> str:
    """Return who gets how much of the machine: the memory to scale, and a table that says all."""
    *rows, total = budget(params, machine)
    head = "".join(
        f"<th{_RIGHT if i else _LEFT}>{w}</th>" for i, w in enumerate(("who", "memory", "virtual CPUs"))
    )
    cells = "".join(_cells(*row, "") for row in rows) + _cells(
        *total, f"border-top:1px solid rgba({TINT['info']},.6);font-weight:bold;"
    )
    return (
        f'{_memory(params, machine)}<table style="{_TIGHT};border-spacing:0"><tr>{head}</tr>{cells}</table>'
    )


_LEFT = ' style="text-align:left;padding:.1em 1.2em .1em 0"'
_RIGHT = ' style="text-align:right;padding:.1em 0 .1em 1.2em"'


def _cells(who: str, mib: str, cpus: str, style: str) -> str:
    left, right = _LEFT.replace('"text', f'"{style}text'), _RIGHT.replace('"text', f'"{style}text')
    return f"<tr><td{left}>{escape(who)}</td><td{right}>{escape(mib)}</td><td{right}>{escape(cpus)}</td></tr>"


def _memory(params: HostParams, machine: Machine | None) -> str:
    has = machine.memory.machine_mib if machine else params.ram_mib or 0
    needs = [(who, mib) for who, mib, _ in shares(params)]
    free = has - sum(mib for _, mib in needs)
    whole = max(has, sum(mib for _, mib in needs))
    pieces = [
        _piece(who, mib, whole, f"rgba({TINTS[i % len(TINTS)]},.25)", "solid")
        for i, (who, mib) in enumerate(needs)
    ]
    pieces += [_piece("free", free, whole, "none", "dashed")] if free > 0 else []
    return f'<div style="display:flex;gap:2px;max-width:44em;margin:.3em 0 .6em" aria-hidden="true">{"".join(pieces)}</div>'


def _piece(who: str, mib: int, whole: int, ground: str, border: str) -> str:
    label = escape(who) if mib / whole >= _LABEL_FROM else "&nbsp;"
    return (
        f'<span title="{escape(who)}: {mib} MiB" style="flex:{mib} 1 0;min-width:3px;overflow:hidden;text-align:center;'
        f'white-space:nowrap;border-radius:3px;background:{ground};border:1px {border} rgba({TINT["info"]},.7);{_TIGHT}">{label}</span>'
    )


def _branch(depth: int, bdf: str, what: str) -> str:
    lead = "└&nbsp;" if depth else ""
    return (
        f'<div style="margin-left:{max(depth - 1, 0) * 1.4:g}em">{lead}<code style="background:none">{escape(bdf)}</code> '
        f"{escape(what)}</div>"
    )
