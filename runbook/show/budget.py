"""A picture of the budget: how dom0 and the guests share memory and processors, to scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runbook.facts import memory, xl
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.params.model import XEN_MIB, guest_need_mib
from runbook.show.bars import Bar, Piece, draw
from runbook.show.pieces import Shown


@dataclass(frozen=True)
class Share:
    """What dom0 or a guest gets of the machine."""

    name: str
    what: str
    """What is said about a guest."""
    memory_mib: int
    """With what Xen needs for a guest on top of its memory."""
    vcpus: int
    is_guest: bool = True


def show(params: HostParams, facts: Facts) -> Shown:
    """Return memory and virtual processors as bars, each with a table that says the same."""
    return draw("If every guest ran at once", bars(params, facts), [g.name for g in params.guests])


def bars(params: HostParams, facts: Facts) -> tuple[Bar, ...]:
    """Return both budgets; where Xen does not run, of the size that the parameters name or need."""
    info = xl.info(facts)
    running = {row.name for row in xl.rows(facts[xl.LIST].out)}
    dom0 = Share("dom0", "", params.dom0.memory_mib, params.dom0.max_vcpus, is_guest=False)
    guests = (Share(g.name, _state(g, running), guest_need_mib(g), g.vcpus) for g in params.guests)
    total = int(info.get("total_memory") or params.ram_mib or _seen(facts))
    return shared_out((dom0, *guests), total, int(info.get("nr_cpus") or 0))


def shared_out(shares: Sequence[Share], total_mib: int, threads: int) -> tuple[Bar, ...]:
    """Return memory and virtual processors as they are shared out; 0 for a total that is not known."""
    needed = sum(share.memory_mib for share in shares) + XEN_MIB
    left = (total_mib or needed) - needed
    over = f", {-left} MiB more than there is" if left < 0 else ""
    memory = [
        *(_piece(share, share.memory_mib, "fixed") for share in shares),
        Piece("Xen", "reckoned for Xen itself", XEN_MIB, "boot"),
        *([Piece("", "free", left, "free")] if left > 0 else []),
    ]
    cpus = [_piece(share, share.vcpus, "") for share in shares]
    count = sum(piece.size for piece in cpus)
    what = (
        f"on {threads} threads" + (", which they share in turn" if count > threads else "") if threads else ""
    )
    return (
        Bar("memory", f"{needed} MiB given out{over}", total_mib or needed, tuple(memory), "MiB"),
        Bar("virtual processors", what, count, tuple(cpus), ""),
    )


def _piece(share: Share, size: int, of_dom0: str) -> Piece:
    what = (share.what if share.is_guest else of_dom0) if size else "no amount yet"
    kind, group = ("group", share.name) if share.is_guest else ("boot", "")
    return Piece(share.name, what, size, kind, group)


def _seen(facts: Facts) -> int:
    return memory.parse(facts).machine_mib if all(ask in facts for ask in memory.COMMANDS) else 0


def _state(guest: Guest, running: set[str]) -> str:
    return "runs" if guest.name in running else "does not run"
