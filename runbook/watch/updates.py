"""What waits to be installed: looked at once in a while, as reading apt's lists takes the host a second or two."""

from __future__ import annotations

from runbook.facts import waiting_updates
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.text.plural import plural
from runbook.watch.condition import Condition, Gauge
from runbook.watch.machine import Found


def waiting(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield the security updates that wait, those of what the guests stand on by name, and an apt that cannot say."""
    waits = waiting_updates.parse(facts)
    if waits.error:
        yield Condition(
            "apt",
            "updates",
            f"apt cannot say what waits: {waits.error[:200]}",
            "`apt-get update` on the host, and look at its sources",
        )
        return
    security = [update for update in waits.updates if update.is_security]
    yield Gauge("updates_waiting", (("kind", "all"),), len(waits.updates))
    yield Gauge("updates_waiting", (("kind", "security"),), len(security))
    if others := [update for update in security if not update.kind]:
        what = f"{plural(len(others), 'security update')} of packages that install themselves by night wait"
        yield Condition(
            "updates",
            "updates",
            what,
            "`runbook check PARAMS --only 3`: does the host install security updates by night?",
        )
    for kind in dict.fromkeys(update.kind for update in security if update.kind):
        yield Condition(
            f"update:{kind}",
            "updates",
            f"A security update of the {kind} waits",
            "`runbook upgrade PARAMS` tries it for one start, and goes back by itself when it fails",
        )
