"""Who uses a volume at this moment: a guest, a mount, swap, a loop device, a mapping, or somebody unseen.

Every way of opening a volume that the host can know of is asked, because each of them alone misses some:
Xen does not know of mounts, `/proc/mounts` shows a loop device instead of the volume, and LVM only says
*that* something has it open. Works under plain Linux too, where no guest can run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from runbook.facts import block_users, lvm, xl
from runbook.facts.block_users import Loop
from runbook.model.ask import Ask, Facts

_LONG = Ask.run("xl", "list", "-l")
_BACKENDS = Ask.run("xenstore-ls", "-f", "/local/domain/0/backend")
_IS_DOM0 = Ask.read("/proc/xen/capabilities")
_COLUMNS = (
    *(
        "vg_name",
        "lv_name",
        "lv_size",
        "lv_attr",
        "lv_tags",
        "lv_dm_path",
        "lv_kernel_major",
        "lv_kernel_minor",
    ),
    *("origin", "data_percent"),
)
_LVS = lvm.report("lvs", ",".join(_COLUMNS))
PHYSICAL = lvm.report("pvs", "pv_name,vg_name,pv_size")
"""What the volume groups lie on; asked for the picture alone."""
_MOUNTS = Ask.read("/proc/mounts")
_SWAPS = Ask.read("/proc/swaps")
_LOOPS = Ask.run("losetup", "-J", "-l", "-O", "NAME,BACK-FILE,OFFSET,SIZELIMIT,RO")
_HOLDERS = Ask.shell(
    "find /sys/class/block/dm-*/holders -type l -printf '%h %f\\n' 2>/dev/null;"
    " grep -s '' /sys/class/block/dm-*/dm/name; true"
)

COMMANDS = (xl.LIST, _LONG, _BACKENDS, _IS_DOM0, _LVS, _MOUNTS, _SWAPS, _LOOPS, _HOLDERS)


@dataclass(frozen=True)
class Use:
    """One user of a volume."""

    kind: Literal["guest", "mount", "swap", "loop", "holder", "open"]
    who: str
    """The guest, the folder, the loop device, or the mapping."""
    is_read_only: bool = False
    loop: Loop | None = None
    """The window through which a mount sees the volume, None when it sees all of it."""

    @property
    def may_write(self) -> bool:
        """True when what is on the volume can change under a reader."""
        return self.kind in ("guest", "swap", "holder", "open") or not self.is_read_only

    @property
    def what(self) -> str:
        """The use in words, as the end of a sentence that begins with the volume's name."""
        return {
            "guest": f"is the disk of the guest '{self.who}', which is running",
            "mount": f"is mounted at {self.who}",
            "swap": "is in use as dom0's swap",
            "loop": f"is attached to {self.who}",
            "holder": f"carries the mapping {self.who}",
            "open": "is held open by a program that does not show itself",
        }[self.kind]


@dataclass(frozen=True)
class Volume:
    """One logical volume with everybody who uses it."""

    group: str
    name: str
    size: int
    attr: str = ""
    """`lv_attr` of lvs(8): the first letter is `s` for a snapshot, `o` for a volume that has one."""
    device: str = ""
    """Its number as `major:minor`; '' while it is not active."""
    tags: tuple[str, ...] = ()
    dm_path: str = ""
    origin: str = ""
    """The volume that a snapshot was taken of."""
    filled_percent: float | None = None
    """How full a snapshot is; at 100 it is lost."""
    uses: tuple[Use, ...] = ()

    @property
    def path(self) -> str:
        """Where it stands in /dev."""
        return f"/dev/{self.group}/{self.name}"

    @property
    def full_name(self) -> str:
        """`group/name`, as lvs and people write it."""
        return f"{self.group}/{self.name}"

    @property
    def names(self) -> frozenset[str]:
        """Every name by which programs know its device."""
        return frozenset(
            {self.path, self.dm_path, f"/dev/dm-{self.device.partition(':')[2]}"} - {"", "/dev/dm-"}
        )


@dataclass(frozen=True)
class Volumes:
    """All volumes of the host with their users."""

    lvm_answered: bool
    xen_is_silent: bool
    """True when this is dom0 under Xen and `xl` does not say which guests run: then nobody can know."""
    volumes: tuple[Volume, ...] = ()

    def volume(self, group: str, name: str) -> Volume | None:
        """Return a volume, None when there is none of that name in the group."""
        return next((v for v in self.volumes if (v.group, v.name) == (group, name)), None)

    def snapshots_of(self, volume: Volume) -> tuple[Volume, ...]:
        """Return the snapshots that were taken of a volume."""
        return tuple(v for v in self.volumes if v.group == volume.group and v.origin == volume.name)


def parse(facts: Facts) -> Volumes:
    """Return the volumes of the facts, each with all of its users."""
    answer = facts[_LVS]
    volumes = [_volume(row) for row in lvm.rows(answer.out, "lv")]
    users = _users(facts)
    silent = "control_d" in (facts.text("/proc/xen/capabilities") or "") and not facts[xl.LIST].ok
    return Volumes(
        answer.ok,
        silent,
        tuple(replace(v, uses=tuple(_uses(v, users))) for v in volumes),
    )


def physical(facts: Facts, group: str) -> tuple[tuple[str, int], ...]:
    """Return the disks and partitions that a volume group lies on, each with the bytes that LVM has of it."""
    found = lvm.rows(facts[PHYSICAL].out, "pv")
    return tuple((row["pv_name"], int(row["pv_size"])) for row in found if row["vg_name"] == group)


def mounts(facts: Facts) -> dict[str, str]:
    """Return the device that is mounted on each folder of the host, the uppermost one where several are."""
    return {where: device for device, where, _ in block_users.mounts(facts[_MOUNTS].out)}


@dataclass(frozen=True)
class _Users:
    """What the host says about all block devices, read once for all volumes."""

    domains: dict[int, str]
    """Running guests by number."""
    disks: tuple[tuple[int, str, str], ...]
    """Number of the guest, number (`major:minor`) and path of each disk that a guest has."""
    loops: tuple[tuple[block_users.Loop, str], ...]
    mounts: tuple[tuple[str, str, tuple[str, ...]], ...]
    swaps: tuple[str, ...]
    holders: dict[str, tuple[str, ...]]


def _users(facts: Facts) -> _Users:
    configs = json.loads(facts[_LONG].out) if facts[_LONG].ok and facts[_LONG].out.strip() else []
    configured = (
        (entry.get("domid", 0), "", disk.get("pdev_path", ""))
        for entry in configs
        for disk in entry.get("config", {}).get("disks", [])
    )
    return _Users(
        domains={row.id: row.name for row in xl.rows(facts[xl.LIST].out)} if facts[xl.LIST].ok else {},
        disks=(*configured, *block_users.backends(facts[_BACKENDS].out)),
        loops=tuple(block_users.loops(facts[_LOOPS].out)),
        mounts=tuple(block_users.mounts(facts[_MOUNTS].out)),
        swaps=tuple(line.split()[0] for line in facts[_SWAPS].out.splitlines()),
        holders=block_users.holders(facts[_HOLDERS].out),
    )


def _uses(volume: Volume, users: _Users) -> Iterator[Use]:
    """Yield the users of one volume; `open` only when LVM says so and nobody else explains it."""
    mine = volume.names
    found = [Use("guest", name) for name in _guests_with(volume, mine, users)]
    loops = [loop for loop, file in users.loops if file in mine]
    for names, loop in ((mine, None), *((frozenset({loop.name}), loop) for loop in loops)):
        at = [
            Use("mount", where, "ro" in options, loop)
            for device, where, options in users.mounts
            if device in names
        ]
        found += at
        if loop and not at:
            found.append(Use("loop", loop.name, loop.is_read_only, loop))
    found += [Use("swap", "dom0") for name in users.swaps if name in mine]
    found += [Use("holder", name) for name in users.holders.get(f"dm-{volume.device.partition(':')[2]}", ())]
    if not found and volume.attr[5:6] == "o":
        found.append(Use("open", ""))
    yield from found


def _guests_with(volume: Volume, names: frozenset[str], users: _Users) -> tuple[str, ...]:
    """Return the running guests that have a volume, by its path in `xl list -l` or its number in xenstore."""
    ids = {
        domid for domid, device, path in users.disks if (device and device == volume.device) or path in names
    }
    return tuple(sorted(users.domains.get(domid, f"number {domid}") for domid in ids))


def _volume(row: dict[str, Any]) -> Volume:
    filled = row["data_percent"]
    number = f"{row['lv_kernel_major']}:{row['lv_kernel_minor']}"
    return Volume(
        row["vg_name"],
        row["lv_name"],
        int(row["lv_size"]),
        row["lv_attr"],
        "" if "-1" in number else number,
        tuple(tag for tag in row["lv_tags"].split(",") if tag),
        row["lv_dm_path"],
        row["origin"],
        float(filled) if filled else None,
    )
