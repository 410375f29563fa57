"""systemd's units of the runbook's own: known by how they begin, and taken away where nobody asks for them any more."""

from __future__ import annotations

from collections.abc import Iterable

from runbook.actions import Action, Remove, Run
from runbook.facts.services import Unit
from runbook.model.ask import Facts
from runbook.model.plan import Finding

RELOAD = Run(("systemctl", "daemon-reload"), "systemd reads the unit", again=True)


def masked(units: Iterable[Unit], otherwise: str) -> list[Finding]:
    """Return a refusal for each unit that somebody masked; `otherwise` is the way to leave it so."""
    return [
        Finding(
            "refuse",
            f"{unit.name} is masked on this host",
            "somebody saw to it that nothing starts it, and it cannot be enabled as long as that holds",
            f"run `systemctl unmask {unit.name}` if it shall run after all; {otherwise}; then run again",
            "systemctl(1), mask",
        )
        for unit in units
        if unit.is_masked
    ]


def switched_off(units: Iterable[Unit]) -> list[Finding]:
    """Return a loss for each unit of a running Xen's that somebody switched off: its package had it start with the host."""
    return [
        Finding(
            "loss",
            f"{unit.name} was switched off, and would start with the host",
            "Debian's package enables it, so somebody decided otherwise; with xendomains.service the guests of /etc/xen/auto start too",
            "agree to this very plan; where it shall stay off for good, `systemctl mask` says so, and this step then stops there",
            "systemctl(1)",
        )
        for unit in units
        if unit.enabled == "disabled"
    ]


def is_ours(text: str, content: str) -> bool:
    """Return whether a unit's file begins as ours does."""
    return text.startswith(content[: content.index("\n", content.index("Description=")) + 1])


def away(facts: Facts, unit: str, file: str, content: str, others: Iterable[str] = ()) -> tuple[Action, ...]:
    """Return how a unit goes with its further files; () where there is none, or one that a person wrote.

    Ours begins as `content` does, whatever an older runbook wrote below that.
    """
    if not is_ours(facts.text(file) or "", content):
        return ()
    stop = Run(("systemctl", "disable", "--now", unit), undo=("systemctl", "enable", "--now", unit))
    # They were made from the parameters, and are made from them again: what stood in them need not be asked.
    more = (
        (Run(("rm", "-f", "--", *others), "made again where the parameters ask for them"),) if others else ()
    )
    return (stop, Remove(file), *more, RELOAD)
