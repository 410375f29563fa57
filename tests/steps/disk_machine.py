"""A machine to install on, for tests: it answers chapter 02's questions and carries out what is planned.

Its answers have the form that lsblk, sfdisk, findmnt and LVM's reports have on the testbed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from runbook import actions as act
from runbook.facts import system, uplink
from runbook.facts.storage import asks
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.steps.debian_installation import (
    configure_base,
    install_base,
    install_boot_loader,
    install_system,
    prepare_live_system,
)
from runbook.steps.shared import debian_sources, target
from runbook.steps.shared.target import ROOT
from tests import storage_answers
from tests.storage_answers import findmnt, lv, lvm, mapped, node

GIB = 2**30
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample someone@home"
TOOLS = ("mmdebstrap", "mkfs.vfat")
SOURCES = "deb http://mirror.example/debian bookworm main\ndeb http://mirror.example/security bookworm-security main\n"
KERNELS = "vmlinuz-6.12\ninitrd.img-6.12\n"
STATUS = "ii |base-files|13.8\nii |passwd|4.17\n"


def params(**installation: Any) -> HostParams:
    """Return parameters of the live way, with some fields of `installation` exchanged."""
    return HostParams.model_validate(
        {
            "host": "newhost",
            "connection": {"kind": "local"},
            "installation": {"method": "live", "disk": "/dev/vda", "domain": "lan", **installation},
        }
    )


@dataclass
class Part:
    """A partition or volume: size in bytes, file system, and the words of a table."""

    size: int
    fstype: str = ""
    start: int = 0
    type: str = ""
    name: str = ""


@dataclass
class Machine:
    """One machine; tests change its fields to break it."""

    disk: str = "/dev/vda"
    size: int = 100 * GIB
    serial: str = "testbed-disk0"
    transport: str = ""
    kind: str = "disk"
    is_read_only: bool = False
    disk_fstype: str = ""
    parts: dict[str, Part] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    """The physical volumes of each group."""
    volumes: dict[str, Part] = field(default_factory=dict)
    """By `group/name`."""
    asleep: set[str] = field(default_factory=set)
    mounts: dict[str, tuple[str, str, str]] = field(
        default_factory=lambda: {"/": ("overlay", "overlay", "rw")}
    )
    """Source, kind and options by place."""
    swap: str = ""
    codename: str = "bookworm"
    places: str = "/sys/firmware/efi\n"
    missing: str = "mmdebstrap\nmkfs.vfat\n"
    lists_are_fresh: bool = False
    files: dict[str, str] = field(default_factory=lambda: {"/root/.ssh/authorized_keys": KEY + "\n"})
    sources: str = SOURCES
    status: str = ""
    host_keys: bool = False
    has_password: bool = False
    localtime: str = "/usr/share/zoneinfo/Etc/UTC"
    kernels: str = ""
    loaders: str = ""
    menu: bool = False
    card: str = "= enp0s3\nID_NET_NAME_PATH=enp0s3\n"
    address: dict[str, Any] = field(default_factory=lambda: {"dynamic": True})
    zones: tuple[str, ...] = ("Etc/UTC", "Europe/Berlin")
    done: list[str] = field(default_factory=list)

    def facts(self, asks: tuple[Ask, ...]) -> Facts:
        """Return this machine's answers."""
        return Facts({ask: self._answer(ask) for ask in asks})

    def apply(self, planned: Plan) -> None:
        """Carry out a plan."""
        for action in planned.actions:
            self.done.append(action.title)
            self._do(action)

    def _answer(self, ask: Ask) -> Answer:
        if ask.kind == "read":
            special = {
                "/etc/os-release": f"VERSION_CODENAME={self.codename}\n",
                "/proc/cmdline": "quiet console=ttyS0\n",
            }
            text = special.get(ask.argv[0], self.files.get(ask.argv[0]))
            return Answer(MISSING) if text is None else Answer(0, text)
        found = self._table().get(ask)
        if found is None:
            found = self._general(ask)
        return found if isinstance(found, Answer) else Answer(0, found)

    def _table(self) -> dict[Ask, Any]:
        top = {p.split("/")[3] for p in self.files if p.startswith(ROOT + "/")} | (
            {"usr"} if self.status else set()
        )
        return {
            **storage_answers.answers(*self._blocks(), mounts=self._findmnt(), report=self._lvm()),
            asks.TABLES: self._sfdisk(),
            target._PLACES: self.places,
            prepare_live_system._MISSING: self.missing,
            prepare_live_system._FRESH: Answer(0 if self.lists_are_fresh else 1),
            install_base._TOP: "\n".join(sorted({*top, "lost+found"})) + "\n",
            install_base._STATUS: Answer(0, self.status) if self.status else Answer(2, "", "no status"),
            debian_sources._FILES: "".join(
                f"/etc/apt/sources.list:{line}\n" for line in self.sources.splitlines()
            ),
            debian_sources._OPTIONS: 'Acquire::Check-Valid-Until "false";\nAcquire::http::Proxy "";\n',
            uplink._ADDR: json.dumps([{"ifname": "enp0s3", "addr_info": [self._address()]}]),
            uplink._ROUTE: json.dumps([{"dst": "default", "gateway": "10.0.2.2", "dev": "enp0s3"}]),
            uplink._CARDS: self.card,
            configure_base._HOST_KEYS: self._host_keys(),
            configure_base._PASSWORD: Answer(0 if self.has_password else 1),
            configure_base._LOCALTIME: self.localtime + "\n",
            configure_base._TMP: "1777\n",
            install_system._KERNELS: self.kernels,
            install_boot_loader._LOADERS: self.loaders,
            install_boot_loader._MENU: Answer(0 if self.menu else 1),
        }

    def _general(self, ask: Ask) -> str | Answer:
        match ask.argv:
            case ("readlink", "-f", path):
                return path + "\n"
            case ("find", path, *_) if "zoneinfo/" in path:
                return Answer(0 if path.partition("zoneinfo/")[2] in self.zones else 1)
        if ask in system.COMMANDS:
            return "0\n"
        raise AssertionError(f"the machine was asked something new: {ask.key}")

    def _blocks(self) -> list[dict[str, Any]]:
        parts = [self._part(path, part) for path, part in self.parts.items()]
        facts = {"serial": self.serial, "tran": self.transport or None, "ro": self.is_read_only}
        facts |= {"size": self.size, "fstype": self.disk_fstype or None, "pttype": "gpt" if parts else None}
        disk = node(
            self.disk.rpartition("/")[2],
            self.kind,
            *parts,
            at=self._where(self.disk),
            path=self.disk,
            **facts,
        )
        other = node("sr0", "rom", at=["/run/live/medium"], fstype="iso9660", size=4 * GIB)
        return [disk, other]

    def _part(self, path: str, part: Part) -> dict[str, Any]:
        volumes = [
            _holding(mapped(name), "lvm", volume, self._where(f"/dev/mapper/{mapped(name)}"), minor=i)
            for i, (name, volume) in enumerate(self.volumes.items())
            if path in self.groups.get(name.partition("/")[0], []) and name not in self.asleep
        ]
        kind = {"parttype": part.type.lower(), "pttype": "gpt"}
        return _holding(path, "part", part, self._where(path), *volumes, **kind)

    def _where(self, path: str) -> list[str | None]:
        found = [place for place, (source, _, _) in self.mounts.items() if source == path]
        return [*found, *(["[SWAP]"] if self.swap == path else [])] or [None]

    def _sfdisk(self) -> str:
        if not self.parts:
            return ""
        rows = [
            {"node": path, "start": p.start // 512, "size": p.size // 512, "type": p.type, "name": p.name}
            for path, p in self.parts.items()
        ]
        table = {
            "label": "gpt",
            "device": self.disk,
            "unit": "sectors",
            "sectorsize": 512,
            "partitions": rows,
        }
        return json.dumps({"partitiontable": table}, indent=3) + "\n"

    def _findmnt(self) -> str:
        return findmnt(*((place, *mount) for place, mount in self.mounts.items()))

    def _lvm(self) -> str:
        parts = [
            (path, group, self.parts[path].size if path in self.parts else GIB)
            for group, paths in self.groups.items()
            for path in paths
        ]
        sizes = {
            group: sum(size for _, of, size in parts if of == group) - 4 * 2**20 for group in self.groups
        }
        used = {
            group: sum(v.size for name, v in self.volumes.items() if name.startswith(group + "/"))
            for group in self.groups
        }
        rows = [
            lv(name, v.size, -1 if name in self.asleep else i)
            for i, (name, v) in enumerate(self.volumes.items())
        ]
        return lvm({g: (size, size - used[g]) for g, size in sizes.items()}, parts, rows)

    def _address(self) -> dict[str, Any]:
        return {"family": "inet", "local": "10.0.2.15", "prefixlen": 24, **self.address}

    def _host_keys(self) -> str:
        path = "/etc/ssh/ssh_host_ed25519_key.pub"
        return f"abc  {path}\n" + (f"abc  {ROOT}{path}\n" if self.host_keys else "")

    def _do(self, action: Any) -> None:
        match action:
            case act.WriteFile(path=path, content=content):
                self.files[path] = content
            case act.Remove(path=path):
                self.files.pop(path, None)
            case act.Link(target=where):
                self.localtime = where
            case act.InstallPackages():
                self.missing = ""
            case act.WritePartitionTable(disk=disk, table=table):
                self._partition(disk, table)
            case act.SetPassword():
                self.has_password = True
            case act.Reboot():
                self._reboot()
            case act.Run(argv=argv) | act.RunIn(argv=argv):
                self._command(argv)

    def _partition(self, disk: str, table: str) -> None:
        self.parts, self.groups, self.volumes = {}, {}, {}
        for number, line in enumerate(table.splitlines()[1:], 1):
            start, size, kind, name = re.fullmatch(
                r'start=(\d+)MiB, size=(\d+)MiB, type=(\S+), name="(\w+)"', line
            ).groups()  # type: ignore[union-attr]
            path = target.partition_device(disk, number)
            self.parts[path] = Part(int(size) * 2**20, "", int(start) * 2**20, kind, name)

    def _command(self, argv: tuple[str, ...]) -> None:
        program = argv[argv.index("/run/lock/xen-runbook-bootstrap") + 1] if argv[0] == "flock" else argv[0]
        known = {
            "vgcreate": self._vgcreate,
            "lvcreate": self._lvcreate,
            "vgchange": lambda *_: self.asleep.clear(),
            "mkfs.vfat": self._format,
            "mkfs.ext4": self._format,
            "mkswap": self._format,
            "mount": self._mount,
            "umount": self._umount,
            "find": lambda *_: setattr(self, "status", ""),
            "mmdebstrap": self._bootstrap,
            "apt-get": self._apt,
            "dpkg": lambda *_: setattr(self, "status", re.sub("(?m)^iF", "ii", self.status)),
            "grub-install": lambda *_: setattr(self, "loaders", "a\nb\n"),
            "update-grub": lambda *_: setattr(self, "menu", True),
            "update-initramfs": lambda *_: setattr(self, "kernels", KERNELS),
            "sh": self._script,
            "udevadm": lambda *_: None,
        }
        known[program](*argv[1:])

    def _vgcreate(self, group: str, path: str) -> None:
        self.groups[group], self.parts[path].fstype = [path], "LVM2_member"

    def _lvcreate(self, *words: str) -> None:
        size, name = words[words.index("--size") + 1], words[words.index("--name") + 1]
        self.volumes[f"{words[-1]}/{name}"] = Part(int(size.rstrip("m")) * 2**20)

    def _format(self, *words: str) -> None:
        kind = {"-q": "ext4", "-F": "vfat", "--label": "swap"}[words[0]]
        self._find(words[-1]).fstype = kind

    def _mount(self, _: str, options: str, path: str, where: str) -> None:
        self.mounts[where] = (path, self._find(path).fstype, options)

    def _umount(self, _: str, root: str) -> None:
        self.mounts = {place: m for place, m in self.mounts.items() if not place.startswith(root)}

    def _bootstrap(self, *words: str) -> None:
        release = words[words.index(ROOT) - 1]
        self.status = STATUS
        self.files[f"{ROOT}/usr/lib/os-release"] = f"VERSION_CODENAME={release}\n"

    def _apt(self, *words: str) -> None:
        if "install" in words:
            names = words[words.index("--no-install-recommends") + 1 :]
            self.status += "".join(f"ii |{name}|1\n" for name in names)
            self.kernels = KERNELS

    def _script(self, _: str, script: str) -> None:
        if "ssh_host" in script:
            self.host_keys = True
        elif "locale-gen" in script:
            path = f"{ROOT}/etc/locale.gen"
            self.files[path] = self.files.get(path, "") + "en_US.UTF-8 UTF-8\n"
        else:
            assert "debconf-set-selections" in script or "is-system-running" in script

    def _find(self, path: str) -> Part:
        if path in self.parts:
            return self.parts[path]
        name = next(n for n in self.volumes if path == f"/dev/mapper/{mapped(n)}")
        return self.volumes[name]

    def _reboot(self) -> None:
        """Start from the disk: fstab is followed, the live system's memory is gone."""
        assert self.menu
        assert self.loaders
        self.codename, self.missing = "trixie", "mmdebstrap\nmkfs.vfat\n"
        self.files = {p.removeprefix(ROOT): text for p, text in self.files.items() if p.startswith(ROOT)}
        self.mounts = {}
        by_uuid = {f"UUID={_uuid(p)}": p for p in self._formatted()}
        for row in (line.split() for line in self.files["/etc/fstab"].splitlines() if line[0] != "#"):
            if row[2] == "swap":
                self.swap = by_uuid[row[0]]
            else:
                self.mounts[row[1]] = (by_uuid[row[0]], row[2], f"rw,{row[3]}")

    def _formatted(self) -> list[str]:
        return [*self.parts, *(f"/dev/mapper/{mapped(name)}" for name in self.volumes)]


def _holding(
    path: str, kind: str, part: Part, where: list[Any], *on: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Return a partition or volume as lsblk has it."""
    uuid = _uuid(path) if part.fstype else None
    return node(
        path.rpartition("/")[2],
        kind,
        *on,
        at=where,
        size=part.size,
        fstype=part.fstype or None,
        uuid=uuid,
        **more,
    )


def _uuid(path: str) -> str:
    return "uuid-of-" + path.rpartition("/")[2]
