"""Bridges in /etc/network/interfaces, for ifupdown."""

from __future__ import annotations

from runbook import releases
from runbook.actions import NetworkFile
from runbook.actions.network import Manager
from runbook.facts import files, interfaces
from runbook.facts.interfaces import FILE, Interfaces
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.releases import xen
from runbook.steps.shared.interfaces_file import edit, gateways
from runbook.steps.shared.writers.written import Written

MANAGER: Manager = "ifupdown"
IFUP, BRCTL = "/usr/sbin/ifup", "/usr/sbin/brctl"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the file, what it takes in, and the programs that read it."""
    return (*interfaces.COMMANDS, *files.commands(IFUP, BRCTL))


def write(params: HostParams, facts: Facts) -> Written:
    """Return the file with the bridges of the parameters."""
    written, there = interfaces.parse(facts), files.parse(facts, IFUP, BRCTL)
    edited = edit(params, facts.text(FILE) or "")
    names = {name for b in params.network.bridges for name in (b.name, *b.ports)}
    return Written(
        files=(NetworkFile(FILE, edited.text),),
        findings=edited.findings,
        dangers=(*_programs(params, there), *_elsewhere(names, written)),
        gateways=frozenset(gateways(params, edited.text)),
        others=frozenset(
            {n for p in written.paragraphs for n in p.names} | {name for name, _ in written.elsewhere}
        ),
    )


def _programs(params: HostParams, there: dict[str, files.Entry]) -> list[Finding]:
    """Return what this writer's file needs to be understood and is not installed."""
    found = []
    if BRCTL not in there:
        found.append(
            Finding(
                "wait",
                "bridge-utils is not installed",
                "it is what makes ifupdown understand `bridge_ports`",
                "run the notebook 05_xen_installation first",
                after=xen.supply(params.xen.source, releases.get(params.release)).step,
            )
        )
    if IFUP not in there:
        found.append(
            Finding(
                "refuse",
                "ifupdown is not installed",
                "so nothing reads /etc/network/interfaces, and no other manager has a card of network.bridges",
                "run `apt-get install ifupdown` on the host, then run again",
            )
        )
    return found


def _elsewhere(names: set[str], written: Interfaces) -> list[Finding]:
    """Return a reason to refuse for each card or bridge that another file than ours configures, or may configure."""
    found = [
        Finding(
            "refuse",
            f"{path} also configures {name}",
            "one interface configured twice gets two addresses or fails",
            f"move the paragraph of {name} from there into {FILE}, then run again: it is changed there",
            "H653",
        )
        for name, path in written.elsewhere
        if name in names
    ]
    unknown = [] if names <= {n for p in written.paragraphs for n in p.names} else written.unread
    return found + [
        Finding(
            "refuse",
            f"{FILE} takes in {path}, which is not read",
            f"{', '.join(sorted(names))} may be configured there, and would be configured twice",
            f"copy what {path} holds into {FILE}, in the place of the line that takes it in, then run again",
            "interfaces(5)",
        )
        for path in unknown
    ]
