"""Tables and pictures of the host, for reading in a cell, by their names."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from runbook.errors import ParamsError
from runbook.guests.drives import disks_of, target_of
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.params.guest_disks import Disk
from runbook.params.model import guest_need_mib
from runbook.show.pieces import Shown
from runbook.text import html

if TYPE_CHECKING:
    import pandas as pd

_EMPTY = {
    "guests": "There are no guests in the parameters yet.",
    "devices": "Linux shows no PCI devices here.",
}
_VERDICT = {"may be passed": "46,160,67", "needs care": "210,153,34", "": "128,128,128"}


def show(what: str, params: HostParams, facts: Facts) -> Shown:
    """Return a table or a picture by its name. Raises `ParamsError` for a name that is none."""
    if what in _PICTURES:
        draw: Callable[[HostParams, Facts], Shown] = import_module(_PICTURES[what]).show
        return draw(params, facts)
    if what not in _TABLES:
        known = ", ".join((*_TABLES, *_PICTURES))
        raise ParamsError(f"There is no table or picture '{what}'", do=f"there are: {known}")
    table = _TABLES[what](params, facts)
    return styled(what, table) if len(table) else nothing(_EMPTY.get(what, "There is nothing to show."))


def nothing(sentence: str) -> Shown:
    """Return a sentence in the place of a table without rows."""
    return Shown(f"<p>{html.escape(sentence)}</p>", sentence)


def styled(name: str, table: pd.DataFrame) -> Shown:
    """Return a table of a name as HTML and as text, its verdicts tinted."""
    made = html.table(name, table, {"verdict": _VERDICT})
    if len(table) > LONGEST and name not in _READ_WHOLE:
        made = f"<details><summary>A table of {len(table)} rows</summary>{made}</details>"
    return Shown(made, table.to_string(max_colwidth=100))


def indexed(rows: list[dict[str, Any]], by: str) -> pd.DataFrame:
    """Return rows as a table with an index; one without rows is a table too, which has that column alone."""
    import pandas as pd

    return pd.DataFrame(rows, columns=None if rows else [by]).set_index(by)


def _machine(params: HostParams, facts: Facts) -> pd.DataFrame:
    from runbook.survey import machine_table

    return machine_table(facts).set_index("what")


def _devices(params: HostParams, facts: Facts) -> pd.DataFrame:
    from runbook.survey import survey_table

    return survey_table(facts, params).set_index("address")


def _guests(params: HostParams, facts: Facts) -> pd.DataFrame:

    rows = [
        {
            "guest": g.name,
            "what": g.what,
            "memory, MiB": g.memory_mib,
            "with overhead": guest_need_mib(g),
            "vcpus": g.vcpus,
            "disk": "; ".join(_disk(params, disk) for disk in disks_of(g) if disk.cd is None),
            "network": ", ".join(f"{n.bridge or n.script} {n.mac or ''}".strip() for n in g.nics),
            "devices": ", ".join(g.pci),
            "screen": "" if g.vnc_display is None else f"{g.vnc_listen}:{5900 + g.vnc_display}",
            "starts": "" if g.autostart is None else str(g.autostart),
        }
        for g in params.guests
    ]
    return indexed(rows, "guest")


def _disk(params: HostParams, disk: Disk) -> str:
    """Return one disk in words: a volume of LVM by its name, anything else by its path."""
    group = disk.group or params.storage.guest_volume_group
    name = f"{group}/{disk.volume}" if disk.volume else target_of(params, disk)
    return f"{name}, {disk.size_gib} GiB" if disk.size_gib else name


def _xen(params: HostParams, facts: Facts) -> pd.DataFrame:
    import pandas as pd

    from runbook.facts import xen

    running = xen.parse(facts)
    dom0 = running.dom0
    rows = {
        "hypervisor": f"Xen {running.full_version}" if running.full_version else "none: plain Debian runs",
        "can": " ".join(running.capabilities) or "nothing without Xen",
        "Xen's boot options": " ".join(running.commandline) or "none",
        "dom0's boot options": " ".join(running.kernel_commandline),
        "dom0": f"{dom0.memory_mib} MiB, {dom0.vcpus} vcpus" if dom0 else "none",
        "guests running": ", ".join(g.name for g in running.guests) or "none",
        "devices waiting for a guest": ", ".join(sorted(running.assignable)) or "none",
        "devices that a guest has": ", ".join(bdf for bdf, _ in running.assigned) or "none",
    }
    return pd.DataFrame({"what": rows.keys(), "value": rows.values()}).set_index("what")


def _settings(params: HostParams, facts: Facts) -> pd.DataFrame:

    from runbook.steps.uefi import verify_settings

    rows = [
        {"setting": s.title, "should be": s.wanted, "is": s.state, "seen": s.seen, "in the menus": s.place}
        for s in verify_settings.read(params, facts)
    ]
    return indexed(rows, "setting")


def _packages(params: HostParams, facts: Facts) -> pd.DataFrame:

    from runbook.releases.packages import guide_packages
    from runbook.steps.shared import wanted_packages

    wanted, installed = wanted_packages.wanted(params), wanted_packages.read(params, facts).installed

    def here(names: tuple[str, ...]) -> str:
        if not names or not wanted.keys() >= set(names):
            return "not asked for" if names else ""
        return "installed" if installed.keys() >= set(names) else "to be installed"

    rows = [
        {"group": p.group, "asked in 2013": p.in_2013, "now": ", ".join(p.today) or "none", "here": here(p.today),
         "why": p.why}
        for p in guide_packages(params.release)
    ]  # fmt: skip
    return indexed(rows, "group")


def _kernel_flags(params: HostParams, facts: Facts) -> pd.DataFrame:
    from runbook.show import kernel_flags

    return kernel_flags.table(params, facts)


LONGEST = 40
"""Rows of a table that is shown unfolded."""
_READ_WHOLE = ("devices",)
"""The table to take one's time over is never folded."""
_TABLES: dict[str, Callable[[HostParams, Facts], pd.DataFrame]] = {
    "machine": _machine,
    "settings": _settings,
    "devices": _devices,
    "kernel_flags": _kernel_flags,
    "xen": _xen,
    "guests": _guests,
    "packages": _packages,
}
_PICTURES = {
    "disk": "runbook.show.disk",
    "layout": "runbook.show.disk",
    "running": "runbook.show.guests",
    "volumes": "runbook.show.volumes",
    "pci_tree": "runbook.show.pci_tree",
    "network": "runbook.show.network",
    "budget": "runbook.show.budget",
}
"""Modules that draw, loaded when their picture is asked for: a command that shows none starts without them."""
