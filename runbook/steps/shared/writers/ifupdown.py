"""Bridges in /etc/network/interfaces and what it takes in, for ifupdown."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runbook import releases
from runbook.actions import NetworkFile
from runbook.actions.network import Manager
from runbook.facts import files, interfaces, sourced
from runbook.facts.interfaces import FILE
from runbook.facts.sourced import Sourced
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.releases import xen
from runbook.steps.shared import byte_order_mark, interfaces_held
from runbook.steps.shared.interfaces_file import edit
from runbook.steps.shared.writers.written import Written

MANAGER: Manager = "ifupdown"
IFUP, BRCTL = "/usr/sbin/ifup", "/usr/sbin/brctl"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the file, what it takes in, and the programs that read it."""
    return (*interfaces.COMMANDS, sourced.FILES, *files.commands(IFUP, BRCTL))


def write(params: HostParams, facts: Facts) -> Written:
    """Return the files with the bridges of the parameters: the one that has a port's paragraph is the one that changes."""
    there, programs = sourced.parse(facts), files.parse(facts, IFUP, BRCTL)
    edited = edit(params, there.files)
    ports = {port for b in params.network.bridges for port in b.ports}
    new = tuple(NetworkFile(path, text) for path, text in edited.files.items() if text != there.files[path])
    return Written(
        files=new or (NetworkFile(FILE, edited.files[FILE]),),
        findings=(
            *byte_order_mark.refused(
                there.marked, "ifup reads none of its files: the next start would be without network"
            ),
            *edited.findings,
        ),
        dangers=(*_programs(params, programs), *_elsewhere(ports, there), *_rewritten(edited.files, new)),
        gateways=interfaces_held.ways_out(params, edited.paragraphs),
        others=frozenset(name for p in edited.paragraphs for name in p.names),
        holds={b.name: interfaces_held.held(b.name, edited.paragraphs) for b in params.network.bridges},
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


def _elsewhere(ports: set[str], there: Sourced) -> list[Finding]:
    """Return a reason to refuse for each file that is not read, where a port stands in none that is."""
    told = {
        name
        for path, text in there.files.items()
        for p in interfaces.paragraphs(text, path)
        for name in p.names
    }
    return [
        Finding(
            "refuse",
            f"{FILE} takes in {path}, which is not read",
            f"{', '.join(sorted(ports - told))} may be configured there, and would be configured twice",
            f"if {path} is there, move it into /etc/network/interfaces.d and name it so in the line that takes it in; "
            "if it is not, take that line away; then run again",
            "interfaces(5)",
        )
        for path in (there.unread if ports - told else ())
    ]


def _rewritten(texts: Mapping[str, str], new: tuple[NetworkFile, ...]) -> list[Finding]:
    """Return a warning for each file that changes and that cloud-init says to be its own."""
    return [
        Finding(
            "warn",
            f"{file.path} is written by cloud-init, which may write it anew at a start",
            "the bridge would be gone then; the card would be as it was before",
            "write `network: {config: disabled}` into /etc/cloud/cloud.cfg.d/99-disable-network-config.cfg",
            "cloud-init",
        )
        for file in new
        if re.search(r"(?mi)^#.*(generated|changes).*\bcloud", texts[file.path]) or "cloud-init" in file.path
    ]
