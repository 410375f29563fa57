"""A picture of the budget: how dom0 and the guests share memory and processors, to scale."""

from __future__ import annotations

from runbook.ask import Facts
from runbook.facts import memory, xl
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.params.model import XEN_MIB, guest_need_mib
from runbook.show.bars import Bar, Piece, draw
from runbook.show.pieces import Shown


def show(params: HostParams, facts: Facts) -> Shown:
    """Return memory and virtual processors as bars, each with a table that says the same."""
    return draw("If every guest ran at once", bars(params, facts), [g.name for g in params.guests])


def bars(params: HostParams, facts: Facts) -> tuple[Bar, ...]:
    """Return both budgets; where Xen does not run, of the size that the parameters name or need."""
    info = xl.info(facts)
    running = {row.name for row in xl.rows(facts[xl.LIST].out)}
    total = int(info.get("total_memory") or params.ram_mib or _seen(facts) or params.memory_needed_mib)
    threads = int(info.get("nr_cpus") or 0)
    left = total - params.memory_needed_mib
    pieces = [
        Piece("dom0", "fixed", params.dom0.memory_mib, "boot"),
        *(Piece(g.name, _said(g, running), guest_need_mib(g), "group", g.name) for g in params.guests),
        Piece("Xen", "reckoned for Xen itself", XEN_MIB, "boot"),
        *([Piece("", "free", left, "free")] if left > 0 else []),
    ]
    over = f", {-left} MiB more than there is" if left < 0 else ""
    shares = [
        Piece("dom0", "", params.dom0.max_vcpus, "boot"),
        *(Piece(g.name, _said(g, running), g.vcpus, "group", g.name) for g in params.guests),
    ]
    count = sum(piece.size for piece in shares)
    what = (
        f"on {threads} threads" + (", which they share in turn" if count > threads else "") if threads else ""
    )
    return (
        Bar("memory", f"{params.memory_needed_mib} MiB given out{over}", total, tuple(pieces), "MiB"),
        Bar("virtual processors", what, count, tuple(shares), ""),
    )


def _seen(facts: Facts) -> int:
    return memory.parse(facts).machine_mib if all(ask in facts for ask in memory.COMMANDS) else 0


def _said(guest: Guest, running: set[str]) -> str:
    return "runs" if guest.name in running else "does not run"
