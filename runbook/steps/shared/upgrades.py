"""What the steps of an upgrade share: whether one was asked for, and which pair it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from runbook.facts import grub, system
from runbook.facts.grub import Entry, Grub
from runbook.model.ask import Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import running_pair

BEGUN = "/var/lib/xen-runbook/upgrade"
"""The guests that ran when an upgrade began, one a line; it is there until the new pair is the default."""


def is_asked(params: HostParams) -> bool:
    """Return whether updates are to be installed."""
    return params.management.upgrades == "install"


def unasked(params: HostParams) -> Plan:
    """Return the plan of a step that nobody asked for."""
    return Plan(unasked=f"management.upgrades is {params.management.upgrades}")


def level(params: HostParams) -> Literal["warn", "fail"]:
    """Return how loudly it is said that something waits, or that the next boot is not a proved one."""
    return "fail" if params.management.upgrades == "require" else "warn"


def told(found: list[Finding]) -> tuple[Finding, ...]:
    """Return what a check finds as a plan says it: nothing that waits keeps a plan from being carried out."""
    return tuple(replace(f, level="warn") if f.level == "fail" else f for f in found)


def new_pair(facts: Facts) -> Entry | None:
    """Return the entry that starts the newest hypervisor and kernel; None where they run already."""
    entry = grub.parse(facts).xen
    return None if entry is None or running_pair.is_running(entry, facts) else entry


def begun(params: HostParams, facts: Facts) -> list[Finding]:
    """Return that an upgrade began and was not ended: what it installed may wait there, and nothing else would say so."""
    if facts.text(BEGUN) is None:
        return []
    new = new_pair(facts)
    how = "; ".join(running_pair.not_running(new, facts)) if new else ""
    return [
        Finding(
            level(params),
            "An upgrade was begun and not ended",
            f"installed, and not started: {how}"
            if how
            else "what is installed runs, and was not made the default",
            "runbook upgrade PARAMS --apply goes on with it; where an installation broke off, it says what to do first",
            "H618",
        )
    ]


def unread_default(menu: Grub) -> list[Finding]:
    """Return that a choice of what starts would mean nothing: GRUB starts another entry than the saved one."""
    if menu.default == "${saved_entry}":
        return []
    return [
        Finding(
            "wait",
            "GRUB does not start the saved entry",
            f"its default is '{menu.default}', so whatever is chosen as the default, it starts that",
            "run 06_xen_configuration in mode apply: its step set_boot_menu makes the saved entry what starts",
            "H619",
            after="set_boot_menu",
        )
    ]


def not_under_xen(facts: Facts) -> list[Finding]:
    """Return that an upgrade begins on a host that runs Xen."""
    if system.parse(facts).is_dom0:
        return []
    what, why = "Xen does not run", "an upgrade begins with what runs, and was proved"
    do = "run 06_xen_configuration and 07_first_boot first; they start Xen once and prove it"
    return [Finding("wait", what, why, do, after="prove_xen")]
