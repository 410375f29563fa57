"""The bridges of the parameters against those that are in force: asked after they were made, and after each boot."""

from __future__ import annotations

from runbook.facts import bridge_filter, network
from runbook.facts.network import Network
from runbook.model.ask import Facts
from runbook.model.plan import Finding
from runbook.params import HostParams

COMMANDS = (*network.COMMANDS, *bridge_filter.COMMANDS)


def wrong(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what is wrong: each bridge is up with its ports and addresses, and there is one way out at most."""
    now = network.parse(facts)
    found = [*not_in_force(params, now), *_addresses(params, now), *dropped(params, facts)]
    if len(now.default_routes) > 1:
        rival = len(now.rival_routes) > 1
        found.append(
            Finding(
                "fail" if rival else "warn",
                f"There are {len(now.default_routes)} default routes: {', '.join(now.default_routes)}",
                "answers may leave by the wrong one, so connections hang"
                if rival
                else f"the metrics differ, so {now.rival_routes[0]} is taken as long as it is up",
                "keep dhcp or a gateway on one interface only",
                "H652",
            )
        )
    return found


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
    who = bridge_filter.parse(facts).drops
    if not who or not params.network.bridges:
        return []
    return [
        Finding(
            "warn",
            f"{who} drops forwarded packets, and bridged ones with them",
            "net.bridge.bridge-nf-call-iptables is 1, so guests on a bridge would get neither an address nor answers",
            "run `echo net.bridge.bridge-nf-call-iptables=0 >/etc/sysctl.d/90-bridge.conf; sysctl --system` where "
            "nothing needs bridged packets filtered; else let the bridge's pass: `iptables -I DOCKER-USER -i BRIDGE "
            "-j ACCEPT` and `-o BRIDGE`, made lasting",
            "H653",
        )
    ]


def _addresses(params: HostParams, now: Network) -> list[Finding]:
    found = []
    for bridge in params.network.bridges:
        interface = now.interface(bridge.name)
        if interface is None:
            continue
        ipv4 = [address for address in interface.addresses if ":" not in address]
        if bridge.ipv4 == "dhcp" and not ipv4:
            found.append(
                _fail(
                    f"{bridge.name} got no address by DHCP",
                    f"its ports are {_names(now.ports(bridge.name))}",
                    "H655",
                )
            )
        if bridge.ipv4 not in ("dhcp", "none", *ipv4):
            found.append(
                _fail(f"{bridge.name} has not the address {bridge.ipv4}", f"it has {_names(ipv4)}", "H652")
            )
        if bridge.gateway and bridge.name not in now.default_routes:
            found.append(
                _fail(
                    f"{bridge.name} carries no default route",
                    f"the gateway {bridge.gateway} is asked for",
                    "H652",
                )
            )
    return found


def _names(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _fail(what: str, why: str, source: str = "") -> Finding:
    do = "look at `ip addr`, `bridge link` and `journalctl -u networking` on the host"
    return Finding("fail", what, why, do, source)
