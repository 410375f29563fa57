"""Configurations of guests that a person wrote or edited: what would be lost with each, and the ways not to lose it."""

from __future__ import annotations

import shlex

from runbook.guests import config
from runbook.guests.standing import Standing
from runbook.model.plan import Finding


def lost(guest: str, there: str, standing: Standing) -> Finding:
    """Return what is in force by a file and would not be after it is written, and the moves.

    `there` is its text.
    """
    path = config.path_of(guest)
    whose = (
        "was edited by hand after the runbook wrote it" if config.is_ours(there) else "was written by hand"
    )
    return Finding(
        "loss",
        f"{path} {whose}, and would be replaced: {_what(standing)}",
        "the parameters ask for another guest of that name than this file does",
        f"to have the guest as the file says, `runbook guest adopt PARAMS {shlex.quote(guest)} --replace` writes it into the "
        f"parameters; "
        f"to keep the file beside it, give the guest in the parameters another name; to let it go, agree to this very plan "
        "(`runbook undo` brings the file back)",
        "H701",
    )


def differs(guest: str, standing: Standing) -> Finding:
    """Return for a check that a file asks for another guest than the parameters do."""
    return Finding(
        "fail",
        f"{config.path_of(guest)} was written by hand, and is not what the parameters say: {_what(standing)}",
        do=f"run write_guest_configs in mode plan, which names the ways; or `runbook guest adopt PARAMS {shlex.quote(guest)} --replace`",
        source="H701",
    )


def _what(standing: Standing) -> str:
    """Return what goes and what comes, in one sentence."""
    if standing.unreadable:
        return f"all of it goes, for xl cannot read it ({standing.unreadable})"
    going = [str(d) for d in standing.differences if d.is_loss]
    coming = [f"{d.what}: {d.after}" for d in standing.differences if not d.is_loss]
    parts = [f"lost or changed are {', '.join(going)}" if going else "nothing that it says is lost"]
    return "; ".join([*parts, *([f"new are {', '.join(coming)}"] if coming else [])])
