"""Guests end cleanly: by the program that the host keeps, one guest or all, and before the runbook restarts the host."""

from __future__ import annotations

from collections.abc import Sequence

from runbook.actions import Action, Run, WriteFile
from runbook.facts import xen
from runbook.guests import ending
from runbook.model.ask import Facts
from runbook.model.plan import Finding

TIMEOUT_S = 1800
"""How long the guests may take in their order, each with a limit of its own."""


def install(facts: Facts) -> tuple[WriteFile, ...]:
    """Return what puts the program on the host, nothing when it is there as it should be."""
    there = facts.text(ending.PROGRAM) == ending.program()
    return () if there else (WriteFile(ending.PROGRAM, ending.program(), mode="0755"),)


def end(names: Sequence[str], limit_s: int | None = None, *, kill: bool = False) -> Run:
    """Return the end of some guests, at once; with `kill` the plug is pulled of who has not ended in time.

    Without `limit_s` it is what XENDOMAINS_STOP_MAXWAIT says on the host. A guest that does not run is right.

    >>> end(["comm"], 120).argv[1:]
    ('-l', '120', '--', 'comm')
    """
    limit = () if limit_s is None else ("-l", str(limit_s))
    why = "asked as its system understands it: by Xen's drivers, else by the power button of its ACPI"
    more = ("-k",) if kill else ()
    return Run((ending.PROGRAM, *limit, *more, "--", *names), why, max(TIMEOUT_S, (limit_s or 0) + 120))


def before_restart(facts: Facts) -> tuple[Action, ...]:
    """Return what ends the running guests before the host is restarted, () where none runs.

    A guest that does not end makes it fail, and the host stays up.
    """
    why = "in the reverse of the order in which they start; one that does not end keeps the host up"
    is_due = bool(xen.parse(facts).guests)
    return (*install(facts), Run((ending.PROGRAM, "--all"), why, TIMEOUT_S)) if is_due else ()


def told(facts: Facts) -> tuple[Finding, ...]:
    """Return the warning that guests will be ended, () where none runs."""
    names = ", ".join(guest.name for guest in xen.parse(facts).guests)
    if not names:
        return ()
    what = f"Running guests will be shut down: {names}"
    why = "each is waited for; one that does not end keeps the host from being restarted"
    do = f"shut them down yourself first if you want to choose the order: {ending.by_hand('NAME')}"
    return (Finding("warn", what, why, do, "H606"),)
