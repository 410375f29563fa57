"""What the two steps about snapshots share: which are listed, which there are, which are the runbook's."""

from __future__ import annotations

from runbook.actions.volumes import TAG
from runbook.facts.storage import Storage, Volume
from runbook.params import HostParams
from runbook.params.management import Snapshot
from runbook.steps.shared import guest_volumes


def of(params: HostParams, there: Storage, snapshot: Snapshot) -> Volume | None:
    """Return the volume that has a listed snapshot's name, whatever it is; None when there is none."""
    return guest_volumes.volume_of(params, there, snapshot.name)


def is_right(params: HostParams, snapshot: Snapshot, volume: Volume | None) -> bool:
    """True when a volume is a snapshot of the listed guest's disk."""
    return volume is not None and volume.origin == guest_volumes.first_of(params, snapshot.guest)


def is_lost(volume: Volume) -> bool:
    """True when a snapshot ran full: LVM then gave it up (lvs(8), state `I`)."""
    return volume.attr[4:5] == "I" or (volume.data_percent or 0) >= 100


def unlisted(params: HostParams, there: Storage) -> list[Volume]:
    """Return the runbook's own snapshots that the parameters no longer list."""
    listed = {s.name for s in params.management.snapshots}
    mine = there.volumes_of(params.storage.guest_volume_group)
    return [v for v in mine if TAG in v.tags and v.origin and v.name not in listed]
