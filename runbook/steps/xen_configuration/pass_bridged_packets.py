"""Packets between guests pass a filter of the host that was made for other traffic, such as Docker's."""

from __future__ import annotations

from runbook.actions import Action, Run, WriteFile
from runbook.facts import bridge_filter, firewalld, services
from runbook.facts.bridge_filter import FIREWALLD, UFW, BridgeFilter
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import bridges
from runbook.steps.shared.own_units import RELOAD, away

TITLE = "Let bridged packets pass the host's own filter"
GUIDE = "Not in the guide: in 2013 no Docker ran beside Xen, and bridged packets met no filter"
RISK = "safe"

UNIT = "xen-bridged.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not params.network.pass_bridged:
        return (Ask.read(UNIT_FILE),)
    own = (Ask.read(UNIT_FILE), *bridge_filter.COMMANDS, *services.commands(UNIT))
    return (*own, firewalld.ask(_interfaces(params)))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Tell each filter that drops them in its own way, ufw and firewalld by their words, all else by a unit with a rule.

    Nobody asking any more takes the unit away; what ufw and firewalld were told stays theirs.
    """
    if not params.network.pass_bridged:
        return Plan(away(facts, UNIT, UNIT_FILE, content()), unasked="network.pass_bridged is false")
    now = bridge_filter.parse(facts, _names(params))
    by_unit = (
        _unit(facts, is_dropping=bool(now.drops))
        if _has_unit(now)
        else away(facts, UNIT, UNIT_FILE, content())
    )
    return Plan((*by_unit, *_by_ufw(now), *_by_firewalld(params, facts, now)))


def _has_unit(now: BridgeFilter) -> bool:
    """ufw keeps a rule of its own by itself, and where there is no iptables there is nobody to tell."""
    return now.owner not in ("", UFW)


def _unit(facts: Facts, *, is_dropping: bool) -> list[Action]:
    unit = services.parse(facts, UNIT)[UNIT]
    actions: list[Action] = []
    is_new = facts.text(UNIT_FILE) != content()
    if is_new:
        actions.append(WriteFile(UNIT_FILE, content()))
    if is_new or unit.is_outdated:
        actions.append(RELOAD)
    if not unit.starts_at_boot:
        actions.append(Run(("systemctl", "enable", UNIT), undo=("systemctl", "disable", UNIT)))
    if is_new or unit.active != "active" or is_dropping:
        stop = () if unit.active == "active" else ("systemctl", "stop", UNIT)
        actions.append(Run(("systemctl", "restart", UNIT), "guests' packets pass from now on", undo=stop))
    return actions


def _by_ufw(now: BridgeFilter) -> list[Action]:
    """ufw's own words write its file for the next start, too (ufw(8))."""
    rules = [("allow", "in", "on", name, "out", "on", name) for name in now.closed if now.owner == UFW]
    why = "guests' packets pass from now on, and after each start of ufw"
    return [Run(("ufw", "route", *rule), why, undo=("ufw", "route", "delete", *rule)) for rule in rules]


def _by_firewalld(params: HostParams, facts: Facts, now: BridgeFilter) -> list[Action]:
    """A bridge that is bound to a zone is let pass among itself; its port's zone rules it as it ruled the port."""
    zones = firewalld.parse(facts, _interfaces(params))
    closed = now.others(_names(params)).get(FIREWALLD, ())
    actions: list[Action] = []
    for bridge in params.network.bridges if zones.default else ():
        of_ports = next((zones.now[port] for port in bridge.ports if port in zones.now), zones.default)
        zone = zones.now.get(bridge.name) or zones.kept.get(bridge.name) or of_ports
        lasting = bridge.name in closed and bridge.name not in zones.kept
        at_once = bridge.name in closed and bridge.name not in zones.now
        for more in (*([("--permanent",)] if lasting else ()), *([()] if at_once else ())):
            start, end = ("firewall-cmd", *more, f"--zone={zone}"), f"interface={bridge.name}"
            why = "for each start of firewalld" if more else "guests' packets pass from now on"
            actions.append(Run((*start, f"--add-{end}"), why, undo=(*start, f"--remove-{end}")))
    return actions


def _names(params: HostParams) -> list[str]:
    return [bridge.name for bridge in params.network.bridges]


def _interfaces(params: HostParams) -> list[str]:
    return [*_names(params), *(port for bridge in params.network.bridges for port in bridge.ports)]


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The filters let bridged packets pass, now and after the next start."""
    if not params.network.pass_bridged:
        return []
    found, now = [], bridge_filter.parse(facts, _names(params))
    if who := now.drops:
        why = f"guests on {' and '.join(now.closed)} get neither an address nor answers"
        found.append(_fail(f"{who} still drops bridged packets", why))
    if closed := now.others(_names(params)).get(FIREWALLD):
        what = f"{FIREWALLD} still drops bridged packets"
        found.append(Finding("fail", what, "", bridges.own_way(FIREWALLD, closed), "firewall-cmd(1)"))
    if _has_unit(now) and not services.parse(facts, UNIT)[UNIT].starts_at_boot:
        found.append(_fail(f"{UNIT} does not start at boot", "the next start would drop them again"))
    return found


def content() -> str:
    """Return the unit: one rule in Docker's chain for people's own rules, or where there is none in FORWARD itself.

    Docker makes its chains anew when it starts, so the rule follows it. Only packets that come and go by one bridge
    are meant (`physdev`, iptables-extensions(8)): what is routed meets the filter as before.
    """
    return f"""\
[Unit]
Description=Bridged packets of Xen's guests pass the host's filter
After=docker.service netfilter-persistent.service
PartOf=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c '{_each(_ADD)}'
ExecStop=-/bin/sh -c '{_each(_TAKE_OUT)}'

[Install]
WantedBy=multi-user.target docker.service
"""


_ADD = (
    "chain=DOCKER-USER; $t -n -L $chain >/dev/null 2>&1 || chain=FORWARD; "
    "$t -C $chain $rule 2>/dev/null || $t -I $chain $rule || [ $t = ip6tables ] || exit 1"
)
# Docker, or whatever does as it does, may have come after the rule: it stands where there was no chain for people yet.
_TAKE_OUT = "for chain in DOCKER-USER FORWARD; do $t -D $chain $rule 2>/dev/null; done"


def _each(words: str) -> str:
    """Return shell that does something with the rule for IPv4 and, where the host filters it, for IPv6; `$$` is systemd's `$`."""
    rule = "-m physdev --physdev-is-bridged -j ACCEPT"
    return f'rule="{rule}"; for t in iptables ip6tables; do {words}; done'.replace("$", "$$")


def _fail(what: str, why: str) -> Finding:
    do = "run the step pass_bridged_packets in mode apply; `journalctl -u xen-bridged` says more"
    return Finding("fail", what, why, do, "iptables-extensions(8)")
