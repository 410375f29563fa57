"""Whether the next boot would start exactly what was proved: hypervisor, kernel, initial RAM disk, and their words."""

from __future__ import annotations

from runbook.facts import grub, proved_pair, system
from runbook.facts.grub import Entry
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import kept_pair, upgrades

TITLE = "Prove that the next boot is one that was proved"
GUIDE = "Not in the guide: after its first update nobody knew what the next power failure would start"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*system.COMMANDS, *kept_pair.COMMANDS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Change nothing."""
    return Plan()


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The entry that starts next starts the files that were proved, with the words that were proved.

    `management.upgrades: require` makes what is found a failure.
    """
    menu, pair = grub.parse(facts), proved_pair.parse(facts)
    entry = (menu.entry(menu.next_entry) if menu.next_entry else None) or menu.starts
    if not system.parse(facts).is_dom0 or entry is None:
        return []  # prove_xen says it
    if pair.entry is None:
        return [_nothing_kept(params)]
    wrong = _unproved(entry, facts)
    return [_finding(params, entry, wrong)] if wrong else []


def _unproved(entry: Entry, facts: Facts) -> list[str]:
    if not entry.is_xen:
        return ["no Xen"]
    return kept_pair.unproved(entry, facts)


def _finding(params: HostParams, entry: Entry, wrong: list[str]) -> Finding:
    return Finding(
        upgrades.level(params),
        f"The next boot would start something that nobody proved: {'; '.join(wrong)}",
        f"the entry '{entry.title}' starts by itself, and what it starts changed since 07_first_boot or the last upgrade",
        "start it once while you look, with the proved pair as the way back: runbook upgrade PARAMS --apply; "
        f"or have the proved pair started meanwhile: `grub-set-default {proved_pair.ID}` on the host",
        "H618",
    )


def _nothing_kept(params: HostParams) -> Finding:
    return Finding(
        upgrades.level(params),
        "Nobody can say whether the next boot is a proved one",
        f"no proved pair is kept in {proved_pair.FOLDER} on this host",
        "run 07_first_boot in mode apply; its last step keeps what it has proved",
        "H618",
    )
