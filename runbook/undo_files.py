"""Files on the way back: whether somebody else changed one since, and whether each is as it was before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runbook.actions import Link, PurgePackages, Remove, WriteFile
from runbook.ask import Ask, Facts
from runbook.plan import Finding, Plan
from runbook.redaction import has_mark

if TYPE_CHECKING:
    from runbook.undo import Done


def changed(done: list[Done], facts: Facts) -> Iterator[Finding]:
    """Yield a refusal for each file that is not what the newest of these actions left there.

    A file that is gone and would go anyway is right: one in /run goes with a restart.
    """
    paths = dict.fromkeys(d.path for d in done if d.path)
    for path in paths:
        of_it = [d for d in done if d.path == path]
        newest, oldest, now = of_it[0], of_it[-1], facts.text(path)
        if now is not None and hashlib.sha256(now.encode()).hexdigest() == newest.left:
            continue
        if now is None and isinstance(oldest.back, Remove):
            continue
        yield Finding(
            "refuse",
            f"{path} was {'removed' if now is None else 'changed'} since {newest.step} wrote it",
            "going back would throw away what somebody else did there",
            f"look at the file; run {newest.step} again to make it the runbook's, or leave it out with --step",
            "undo",
        )


def held_secrets(done: list[Done]) -> Iterator[Finding]:
    """Yield a refusal for each file whose original is not whole, because a secret in it was masked."""
    for d in done:
        if has_mark(getattr(d.back, "content", "")):
            yield Finding(
                "refuse",
                f"{d.back.path} held a secret before {d.step} wrote it",
                "a journal keeps no secrets, so the file as it was is not there",
                "put it back by hand, and leave the step out with --step",
                "undo",
            )


def check(planned: Plan, facts: Facts) -> list[Finding]:
    """Return the files that are not as the way back should have left them.

    A file that is back may go afterwards with its package.
    """
    last = {
        action.path: (place, action)
        for place, action in enumerate(planned.actions)
        if isinstance(action, WriteFile | Remove | Link)
    }
    found = []
    for path, (place, action) in last.items():
        if isinstance(action, Link) or Ask.read(path) not in facts:
            continue
        now, wanted = facts.text(path), action.content if isinstance(action, WriteFile) else None
        went = now is None and any(_purges(later) for later in planned.actions[place:])
        if now != wanted and not went:
            what = f"{path} is not as it was before"
            found.append(Finding("fail", what, "", "look at it on the host", "undo"))
    return found


def _purges(action: Any) -> bool:
    return isinstance(action, PurgePackages)
