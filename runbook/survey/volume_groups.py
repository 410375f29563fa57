"""What a volume group has room for: who holds the rest of it, and what makes room storage."""

from __future__ import annotations

from runbook.facts.storage import GIB, Group, Storage, Volume
from runbook.text.sizes import human_size

LEAST = GIB
"""What a group must have free to be of use for a guest's disk, in bytes."""
_FULL = 90
"""Percent of a thin pool's book-keeping from which on nothing more is made in it."""


def pools(storage: Storage, group: str) -> tuple[Volume, ...]:
    """Return the thin pools of a group: their room is neither the group's nor given back bit by bit."""
    return tuple(v for v in storage.volumes_of(group) if "thin" in v.layout and "pool" in v.layout)


def is_partial(storage: Storage, group: str) -> bool:
    """Return whether a group lacks a physical volume: LVM makes nothing in it then."""
    return any(part.is_missing for part in storage.parts_of(group))


def has_room(storage: Storage, group: Group) -> bool:
    """Return whether a guest's disk can be made in a group."""
    return group.free >= LEAST and not is_partial(storage, group.name)


def pool_room(pool: Volume) -> int:
    """Return how many bytes a thin pool can still take; 0 where LVM does not say, or its book-keeping is nearly full.

    The book-keeping (metadata) that runs full stops every volume of the pool (lvmthin(7)).
    """
    is_sound = pool.data_percent is not None and not pool.health and (pool.metadata_percent or 0) < _FULL
    return int(pool.size * (1 - (pool.data_percent or 0) / 100)) if is_sound else 0


def pool_with_room(storage: Storage, group: Group) -> Volume | None:
    """Return the thin pool of a group with the most room for a guest's thin volume, None where none has any."""
    found = [] if is_partial(storage, group.name) else pools(storage, group.name)
    best = max(found, key=pool_room, default=None)
    return best if best is not None and pool_room(best) >= LEAST else None


def holders(storage: Storage, group: Group) -> str:
    """Return in words who holds the room of a group, '' where no thin pool does.

    A thin pool cannot be made smaller (lvmthin(7)).
    """
    return " and ".join(
        f"the thin pool {pool.full_name} holds {human_size(pool.size)}"
        + (f", {pool.data_percent:.0f} % of it in use" if pool.data_percent is not None else "")
        for pool in pools(storage, group.name)
    )


def way_to_room(storage: Storage, group: Group) -> str:
    """Return what makes room in a group, as the middle of a sentence."""
    if is_partial(storage, group.name):
        return (
            f"plug in the disk that it lacks (`pvs` shows it as missing) and run `vgextend --restoremissing {group.name} "
            f"/dev/…`; for one that is lost `vgreduce --removemissing {group.name}`, which refuses where a volume lay on it"
        )
    for pool in pools(storage, group.name):
        if not any(v.pool == pool.name for v in storage.volumes_of(group.name)):
            return f"the thin pool is empty: `lvremove {pool.full_name}` gives its room back to the group"
    if pools(storage, group.name):
        return (
            f"a thin pool cannot be made smaller: add a disk (`vgextend {group.name} /dev/…`), or move its volumes "
            "elsewhere and remove it"
        )
    return f"add a disk: `vgextend {group.name} /dev/…`"
