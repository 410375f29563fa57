"""Which manager has which bridge: by its ports, by itself, or by what the rest of the host has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runbook.facts import interfaces, netplan, network, networkd
from runbook.facts.interfaces import FILE, Interfaces
from runbook.facts.network import Network
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.host import Bridge
from runbook.steps.shared.writers.netplan_definitions import definition_of
from runbook.steps.shared.writers.written import Writer

COMMANDS: tuple[Ask, ...] = (
    *network.COMMANDS,
    *interfaces.COMMANDS,
    *networkd.COMMANDS,
    *netplan.COMMANDS,
)
IFUPDOWN = "ifupdown"
_MANAGERS = {"NetworkManager": "network-manager", "systemd-networkd": "networkd"}
_PROGRAMS = {manager: name for name, manager in _MANAGERS.items()}


@dataclass(frozen=True)
class Share:
    """The bridges that one writer writes."""

    writer: Writer
    params: HostParams
    """Those of the host, with these bridges alone."""


@dataclass(frozen=True)
class Choice:
    """Who writes what, and what keeps a bridge from being written at all."""

    shares: tuple[Share, ...]
    findings: tuple[Finding, ...]


def by_manager(params: HostParams, facts: Facts, writers: Mapping[str, Writer]) -> Choice:
    """Return the bridges by the manager that has them."""
    now, written, found = network.parse(facts), interfaces.parse(facts), list[Finding]()
    names = {name for b in params.network.bridges for name in (b.name, *b.ports)} | set(_ways(now))
    managers = {name: manager for name in names if (manager := _manager_of(name, written, now, facts))}
    has = {bridge.name: _managers(bridge, managers) for bridge in params.network.bridges}
    rest = _rest(now, managers, has)
    found += _twice(params, written)
    shares: dict[str, list[Bridge]] = {}
    for bridge in () if found else params.network.bridges:
        manager, *more = sorted(has[bridge.name] or {rest})
        if more:
            found.append(_divided(bridge, has[bridge.name]))
        elif manager not in writers:
            found.append(_unwritten(bridge, manager))
        else:
            shares.setdefault(manager, []).append(bridge)
    return Choice(
        tuple(Share(writers[manager], _alone(params, of)) for manager, of in shares.items()), tuple(found)
    )


def _manager_of(name: str, written: Interfaces, now: Network, facts: Facts) -> str:
    """Return the manager that has an interface, '' when nobody has it. netplan has what the others have by its files."""
    managed = dict(written.managers)
    if name not in managed:
        return IFUPDOWN if name in _in_file(written) else ""
    by_netplan = definition_of(name, netplan.parse(facts), networkd.parse(facts), now)
    return "netplan" if by_netplan else _MANAGERS[managed[name]]


def _managers(bridge: Bridge, managers: Mapping[str, str]) -> set[str]:
    """Return the managers of a bridge's ports, or where nobody has those, of the bridge."""
    return {managers[port] for port in bridge.ports if port in managers} or (
        {managers[bridge.name]} if bridge.name in managers else set()
    )


def _in_file(written: Interfaces) -> set[str]:
    own = {name for p in written.paragraphs if p.keyword == "iface" for name in p.names}
    return own | {name for name, _ in written.elsewhere}


def _rest(now: Network, managers: Mapping[str, str], has: Mapping[str, set[str]]) -> str:
    """Return the manager of what nobody has yet."""
    every = {manager for managers in has.values() for manager in managers}
    if len(every) == 1:
        return next(iter(every))
    return next((managers[name] for name in _ways(now) if name in managers), IFUPDOWN)


def _ways(now: Network) -> list[str]:
    """Return the interfaces of this session and of the default routes, and the cards below them."""
    ways = [name for name in (now.session, *now.default_routes) if name]
    return [*ways, *(card for name in ways for card in now.cards_below(name))]


def _alone(params: HostParams, bridges: list[Bridge]) -> HostParams:
    return params.model_copy(
        update={"network": params.network.model_copy(update={"bridges": tuple(bridges)})}
    )


def _twice(params: HostParams, written: Interfaces) -> list[Finding]:
    """Return a finding for each interface that two managers have."""
    managed, in_file = dict(written.managers), _in_file(written)
    return [
        Finding(
            "refuse",
            f"{managed[name]} manages {name}, and {FILE} configures it too",
            "the one would take the card back from the bridge that the other makes",
            f"leave {name} to one of them: take its paragraphs out of {FILE} (what is in force stays until the next "
            f"start), or take it out of what {managed[name]} is given; then run again",
            "H653",
        )
        for b in params.network.bridges
        for name in (b.name, *b.ports)
        if name in managed and name in in_file
    ]


def _divided(bridge: Bridge, managers: set[str]) -> Finding:
    names = " and ".join(sorted(_PROGRAMS.get(manager, manager) for manager in managers))
    return Finding(
        "refuse",
        f"The ports of {bridge.name} are managed by {names}",
        "each of them would wait for a bridge that the other makes",
        f"give {bridge.name} the ports of one of them in network.bridges, and the others to a bridge of their own",
    )


def _unwritten(bridge: Bridge, manager: str) -> Finding:
    """Return how a host comes to ifupdown without a moment in which nothing has its address.

    Stopping systemd-networkd gives the lease back and takes the address away, over ssh the way in as well.
    """
    name = _PROGRAMS.get(manager, manager)
    units = {"networkd": "systemd-networkd.socket systemd-networkd"}.get(manager, name)
    card = bridge.ports[0] if bridge.ports else bridge.name
    return Finding(
        "refuse",
        f"{name} manages {card}",
        "it would take the card back from the bridge, and its configuration cannot be written here",
        f"let it run; run `apt-get install ifupdown`, write the card as it is addressed now into {FILE} "
        f"(`auto CARD`, `iface CARD inet dhcp` or static), run `systemctl disable {units}` without --now, restart "
        "the host with its screen in reach, then run again; or leave network.bridges empty",
    )
