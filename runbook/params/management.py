"""What is done to guests' volumes: looked into, mounted, backed up, restored, grown."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from runbook.params.backups import Calendar, Keep, Quiesce, SecondPlace
from runbook.params.names import GuestName, VolumeName
from runbook.params.types import Closed, Gib


def mount_point(text: str) -> str:
    """Return a folder to mount on. Raises `ValueError` for any that the running host could need itself."""
    if not re.fullmatch(r"/(mnt|media|srv)(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+", text):
        raise ValueError(
            f"'{text}' is not a folder to mount on; write one below /mnt, /media or /srv, such as /mnt/windows "
            "(letters, digits and . _ + - only)"
        )
    return text


MountPoint = Annotated[str, AfterValidator(mount_point)]


class Mount(Closed):
    """One partition inside a guest's volume, mounted on the host."""

    guest: GuestName
    """The guest whose volume is looked into, by name."""
    partition: Annotated[int, Field(ge=0, le=128)]
    """Its number in the guest's own partition table; 0 for a file system that fills a volume without a table."""
    at: MountPoint
    """The folder, such as /mnt/windows; it is made when it is missing."""
    writable: bool = False
    """Read-only unless this is said (H803)."""
    snapshot: VolumeName | None = Field(default=None, examples=["comm-before"])
    """Look into this snapshot of the guest's volume instead: that works while the guest runs."""


class Snapshot(Closed):
    """A frozen view of a guest's volume; it needs free room in the volume group."""

    guest: GuestName = Field(examples=["comm"])
    """The guest whose volume is frozen, by name."""
    name: VolumeName = Field(examples=["comm-before"])
    """The name of the snapshot in the volume group."""
    size_gib: Gib = Field(examples=[4])
    """Room for what the guest changes while the snapshot exists; when it is used up, the snapshot is lost."""


def backup_folder(text: str) -> str:
    """Return a folder on the host that can hold backups. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+", text):
        raise ValueError(
            f"'{text}' is not a folder on the host; write it from / on, such as /srv/backups "
            "(letters, digits and . _ + - only)"
        )
    return text


def backup_name(text: str) -> str:
    """Return the name of a backup: its guest and when it was made. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,30}-[0-9]{8}T[0-9]{6}Z", text):
        raise ValueError(
            f"'{text}' is not the name of a backup; `runbook backup list` shows them, "
            "such as windows-20261122T204155Z"
        )
    return text


BackupFolder = Annotated[str, AfterValidator(backup_folder)]
BackupName = Annotated[str, AfterValidator(backup_name)]


class Backups(Closed):
    """Which guests are backed up, where to, when, how, and how long they are kept."""

    folder: BackupFolder = "/srv/backups"
    """A folder on the host; best on a disk of its own."""
    guests: tuple[GuestName, ...] = ()
    """The guests whose volumes are backed up, by name, one after the other in this order; none for no backups."""
    content: Literal["used-blocks", "whole"] = "used-blocks"
    """`used-blocks` leaves out what the file systems do not use (partclone); `whole` keeps every byte."""
    source: Literal["off", "snapshot"] = "off"
    """`off`: the guest must be shut down; `snapshot`: from a short-lived snapshot of a running guest."""
    max_age_h: Annotated[int, Field(ge=1, le=100_000)] = 24
    """A backup younger than this is good enough, and no new one is made."""
    schedule: Calendar = Field(default="", examples=["*-*-* 02:30"])
    """When the host makes, verifies and copies backups by itself, in systemd's words; empty for never."""
    keep: Keep | None = None
    """How many backups of each guest stay in the folder, once you agreed to it; nothing for all of them."""
    quiesce: tuple[Quiesce, ...] = ()
    """Guests that hold still while their snapshot is taken."""
    second: SecondPlace | None = None
    """Another machine or disk, to which each verified backup is copied."""
    boot_test: Calendar = Field(default="", examples=["Sun 04:00"])
    """When the newest backup of each guest is started on trial, in systemd's words; empty for never."""

    @model_validator(mode="after")
    def _one_asks_for_the_other(self) -> Backups:
        if self.boot_test and not self.schedule:
            raise ValueError(
                "management.backups: boot_test starts what `schedule` makes; say a schedule, too"
            )
        if not self.schedule and (self.keep or self.second):
            what = "keep" if self.keep else "second"
            raise ValueError(f"management.backups: `{what}` is done by the host's timer; say a schedule, too")
        if self.schedule and not self.guests:
            raise ValueError("management.backups: there is a schedule, and no guest to back up by it")
        names = [q.guest for q in self.quiesce]
        if unknown := [name for name in names if name not in self.guests]:
            raise ValueError(f"management.backups: '{unknown[0]}' is to hold still, and is not backed up")
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"management.backups: '{twice[0]}' is told twice how to hold still")
        if names and self.source != "snapshot":
            raise ValueError(
                "management.backups: a guest holds still for its snapshot; set `source: snapshot`, or leave "
                "quiesce out: with `source: off` a guest is shut down anyway"
            )
        return self


class Restore(Closed):
    """One backup that shall be on a guest's volume again. It is restored once, not at every run."""

    guest: GuestName = Field(examples=["comm"])
    """The guest whose volume is overwritten with the backup, by name."""
    backup: BackupName = Field(examples=["comm-20261122T204155Z"])
    """The backup's name, as `runbook backup list` shows it."""
    again: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Raise it to have the same backup restored once more."""


class Management(Closed):
    """What notebook 09 does."""

    mounts: tuple[Mount, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    backups: Backups = Backups()
    restores: tuple[Restore, ...] = ()
    upgrades: Literal["report", "require", "install"] = "report"
    """What 11_upgrades does about updates that wait and a next boot that nobody proved: it says so, it fails (`require`),
    or it installs them, tries the new pair once and makes it the default; `runbook upgrade` installs for that once."""

    @model_validator(mode="after")
    def _one_thing_in_one_place(self) -> Management:
        for kind, values in (
            ("mount point", [m.at for m in self.mounts]),
            ("partition", [f"{m.snapshot or m.guest} {m.partition}" for m in self.mounts]),
            ("snapshot", [s.name for s in self.snapshots]),
            ("guest to back up", list(self.backups.guests)),
            ("guest to restore", [r.guest for r in self.restores]),
        ):
            if twice := sorted({v for v in values if values.count(v) > 1}):
                raise ValueError(f"management: {kind} {', '.join(twice)} is given more than once")
        for mount in self.mounts:
            if mount.snapshot and (mount.guest, mount.snapshot) not in {
                (s.guest, s.name) for s in self.snapshots
            }:
                raise ValueError(
                    f"management: '{mount.snapshot}', to be mounted at {mount.at}, is no snapshot of "
                    f"'{mount.guest}' under management.snapshots"
                )
            inside = [m.at for m in self.mounts if m.at.startswith(f"{mount.at}/")]
            if inside:
                raise ValueError(
                    f"management: {inside[0]} lies inside {mount.at}, where another disk is mounted"
                )
        return self
