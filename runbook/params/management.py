"""What is done to guests' volumes: looked into, mounted, backed up, restored, grown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runbook.params.types import Closed, Gib, GuestName, VolumeName


class Mount(Closed):
    """One partition inside a guest's volume, mounted on the host."""

    guest: GuestName
    partition: Annotated[int, Field(ge=1, le=128)]
    at: str
    """The folder, such as /mnt/windows."""
    writable: bool = False
    """Read-only unless this is said (H803)."""


class Snapshot(Closed):
    """A frozen view of a guest's volume; it needs free room in the volume group."""

    guest: GuestName
    name: VolumeName
    size_gib: Gib


class Backups(Closed):
    """Which guests are backed up, where to, and how."""

    folder: str = "/srv/backups"
    guests: tuple[GuestName, ...] = ()
    content: Literal["used-blocks", "whole"] = "used-blocks"
    """`used-blocks` leaves out what the file systems do not use (partclone); `whole` keeps every byte."""
    source: Literal["off", "snapshot"] = "off"
    """`off`: the guest must be shut down; `snapshot`: from a short-lived snapshot of a running guest."""
    max_age_h: Annotated[int, Field(ge=0)] = 24
    """A verified backup younger than this is good enough, and no new one is made."""


class Restore(Closed):
    """One backup that shall be on a guest's volume again."""

    guest: GuestName
    backup: str
    """The backup's name, as `runbook backup list` shows it."""


class Management(Closed):
    """What notebook 09 does."""

    mounts: tuple[Mount, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    backups: Backups = Backups()
    restores: tuple[Restore, ...] = ()
