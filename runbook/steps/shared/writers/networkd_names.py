"""Which file of networkd has which link: what is a card's own, and how a new one is called so that it comes first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from runbook.facts.network import Network
from runbook.facts.networkd import FOLDER, Link, Networkd, Unit
from runbook.facts.unit_files import Entry, Section, UnitFile, true
from runbook.model.plan import Finding
from runbook.steps.shared.kept import Held

HEADER = "# Made by the runbook; bridges come from params network.bridges. See systemd.network(5)."
_PREFIXES = ("10", "05", "01", "00", "0")


@dataclass
class Work:
    """What one host's bridges come to."""

    told: Networkd
    now: Network
    files: dict[str, str | None] = field(default_factory=dict)
    """Each file by its path as it shall be, None for gone."""
    findings: list[Finding] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    gateways: set[str] = field(default_factory=set)
    holds: dict[str, Held] = field(default_factory=dict)


def link_of(name: str, now: Network) -> Link:
    """Return a link as networkd's files are matched with it; one that is not there has its name alone."""
    interface = now.interface(name)
    if interface is None:
        return Link(name)
    kind = "bridge" if interface.is_bridge else "vlan" if interface.parent else ""
    if not kind and not interface.controller and now.ports(name):
        kind = "bond"
    return Link(name, interface.mac, kind, interface.more_names)


def is_own(unit: Unit, port: str, told: Networkd, now: Network) -> bool:
    """Return whether a file is about one card alone, and ours to change: then it is changed in place."""
    named = {word for value in unit.values("Match", "Name") for word in value.split()}
    by_address = unit.values("Match", "MACAddress") or unit.values("Match", "PermanentMACAddress")
    names = {port, *link_of(port, now).more_names}
    is_narrow = named <= names if named else bool(by_address)
    others = (i.name for i in now.interfaces if i.name != port and not i.is_bridge)
    is_shared = any(told.network(link_of(name, now)) is unit for name in others)
    return is_narrow and not is_shared and all(f.path.startswith(FOLDER) for f in (unit.file, *unit.drop_ins))


def leave_guests_alone(told: Networkd, files: dict[str, str | None], found: list[Finding]) -> None:
    """Add a file for the guests' ends of their cables where another takes them in, such as one for all Ethernet links.

    networkd would ask for an address on each, and take it out of the bridge that Xen put it into: a link whose file
    says neither `Bridge=` nor `KeepMaster=` belongs to none (systemd.network(5)).
    """
    vif = Link("vif1.0")
    first = next((unit for unit in told.networks if unit.matches(vif)), None)
    if first is not None and not true(first.value("Link", "Unmanaged")):
        why = "# The guests' ends of their cables; Xen plugs them in, and networkd would take them out again."
        match = Section("Match", (Entry.of("Name", "vif*"),), before=(HEADER, why))
        link = Section("Link", (Entry.of("Unmanaged", "yes"),), before=("",))
        path = earlier("xen-guests", ".network", vif, told.networks, found)
        files[path] = UnitFile(path, (match, link)).text


def earlier(name: str, suffix: str, link: Link, units: Iterable[Unit], found: list[Finding]) -> str:
    """Return a path for a new file that comes before every other that could take the link in."""
    units = tuple(units)
    rivals = [unit.name for unit in units if unit.matches(link) is not False]
    first, taken = min(rivals, default="~"), {unit.name for unit in units}
    for prefix in _PREFIXES:
        new = f"{prefix}-{name}{suffix}"
        if new < first and new not in taken:
            return f"{FOLDER}/{new}"
    found.append(
        Finding(
            "refuse",
            f"No file for {name} can come before {first}",
            f"networkd takes the first file that matches, and {first} matches {name} too",
            f"call {first} something that sorts behind {_PREFIXES[-1]}-{name}{suffix}, such as 50-{first}, and run "
            "`networkctl reload`; then run again",
            "systemd.network(5)",
        )
    )
    return f"{FOLDER}/{_PREFIXES[-1]}-{name}{suffix}"
