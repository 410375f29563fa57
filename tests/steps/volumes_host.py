"""A host with guests' volumes for tests: it answers from real outputs, and carries out what steps plan.

What the volumes hold are the samples of tests/facts/partition_tables: outputs of sfdisk, blkid and partx on
images made for it. lvs, vgs and xl answer in the shapes of lvm2 2.03 and xl 4.20.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook.actions import InstallPackages, Run, WriteFile
from runbook.facts import ntfs, partition_tables, space, volume_use, volumes, xl
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams, load
from runbook.steps.management import install_tools
from runbook.steps.shared import mount_marks, mount_refusals

GIB = 1024**3
MIB = 1024**2
SAMPLES = Path(__file__).parents[1] / "facts/partition_tables"
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
    holders: str = ""
    swaps: str = "Filename\tType\tSize\tUsed\tPriority\n"
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
            if ask == partition_tables.look(path):
                return self._table(name, path)
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
            xl.LIST: self._xl(self._list()),
            volume_use._LONG: self._xl(json.dumps(self._long())),
            volume_use._BACKENDS: self._xl(self._backends()),
            volume_use._IS_DOM0: Answer(0, "control_d\n") if self.xen else Answer(MISSING),
            volume_use._LVS: self._lvs() if self.lvm else Answer(127, "", "lvs: not found"),
            volume_use._MOUNTS: Answer(0, self._mounts()),
            volume_use._SWAPS: Answer(0, self.swaps),
            volume_use._LOOPS: Answer(0, self._losetup()),
            volume_use._HOLDERS: Answer(0, self.holders),
            volume_use.PHYSICAL: _json(
                "pv", [{"pv_name": "/dev/vdb", "vg_name": "guests", "pv_size": str(8 * GIB)}]
            ),
            volumes._GROUPS: _json(
                "vg",
                [
                    {
                        "vg_name": "guests",
                        "vg_size": str(8 * GIB),
                        "vg_free": str(self.free),
                        "vg_extent_size": str(4 * MIB),
                    }
                ],
            ),
            volumes._VOLUMES: self._lvs(),
            space.commands(*install_tools._PATHS)[0]: Answer(
                0, "Avail File\n" + "".join(f"{self.room * MIB} {p}\n" for p in install_tools._PATHS)
            ),
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

    def _lvs(self) -> Answer:
        return _json("lv", [{
            "vg_name": "guests", "lv_name": name, "lv_size": str(disk.size), "lv_attr": disk.attr,
            "lv_tags": disk.tags, "lv_dm_path": f"/dev/mapper/guests-{name}", "lv_kernel_major": "254",
            "lv_kernel_minor": str(i), "origin": disk.origin, "data_percent": disk.filled,
        } for i, (name, disk) in enumerate(self.disks.items())])  # fmt: skip

    def _mounts(self) -> str:
        rows = [
            f"/dev/loop{i} {at} ext4 {rights},nosuid 0 0\n"
            for i, (_, at, rights, _) in enumerate(self.mounts)
        ]
        return "/dev/mapper/xen-root / ext4 rw,noatime 0 0\n" + "".join(rows)

    def _losetup(self) -> str:
        seen = [(volume, offset, rights == "ro") for volume, _, rights, offset in self.mounts] + self.loops
        names = list(self.disks)
        devices = [
            {
                "name": f"/dev/loop{i}",
                "back-file": f"/dev/dm-{names.index(v)}",
                "offset": o,
                "sizelimit": 0,
                "ro": ro,
            }
            for i, (v, o, ro) in enumerate(seen)
        ]
        return json.dumps({"loopdevices": devices}) if devices else ""


def _json(kind: str, rows: list[dict[str, Any]]) -> Answer:
    return Answer(0, json.dumps({"report": [{kind: rows}]}))
