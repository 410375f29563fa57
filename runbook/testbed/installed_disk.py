"""The installed disk as its own tools describe it, read past all of the runbook's own facts and checks."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from runbook.errors import CheckFailed
from runbook.installation.layout import Layout
from runbook.testbed.machine import Machine

MIB = 1024 * 1024
#: What the partitioner may add to a partition when it rounds up to its own units.
ROUNDING_MIB = 16


def require_layout(machine: Machine, asked: Layout) -> str:
    """Return what was found right; raise `CheckFailed` where sizes, mounts or groups are not as asked for."""
    lsblk = json.loads(_tell(machine, "lsblk -J -b -o NAME,TYPE,SIZE,FSTYPE,MOUNTPOINTS"))
    found = {row["name"]: row for row in _rows(lsblk["blockdevices"])}
    wrong: list[str] = []
    for part in asked.partitions:
        name = _device(machine, asked, part.number).removeprefix("/dev/")
        size = int(found[name]["size"]) / MIB if name in found else 0
        if part.size_mib and not part.size_mib <= size <= part.size_mib + ROUNDING_MIB:
            wrong.append(f"{name} has {size:.1f} MiB, asked for were {part.size_mib}")
    for volume in asked.system.volumes:
        row = found.get(f"{asked.system.name}-{volume.name}", {})
        place = "[SWAP]" if volume.fs == "swap" else volume.mount
        if int(row.get("size", 0)) != volume.size_mib * MIB or place not in row.get("mountpoints", ()):
            wrong.append(f"{volume.name}: {row}, asked for were {volume.size_mib} MiB at {place}")
        if "noatime" in volume.options and "noatime" not in _tell(machine, f"findmnt -no OPTIONS {place}"):
            wrong.append(f"{volume.mount} is not mounted noatime")
    groups = _tell(machine, "vgs --noheadings -o vg_name,pv_name").split()
    places = {group.name: _device(machine, asked, group.partition) for group in asked.groups}
    wanted = sorted([word for pair in places.items() for word in pair])
    if sorted(groups) != wanted:
        wrong.append(f"volume groups: {groups}")
    if wrong:
        raise CheckFailed("The disk is not as asked for", where=asked.disk, why="; ".join(wrong))
    return (
        f"the disk is as asked for: {len(asked.partitions)} partitions, {len(asked.system.volumes)} volumes"
    )


def _device(machine: Machine, asked: Layout, number: int) -> str:
    """The kernel's name of a partition, whichever name the parameters have for the disk."""
    return _tell(machine, f"readlink -f {asked.device(number)}").strip()


def _rows(devices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for device in devices for row in (device, *_rows(device.get("children", [])))]


def _tell(machine: Machine, shell: str) -> str:
    done = subprocess.run([*machine.ssh, shell], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise CheckFailed(f"`{shell}` failed on the installed machine", why=done.stderr.strip())
    return done.stdout
