"""Bridges in systemd-networkd's own files: a .netdev and a .network for each, and `Bridge=` in those of its ports."""

from __future__ import annotations

from dataclasses import replace

from runbook.actions import NetworkFile
from runbook.actions.network import Manager
from runbook.facts import network, networkd
from runbook.facts.networkd import FOLDER, Link
from runbook.facts.unit_files import Entry, Section, UnitFile
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.host import Bridge
from runbook.steps.shared.writers.given_up import two_givers
from runbook.steps.shared.writers.networkd_bridge import own_file
from runbook.steps.shared.writers.networkd_names import HEADER, Work, earlier, leave_guests_alone, link_of
from runbook.steps.shared.writers.networkd_port import Carried, as_port
from runbook.steps.shared.writers.written import Written

MANAGER: Manager = "networkd"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about networkd's files, and what it says of each link."""
    return (*network.COMMANDS, *networkd.COMMANDS)


def write(params: HostParams, facts: Facts) -> Written:
    """Return the files with the bridges of the parameters."""
    work = Work(networkd.parse(facts), network.parse(facts))
    for bridge in params.network.bridges:
        carried = _once([as_port(port, bridge, work) for port in bridge.ports], bridge, work)
        link = Link(bridge.name, _address(bridge, carried, work), "bridge")
        _device(bridge, link, work)
        own_file(bridge, link, carried, work)
    leave_guests_alone(work.told, work.files, work.findings)
    others = {u.value("NetDev", "Name") for u in work.told.netdevs}
    return Written(
        files=tuple(NetworkFile(path, content) for path, content in work.files.items()),
        findings=tuple(work.findings),
        gateways=frozenset(work.gateways),
        others=frozenset(others | {name for name, said in work.told.status.items() if said.file}),
        holds=work.holds,
        links=tuple(dict.fromkeys(work.links)),
        made=tuple(work.made),
    )


def _once(carried: list[Carried], bridge: Bridge, work: Work) -> tuple[Carried, ...]:
    """Return what ports bring, from a file of several of them once; a bridge has one lease, so two are refused."""
    units = {one.port: work.told.network(link_of(one.port, work.now)) for one in carried}
    leasing = [one.port for one in carried if one.is_new and _is_leased(one.port, work)]
    work.findings += [two_givers(bridge.name, leasing[0], port) for port in leasing[1:]]
    found: list[Carried] = []
    for one in carried:
        is_told = any(units[one.port] is units[other.port] and other.sections for other in found)
        found.append(replace(one, sections=()) if is_told else one)
    return tuple(found)


def _is_leased(port: str, work: Work) -> bool:
    interface = work.now.interface(port)
    return interface is not None and any(":" not in address for address in interface.leased)


def _address(bridge: Bridge, carried: tuple[Carried, ...], work: Work) -> str:
    """Return the hardware address of the port that brings what the bridge gets, or of the first one; '' without ports."""
    giver = next((c.port for c in carried if c.sections), next(iter(bridge.ports), ""))
    return link_of(giver, work.now).mac if giver else ""


def _device(bridge: Bridge, link: Link, work: Work) -> None:
    """Add the file that makes the bridge, and keep what another renames its port by from renaming the bridge too."""
    there = work.told.netdev(bridge.name)
    if there is not None:
        kind = there.value("NetDev", "Kind")
        if kind != "bridge":
            work.findings.append(_another_kind(bridge, there.path, kind))
        work.files.setdefault(there.path, there.file.text)
        return
    work.made.append(bridge.name)
    # No spanning tree and no forward delay: a guest's network would wait 30 seconds at each start (H653). A bridge
    # has an address of its own by default, and DHCP then leases another one (H655).
    hardware = (Entry.of("MACAddress", link.mac),) if link.mac else ()
    made = (
        Section(
            "NetDev", (Entry.of("Name", bridge.name), Entry.of("Kind", "bridge"), *hardware), before=(HEADER,)
        ),
        Section("Bridge", (Entry.of("STP", "no"), Entry.of("ForwardDelaySec", "0")), before=("",)),
    )
    path = f"{FOLDER}/10-{bridge.name}.netdev"
    work.files[path] = UnitFile(path, made).text
    names = next((u for u in work.told.links if u.matches(link) is not False), None)
    if names is not None and names.value("Link", "Name"):
        path = earlier(bridge.name, ".link", link, work.told.links, work.findings)
        match = Section("Match", (Entry.of("OriginalName", bridge.name),), before=(HEADER,))
        own = (match, Section("Link", (Entry.of("MACAddressPolicy", "none"),), before=("",)))
        work.files[path] = UnitFile(path, own).text


def _another_kind(bridge: Bridge, path: str, kind: str) -> Finding:
    return Finding(
        "refuse",
        f"{path} makes {bridge.name} a {kind}, not a bridge",
        "one name is one link, and guests can be put on a bridge only",
        f"call the bridge something else in network.bridges, or take {path} away if nothing needs it",
        "systemd.netdev(5)",
    )
