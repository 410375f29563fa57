"""Many addresses in few words: what stands next to each other in a list is said by its ends."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def ranges(some: Collection[str], among: Sequence[str]) -> str:
    """Return some addresses as text, three and more that follow each other in `among` as `first to last`.

    >>> ranges({"a", "c", "d", "e"}, ["a", "b", "c", "d", "e"])
    'a, c to e'
    """
    parts: list[str] = []
    for run in runs(some, among):
        parts += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else run
    return ", ".join(parts)


def runs(some: Collection[str], among: Sequence[str]) -> list[list[str]]:
    """Return the stretches of some texts that follow each other in `among`, in its order."""
    found: list[list[str]] = []
    is_inside = False
    for one in among:
        if one in some:
            if is_inside:
                found[-1].append(one)
            else:
                found.append([one])
        is_inside = one in some
    return found
