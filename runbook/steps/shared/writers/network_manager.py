"""Bridges in profiles of NetworkManager, written as files (nm-settings-keyfile(5)), for the cards that it manages."""

from __future__ import annotations

from dataclasses import dataclass, field

from runbook.actions import NetworkFile
from runbook.actions.network import Manager
from runbook.facts import network, network_manager
from runbook.facts.keyfile import Keyfile
from runbook.facts.network import Network
from runbook.facts.network_manager import FOLDER, FOLDERS, NetworkManager, Profile
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.host import Bridge
from runbook.steps.shared import byte_order_mark
from runbook.steps.shared.kept import Held
from runbook.steps.shared.writers import nm_dangers, nm_links, nm_profiles
from runbook.steps.shared.writers.nm_addresses import FAMILIES, Whose, as_asked, has_way_out, held, section_of
from runbook.steps.shared.writers.written import Written

MANAGER: Manager = "network-manager"
_LASTING = (FOLDERS[0], FOLDERS[2])
"""Where profiles are that are there after a restart; those of the second are read-only, and one of the same UUID in the
first goes before them."""
GUESTS = "/etc/NetworkManager/conf.d/xen-guests.conf"
GUESTS_TEXT = """\
# The guests' ends of their cables are plugged in by Xen; NetworkManager would ask for an address on each.
[device-xen-guests]
match-device=interface-name:vif*
managed=0
"""


@dataclass
class _Work:
    """What is being written."""

    params: HostParams
    now: Network
    has: NetworkManager
    links: nm_links.Links
    files: dict[str, str] = field(default_factory=dict)
    up: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    gateways: set[str] = field(default_factory=set)
    holds: dict[str, Held] = field(default_factory=dict)
    found: list[Finding] = field(default_factory=list)
    dangers: list[Finding] = field(default_factory=list)


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about NetworkManager's profiles, its configuration, and scripts that name a port."""
    names = _names(params)
    scripts = (network_manager.dispatcher(names),) if names else ()
    return (*network.COMMANDS, *network_manager.COMMANDS, *nm_links.COMMANDS, Ask.read(GUESTS), *scripts)


def write(params: HostParams, facts: Facts) -> Written:
    """Return the profiles of the bridges and of their ports; a bridge that is there keeps its own."""
    work = _Work(params, network.parse(facts), network_manager.parse(facts), nm_links.parse(facts))
    # What NetworkManager has of such a file is from before the mark came, and is gone when it starts anew.
    marked = [p.path for p in work.has.profiles if p.file.is_marked]
    work.found += byte_order_mark.refused(
        marked, "NetworkManager reads it no more: it is gone at the next start"
    )
    for bridge in params.network.bridges:
        _write(bridge, work)
    for path, text in work.files.items():
        if text != facts.text(path) is not None and path not in {p.path for p in work.has.profiles}:
            work.dangers.append(nm_dangers.occupied(path))
    owner = {port: b.name for b in params.network.bridges for port in b.ports if work.now.interface(port)}
    if owner:
        new = {port: name for port, name in owner.items() if not _is_port(port, name, work)}
        work.found += nm_dangers.scripts(network_manager.named(facts, _names(params)), new)
    is_in_force = all(facts.text(path) == text for path, text in work.files.items()) and _is_up(work)
    return Written(
        files=(
            *(NetworkFile(p, text, "0600") for p, text in work.files.items()),
            NetworkFile(GUESTS, GUESTS_TEXT),
        ),
        findings=tuple(work.found),
        dangers=tuple(work.dangers),
        gateways=frozenset(work.gateways),
        holds=work.holds,
        others=frozenset(p.interface or p.device for p in work.has.profiles if p.device) - {"lo"},
        made=tuple(work.made),
        up=() if is_in_force else tuple(dict.fromkeys(work.up)),
        up_before=() if is_in_force else tuple(dict.fromkeys(work.before)),
    )


def _write(bridge: Bridge, work: _Work) -> None:
    there = _there(bridge, work)
    ports = {port: _profile_of(port, work) for port in bridge.ports if work.now.interface(port)}
    new = {port: profile for port, profile in ports.items() if not _is_of(profile, bridge, there)}
    first = _first(new, work) if there is None else ""
    file, uuid = _bridge(bridge, there, first, new.get(first), work)
    work.up[:0] = [uuid]
    for port, profile in ports.items():
        if work.has.state(port) == "unmanaged":
            work.dangers.append(nm_dangers.left_alone(port, is_port=True))
        if port not in new:
            work.up += [profile.uuid] if profile and _is_plugged(port, work) else []
            continue
        if profile is not None and port != first and work.links.holds(profile, port):
            holder = there.name if there else first
            work.found.append(nm_dangers.second_addresses(bridge, profile, port, holder))
        _port(bridge, port, profile, work)
    if there is not None:
        _stays(bridge, there, work)
    work.holds[bridge.name] = held(file, work.links.steady(first or bridge.name, ports.get(first) or there))
    if any(has_way_out(section_of(file, family)) for family in FAMILIES):
        work.gateways.add(bridge.name)


def _there(bridge: Bridge, work: _Work) -> Profile | None:
    """Return the profile of a bridge that is there."""
    if work.has.is_left_alone(bridge.name, "bridge"):
        work.dangers.append(nm_dangers.left_alone(bridge.name, is_port=False))
    there = [p for p in work.has.profiles if p.kind == "bridge" and p.interface == bridge.name]
    own = next((p for p in there if not p.is_external), None)
    if own is None and (there or work.now.interface(bridge.name)):
        work.dangers.append(nm_dangers.made_elsewhere(bridge))
    return own


def _bridge(
    bridge: Bridge, there: Profile | None, first: str, profile: Profile | None, work: _Work
) -> tuple[Keyfile, str]:
    """Write the bridge's profile, and return it with its UUID."""
    if there is not None:
        return _adopted(bridge, there, work), there.uuid
    uuid = nm_profiles.uuid_of(work.params.host, bridge.name)
    link = work.links.of(first, profile) if first else nm_profiles.Link("", 0, "")
    if profile is not None:
        work.found += work.links.renumbered(bridge, first, profile)
        work.found += nm_dangers.defaults(bridge, profile, first, work.has)
    holds = work.links.holds(profile, first) if profile is not None else frozenset()
    file = nm_profiles.bridge(bridge.name, uuid, profile, link)
    file = as_asked(bridge, file, Whose(first or bridge.name, holds), work.found)
    work.files[f"{FOLDER}/{bridge.name}.nmconnection"] = file.text
    work.made.append(bridge.name)
    return file, uuid


def _adopted(bridge: Bridge, there: Profile, work: _Work) -> Keyfile:
    """Return the profile of a bridge that is there: as it is, where it is as asked."""
    file = as_asked(bridge, there.file, Whose(bridge.name, work.links.holds(there, bridge.name)), work.found)
    work.before += [there.uuid] if there.device else []
    path = f"{FOLDER}/{there.path.rpartition('/')[2]}"
    if file == there.file:
        if path == there.path and there.is_whole:
            work.files[path] = file.text
    elif not there.is_whole:
        work.found.append(nm_dangers.closed_bridge(bridge, there))
    elif there.path.startswith(_LASTING):
        work.files[path] = file.text
    else:
        work.dangers.append(nm_dangers.in_memory(bridge, there))
    return file


def _port(bridge: Bridge, port: str, profile: Profile | None, work: _Work) -> None:
    """Write the profile of a card that becomes a port."""
    own = nm_profiles.uuid_of(work.params.host, bridge.name, port)
    path = f"{FOLDER}/{bridge.name}-{port}.nmconnection"
    if profile is None:
        if work.has.state(port).startswith("connected"):
            work.dangers.append(nm_dangers.unseen(port))
        file = nm_profiles.fresh_port(port, bridge.name, own)
    else:
        if stops := list(nm_dangers.of_port(profile, port, bridge, work.has)):
            work.found += stops
            return
        mac = work.links.mac(port)
        is_its_own = profile.path.startswith(_LASTING) and (profile.interface == port or bool(profile.mac))
        others = [
            p for p in nm_profiles.rivals(work.has.profiles, port, mac) if p is not profile or not is_its_own
        ]
        mine = nm_profiles.priority_of(profile) if is_its_own else -1000
        highest = max((nm_profiles.priority_of(p) for p in others), default=-1000)
        priority = min(highest + 1, 999) if highest >= max(mine, 0) else 0
        if is_its_own:
            own, path = "", f"{FOLDER}/{profile.path.rpartition('/')[2]}"
        file = nm_profiles.port(profile, port, bridge.name, own, priority)
        # One that was made by itself comes again by itself, and not always by the same name.
        work.before += [port if profile.is_generated else profile.uuid] if profile.device else []
    work.files[path] = file.text
    # Without a cable nothing can be brought up; the bridge takes the card when there is one.
    work.up += [file.get("connection", "uuid")] if _is_plugged(port, work) else []


def _profile_of(port: str, work: _Work) -> Profile | None:
    """Return the profile that a card has: the active one, else the only one that is for it."""
    active = [p for p in work.has.profiles if p.device == port and p.kind != "vpn"]
    if active:
        return active[0]
    mac = work.links.mac(port)
    own = [
        p for p in work.has.profiles if p.interface == port or (p.mac == mac != "" and p.kind == "ethernet")
    ]
    if ports := [p for p in own if p.controller]:
        return ports[0]
    written = [p for p in own if not p.is_generated] or own
    if len(written) > 1:
        work.found.append(nm_dangers.undecided(port, written))
    return next(iter(written), None)


def _is_of(profile: Profile | None, bridge: Bridge, there: Profile | None) -> bool:
    """Return whether a profile makes its card a port of the bridge already."""
    return profile is not None and there is not None and profile.controller in (bridge.name, there.uuid)


def _is_up(work: _Work) -> bool:
    """Return whether all profiles are active that are to be: then nothing that is in force has to be interrupted."""
    return set(work.up) <= {p.uuid for p in work.has.profiles if p.device}


def _is_plugged(port: str, work: _Work) -> bool:
    return work.has.state(port) != "unavailable"


def _is_port(port: str, bridge: str, work: _Work) -> bool:
    interface = work.now.interface(port)
    return interface is not None and interface.master == bridge


def _first(ports: dict[str, Profile | None], work: _Work) -> str:
    """Return the port whose addresses the bridge takes over: the first that has some, '' without ports."""
    holding = [port for port, p in ports.items() if p is not None and work.links.holds(p, port)]
    return next(iter((*holding, *(port for port, p in ports.items() if p is not None), *ports)), "")


def _stays(bridge: Bridge, there: Profile, work: _Work) -> None:
    """Say which ports a bridge keeps that the parameters do not name."""
    names = (bridge.name, there.uuid)
    more = sorted(
        {p.interface or p.device for p in work.has.profiles if p.controller in names} - {"", *bridge.ports}
    )
    if more:
        work.found.append(nm_dangers.more_ports(bridge, more))


def _names(params: HostParams) -> tuple[str, ...]:
    return tuple(sorted({name for b in params.network.bridges for name in (b.name, *b.ports)}))
