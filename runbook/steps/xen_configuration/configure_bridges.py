"""Network bridges for the guests, put in force with an automatic way back."""

from __future__ import annotations

from runbook.actions import ReplaceNetwork
from runbook.ask import Ask, Facts
from runbook.facts import files, interfaces, network
from runbook.facts.network import Network
from runbook.params import HostParams
from runbook.plan import Finding, Plan
from runbook.steps.xen_configuration import bridge_dangers
from runbook.steps.xen_configuration.interfaces_file import render

TITLE = "Put the network cards behind bridges"
GUIDE = (
    "“Xen Configuration”: one bridge on eth0, though every guest used a second one that did not exist "
    "(H650, H651)"
)
RISK = "disruptive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    unconfirmed = Ask.read(ReplaceNetwork("").kept)
    return (*network.COMMANDS, *interfaces.COMMANDS, unconfirmed, *files.commands(*bridge_dangers.PROGRAMS))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Replace the file when it, or what is in force, is not as the parameters say."""
    if not params.network.bridges:
        return Plan(unasked="network.bridges is empty")
    now, written = network.parse(facts), interfaces.parse(facts)
    content = render(params, written.paragraphs)
    is_confirmed = facts.text(ReplaceNetwork("").kept) is None
    if is_confirmed and content == facts.text(interfaces.FILE) and not _not_in_force(params, now):
        return Plan()
    programs = files.parse(facts, *bridge_dangers.PROGRAMS)
    findings = bridge_dangers.find(params, now, written, set(programs))
    if any(f.stops and f.level != "wait" for f in findings):
        return Plan(findings=tuple(findings))
    action = ReplaceNetwork(content, params.network.revert_s)
    return Plan((action,), tuple(findings), _note(params))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The bridges are up with their ports and addresses, and there is one way out at most."""
    now = network.parse(facts)
    found = [*_not_in_force(params, now), *_addresses(params, now)]
    if len(now.default_routes) > 1:
        found.append(
            Finding(
                "fail",
                f"There are {len(now.default_routes)} default routes: {', '.join(now.default_routes)}",
                "answers may leave by the wrong one, so connections hang",
                "keep dhcp or a gateway on one interface only",
                "H652",
            )
        )
    return found


def _not_in_force(params: HostParams, now: Network) -> list[Finding]:
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


def _note(params: HostParams) -> str:
    """Say what is about to happen to the connection."""
    return (
        "The connection breaks off for some seconds. Unless a new one arrives within "
        f"{params.network.revert_s} s, "
        "the host restores the old file by itself."
    )


def _fail(what: str, why: str, source: str = "") -> Finding:
    do = "look at `ip addr`, `bridge link` and `journalctl -u networking` on the host"
    return Finding("fail", what, why, do, source)
