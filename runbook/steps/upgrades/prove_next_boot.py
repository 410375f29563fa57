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
    return (*system.COMMANDS, *kept_pair.COMMANDS, Ask.read(upgrades.BEGUN))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Change nothing; say what the check would."""
    return Plan(findings=upgrades.told(check(params, facts)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The entry that starts next starts the files that were proved, with the words that were proved.

    `management.upgrades: require` makes what is found a failure.
    """
    menu, pair = grub.parse(facts), proved_pair.parse(facts)
    entry = (menu.entry(menu.next_entry) if menu.next_entry else None) or menu.starts
    if not system.parse(facts).is_dom0 or entry is None:
        return []  # prove_xen says it
    begun = upgrades.begun(params, facts)
    if pair.entry is None:
        return [_nothing_kept(params, facts), *begun]
    wrong = _unproved(entry, facts)
    return [*([_finding(params, entry, wrong)] if wrong else []), *begun]


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


def _nothing_kept(params: HostParams, facts: Facts) -> Finding:
    why = f"no proved pair is kept in {proved_pair.FOLDER} on this host"
    if proved_pair.parse(facts).text:
        why = "the kept kernel's modules are gone from /lib/modules, so it would not find its disk"
    unkept = kept_pair.unkept(facts)
    do = "run 07_first_boot in mode apply; its last step keeps what it has proved"
    return Finding(
        upgrades.level(params),
        "Nobody can say whether the next boot is a proved one",
        f"{why}; what runs cannot be kept: {unkept}" if unkept else why,
        kept_pair.what_next(facts) if unkept else do,
        "H618",
    )
