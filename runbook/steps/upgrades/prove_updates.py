"""The new pair is proved as the first one was: Xen, devices, bridges, a guest with a device, and the guests that ran."""

from __future__ import annotations

from runbook import steps
from runbook.facts import guests
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import upgrades
from runbook.steps.upgrades import boot_updates_once

TITLE = "Prove the new pair, and see the guests back"
GUIDE = "Not in the guide: whether an update had taken something away showed when somebody missed it"
RISK = "safe"

_PROOFS = {
    "07_first_boot": ("prove_xen", "prove_devices", "prove_bridges"),
    "08_guests": ("prove_passthrough", "start_guests"),
}
"""The proofs are those chapters' own, found by name as a run finds them: nothing is proved in two ways."""


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not upgrades.is_asked(params):
        return ()
    return (*boot_updates_once.asks(params), *(ask for step in _proofs(params) for ask in step.asks(params)))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Wait for the end of the boot, prove the devices that no guest has anew, and start the guests that are to run."""
    if not upgrades.is_asked(params):
        return upgrades.unasked(params)
    before = boot_updates_once.plan(params, facts)
    if before.actions or before.stops:
        do = "run the step boot_updates_once first"
        return Plan(
            findings=(Finding("wait", "The new pair does not run yet", "", do, after="boot_updates_once"),)
        )
    plans = [step.plan(params, facts) for step in _proofs(params)]
    return Plan(tuple(a for p in plans for a in p.actions), tuple(f for p in plans for f in p.findings))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every proof of 07 and 08 holds, and each guest that ran before runs."""
    if not upgrades.is_asked(params):
        return []
    found = [f for step in _proofs(params) for f in step.check(params, facts)]
    domains = guests.parse(facts)
    ran = (facts.text(upgrades.BEGUN) or "").split("\n")
    missing = [name for name in ran if name and domains.answered and domains.named(name) is None]
    return [
        *found,
        *(
            Finding(
                "fail",
                f"The guest '{name}' ran before the upgrade, and does not run now",
                "it is not started with the host, or it gave up under the new pair",
                f"start it with `xl create /etc/xen/{name}.cfg` and read what it says, or, if it is to run no more, take its "
                f"line out of {upgrades.BEGUN}; then run the step again",
            )
            for name in missing
        ),
    ]


def _proofs(params: HostParams) -> list[steps.Step]:
    found = {name: steps.steps_of(name, params.release) for name in _PROOFS}
    return [found[notebook][name] for notebook, names in _PROOFS.items() for name in names]
