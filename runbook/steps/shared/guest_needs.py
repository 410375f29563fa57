"""What the steps of this chapter say when an earlier one has not been done."""

from __future__ import annotations

from runbook.facts.guests import Domains
from runbook.model.plan import Finding


def xen(domains: Domains) -> tuple[Finding, ...]:
    """Return a finding when Xen does not run, none when it does."""
    if domains.answered:
        return ()
    return (
        Finding(
            "wait",
            "Xen does not run on this host",
            f"xl said: {domains.why}",
            "run notebook 06_xen_configuration, which starts Xen, and 07_first_boot, which proves it",
            "guide, Xen DomU Configurations",
            after="boot_xen_once",
        ),
    )
