"""The guests that run, by name, and those that start with the host."""

from __future__ import annotations

from runbook.drift.named import Things, listed, yes
from runbook.facts import guest_files
from runbook.facts import guests as parser
from runbook.model.ask import Facts


def running(facts: Facts) -> Things:
    """Return the running guests with their disks and bridges; their number changes at each start."""
    return {
        domain.name: {
            "alive": yes(domain.is_alive),
            "disks": listed(sorted(domain.disks)),
            "bridges": listed(sorted(domain.bridges)),
        }
        for domain in parser.parse(facts).domains
        if domain.domid
    }


def unanswered(facts: Facts) -> str:
    """Return what `xl list` said instead of naming the guests, '' where it named them."""
    return parser.parse(facts).why


def autostart(facts: Facts) -> Things:
    """Return what stands in /etc/xen/auto."""
    return {
        entry.name: {"leads to": entry.target or "itself", "is there": yes(not entry.is_dangling)}
        for entry in guest_files.parse_autostart(facts) or ()
    }
