"""A host with guests' volumes for tests: it answers from real outputs, and carries out what steps plan.

What the volumes hold are the samples of tests/facts/storage/inside: outputs of sfdisk, blkid and partx on
images made for it. The rest has the shapes of lvm2 2.03, util-linux 2.38 and xl 4.20.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook.actions import InstallPackages, Run, WriteFile
from runbook.facts import ntfs, space, xl
from runbook.facts.packages import DOWNLOADS
from runbook.facts.storage import asks, headers, inside
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams, load
from runbook.steps.shared import mount_marks, mount_refusals
from tests.storage_answers import answers, findmnt, loop, lv, lvm, node

GIB = 1024**3
MIB = 1024**2
SAMPLES = Path(__file__).parents[1] / "facts/storage/inside"
HIBERNATED = Answer(
    14, "", "Error opening '/dev/loop1' read-write\nWindows is hibernated, refused to mount.\n"
)
SIMULATED = Answer(0, "Inst zstd (1.5.7 Debian:13/stable [amd64])\nsize 2097152\n")
CLEAN = Answer(0, "", "Error opening '/dev/loop1' read-write\n")
WHEEL = load(Path(__file__).parents[2] / "params/testbed.yml").model_dump() | {"management": {}}


def params(**management: Any) -> HostParams:
    """Return the testbed's parameters with another section `management`."""
    return HostParams.model_validate(WHEEL | {"management": management})


def table(case: str, path: str) -> Answer:
    """Return what the host says about a volume that holds what a sample holds."""
    out, err = ((SAMPLES / f"{case}.{end}").read_text(encoding="utf-8") for end in ("out", "err"))
    return Answer(0, out.replace("/dev/guests/disk", path), err.replace("/dev/guests/disk", path))


@dataclass
class Disk:
    """One volume: what it holds is named by a sample."""

    holds: str = "empty"
    size: int = GIB
    attr: str = "-wi-a-----"
    tags: str = ""
    origin: str = ""
    filled: str = ""


@dataclass
class Host:
    """The host; tests change its fields to break it."""

    disks: dict[str, Disk] = field(default_factory=lambda: {
        "ipfire": Disk(), "comm": Disk("linux"), "nginx": Disk(), "windows": Disk("windows", 2 * GIB),
    })  # fmt: skip
    free: int = 3 * GIB
    mounts: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Volume, folder, rights and offset of each mount."""
    loops: list[tuple[str, int, bool]] = field(default_factory=list)
    """Volume, offset and read-only of each loop device that serves no mount."""
    marks: dict[str, str] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)
    """Volume by the name of the guest that runs on it."""
    by_number: bool = False
    """True: xl does not name the volume's path as lvs does; xenstore has its number."""
    xen: bool = True
    xl_answers: bool = True
    lvm: bool = True
    holders: dict[str, str] = field(default_factory=dict)
    """What device-mapper made on each volume."""
    swap: str = ""
    """The volume that is dom0's swap."""
    full: dict[str, str] = field(default_factory=dict)
    """What folders hold."""
    windows: Answer = CLEAN
    packages: set[str] = field(default_factory=lambda: {"fdisk", "ntfs-3g", "partclone", "zstd"})
    lists: str = "list\nfresh\n"
    locks: str = ""
    simulated: Answer = SIMULATED
    room: int = 9000
    done: list[str] = field(default_factory=list)

    def facts(self, step: Any, asked: HostParams) -> Facts:
        """Return the answers to what a step asks, and to nothing else."""
        return Facts({ask: self._answer(ask, asked) for ask in step.asks(asked)})

    def apply(self, planned: Plan) -> None:
        """Carry out a plan."""
        for action in planned.actions:
            self.done.append(action.title)
            match action:
                case WriteFile(path=path, content=text) if path.startswith(mount_marks.FOLDER):
                    self.marks[path.rpartition("/")[2]] = text.strip()
                case InstallPackages(names=names):
                    self.packages |= set(names)
                case Run(argv=argv):
                    self._run(argv)
                case _:
                    raise AssertionError(f"the host cannot do: {action.title}")

    def _run(self, argv: tuple[str, ...]) -> None:
        match argv:
            case ("mkdir", "-p", _):
                pass
            case ("rm", "-f", "--", path):
                del self.marks[path.rpartition("/")[2]]
            case ("mount", "-t", _, "-o", options, device, at):
                words = options.split(",")
                offset = next(int(w[7:]) for w in words if w.startswith("offset="))
                self.mounts.append((device.rpartition("/")[2], at, words[0], offset))
            case ("umount", at):
                self.mounts = [m for m in self.mounts if m[1] != at]
            case ("lvextend", "--size", size, name):
                disk = self.disks[name.partition("/")[2]]
                self.free -= int(size[:-1]) * GIB - disk.size
                disk.size = int(size[:-1]) * GIB
            case ("lvcreate", "--yes", "--snapshot", "--addtag", tag, "--size", size, "--name", name, origin):
                self.free -= int(size[:-1]) * GIB
                self.disks[name] = Disk(
                    "linux", int(size[:-1]) * GIB, "swi-a-s---", tag, origin.partition("/")[2], "0.00"
                )
            case ("lvremove", "--yes", name):
                del self.disks[name.partition("/")[2]]
            case ("apt-get", *_, "update"):
                self.lists = "list\nfresh\n"
            case _:
                raise AssertionError(f"the host knows no command {argv}")

    def _answer(self, ask: Ask, asked: HostParams) -> Answer:
        for name in self.disks:
            path = f"/dev/guests/{name}"
            if ask == inside.look(path):
                return self._table(name, path)
            if ask == headers.look(path):
                deep = SAMPLES / f"{self.disks[name].holds}.deep"
                return Answer(0, deep.read_text(encoding="utf-8") if deep.exists() else "")
            if any(ask == ntfs.probe(path, n) for n in range(10)):
                return self.windows if self.disks[name].holds == "windows" else Answer(MISSING)
        if ask.kind == "read" and ask.argv[0].startswith(mount_marks.FOLDER):
            at = self.marks.get(ask.argv[0].rpartition("/")[2])
            return Answer(0, f"{at}\n") if at else Answer(MISSING)
        if ask == mount_marks.ASK:
            return Answer(0, "".join(f"{mount_marks.FOLDER}/{m}:{at}\n" for m, at in self.marks.items()))
        if any(ask == mount_refusals.inside(mount.at) for mount in asked.management.mounts):
            return Answer(0, next((v for k, v in self.full.items() if ask == mount_refusals.inside(k)), ""))
        if ask.argv[0] in ("sh",) and "/dev/guests/" in ask.argv[2]:
            return Answer(MISSING)
        known = {
            **self._storage(),
            xl.LIST: self._xl(self._list()),
            asks.LONG: self._xl(json.dumps(self._long())),
            asks.BACKENDS: self._xl(self._backends()),
            asks.IS_DOM0: Answer(0, "control_d\n") if self.xen else Answer(MISSING),
            **dict.fromkeys(space.commands(DOWNLOADS, "/usr"), Answer(0, f"Avail\n{self.room * MIB}\n")),
        }
        return known[ask] if ask in known else self._packages(ask)

    def _table(self, name: str, path: str) -> Answer:
        """Return the sample; a volume that has grown is larger than the sample's image."""
        said = table(self.disks[name].holds, path)
        size = said.out.splitlines()[1]
        return Answer(0, said.out.replace(size, str(max(self.disks[name].size, int(size))), 1), said.err)

    def _packages(self, ask: Ask) -> Answer:
        match ask.argv:
            case ("dpkg-query", *names):
                return Answer(1, "".join(f"ii |{n}|1\n" for n in names if n in self.packages))
            case ("dpkg", "--audit"):
                return Answer(0)
            case ("sh", "-c", script) if "apt/lists -maxdepth" in script:
                return Answer(0, self.lists)
            case ("sh", "-c", script) if "locks" in script:
                return Answer(0, self.locks)
            case ("sh", "-c", script) if script.startswith("set -- "):
                return self.simulated
        raise AssertionError(f"the host was asked something new: {ask.key}")

    def _xl(self, text: str) -> Answer:
        if self.xen and self.xl_answers:
            return Answer(0, text)
        return Answer(1, "", "ERROR:  Can't find hypervisor information in sysfs!")

    def _list(self) -> str:
        rows = ["Domain-0                  0  2048     1     r-----     123.4"]
        rows += [f"{name}   {i}   256     1     -b----       3.1" for i, name in enumerate(self.running, 3)]
        return "\n".join(["Name  ID  Mem VCPUs\tState\tTime(s)", *rows]) + "\n"

    def _long(self) -> list[dict[str, Any]]:
        guests = [{"domid": 0, "config": {}}]
        for i, volume in enumerate(self.running.values(), 3):
            path = "/dev/disk/by-id/dm-uuid-LVM-1" if self.by_number else f"/dev/guests/{volume}"
            guests.append({"domid": i, "config": {"disks": [{"pdev_path": path, "vdev": "hda"}]}})
        return guests

    def _backends(self) -> str:
        text, names = "", list(self.disks)
        for i, volume in enumerate(self.running.values(), 3):
            base = f"/local/domain/0/backend/vbd/{i}/768"
            text += f'{base}/params = "/dev/disk/by-id/dm-uuid-LVM-1"\n'
            text += f'{base}/physical-device = "fe:{names.index(volume):x}"\n'
        return text

    def _storage(self) -> dict[Ask, Answer]:
        """Return what the tools say about the volumes, the windows onto them, and what is mounted."""
        names = list(self.disks)
        volumes = [node(f"guests-{name}", "lvm", *self._on(name), at=["[SWAP]"] if name == self.swap else [],
                        size=self.disks[name].size, minor=i, kname=f"dm-{i}") for i, name in enumerate(names)]  # fmt: skip
        root = node("xen-root", "lvm", at=["/"], minor=99, fstype="ext4")
        windows = [
            (name, at, offset, rights == "ro", f"loop{i}")
            for i, (name, at, rights, offset) in enumerate(
                (*self.mounts, *((v, "", "ro" if ro else "rw", o) for v, o, ro in self.loops))
            )
        ]
        seen = [node(name, "loop", at=[at] if at else [], fstype="ext4") for _, at, _, _, name in windows]
        mounts = [("/", "/dev/mapper/xen-root", "ext4", "rw,noatime")]
        mounts += [
            (at, f"/dev/{name}", "ext4", f"{'ro' if ro else 'rw'},nosuid")
            for _, at, _, ro, name in windows
            if at
        ]
        rows = [lv(f"guests/{name}", disk.size, i, lv_attr=disk.attr, lv_tags=disk.tags, lv_uuid=self.uuid_of(name), origin=disk.origin,
                       data_percent=disk.filled) for i, (name, disk) in enumerate(self.disks.items())]  # fmt: skip
        report = lvm({"guests": (8 * GIB, self.free)}, [("/dev/vdb", "guests", 8 * GIB)], rows)
        return answers(
            node("vdb", "disk", *volumes, root, fstype="LVM2_member"),
            *seen,
            mounts=findmnt(*mounts),
            report=report if self.lvm else None,
            loops=[
                loop(name, f"/dev/dm-{names.index(v)}", o, is_read_only=ro) for v, _, o, ro, name in windows
            ],
        )

    def uuid_of(self, volume: str) -> str:
        """Return LVM's own name for a volume, which a new one of the same name does not have."""
        return f"uuid-of-{volume}"

    def _on(self, volume: str) -> list[dict[str, Any]]:
        return [node(self.holders[volume], "part", kname="dm-7")] if volume in self.holders else []
