"""The disk that Debian is put on, and whether the host runs beside it or from it; shared by this chapter."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.facts import storage
from runbook.facts.storage import MIB, Device, Storage
from runbook.installation.layout import Layout, layout
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.params.installation import partition_device
from runbook.steps import Step, name_of

ROOT = "/mnt/target"
MARK = "/etc/xen-runbook-live"
"""A file by which a person says that a system on a disk of its own is only there to install from."""
_FIRMWARE = "/sys/firmware/efi"
_LIVE_ROOTS = ("overlay", "squashfs", "tmpfs", "ramfs", "rootfs", "aufs")
_PLACES = Ask.run("find", MARK, _FIRMWARE, "-maxdepth", "0")


@dataclass(frozen=True)
class Place:
    """One file system or swap of the layout: the device it is made on, and where it belongs."""

    device: str
    fs: str
    mount: str
    label: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Situation:
    """One host, seen as a place to install Debian."""

    layout: Layout
    storage: Storage
    path: str
    """The disk of the parameters by the name that the kernel has for it."""
    is_uefi: bool
    is_marked: bool

    @property
    def disk(self) -> Device | None:
        """The disk of the parameters, None when the host has none of that name."""
        return self.storage.device(self.path)

    @property
    def is_live(self) -> bool:
        """True when the running system is gone with the next restart, or a person says it may be."""
        root = self.storage.mount("/")
        return self.is_marked or (root is not None and root.fstype in _LIVE_ROOTS)

    @property
    def runs_from_disk(self) -> bool:
        """True when the running system's root stands on the disk of the parameters."""
        return self.path in self.storage.disks_of(self._root)

    @property
    def is_installed(self) -> bool:
        """True when the host runs from the very volume that this chapter makes for its root."""
        return self.runs_from_disk and self._root == self.volume("root")

    @property
    def _root(self) -> str:
        root = self.storage.mount("/")
        return root.source.partition("[")[0] if root else ""

    def partition(self, number: int) -> str:
        """Return the path of one of the disk's partitions."""
        return partition_device(self.path, number)

    def volume(self, name: str) -> str:
        """Return the path of one of the host's own volumes; a `-` in a name is doubled (lvm(8))."""
        group = self.layout.system.name
        return "/dev/mapper/" + "-".join(part.replace("-", "--") for part in (group, name))

    @property
    def places(self) -> tuple[Place, ...]:
        """Everything that is formatted, in the order in which it is mounted; swap last."""
        own = [
            Place(
                self.partition(p.number),
                p.fs,
                p.mount,
                p.name.upper() if p.fs == "vfat" else p.name,
                p.options,
            )
            for p in self.layout.partitions
            if p.fs
        ]
        own += [
            Place(self.volume(v.name), v.fs, v.mount, v.name, v.options) for v in self.layout.system.volumes
        ]
        return tuple(sorted(own, key=lambda place: (place.fs == "swap", place.mount)))

    def entries(self) -> tuple[tuple[int, int], ...]:
        """Return start and size of each partition in MiB; the one without a size takes what is left."""
        assert self.disk
        fixed = sum(p.size_mib or 0 for p in self.layout.partitions)
        rest = self.disk.size_bytes // MIB - 2 - fixed
        at, found = 1, []
        for partition in self.layout.partitions:
            size = partition.size_mib or rest
            found.append((at, size))
            at += size
        return tuple(found)

    @property
    def is_partitioned(self) -> bool:
        """True when the disk has exactly the partitions of the layout."""
        table = self.storage.table(self.path)
        if self.disk is None or table is None or table.label != "gpt":
            return False
        wanted = [
            (self.partition(p.number), start, size, p.type)
            for p, (start, size) in zip(self.layout.partitions, self.entries(), strict=True)
        ]
        return wanted == [(e.path, e.start // MIB, e.size // MIB, e.type) for e in table.partitions]


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions that every step of this chapter has."""
    return (*storage.COMMANDS, storage.TABLES, _real_path(params), _PLACES)


def read(params: HostParams, facts: Facts) -> Situation:
    """Return the situation of the facts."""
    places = facts[_PLACES].out.split()
    return Situation(
        layout=layout(params),
        storage=storage.parse(facts),
        path=facts[_real_path(params)].out.strip() or params.installation.disk,
        is_uefi=_FIRMWARE in places,
        is_marked=MARK in places,
    )


def needless(params: HostParams, here: Situation) -> str:
    """Return why a step of the live way has nothing to do, '' when it has."""
    if params.installation.method == "none":
        return "Debian is there already, and nothing is installed."
    if params.installation.method == "preseed":
        return "The unattended installer does this; see `runbook installer`."
    return f"The host runs from {here.path} already: this is done." if here.is_installed else ""


def nothing_to_do(params: HostParams, here: Situation) -> Plan | None:
    """Return the plan of a step of the live way that has nothing to do, None for one that has."""
    note, method = needless(params, here), params.installation.method
    if not note:
        return None
    return Plan(note=note, unasked="" if method == "live" else f"installation.method is {method}")


def waits(step: Step, params: HostParams, facts: Facts) -> tuple[Finding, ...]:
    """Return that the step before has something left to do, () when it has not."""
    planned = step.plan(params, facts)
    if not planned.actions and not planned.stops:
        return ()
    why = planned.stops[0].what if planned.stops else f"still to do: {planned.actions[0].title}"
    name = name_of(step)
    do = f"run the step {name} first"
    return (Finding("wait", f"The step {name} is not done yet", why, do, after=name),)


def still(name: str, planned: Plan) -> list[Finding]:
    """Return what a check says of a plan: the findings that stop it, and what is left to do."""
    found = [f for f in planned.findings if f.stops]
    return found + [
        Finding("fail", f"Still to do: {action.title}", do=f"run the step {name} in mode apply")
        for action in planned.actions
    ]


def _real_path(params: HostParams) -> Ask:
    return Ask.run("readlink", "-f", params.installation.disk)
