"""Guests on a bridge without a card: their way out is the host's own, and their addresses come from the host."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Interface, ip_network

from runbook.actions import Action, InstallPackages, Run, WriteFile
from runbook.facts import guest_network, packages, services
from runbook.facts.packages import Packages
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import apt, guests_filtered, own_folders
from runbook.steps.shared.guests_way_out import (
    DHCP_FILE,
    FORWARD,
    FORWARD_FILE,
    RULES_FILE,
    UNIT,
    UNIT_FILE,
    files,
    rules,
)
from runbook.steps.shared.guests_way_out import unit as own_unit
from runbook.steps.shared.own_units import RELOAD, away

TITLE = "Lead guests out where no card can be bridged"
GUIDE = "Not in the guide, whose host had a wired card for its bridge"
RISK = "safe"

_PACKAGES = ("dnsmasq-base", "nftables")


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not _is_asked(params):
        return (Ask.read(UNIT_FILE),)
    return (
        *guest_network.commands(rules(params)),
        *packages.commands(_PACKAGES),
        *services.commands(UNIT),
        *(Ask.read(path) for path in files(params)),
    )


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write forwarding, rules, leases and a unit that starts them; take them away where no bridge asks any more."""
    if not _is_asked(params):
        # The kernel goes on handing packets on until the next start: others may have come to need it.
        gone = away(facts, UNIT, UNIT_FILE, own_unit(), (RULES_FILE, DHCP_FILE, FORWARD_FILE))
        return Plan(gone, unasked="no bridge of network.bridges has nat: true")
    now, there = guest_network.parse(facts, rules(params)), packages.parse(facts, _PACKAGES)
    unit = services.parse(facts, UNIT)[UNIT]
    missing = there.missing(_PACKAGES)
    actions: list[Action] = [InstallPackages(missing, there.delta)] if missing else []
    changed = [path for path, text in files(params).items() if facts.text(path) != text]
    if facts.text(RULES_FILE) is None and facts.text(DHCP_FILE) is None:
        actions.append(
            own_folders.made(own_folders.FOLDER, "the rules and the leases' settings lie in it", "0700")
        )
    actions += [WriteFile(path, files(params)[path]) for path in changed]
    if UNIT_FILE in changed or unit.is_outdated:
        actions.append(RELOAD)
    if not now.forwards:
        actions.append(Run(_forward(1), "packets are handed on from now on", undo=_forward(0)))
    if not unit.starts_at_boot:
        actions.append(Run(("systemctl", "enable", UNIT), undo=("systemctl", "disable", UNIT)))
    if changed or unit.active != "active" or not now.is_in_force:
        stop = () if unit.active == "active" else ("systemctl", "stop", UNIT)
        actions.append(
            Run(("systemctl", "restart", UNIT), "guests are given addresses and led out", undo=stop)
        )
    return Plan(tuple(actions), tuple(_findings(params, facts)) if actions else ())


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The kernel hands on, the rules are in force, and the unit that gives addresses runs and will start again."""
    if not _is_asked(params):
        return []
    now, unit = guest_network.parse(facts, rules(params)), services.parse(facts, UNIT)[UNIT]
    found = []
    if not now.forwards:
        found.append(_fail("The host hands on no packets", "net.ipv4.ip_forward is 0, so no guest gets out"))
    if not now.is_in_force:
        found.append(_fail("The rules that lead guests out are not in force", "another program flushed them"))
    if unit.active != "active" or not unit.starts_at_boot:
        why = f"systemd says {unit.active}, and {unit.enabled or 'not found'} for the next start"
        found.append(_fail(f"{UNIT} does not run", why))
    found += [_fail(f"{p} is not as asked", "") for p, text in files(params).items() if facts.text(p) != text]
    # A machine that is carried about comes into networks that nobody knew when its own was chosen.
    return [*found, *_dropped(params, now), *_taken(params, now)]


def _is_asked(params: HostParams) -> bool:
    return any(bridge.nat for bridge in params.network.bridges)


def _forward(value: int) -> tuple[str, ...]:
    return ("sysctl", "-q", "-w", f"{FORWARD}={value}")


def _findings(params: HostParams, facts: Facts) -> list[Finding]:
    there = packages.parse(facts, _PACKAGES)
    now = guest_network.parse(facts, rules(params))
    found = [*_cannot_install(there), *_dropped(params, now), *_taken(params, now)]
    if now.error:
        found.append(
            _refuse(
                "nft does not accept the rules",
                now.error.splitlines()[0],
                "if it says that the operation is not supported: this kernel was built without nf_tables",
            )
        )
    found += _rivals(params, facts)
    if not now.forwards:
        found.append(
            Finding(
                "warn",
                "The host becomes a router: it hands packets on between all of its interfaces",
                "net.ipv4.ip_forward knows no single interface; into the guests' network nothing is let in that "
                "no guest asked for",
                "where the host has further networks that must not meet, say so in its packet filter",
                "ip(7)",
            )
        )
    return found


def _rivals(params: HostParams, facts: Facts) -> list[Finding]:
    """Two programs cannot answer on one port of one address."""
    rivals = guest_network.parse(facts, rules(params)).rivals
    if not rivals or services.parse(facts, UNIT)[UNIT].active == "active":
        return []
    return [
        _refuse(
            f"{', '.join(rivals)} is taken on all addresses of the host",
            "guests ask the host for their address and for names on these ports",
            "let that program listen on its own interfaces only (dnsmasq: `bind-dynamic` and "
            f"`except-interface={params.network.bridges[0].name}`), or give guests fixed addresses and leave `nat` out",
        )
    ]


def _cannot_install(there: Packages) -> list[Finding]:
    return list(apt.before_installing(there)) if there.missing(_PACKAGES) else []


def _taken(params: HostParams, now: guest_network.GuestNetwork) -> list[Finding]:
    """A network that the host reaches elsewhere would be two: half of the answers went the wrong way."""
    return [
        _refuse(
            f"The network {own} of {bridge.name} overlaps {network}, which {device} reaches",
            "packets for the one would be sent to the other",
            f"give {bridge.name} an address in a network that `ip route` on the host does not show",
        )
        for bridge in params.network.bridges
        if bridge.nat
        for own in [IPv4Interface(bridge.ipv4).network]
        for network, device in now.networks
        if device != bridge.name and own.overlaps(ip_network(network, strict=False))
    ]


def _dropped(params: HostParams, now: guest_network.GuestNetwork) -> list[Finding]:
    """What drops is the last word, whatever another table accepts."""
    names = [bridge.name for bridge in params.network.bridges if bridge.nat]
    found = []
    for who, of in _by(now.stops, names).items():
        do = guests_filtered.pass_on(who, of, now.way_out)
        found.append(_refuse(f"{who} drops what is forwarded", "no packet of a guest would get out", do))
    for who, of in _by(now.shuts, names).items():
        why = "guests ask it for their address and for names (UDP 67 and 53), and would get neither"
        found.append(_refuse(f"{who} drops what guests ask this host", why, guests_filtered.let_ask(who, of)))
    return found


def _by(who: Callable[[str], str], bridges: list[str]) -> dict[str, list[str]]:
    """Return those who stand in the way of some bridges, with these."""
    said = {bridge: who(bridge) for bridge in bridges}
    return {one: [b for b in bridges if said[b] == one] for one in dict.fromkeys(said.values()) if one}


def _refuse(what: str, why: str, do: str) -> Finding:
    return Finding("refuse", what, why, do, "nft(8)")


def _fail(what: str, why: str) -> Finding:
    return Finding(
        "fail", what, why, "run the step lead_guests_out in mode apply; `journalctl -u xen-guests` says more"
    )
