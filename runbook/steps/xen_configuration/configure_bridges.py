"""Network bridges for the guests, put in force with an automatic way back."""

from __future__ import annotations

from runbook.actions import NetworkFile, ReplaceNetwork
from runbook.actions.network import UNCONFIRMED
from runbook.facts import files, interfaces, network
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import bridge_dangers, bridges
from runbook.steps.shared.interfaces_file import edit, gateways

TITLE = "Put the network cards behind bridges"
GUIDE = (
    "“Xen Configuration”: one bridge on eth0, though every guest used a second one that did not exist "
    "(H650, H651)"
)
RISK = "disruptive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*bridges.COMMANDS, *interfaces.COMMANDS, UNCONFIRMED, *files.commands(*bridge_dangers.PROGRAMS))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Replace the file when it, or what is in force, is not as the parameters say."""
    if not params.network.bridges:
        return Plan(unasked="network.bridges is empty")
    now, written = network.parse(facts), interfaces.parse(facts)
    edited = edit(params, facts.text(interfaces.FILE) or "")
    content = edited.text
    is_confirmed = facts.text(UNCONFIRMED.argv[0]) is None
    if is_confirmed and content == facts.text(interfaces.FILE) and not bridges.not_in_force(params, now):
        return Plan(findings=edited.findings)
    programs = files.parse(facts, *bridge_dangers.PROGRAMS)
    ways_out = gateways(params, content)
    dangers = bridge_dangers.find(params, now, written, set(programs), ways_out)
    # What would be cut off is said once, by what is in force or, where it is not, by what the file says.
    said = {f.source for f in dangers if f.stops} & {"H651"}
    findings = (
        *bridges.dropped(params, facts),
        *dangers,
        *(f for f in edited.findings if f.source not in said),
    )
    if any(f.stops and f.level != "wait" for f in findings):
        return Plan(findings=findings)
    action = ReplaceNetwork((NetworkFile(interfaces.FILE, content),), "ifupdown", params.network.revert_s)
    return Plan((action,), findings, _note(params))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The bridges are up with their ports and addresses, and there is one way out at most."""
    return bridges.wrong(params, facts)


def _note(params: HostParams) -> str:
    """Say what is about to happen to the connection."""
    return (
        "The connection breaks off for some seconds. Unless a new one arrives within "
        f"{params.network.revert_s} s, "
        "the host restores the old file by itself."
    )
