"""Which definition of netplan a card has."""

from __future__ import annotations

from runbook.facts import netplan
from runbook.facts.netplan import Netplan
from runbook.facts.network import Network
from runbook.facts.networkd import Networkd
from runbook.steps.shared.writers.networkd_names import link_of


def definition_of(name: str, told: Netplan, daemon: Networkd, now: Network) -> str:
    """Return netplan's definition of a card, '' when netplan has none."""
    link = link_of(name, now)
    unit = daemon.network(link)
    if unit is not None:
        return netplan.generated(unit)
    return name if told.kind(name) else told.of_profile(name, link.mac)
