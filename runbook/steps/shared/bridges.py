"""The bridges of the parameters against those that are in force: asked after they were made, and after each boot."""

from __future__ import annotations

from collections.abc import Mapping

from runbook.facts import bridge_filter, network
from runbook.facts.network import Network
from runbook.facts.routes import rivals
from runbook.model.ask import Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.steps.shared import kept
from runbook.steps.shared.kept import Held

COMMANDS = (*network.COMMANDS, network.ROUTE6, *bridge_filter.COMMANDS)


def wrong(params: HostParams, facts: Facts, holds: Mapping[str, Held]) -> list[Finding]:
    """Return what is wrong: each bridge is up with its ports and addresses, and there is one way out at most.

    `holds` is what the manager's files give each bridge: with `keep` that is what is asked for.
    """
    now = network.parse(facts)
    found = [*not_in_force(params, now), *_addresses(params, now), *dropped(params, facts)]
    for bridge in params.network.bridges:
        if now.interface(bridge.name):
            found += kept.not_in_force(bridge, now, holds.get(bridge.name, Held()))
    return [*found, *_ways_out(now, 4, now.default_routes), *_ways_out(now, 6, now.default_routes6)]


def _ways_out(now: Network, version: int, ways: tuple[str, ...]) -> list[Finding]:
    if len(ways) < 2:
        return []
    first = rivals(now.table, version)
    of = "" if version == 4 else " of IPv6"
    return [
        Finding(
            "fail" if len(first) > 1 else "warn",
            f"There are {len(ways)} default routes{of}: {', '.join(ways)}",
            "answers may leave by the wrong one, so connections hang"
            if len(first) > 1
            else f"the metrics differ, so {first[0]} is taken as long as it is up",
            "keep one way out on one interface only",
            "H652",
        )
    ]


def not_in_force(params: HostParams, now: Network) -> list[Finding]:
    """Return a finding for each bridge or port that is missing."""
    found = []
    bridges = now.bridges()
    for bridge in params.network.bridges:
        if bridge.name not in bridges:
            what = "is not a bridge" if now.interface(bridge.name) else "does not exist"
            found.append(_fail(f"{bridge.name} {what}", "guests that name it cannot be started", "H650"))
            continue
        lost = sorted(set(bridge.ports) - set(bridges[bridge.name]))
        if lost:
            found.append(
                _fail(
                    f"{', '.join(lost)} is not a port of {bridge.name}",
                    f"it has {_names(bridges[bridge.name])}",
                )
            )
    return found


def dropped(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding where the host's filter drops what guests send each other over a bridge."""
    names = [bridge.name for bridge in params.network.bridges]
    now, is_asked = bridge_filter.parse(facts, names), params.network.pass_bridged
    found = [_dropped(now.drops, now.closed, _AGAIN if is_asked else _PASS)] if now.drops else []
    for who, of in now.others(names).items():
        is_theirs = is_asked or who != bridge_filter.FIREWALLD
        found.append(_dropped(who, of, own_way(who, of) if is_theirs else _PASS))
    return found


_PASS = (
    "set `pass_bridged: true` under network: the step pass_bridged_packets lets them pass, by a rule among Docker's, "
    "by ufw's or by firewalld's own words; what is routed goes on being filtered"
)
_AGAIN = "run the step pass_bridged_packets in mode apply; `journalctl -u xen-bridged` says more"


def own_way(who: str, bridges: tuple[str, ...]) -> str:
    """Return how a filter that the runbook does not write is told to let guests' packets pass."""
    if who == bridge_filter.FIREWALLD:
        each = " ".join(f"--add-interface={name}" for name in bridges)
        return (
            f"bind the bridge to a zone, which passes on among its own interfaces: run `firewall-cmd --permanent "
            f"--zone=ZONE {each}` and the same without `--permanent`; `firewall-cmd --get-default-zone` says which zone "
            "rules it now, and `firewall-cmd --zone=ZONE --query-forward` has to say yes"
        )
    rules = " and ".join(f'`iifname "{name}" oifname "{name}" accept`' for name in bridges)
    return f"write {rules} in front of what drops there, in the file that it comes from, and load that"


def _dropped(who: str, names: tuple[str, ...], do: str) -> Finding:
    return Finding(
        "warn",
        f"{who} drops forwarded packets, and bridged ones with them",
        f"net.bridge.bridge-nf-call-iptables is 1, so guests on {' and '.join(names)} would get neither an address nor answers",
        do,
        "H653",
    )


def _addresses(params: HostParams, now: Network) -> list[Finding]:
    found = []
    for bridge in params.network.bridges:
        interface = now.interface(bridge.name)
        if interface is None:
            continue
        own = [address for address in interface.addresses if not address.startswith("fe80:")]
        ipv4, ipv6 = [a for a in own if ":" not in a], [a for a in own if ":" in a]
        ports = f"its ports are {_names(now.ports(bridge.name))}"
        if bridge.ipv4 == "dhcp" and not ipv4:
            found.append(_fail(f"{bridge.name} got no address by DHCP", ports, "H655"))
        if bridge.ipv6 == "auto" and not ipv6:
            found.append(_fail(f"{bridge.name} got no IPv6 address from a router", ports, "H655"))
        if bridge.ipv6 == "none" and ipv6:
            found.append(
                _fail(f"{bridge.name} has IPv6", f"`ipv6: none` is asked for, it has {_names(ipv6)}")
            )
        for address in bridge.fixed:
            if address not in own:
                had = _names(ipv6 if ":" in address else ipv4)
                found.append(_fail(f"{bridge.name} has not the address {address}", f"it has {had}", "H652"))
        for gateway, ways in ((bridge.gateway, now.default_routes), (bridge.gateway6, now.default_routes6)):
            if gateway and bridge.name not in ways:
                what = f"{bridge.name} carries no default route{' of IPv6' if ':' in gateway else ''}"
                found.append(_fail(what, f"the gateway {gateway} is asked for", "H652"))
    return found


def _names(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _fail(what: str, why: str, source: str = "") -> Finding:
    do = "look at `ip addr`, `bridge link` and `journalctl -u networking` on the host"
    return Finding("fail", what, why, do, source)
