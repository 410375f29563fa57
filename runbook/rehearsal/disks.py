"""The disks of a machine as shell commands that make them anew: tables, RAID, LUKS, LVM, file systems, mounts.

The commands run as root in a system beside which the new disks lie, `${disk}1`, `${disk}2` … (`runbook.testbed.zoo.layout`).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from runbook.facts import storage
from runbook.facts.storage import Device, Storage
from runbook.model.ask import Facts
from runbook.rehearsal import stacks, tables
from runbook.rehearsal.file_systems import PACKAGES, make_file_system, mounted

KEYS = "/etc/cryptsetup-keys.d"
_TARGET = "/target"
_VIRTUAL = ("zram", "nbd", "loop", "ram", "sr", "fd", "zd")


@dataclass
class Disks:
    """What is made, in order, and what is not like the machine's."""

    sizes: list[int] = field(default_factory=list)
    """Of each disk, in bytes."""
    names: list[str] = field(default_factory=list)
    """What the machine calls them, such as sda."""
    controllers: list[str] = field(default_factory=list)
    """The PCI address of each disk's controller, '' where it is not known."""
    make: list[str] = field(default_factory=list)
    packages: set[str] = field(default_factory=set)
    crypts: list[str] = field(default_factory=list)
    """The names of opened LUKS containers."""
    roots: list[str] = field(default_factory=list)
    """What stands for each disk in the commands."""
    esp: str = ""
    """Where the EFI system partition is mounted, '' where none is."""
    known: set[str] = field(default_factory=set)
    """Every name by which something that is made may stand in fstab(5)."""
    unlike: list[str] = field(default_factory=list)


def read(facts: Facts) -> Disks:
    """Return the disks of the machine of the facts. Raises `ValueError` when nothing is mounted at /."""
    seen = storage.parse(facts)
    made = _Made(seen, tables.read(facts[storage.TABLES].out) if storage.TABLES in facts else {})
    for device in seen.devices:
        made.device(device)
    for group in seen.groups:
        made.group(group.name)
    made.mount()
    return made.disks


class _Made:
    """Makes each device once, behind all that it stands on."""

    def __init__(self, seen: Storage, told: dict[str, dict[str, Any]]) -> None:
        self.seen, self.disks = seen, Disks()
        guessed = {disk.path: table for disk in seen.disks if (table := tables.guessed(seen, disk))}
        self.tables = guessed | told
        self._at: dict[str, str] = {}
        self._done: set[str] = set()
        self._fs: set[str] = set()

    def device(self, device: Device) -> None:
        """Make a device, and what is on it."""
        if device.path in self._done:
            return
        self._done.add(device.path)
        for path in device.parents:
            if parent := self.seen.device(path):
                self.device(parent)
        if not self._stands(device):
            return
        if device.path in self.tables:
            self._table(device)
        else:
            self._content(device)

    def _stands(self, device: Device) -> bool:
        """Make what a device is; return whether anything can be on it."""
        kind, parents = device.kind, [self._at.get(path, "") for path in device.parents]
        if kind == "disk":
            return self._disk(device)
        if not all(parents) or not parents:
            return False
        if kind == "part":
            disk = device.parents[0]
            number = tables.number(device.path, disk)
            if not number:
                return False
            self._at[device.path] = f"{parents[0]}-part{number}"
            return disk in self.tables
        if kind == "lvm":
            volume = next((v for v in self.seen.volumes if v.dm_path == device.path), None)
            if volume is not None:
                self.group(volume.group)
                self._at[device.path] = volume.path
            return volume is not None and "pool" not in volume.layout
        if kind == "crypt":
            self._crypt(device, parents[0])
        elif kind.startswith("raid"):
            self._raid(device, parents)
        else:
            self.disks.unlike.append(f"{device.path} is a {kind}, and is not there")
            return False
        return True

    def _disk(self, device: Device) -> bool:
        if device.kernel_name.startswith(_VIRTUAL):
            return False
        if device.transport in ("usb", "iscsi", "fc") or not device.size_bytes:
            self.disks.unlike.append(f"the disk {device.path} ({device.transport or 'no size'}) is not there")
            return False
        self.disks.sizes.append(device.size_bytes)
        self.disks.names.append(device.kernel_name)
        self.disks.controllers.append(device.controllers[-1] if device.controllers else "")
        self._at[device.path] = f"${{disk}}{len(self.disks.sizes)}"
        self.disks.roots.append(self._at[device.path])
        if device.sector_bytes not in (0, 512):
            self.disks.unlike.append(
                f"the sectors of {device.path} have 512 bytes, and not {device.sector_bytes}"
            )
        return True

    def _table(self, device: Device) -> None:
        text, known = tables.script(self.tables[device.path], device.path)
        self.disks.known |= known
        self.disks.make.append(
            f"printf %s {shlex.quote(text)} | sfdisk --quiet {self._at[device.path]}; udevadm settle"
        )

    def _raid(self, device: Device, parents: list[str]) -> None:
        member = self.seen.device(device.parents[0])
        self._at[device.path] = shlex.quote(device.path)
        self.disks.packages.add("mdadm")
        self.disks.make.append(stacks.raid(device, member.uuid if member else "", parents))

    def _crypt(self, device: Device, parent: str) -> None:
        below = self.seen.device(device.parents[0])
        self._at[device.path] = shlex.quote(f"/dev/mapper/{device.name}")
        self.disks.packages |= {"cryptsetup", "cryptsetup-initramfs"}
        self.disks.crypts.append(device.name)
        self.disks.make.append(stacks.crypt(device, below.uuid if below else "", parent))

    def group(self, name: str) -> None:
        """Make a volume group with its volumes, once all disks below it are made."""
        if f"vg {name}" in self._done or not name:
            return
        self._done.add(f"vg {name}")
        group, parts = self.seen.group(name), self.seen.parts_of(name)
        for part in parts:
            if device := self.seen.device(part.path):
                self.device(device)
        at = [self._at[part.path] for part in parts if part.path in self._at]
        if group is None or not at:
            self.disks.unlike.append(f"the volume group {name} is not there: nothing that it lies on is")
            return
        if len(at) < len(parts):
            self.disks.unlike.append(f"the volume group {name} lies on {len(at)} of its {len(parts)} parts")
        self.disks.make.append(stacks.group(group, at))
        volumes = self.seen.volumes_of(name)
        for volume in sorted(volumes, key=lambda v: ("pool" not in v.layout, bool(v.pool))):
            self._volume(volume)

    def _volume(self, volume: storage.Volume) -> None:
        made, remark = stacks.volume(volume)
        self.disks.unlike += [remark] if remark else []
        self.disks.packages |= {"thin-provisioning-tools"} if "pool" in volume.layout else set()
        if not made:
            return
        self.disks.make.append(made)
        if device := next(
            (d for d in self.seen.devices if volume.dm_path and d.path == volume.dm_path), None
        ):
            self._done.discard(device.path)
            self.device(device)

    def _content(self, device: Device) -> None:
        """Make the file system on a device; of one that spreads over several all at once."""
        kind, at = device.fstype, self._at[device.path]
        self.disks.known |= {f"UUID={device.uuid}", f"LABEL={device.label}", device.path, at.strip("'")}
        is_whole = device.path in self._fs or device.uuid in self._fs
        if kind in ("", "LVM2_member", "linux_raid_member", "crypto_LUKS") or is_whole:
            return
        self._fs.add(device.path)
        ats = [at]
        if kind == "btrfs" and device.uuid:
            self._fs.add(device.uuid)
            mates = [d for d in self.seen.devices if d.fstype == "btrfs" and d.uuid == device.uuid]
            for mate in mates:
                self._done.add(mate.path)
                if mate.path not in self._at:
                    self._stands(mate)
            ats = [self._at[mate.path] for mate in mates if mate.path in self._at]
        made = make_file_system(kind, ats, device.label, device.uuid)
        if made is None:
            self.disks.unlike.append(f"{device.path} is empty, and holds no {kind}")
            return
        self.disks.packages.add(PACKAGES[kind])
        self.disks.make.append(made)

    def mount(self) -> None:
        """Mount what the machine has mounted, below /target. Raises `ValueError` when that has no root."""
        mounts = [m for m in self.seen.mounts if m.devices and all(d in self._at for d in m.devices)]
        root = next((m for m in mounts if m.target == "/"), None)
        if root is None:
            raise ValueError("nothing that is made is mounted at /")
        self.disks.make.append(f"mkdir -p {_TARGET}")
        done: set[str] = set()
        for mount in sorted(mounts, key=lambda m: m.target):
            if mount.target in done or mount.target.startswith(
                ("/var/lib/docker", "/run", "/mnt/", "/snap/")
            ):
                continue
            done.add(mount.target)
            if mount.fstype == "vfat" and mount.target in ("/boot/efi", "/efi", "/boot"):
                self.disks.esp = mount.target
            at, place = self._at[mount.devices[0]], shlex.quote(_TARGET + mount.target.rstrip("/"))
            if mount.fstype not in PACKAGES:
                self.disks.unlike.append(f"{mount.target} is not mounted: it is {mount.fstype}")
                continue
            self.disks.make.append(mounted(at, place, mount.fstype, mount.options))
