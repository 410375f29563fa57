"""Network bridges for the guests, put in force with an automatic way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbook.actions import ReplaceNetwork
from runbook.actions.network import UNCONFIRMED
from runbook.facts import by_card_name, filter_files, interfaces, network
from runbook.facts.network import Network
from runbook.model.ask import MISSING, Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.params.host import Local
from runbook.redaction.spelt import holds
from runbook.steps.shared import bridge_dangers, bridges, kept, named_cards, renumbered, writers
from runbook.steps.shared.writers import Share, Written

TITLE = "Put the network cards behind bridges"
GUIDE = (
    "“Xen Configuration”: one bridge on eth0, though every guest used a second one that did not exist "
    "(H650, H651)"
)
RISK = "disruptive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    names = _names(params)
    own = (filter_files.ask(names), by_card_name.ask(names)) if names else ()
    return (*bridges.COMMANDS, *network.MORE, *writers.asks(params), UNCONFIRMED, *own)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Replace the files of whoever manages the cards when they, or what is in force, are not as the parameters say."""
    if not params.network.bridges:
        return Plan(unasked="network.bridges is empty")
    now, choice = network.parse(facts), writers.choose(params, facts)
    written = [(share, share.writer.write(share.params, facts)) for share in choice.shares]
    said = tuple(f for _, one in written for f in one.findings)
    is_confirmed = facts[UNCONFIRMED].status == MISSING
    is_new = choice.findings or any(one.changes(facts) for _, one in written)
    if is_confirmed and not is_new and not bridges.not_in_force(params, now):
        return Plan(findings=said)
    # Where nobody writes anything, nothing can be said of what would be in force.
    is_written = any(one.files for _, one in written)
    dangers = (*choice.findings, *(_dangers(params, now, facts, written) if is_written else ()))
    # What would be cut off is said once, by what is in force or, where it is not, by what the files say.
    sources = {f.source for f in dangers if f.stops} & {"H651"}
    findings = (
        *bridges.dropped(params, facts),
        *dangers,
        *(f for f in said if f.source not in sources),
    )
    if any(f.stops and f.level != "wait" for f in findings):
        return Plan(findings=findings)
    actions = tuple(
        _switch(params, share, one, facts, now)
        for share, one in written
        if not is_confirmed or one.changes(facts) or bridges.not_in_force(share.params, now)
    )
    return Plan(actions, findings, _note(params))


def _dangers(
    params: HostParams, now: Network, facts: Facts, written: Sequence[tuple[Share, Written]]
) -> Iterator[Finding]:
    """Yield what stands in the way of putting the files in force, and what they would not give a bridge."""
    yield from (f for _, one in written for f in one.dangers)
    # Of what could not be placed nobody knows what it would have given: what is not held then is no reason of its own.
    is_sure = not any(f.level == "refuse" for _, one in written for f in one.findings)
    ways = {name for _, one in written for name in one.gateways}
    yield from bridge_dangers.find(
        params,
        now,
        interfaces.parse(facts).wireless,
        {name for _, one in written for name in one.others},
        ways if is_sure else {bridge.name for bridge in params.network.bridges},
    )
    yield from bridge_dangers.by_name(params, now, filter_files.naming(facts, _names(params)))
    yield from named_cards.find(params, now, by_card_name.lines(facts, _names(params)))
    for _, one in written:
        yield from (_secret(f.path) for f in one.changes(facts) if holds(facts.text(f.path) or ""))
    for share, one in written if is_sure else ():
        for bridge in share.params.network.bridges:
            yield from kept.unsaid(bridge, now, one.holds.get(bridge.name, kept.Held()))


def _names(params: HostParams) -> list[str]:
    bridges = params.network.bridges
    return [*(port for b in bridges for port in b.ports), *(b.name for b in bridges)]


def _secret(path: str) -> Finding:
    return Finding(
        "refuse",
        f"{path} holds a password or a key, and would have to change",
        "what a step changes is kept with the run, for the way back, and such a file must not be",
        "move what the secret belongs to, a wireless network or a tunnel, into a file of its own beside it (the managers "
        "read all of them), then run again",
    )


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The bridges are up with their ports and addresses, and there is one way out at most."""
    return bridges.wrong(params, facts, writers.holds(params, facts))


def _switch(params: HostParams, share: Share, one: Written, facts: Facts, now: Network) -> ReplaceNetwork:
    return ReplaceNetwork(
        one.changes(facts) or one.files,
        share.writer.MANAGER,
        params.network.revert_s,
        one.links,
        one.made,
        one.unmade,
        one.up,
        one.up_before,
        renumbered.on_purpose(share.params, now),
    )


def _note(params: HostParams) -> str:
    """Say what is about to happen to the connection."""
    if isinstance(params.connection, Local):
        return (
            "The network breaks off for some seconds. The host measures what holds before and afterwards, and restores the old "
            "files by itself when something is missing. From itself it cannot see whether others get in: log in anew from "
            "another machine before you leave this one's keyboard; `runbook undo` is the way back."
        )
    return (
        "The connection breaks off for some seconds. The host measures what holds before and afterwards, and restores "
        f"the old files by itself when something is missing, or no new connection arrives within {params.network.revert_s} s."
    )
