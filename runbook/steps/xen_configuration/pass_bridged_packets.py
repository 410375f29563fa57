"""Packets between guests pass a filter of the host that was made for other traffic, such as Docker's."""

from __future__ import annotations

from runbook.actions import Action, Run, WriteFile
from runbook.facts import bridge_filter, services
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared.own_units import RELOAD, away

TITLE = "Let bridged packets pass the host's own filter"
GUIDE = "Not in the guide: in 2013 no Docker ran beside Xen, and bridged packets met no filter"
RISK = "safe"

UNIT = "xen-bridged.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not params.network.pass_bridged:
        return (Ask.read(UNIT_FILE),)
    return (Ask.read(UNIT_FILE), *bridge_filter.COMMANDS, *services.commands(UNIT))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the unit and start it; take it away where nobody asks for it any more."""
    if not params.network.pass_bridged:
        return Plan(away(facts, UNIT, UNIT_FILE, content()), unasked="network.pass_bridged is false")
    unit = services.parse(facts, UNIT)[UNIT]
    actions: list[Action] = []
    is_new = facts.text(UNIT_FILE) != content()
    if is_new:
        actions.append(WriteFile(UNIT_FILE, content()))
    if is_new or unit.is_outdated:
        actions.append(RELOAD)
    if not unit.starts_at_boot:
        actions.append(Run(("systemctl", "enable", UNIT), undo=("systemctl", "disable", UNIT)))
    if is_new or unit.active != "active" or bridge_filter.parse(facts).drops:
        stop = () if unit.active == "active" else ("systemctl", "stop", UNIT)
        actions.append(Run(("systemctl", "restart", UNIT), "guests' packets pass from now on", undo=stop))
    return Plan(tuple(actions))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The filter lets bridged packets pass, now and after the next start."""
    if not params.network.pass_bridged:
        return []
    found = []
    if who := bridge_filter.parse(facts).drops:
        found.append(_fail(f"{who} still drops bridged packets", "guests get neither an address nor answers"))
    if not services.parse(facts, UNIT)[UNIT].starts_at_boot:
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
