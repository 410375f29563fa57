"""The .network of a bridge: what its ports had, and the addresses that the parameters ask for."""

from __future__ import annotations

from dataclasses import replace

from runbook.facts.networkd import FOLDER, Link, Unit
from runbook.facts.unit_files import Entry, Section, UnitFile, put
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.writers.asked import as_asked
from runbook.steps.shared.writers.networkd_addresses import InSections
from runbook.steps.shared.writers.networkd_names import HEADER, Work, earlier
from runbook.steps.shared.writers.networkd_port import Carried

_Sections = tuple[Section, ...]


def own_file(bridge: Bridge, link: Link, carried: tuple[Carried, ...], work: Work) -> None:
    """Add the bridge's file, or mend the one that is there where it is not as asked."""
    there = work.told.network(link)
    goes = tuple(section for one in carried for section in one.sections)
    whose = next((one.port for one in carried if one.sections), bridge.name)
    work.links.append(bridge.name)
    if there is not None and there.values("Match", "Name") == (bridge.name,):
        if InSections(goes).has_any():
            work.findings.append(_both(bridge, whose, there.path))
        _mend(bridge, there, work)
        return
    has = InSections(goes)
    as_asked(bridge, has, whose, work.findings)
    _keep_lease(has, whose, work)
    sections = _at_rest(bridge, has, is_bare=not goes)
    match = Section("Match", (Entry.of("Name", bridge.name),), before=(HEADER,))
    path = earlier(bridge.name, ".network", link, work.told.networks, work.findings)
    work.files[path] = UnitFile(path, (match, *sections)).text
    _note(bridge, sections, work)


def _mend(bridge: Bridge, there: Unit, work: Work) -> None:
    """Bring the bridge's own file to what the parameters ask; where all of it is right, it is left as it is."""
    every, sections = InSections(there.sections), there.file.sections
    as_asked(bridge, every, bridge.name, [])
    if every.sections != there.sections:
        own = InSections(sections)
        as_asked(bridge, own, bridge.name, work.findings)
        sections = own.sections
        if not there.path.startswith(FOLDER):
            work.findings.append(_not_ours(bridge, there.path))
    if there.path.startswith(FOLDER):
        work.files[there.path] = replace(there.file, sections=sections).text
    _note(bridge, (*sections, *(s for file in there.drop_ins for s in file.sections)), work)


def _note(bridge: Bridge, sections: _Sections, work: Work) -> None:
    """Note what the bridge has by its files."""
    has = InSections(sections)
    work.holds[bridge.name] = has.held()
    if has.has_way():
        work.gateways.add(bridge.name)


def _keep_lease(has: InSections, whose: str, work: Work) -> None:
    """Have DHCP servers know the bridge as the card that they leased to (H655).

    Unless a file says otherwise networkd is known by a number that it makes from the name of the card's slot, and a
    bridge has none: with the card's hardware address alone another address would be leased.
    """
    said = work.told.status.get(whose)
    for family, section, iaid in ((4, "DHCPv4", said and said.iaid), (6, "DHCPv6", said and said.iaid6)):
        known = {v for s in has.sections if s.name in ("DHCP", section) for v in s.values("ClientIdentifier")}
        has_own = any(s.values("IAID") for s in has.sections if s.name == section)
        asks = has.leases(4) if family == 4 else has.leases(6) or has.listens()
        if iaid and asks and not has_own and (family == 6 or known <= {"duid"}):
            entry = Entry.of("IAID", str(int(iaid, 16)), f"As {whose} had it, so that the lease stays.")
            has.sections = put(has.sections, section, entry)


def _at_rest(bridge: Bridge, has: InSections, *, is_bare: bool) -> _Sections:
    """Return the sections so that a bridge that gets nothing takes nothing, and no start waits for it."""
    asks_ipv6 = bridge.ipv6 not in ("keep", "none") or any(":" in a for a in bridge.more_addresses)
    if is_bare and not asks_ipv6:
        has.have("LinkLocalAddressing", "no")
    if not bridge.ports and has.has_any():
        has.have("ConfigureWithoutCarrier", "yes")
    if bridge.ports and (has.has_any() or has.listens()):
        return has.sections
    link = Section("Link", (Entry.of("RequiredForOnline", "no"),), before=("",))
    first, *rest = has.sections or (Section("Network"),)
    return (link, replace(first, before=first.before or ("",)), *rest)


def _not_ours(bridge: Bridge, path: str) -> Finding:
    return Finding(
        "refuse",
        f"{path} does not give {bridge.name} what network.bridges asks for",
        "another program made that file, and would make it again",
        f"change it where it comes from, or copy it to {FOLDER}, which comes before it, and run again",
        "systemd.network(5)",
    )


def _both(bridge: Bridge, port: str, path: str) -> Finding:
    return Finding(
        "refuse",
        f"{bridge.name} has addresses by {path}, and {port} has some too",
        f"{port} becomes a port of {bridge.name}, and which of them shall stay is not said",
        f"write those of {port} that shall stay into {path}, or into network.bridges, take them out of the file of "
        f"{port}, and run again",
        "H652",
    )
