"""The new pair becomes what starts by itself, and is kept; the pair before it stays in the menu."""

from __future__ import annotations

from runbook.actions import Action, Remove, Run
from runbook.facts import grub, proved_pair
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import boot_menu, kept_pair, running_pair, upgrades
from runbook.steps.upgrades import boot_updates_once, prove_updates

TITLE = "Make the new pair the default"
GUIDE = "“Xen Configuration”: whatever was installed last started next (H618)"
RISK = "disruptive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return prove_updates.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Save the entry that starts the new pair, then keep that pair; nothing before every proof holds."""
    if not upgrades.is_asked(params):
        return upgrades.unasked(params)
    menu = grub.parse(facts)
    actions: list[Action] = []
    if menu.xen and menu.entry(menu.saved_entry) != menu.xen:
        undo = boot_menu.default_again(menu.saved_entry)
        actions.append(Run(("grub-set-default", menu.xen.path), "the new pair has been proved", undo=undo))
    actions += kept_pair.actions(facts, is_before_kept=True)
    if facts.text(upgrades.BEGUN) is not None:
        actions.append(Remove(upgrades.BEGUN))
    unread = upgrades.unread_default(menu)
    if not actions:
        return Plan(findings=tuple(unread))
    return Plan(tuple(actions), (*unread, *_waits(params, facts)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """What starts by itself is what runs, file by file, and it is kept."""
    if not upgrades.is_asked(params):
        return []
    menu = grub.parse(facts)
    if (starts := menu.starts) is None or not starts.is_xen or not running_pair.is_running(starts, facts):
        title = starts.title if starts else menu.saved_entry
        how = ["that is not the pair that runs"]
        if starts and starts.is_xen and starts.id != proved_pair.ID:
            how = running_pair.not_running(starts, facts)
        what, why = f"The machine starts '{title}' by itself", "; ".join(how)
        do = next(
            (f.do for f in upgrades.unread_default(menu)), "run the step make_updates_default in mode apply"
        )
        return [Finding("fail", what, why, do, "H618")]
    if why := kept_pair.unkept(facts):
        return [Finding("warn", "The new pair cannot be kept", why, kept_pair.what_next(facts), "H618")]
    return []


def _waits(params: HostParams, facts: Facts) -> list[Finding]:
    before = boot_updates_once.plan(params, facts)
    if before.actions or before.stops:
        do = "run the step boot_updates_once first"
        return [Finding("wait", "The new pair does not run yet", "", do, after="boot_updates_once")]
    wrong = [f for f in prove_updates.check(params, facts) if f.stops]
    return [
        Finding(
            "wait",
            f"prove_updates does not hold: {f.what}",
            "only a proved pair becomes what a power failure starts",
            f.do,
            f.source,
            after="prove_updates",
        )
        for f in wrong[:1]
    ]
