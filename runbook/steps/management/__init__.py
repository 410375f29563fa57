"""Guests' volumes: looked into, mounted, grown, frozen, backed up, restored (notebook 09)."""

from __future__ import annotations

from runbook.steps.management import (
    back_up_volumes,
    expire_backups,
    grow_volumes,
    install_tools,
    look_inside_volumes,
    mount_partitions,
    remove_snapshots,
    restore_volumes,
    schedule_backups,
    take_snapshots,
    unmount_partitions,
    verify_backups,
)

NOTEBOOK = "09_management"
STEPS = (
    install_tools,
    look_inside_volumes,
    unmount_partitions,
    remove_snapshots,
    grow_volumes,
    take_snapshots,
    mount_partitions,
    back_up_volumes,
    verify_backups,
    schedule_backups,
    expire_backups,
    restore_volumes,
)
