"""Stop guests: asked as their system understands it, and waited for."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.book import acts
from runbook.facts import guests
from runbook.guests import ending
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import clean_ends, guest_needs


@dataclass(frozen=True)
class StopGuest:
    """The stop of some guests, whether the parameters have them or not. No plug is pulled, unless `kill` says so."""

    names: tuple[str, ...]
    limit_s: int | None = None
    """How long each may take; None is what the host's own XENDOMAINS_STOP_MAXWAIT says, else 300 s."""
    kill: bool = False

    TITLE = "Stop guests, each in its own way"
    GUIDE = acts.GUIDE
    RISK: Risk = "safe"
    __name__ = "stop_guest"

    def asks(self, params: HostParams) -> tuple[Ask, ...]:
        return (*guests.RUNNING, *ending.COMMANDS)

    def plan(self, params: HostParams, facts: Facts) -> Plan:
        """Return the end of those that are there; nothing for those that are not."""
        domains = guests.parse(facts)
        if missing := guest_needs.xen(domains):
            return Plan(findings=missing)
        known = {*(guest.name for guest in params.guests), *(d.name for d in domains.domains if d.domid)}
        if unknown := [name for name in self.names if name not in known]:
            return Plan(findings=tuple(_unknown(name, sorted(known)) for name in unknown))
        off = tuple(
            Finding("info", f"The guest '{name}' does not run")
            for name in self.names
            if domains.named(name) is None
        )
        due = [name for name in self.names if domains.named(name)]
        if not due:
            return Plan(findings=off)
        return Plan(
            (*clean_ends.install(facts), clean_ends.end(due, self.limit_s, kill=self.kill)),
            (*off, *(_crashed(name, self.kill) for name in due if "c" in domains.require(name).state)),
        )

    def check(self, params: HostParams, facts: Facts) -> list[Finding]:
        """None of them is there any more, but one that has crashed and is kept for whoever looks into it."""
        domains = guests.parse(facts)
        left = [domain for name in self.names if (domain := domains.named(name))]
        return [
            Finding(
                "fail",
                f"The guest '{domain.name}' still runs: its state is {domain.state}",
                "it was started again meanwhile, or restarted by itself",
                "see with `xl list` on the host, and who starts it",
            )
            for domain in left
            if "c" not in domain.state
        ]


def _crashed(name: str, kill: bool) -> Finding:
    do = "" if kill else "look at it (`xl console`, /var/log/xen), then remove what is left with --kill"
    return Finding("warn", f"The guest '{name}' has crashed; there is no system left to end", do=do)


def _unknown(name: str, known: list[str]) -> Finding:
    what = f"There is no guest '{name}' on this host"
    why = "neither the parameters nor `xl list` have it"
    return Finding("refuse", what, why, f"there are: {', '.join(known) or 'none'}")
