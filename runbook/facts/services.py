"""systemd's units: loaded, enabled, running; and whether the boot is over."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

_STATE = Ask.run("systemctl", "is-system-running")
XEN_WATCHDOG = "xen-watchdog.service"
"""The unit of the runbook's own that feeds the watchdog under Xen."""
FAILED = Ask.run("systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--no-pager")
"""Which units failed; read by `failed`."""
_PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload"


@dataclass(frozen=True)
class Unit:
    """One unit."""

    name: str
    load: str = "not-found"
    active: str = "inactive"
    """`active`, `inactive`, `failed`, `activating` …"""
    enabled: str = ""
    """`enabled`, `disabled`, `generated` (an init script), '' for a unit that does not exist."""
    is_outdated: bool = False
    """True when its file was changed and systemd has not read it yet."""

    @property
    def exists(self) -> bool:
        return self.load != "not-found"

    @property
    def is_masked(self) -> bool:
        """True when nothing can start it, nor enable it, which only a person does (systemctl(1), mask)."""
        return "masked" in (self.load, self.enabled.removesuffix("-runtime"))

    @property
    def starts_at_boot(self) -> bool:
        """True when a boot starts it; an init script's generated unit does so by its links."""
        return self.enabled in ("enabled", "generated", "static", "alias")


def commands(*units: str) -> tuple[Ask, ...]:
    """Return the questions about some units."""
    return (_STATE, Ask.run("systemctl", "show", "-p", _PROPERTIES, *units))


def parse(facts: Facts, *units: str) -> dict[str, Unit]:
    """Return every unit asked about by name; `units` as given to `commands`."""
    blocks = facts[commands(*units)[1]].out.split("\n\n")
    found = {unit.name: unit for unit in map(_unit, blocks) if unit.name}
    return {name: found.get(name, Unit(name)) for name in units}


def failed(facts: Facts) -> tuple[str, ...]:
    """Return the names of the units that failed.

    >>> from runbook.model.ask import Answer
    >>> failed(Facts({FAILED: Answer(0, "smartd.service loaded failed failed Self Monitoring (SMART) Daemon\\n")}))
    ('smartd.service',)
    """
    return tuple(line.split()[0] for line in facts[FAILED].out.splitlines() if line.strip())


def is_booting(facts: Facts) -> bool:
    """Return True while systemd is still starting what belongs to the boot."""
    return facts[_STATE].out.strip() in ("initializing", "starting")


def _unit(block: str) -> Unit:
    """Return one block's unit.

    >>> _unit("Id=xen.service\\nLoadState=loaded\\nActiveState=active\\nUnitFileState=enabled").starts_at_boot
    True
    """
    values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    return Unit(
        values.get("Id", ""),
        values.get("LoadState", "not-found"),
        values.get("ActiveState", "inactive"),
        values.get("UnitFileState", ""),
        values.get("NeedDaemonReload") == "yes",
    )
