"""The new pair is started once; what starts by itself stays the pair that was proved."""

from __future__ import annotations

from runbook.actions import Foreseen, Reboot
from runbook.facts import boot_next, grub, proved_pair, xen
from runbook.guests import ending
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import clean_ends, kept_pair, running_pair, start_once, upgrades
from runbook.steps.upgrades import install_updates

TITLE = "Start the new pair once"
GUIDE = "The template: what an upgrade brought was the default at once, and had no way back (H618)"
RISK = "disruptive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not upgrades.is_asked(params):
        return ()
    return (*install_updates.asks(params), *ending.COMMANDS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """End the guests, choose the new pair for the next boot alone, and restart; nothing when it runs."""
    if not upgrades.is_asked(params):
        return upgrades.unasked(params)
    before = install_updates.plan(params, facts)
    if before.actions or before.stops:
        what = before.stops[0].what if before.stops else f"still to do: {before.actions[0].title}"
        do = "run the step install_updates first"
        waits = Finding("wait", "What waits is not installed yet", what, do, after="install_updates")
        seen = Foreseen(
            "start the new pair once", "$ grub-reboot …\n$ systemctl reboot", "it is installed then"
        )
        return Plan((seen,), (waits,))
    new, once = upgrades.new_pair(facts), boot_next.parse(facts)
    if new is None:
        return Plan()
    menu = grub.parse(facts)
    if stops := kept_pair.bare(facts, new):
        return Plan(findings=tuple(stops))
    actions = (
        *clean_ends.before_restart(facts),
        *start_once.actions(menu, once),
        Reboot("the new pair, once"),
        start_once.WAIT,
    )
    why = "; ".join(kept_pair.unproved(new, facts) or running_pair.not_running(new, facts))
    return Plan(
        actions,
        clean_ends.told(facts),
        f"Why: {why}. If it hangs, reset the machine: the proved pair comes up.",
    )


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The new pair runs, and the choice was for once."""
    if not upgrades.is_asked(params):
        return []
    menu, new, chosen = grub.parse(facts), upgrades.new_pair(facts), boot_next.parse(facts).chosen
    if menu.next_entry or chosen:
        what = f"The choice for once is still there: {menu.next_entry or chosen}"
        why = "it was not used yet, or could not be cleared: every boot would start the new pair"
        do = (
            "run `grub-editenv - unset next_entry` (`efibootmgr --delete-bootnext` for one of the firmware's)"
        )
        return [Finding("fail", what, why, do, "H618")]
    return [_came_back(facts)] if new is not None else []


def _came_back(facts: Facts) -> Finding:
    now, pair = xen.parse(facts), proved_pair.parse(facts)
    kernel = pair.runs.first("vmlinuz").removeprefix("vmlinuz-") or "Linux as before"
    runs = f"Xen {now.full_version} and {kernel} run" if now.version else f"{kernel} runs, without Xen"
    new = grub.parse(facts).xen
    wrong = "; ".join(kept_pair.unproved(new, facts) or running_pair.not_running(new, facts)) if new else ""
    return Finding(
        "fail",
        f"The new pair did not come up, or not for long: {runs} again",
        f"what was proved came back by itself, and is what starts; not proved is {wrong or 'what was installed'}",
        "its last words stand on the screen or the serial console, and in `journalctl -b -1` if it came that far; what is "
        "installed stays, and nothing starts it but another `runbook upgrade`: a later version is tried in its place",
        "H618",
    )
