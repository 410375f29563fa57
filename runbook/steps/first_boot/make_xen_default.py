"""Xen becomes what the machine starts by itself, now that it has been proved."""

from __future__ import annotations

from runbook.actions import Run
from runbook.facts import grub, proved_pair
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.first_boot import prove_bridges, prove_devices, prove_xen
from runbook.steps.shared import boot_menu, upgrades

TITLE = "Make Xen the default entry"
GUIDE = "“Xen Configuration”: Xen was the default from the first, unproved boot on (H618)"
RISK = "disruptive"

_PROOFS = ((prove_xen, "prove_xen"), (prove_devices, "prove_devices"), (prove_bridges, "prove_bridges"))


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*grub.COMMANDS, *(ask for step, _ in _PROOFS for ask in step.asks(params)))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Save the Xen entry as the default, if every proof of this chapter holds.

    A Xen that starts because it is first in the menu, or by its title, is not saved: set_boot_menu makes plain Debian what
    starts, and this step waits for that. The pair that was proved before an upgrade stays what starts until 11_upgrades has
    proved the new one.
    """
    now = grub.parse(facts)
    found = [*upgrades.unread_default(now), *failed(params, facts)]
    saved = now.entry(now.saved_entry) if now.saved_entry and now.default == "${saved_entry}" else None
    if now.xen and saved is not None and (saved == now.xen or saved.id == proved_pair.ID):
        return Plan(findings=tuple(found))
    if now.xen is None and not found:
        return Plan()
    undo = boot_menu.default_again(now.saved_entry)
    entry = boot_menu.foreseen_entry(now)
    return Plan((Run(("grub-set-default", entry), "Xen has been proved", undo=undo),), tuple(found))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The saved entry is Xen's, and GRUB starts the saved entry."""
    now = grub.parse(facts)
    starts = now.entry(now.saved_entry) if now.default == "${saved_entry}" else now.entry(now.default)
    proved = (now.xen, now.entry(proved_pair.ID)) if now.xen else ()
    if now.default == "${saved_entry}" and starts is not None and starts in proved:
        return []
    return [
        Finding(
            "fail",
            f"The machine starts '{starts.title if starts else now.saved_entry}' by itself, not Xen",
            f"GRUB's default is {now.default}, the saved entry is '{now.saved_entry}'",
            "run the step make_xen_default in mode apply; when the default is not the saved entry, "
            "set_boot_menu first",
            "H618",
        )
    ]


def failed(params: HostParams, facts: Facts) -> list[Finding]:
    """Return one finding for each proof that does not hold."""
    found = []
    for step, name in _PROOFS:
        wrong = [f for f in step.check(params, facts) if f.stops]
        if wrong:
            found.append(
                Finding(
                    "wait",
                    f"{name} does not hold: {wrong[0].what}",
                    "only a proved Xen becomes what a power failure starts",
                    wrong[0].do or f"run the step {name} and do what it says",
                    wrong[0].source,
                    after=name,
                )
            )
    return found
