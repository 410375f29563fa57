"""What people add to the files that netplan makes for networkd, where netplan has no word for it (netplan(5)).

Such a drop-in stands in a folder that is called after the definition, so what it says of addresses has to move with them.
"""

from __future__ import annotations

from dataclasses import replace

from runbook.facts import netplan
from runbook.facts.networkd import FOLDER, Link, Unit
from runbook.facts.unit_files import UnitFile, parse
from runbook.model.plan import Finding
from runbook.steps.shared.kept import Held
from runbook.steps.shared.writers import netplan_findings as said
from runbook.steps.shared.writers.netplan_definitions import Work, is_own
from runbook.steps.shared.writers.networkd_addresses import InSections
from runbook.steps.shared.writers.networkd_names import link_of
from runbook.steps.shared.writers.networkd_port import split


def carry(port: str, bridge: str, work: Work) -> None:
    """Move what is about a card's addresses to the bridge's drop-ins, by the same names; a finding where that is not sure."""
    unit = work.daemon.network(link_of(port, work.now))
    name = netplan.generated(unit)
    for file in _drop_ins(unit):
        found: list[Finding] = []
        parts = split(file, port, bridge, found)
        if not parts.goes and not found:
            continue
        if found or not file.path.startswith(FOLDER) or not is_own(port, name, work):
            work.findings.append(said.by_hand(file.path, port, bridge))
            continue
        is_left = any(section.entries for section in parts.stays.sections)
        work.files[file.path] = parts.stays.text if is_left else None
        before = (line for section in parts.stays.sections for line in section.before if line.strip())
        new = UnitFile(file.path, parts.goes, () if is_left else (*before, *parts.stays.after))
        work.files[f"{FOLDER}/10-netplan-{bridge}.network.d/{file.name}"] = new.text.lstrip("\n")


def with_drop_ins(held: Held, bridge: str, work: Work) -> Held:
    """Return what a bridge has by its definition and by what is added to it."""
    start = f"{FOLDER}/10-netplan-{bridge}.network.d/"
    drop_ins = _drop_ins(work.daemon.network(Link(bridge, "", "bridge")))
    texts = {file.path: file.text for file in drop_ins if file.path.startswith(start)}
    texts |= {path: text for path, text in work.files.items() if text is not None and path.startswith(start)}
    more = InSections(s for path in texts for s in parse(path, texts[path]).sections).held()
    return replace(held, addresses=held.addresses | more.addresses, named=held.named | more.named)


def _drop_ins(unit: Unit | None) -> tuple[UnitFile, ...]:
    return unit.drop_ins if unit is not None and netplan.generated(unit) else ()
