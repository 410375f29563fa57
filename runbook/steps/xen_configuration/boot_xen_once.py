"""The first boot into Xen, for once only: plain Debian stays what the boot after it starts."""

from __future__ import annotations

from runbook.actions import Reboot
from runbook.facts import boot_next, grub, modules, system, xen
from runbook.facts.started_words import BY_THE_MENU
from runbook.guests import ending
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import boot_menu, clean_ends, start_once
from runbook.steps.xen_configuration import hide_devices, set_boot_menu

TITLE = "Start Xen once"
GUIDE = (
    "“Xen Configuration”: “You should be ready to reboot the system” — with Xen as the default and no "
    "way back (H618)"
)
RISK = "disruptive"


def asks(params: HostParams) -> tuple[Ask, ...]:
    own = (*system.COMMANDS, *xen.COMMANDS, *boot_next.COMMANDS, *ending.COMMANDS)
    return (*own, *set_boot_menu.asks(params), *hide_devices.asks(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Choose the Xen entry for the next boot alone, and restart; nothing when Xen runs as configured."""
    now = grub.parse(facts)
    waits = _waits(params, facts)
    reasons = needed_because(params, facts)
    if not waits and (not reasons or now.xen is None):
        return Plan()
    once = boot_next.parse(facts)
    if not now.can_write_choice and once.obstacle:
        return Plan(findings=(*waits, boot_menu.choice_would_stay(grub.place(facts), once)))
    ends = clean_ends.before_restart(facts)
    actions = (*ends, *start_once.actions(now, once), Reboot(into="Xen, once"), start_once.WAIT)
    if waits:
        reasons = reasons or ["those steps change what is read at boot"]
    return Plan(actions, (*waits, *clean_ends.told(facts)), f"Why: {'; '.join(reasons)}.")


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Xen runs, and the choice was for once."""
    now = grub.parse(facts)
    if not system.parse(facts).is_dom0:
        return [boot_menu.not_under_xen(now)]
    if boot_next.parse(facts).chosen:
        return [_firmware_kept(boot_next.parse(facts).chosen)]
    if not now.next_entry:
        return []
    return [
        Finding(
            "fail",
            f"The choice for once is still there: {now.next_entry}",
            "GRUB could not clear it, so every boot would start Xen, with no way back",
            "run `grub-editenv - unset next_entry`, and see whether /boot is on a plain partition",
            "H618",
        )
    ]


def _firmware_kept(number: str) -> Finding:
    return Finding(
        "fail",
        f"The firmware still has a choice for the next start: {number}",
        "it should have forgotten it before it started Xen, so it may start it again and again",
        "run `efibootmgr --delete-bootnext`, restart the host, and see whether plain Debian comes up",
        "efibootmgr(8)",
    )


def needed_because(params: HostParams, facts: Facts) -> list[str]:
    """Return why the running system is not what the boot files would start, [] when it is."""
    if not system.parse(facts).is_dom0:
        return ["plain Debian runs, without Xen"]
    now, running = grub.parse(facts), xen.parse(facts)
    reasons = []
    if now.xen and _plain(running.commandline) != _plain(now.xen.xen_options):
        reasons.append("Xen was started with other words than its entry has now")
    wanted = [w for w in boot_menu.kernel_normal(params) if w.startswith("xen-pciback.hide=")]
    if list(running.hidden_on_kernel_line) != wanted:
        reasons.append("dom0 was started with another list of devices to hide")
    hiding = modules.parse(facts, params)
    # A boot helps only where the RAM disk changed since this one; else it is a fault to be shown.
    if hiding.built_since_boot:
        reasons += [
            f"{c.bdf} is still used by {c.driver}"
            for c in hiding.candidates
            if c.driver not in ("", "pciback")
        ]
    return reasons


def _plain(words: tuple[str, ...]) -> list[str]:
    return sorted(w for w in words if w not in BY_THE_MENU)


def _waits(params: HostParams, facts: Facts) -> list[Finding]:
    found = []
    for step, name in ((hide_devices, "hide_devices"), (set_boot_menu, "set_boot_menu")):
        planned = step.plan(params, facts)
        if planned.actions or planned.stops:
            found.append(
                Finding(
                    "wait",
                    f"The step {name} is not done yet",
                    planned.stops[0].what if planned.stops else "still to do: " + planned.actions[0].title,
                    f"run the step {name} first",
                    after=name,
                )
            )
    return found
