"""A hand-made host for the steps of notebook 08: it answers their questions from a few values.

Nothing here was recorded; the shapes of the answers are those of lvm2, xl 4.20 and findutils.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from runbook import releases
from runbook.actions import Link, Remove, Run, WriteFile
from runbook.facts import configurations, guest_files, guests, xen
from runbook.facts.storage import asks as storage_asks
from runbook.guests import config, probe
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams
from runbook.steps.guests import start_guests
from tests.storage_answers import answers, lv, lvm, mapped, node

GIB = 1024**3
NO_XEN = "ERROR:  Can't find hypervisor information in sysfs!"


@dataclass
class Running:
    """A running guest."""

    name: str
    domid: int
    state: str = "-b----"
    pci: tuple[str, ...] = ()
    disks: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()


@dataclass
class HandMade:
    """The host; `answers` overrides any answer."""

    params: HostParams
    groups: dict[str, int] = field(default_factory=lambda: {"guests": 400 * GIB})
    volumes: dict[str, int] = field(default_factory=dict)
    used_at: dict[str, str] = field(default_factory=dict)
    """Where dom0 itself has mounted a volume, `[SWAP]` for swap."""
    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] | None = None
    written: tuple[str, ...] = ()
    xen: bool = True
    running: tuple[Running, ...] = ()
    free_mib: int = 28000
    bridges: tuple[str, ...] = ("xenbr0", "xenbr1")
    proofs: tuple[dict[str, Any], ...] = ()
    vanished: tuple[str, ...] = ()
    """Devices that are not there to be given."""
    numbers: dict[str, str] = field(default_factory=dict)
    """What stat(1) says of a path: `block special file|fe:1|5:312`."""
    kernel: str = "6.12.94+deb13-amd64"
    answers: dict[Ask, Answer] = field(default_factory=dict)

    def facts(self, step: Any) -> Facts:
        """Return the answers to what a step asks, and to nothing else."""
        return Facts({ask: self.answers.get(ask) or self._answer(ask) for ask in step.asks(self.params)})

    def _answer(self, ask: Ask) -> Answer:
        if ask.kind == "read" and ask != storage_asks.IS_DOM0:
            return self._file(ask.argv[0])
        known = {
            **self._storage(),
            guests.RUNNING[0]: self._xl(self._table()),
            guests.RUNNING[1]: self._xl(json.dumps(self._long())),
            guests.RUNNING[2]: self._xl(
                f"release                : {self.kernel}\nfree_memory            : {self.free_mib}\n"
            ),
            guests.RUNNING[3]: Answer(0, self._masters()),
            guest_files.FILES: Answer(0, _grepped(self.files)),
            configurations.ELSEWHERE: Answer(0, _elsewhere(self.files)),
            configurations.STANDS_ON: Answer(0),
            guest_files.AUTOSTART: self._auto(),
            storage_asks.BACKENDS: Answer(0),
            storage_asks.IS_DOM0: Answer(0, "control_d\n") if self.xen else Answer(0),
            xen.ASSIGNABLE: self._xl(self._waiting()),
            start_guests.BRIDGES: Answer(0, "".join(f"/sys/class/net/{b}/bridge\n" for b in self.bridges)),
            probe.COMMANDS[1]: Answer(0, "".join(self._proof_line(p) for p in self.proofs)),
            probe.COMMANDS[2]: Answer(
                0,
                "".join(
                    f"/sys/hypervisor/version/{k}:{v}\n"
                    for k, v in (("extra", ".5-pre"), ("major", 4), ("minor", 20))
                ),
            ),
            probe.COMMANDS[3]: Answer(0, f"{self.kernel}\n"),
        }
        if ask in known:
            return known[ask]
        discs = [guest.install_media for guest in self.params.guests if guest.install_media]
        if discs and ask == guest_files.existing(tuple(dict.fromkeys(discs))):
            return Answer(0, "".join(f"{disc}\n" for disc in dict.fromkeys(discs)))
        if "stat -L -c %F" in ask.key.replace("'\"'\"'", ""):
            return Answer(0, "".join(f"{said}|{path}\n" for path, said in self.numbers.items()))
        if "CD001" in ask.key:
            return Answer(127)  # what the discs hold is not known, unless a test says it
        if "== header" in ask.key:
            return Answer(MISSING)
        if "blkid" in ask.key:
            return Answer(0, "\n".join(f"DEVNAME={path}\nPTTYPE=dos\n" for path in self.written))
        for path in (config.path_of(guest.name) for guest in self.params.guests):
            if ask == guest_files.dry_run(path):
                return self._dry_run(path)
        raise AssertionError(f"the hand-made host has no answer to: {ask.key}")

    def _file(self, path: str) -> Answer:
        return Answer(0, self.files[path]) if path in self.files else Answer(MISSING)

    def _storage(self) -> dict[Ask, Answer]:
        used = {g: sum(s for path, s in self.volumes.items() if path.startswith(g)) for g in self.groups}
        groups = {g: (size, size - used[g]) for g, size in self.groups.items()}
        rows = [lv(path, size, i) for i, (path, size) in enumerate(self.volumes.items())]
        nodes = [
            node(mapped(path), "lvm", at=[self.used_at[path]] if path in self.used_at else [], minor=i)
            for i, path in enumerate(self.volumes)
        ]
        return answers(node("sdb", "disk", *nodes, fstype="LVM2_member"), report=lvm(groups, (), rows))

    def _xl(self, text: str) -> Answer:
        return Answer(0, text) if self.xen else Answer(1, "", f"{NO_XEN}\n")

    def _waiting(self) -> str:
        gone = {*self.vanished, *(bdf for guest in self.running for bdf in guest.pci)}
        named = dict.fromkeys(
            [
                *(d.bdf for d in self.params.passthrough.devices),
                *(b for g in self.params.guests for b in g.pci),
            ]
        )
        return "".join(f"{bdf}\n" for bdf in named if bdf not in gone)

    def _table(self) -> str:
        rows = [("Domain-0", 0, "r-----"), *((g.name, g.domid, g.state) for g in self.running)]
        head = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
        return head + "".join(f"{n:<40} {d:5d} {256:5d} {1:5d}     {s} {4.2:8.1f}\n" for n, d, s in rows)

    def _long(self) -> list[dict[str, Any]]:
        return [
            {
                "domid": guest.domid,
                "config": {
                    "c_info": {"name": guest.name},
                    "disks": [{"pdev_path": disk} for disk in guest.disks],
                    "pcidevs": [_libxl(bdf) for bdf in guest.pci],
                },
            }
            for guest in self.running
        ]

    def _masters(self) -> str:
        return "".join(
            f"/sys/class/net/vif{g.domid}.{number}{tap} ../{bridge}\n"
            for g in self.running
            for number, bridge in enumerate(g.bridges)
            for tap in ("", "-emu")
        )

    def _auto(self) -> Answer:
        if self.links is None:
            return Answer(1, "", "find: '/etc/xen/auto': No such file or directory\n")
        rows = []
        for name, target in self.links.items():
            path = f"/etc/xen/{target.removeprefix('../')}"
            rows.append(f"{name}\t{'f' if not target or path in self.files else 'N'}\t{target}\n")
        return Answer(0, "".join(rows))

    def _dry_run(self, path: str) -> Answer:
        """Answer as `xl create -n` does for the guest of that name, as the parameters have it."""
        if path not in self.files:
            return Answer(MISSING)
        guest = next(g for g in self.params.guests if config.path_of(g.name) == path)
        made = {
            "c_info": {"type": "hvm", "name": guest.name},
            "b_info": {"target_memkb": guest.memory_mib * 1024},
            "disks": [{"pdev_path": config.volume_of(self.params, guest), "vdev": "hda"}],
            "nics": [{"mac": nic.mac, "bridge": nic.bridge} for nic in guest.nics],
            "pcidevs": [_libxl(bdf) for bdf in guest.pci],
        }
        return self._xl(json.dumps(made, indent=4))

    def _proof_line(self, proof: dict[str, Any]) -> str:
        return f"{probe.RESULTS}/{proof['bdf']}.json:{json.dumps(proof)}\n"

    def after(self, *actions: Any) -> HandMade:
        """Return the host as the actions of a plan leave it: the second half of "run twice"."""
        host = replace(self, volumes=dict(self.volumes), files=dict(self.files))
        for action in actions:
            host._carry_out(action)
        return host

    def _carry_out(self, action: Any) -> None:
        match action:
            case WriteFile():
                self.files[action.path] = action.content
            case Link():
                self.links = {**(self.links or {}), action.path.rpartition("/")[2]: action.target}
            case Remove():
                self.links = {
                    k: v for k, v in (self.links or {}).items() if k != action.path.rpartition("/")[2]
                }
            case Run(argv=("lvcreate", *words)):
                self.volumes[f"{words[-1]}/{words[-2]}"] = int(words[words.index("--size") + 1][:-1]) * GIB
            case Run(argv=("install", *_)):
                self.links = {}
            case Run(argv=(_, "create", path)):
                guest = next(g for g in self.params.guests if config.path_of(g.name) == path)
                self.running = (*self.running, running(self.params, guest.name, 1 + len(self.running)))
            case Run(argv=(probe.PROGRAM, bdf, *_)):
                self.proofs = (*self.proofs, proof(self.params, bdf))
            case _:
                raise AssertionError(f"the hand-made host cannot do: {action.title}")


def configured(params: HostParams, **values: Any) -> HandMade:
    """Return a host whose volumes and configuration files are there."""
    release = releases.get(params.release)
    texts = {config.path_of(g.name): config.render(params, g, release, False) for g in params.guests}
    group = params.storage.guest_volume_group
    there = {f"{group}/{g.volume.name}": g.volume.size_gib * GIB for g in params.guests if g.volume}
    return HandMade(params, **{"volumes": there, "files": texts, **values})


def running(params: HostParams, name: str, domid: int = 1, **values: Any) -> Running:
    """Return a guest that runs as the parameters want it."""
    guest = next(g for g in params.guests if g.name == name)
    disk = config.volume_of(params, guest)
    bridges = tuple(nic.bridge for nic in guest.nics)
    return Running(name, domid, **{"pci": guest.pci, "disks": (disk,), "bridges": bridges, **values})


def proof(params: HostParams, bdf: str, **said: Any) -> dict[str, Any]:
    """Return a proof that the device of that address works, as the probe program keeps it."""
    device = params.device_of(bdf)
    return {
        "bdf": bdf,
        "id": device.id,
        "module": "e1000e",
        "xen": "4.20.5-pre",
        "kernel": "6.12.94+deb13-amd64",
        "guest": {
            "pci": "0000:00:05.0",
            "id": device.id,
            "driver": "e1000e",
            "module": "e1000e",
            "mac": "52:54:00:12:34:58",
            "address": "10.0.3.15/24",
            "gateway": "10.0.3.2",
            "sent": 4,
            "received": 4,
            "seconds": 94,
            **said,
        },
    }


def _libxl(bdf: str) -> dict[str, int]:
    """Return an address as libxl's JSON has it: without what is zero."""
    domain, bus, rest = bdf.split(":")
    slot, func = rest.split(".")
    parts = {"domain": int(domain, 16), "bus": int(bus, 16), "dev": int(slot, 16), "func": int(func, 16)}
    return {key: value for key, value in parts.items() if value}


def _grepped(files: dict[str, str]) -> str:
    """Return what `grep -H ''` says of the *.cfg of /etc/xen."""
    return "".join(
        f"{path}:{line}\n" for path, text in files.items() if _is_plain(path) for line in text.splitlines()
    )


def _elsewhere(files: dict[str, str]) -> str:
    """Return what is said of all other files below /etc/xen."""
    return "".join(
        "".join((f"= {path}\n", *(f" {line}\n" for line in text.splitlines())))
        for path, text in files.items()
        if path.startswith("/etc/xen/") and not _is_plain(path)
    )


def _is_plain(path: str) -> bool:
    return path.startswith("/etc/xen/") and path.count("/") == 3 and path.endswith(".cfg")
