"""systemd's units of the runbook's own: known by how they begin, and taken away where nobody asks for them any more."""

from __future__ import annotations

from collections.abc import Iterable

from runbook.actions import Action, Remove, Run
from runbook.model.ask import Facts

RELOAD = Run(("systemctl", "daemon-reload"), "systemd reads the unit", again=True)


def away(facts: Facts, unit: str, file: str, content: str, others: Iterable[str] = ()) -> tuple[Action, ...]:
    """Return how a unit goes with its further files; () where there is none, or one that a person wrote.

    Ours begins as `content` does, whatever an older runbook wrote below that.
    """
    head = content[: content.index("\n", content.index("Description=")) + 1]
    if not (facts.text(file) or "").startswith(head):
        return ()
    stop = Run(("systemctl", "disable", "--now", unit), undo=("systemctl", "enable", "--now", unit))
    # They were made from the parameters, and are made from them again: what stood in them need not be asked.
    more = (
        (Run(("rm", "-f", "--", *others), "made again where the parameters ask for them"),) if others else ()
    )
    return (stop, Remove(file), *more, RELOAD)
