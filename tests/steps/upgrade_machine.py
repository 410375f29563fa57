"""The testbed's machine of chapters 05 to 07, with the files of /boot by what is in them, and updates that wait."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from runbook import actions as act
from runbook.facts import grub, guests, proved_pair, system, waiting_updates, xen, xl
from runbook.guests import probe
from runbook.model.ask import Answer, Ask
from runbook.steps.guests import start_guests
from runbook.steps.shared import kept_pair
from runbook.steps.upgrades import install_updates
from tests.steps.machine import DEVICES, Machine, like_testbed

OLD, NEW = "6.12.117+deb13-amd64", "6.12.120+deb13-amd64"
HIDDEN = [{"bdf": bdf, "id": id, "what": "a device"} for bdf, (id, *_) in DEVICES.items()]
PARAMS = like_testbed(guests=(), management={}, passthrough={"devices": HIDDEN})
"""No guest, so that chapter 08 has nothing to look at."""
_XEN_ASKS = (xl.LIST, xl.INFO, *xen.COMMANDS)
XEN = "Inst xen-hypervisor-4.20-amd64 [4.20.4-1] (4.20.5-1 Debian-Security:13/stable-security [amd64])\n"
KERNEL = (
    f"Inst linux-image-{NEW} (6.12.120-1 Debian-Security:13/stable-security [amd64])\n"
    "Inst linux-image-amd64 [6.12.117-1] (6.12.120-1 Debian-Security:13/stable-security [amd64])\n"
)


@dataclass
class UpgradeMachine(Machine):
    """A host under Xen. Tests change its fields to break it."""

    disk: dict[str, str] = field(default_factory=dict)
    """What is in each file of /boot that the menu may start, and of the kept ones (`proved/vmlinuz`)."""
    runs: dict[str, str] = field(default_factory=dict)
    """What the running system was started from, by kind."""
    waiting: str = ""
    """What `waiting_updates` says."""
    sizes: str = "20000000\n"
    kernel: str = OLD
    """The newest kernel of the menu."""
    bare: str = ""
    tells_build: bool = True
    new_pair: str = "boots"
    """What the new pair does: `boots`, or `panics` and leaves the machine to what starts by itself."""

    @classmethod
    def of(cls, machine: Machine) -> UpgradeMachine:
        """Return such a machine in the state of another, which has just been booted."""
        found = cls()
        found.__dict__ |= deepcopy(machine.__dict__)
        found.disk = {
            "xen-4.20-amd64.gz": "xen 1",
            f"vmlinuz-{OLD}": "linux 1",
            f"initrd.img-{OLD}": "ram disk 1",
        }
        found.runs = {"xen.gz": "xen 1", "vmlinuz": "linux 1", "initrd.img": "ram disk 1"}
        return found

    def _run(self, ask: Ask) -> Answer:
        if ask == proved_pair._PAIR:
            return Answer(0, self._pair())
        if ask in (*waiting_updates.COMMANDS, *waiting_updates.CHANGELOGS):
            return Answer(0, self.waiting)
        if ask == install_updates._SIZES:
            return Answer(0, self.sizes)
        if ask.argv == ("xl", "list", "-l"):
            return Answer(0, "[]")
        own = (*_XEN_ASKS, *system.COMMANDS)
        if ask not in own and ask in (
            *guests.RUNNING,
            *probe.COMMANDS,
            *start_guests.asks(PARAMS),
        ):
            return Answer(0, "")  # what 08 asks: no guest is there
        return super()._run(ask)

    def _pair(self) -> str:
        kept = {kind: self.disk.get(f"proved/{kind}") for kind in proved_pair.KEPT}
        said = [] if self.tells_build and self.is_dom0 else ["tells nothing"]
        if not said and all(kept[kind] == self.runs.get(kind) for kind in ("xen.gz", "vmlinuz")):
            said.append("runs kept")
        for name, text in self.disk.items():
            kind = next(
                (k for k in proved_pair.KEPT if name.startswith(k.split(".")[0]) and "/" not in name), ""
            )
            if kind and text == kept[kind]:
                said.append(f"kept {kind} {name}")
            if kind and text == self.runs.get(kind) and (self.tells_build or kind != "xen.gz"):
                said.append(f"runs {kind} {name}")
        return "\n".join([*said, "size 52428800", self.bare]) + "\n"

    def _do(self, action: Any) -> None:
        match action:
            case act.Run(argv=("sh", "-euc", script, "sh", *names)) if kept_pair._KEEP in script:
                if kept_pair.BEFORE in script and "proved/xen.gz" in self.disk:
                    for kind in proved_pair.KEPT:
                        self.disk[f"proved-before/{kind}"] = self.disk[f"proved/{kind}"]
                self.disk |= {
                    f"proved/{k}": self.disk[n] for k, n in zip(proved_pair.KEPT, names, strict=True)
                }
                self.files.pop(proved_pair.ENTRY, None)
            case act.Run(argv=argv) if argv == install_updates._INSTALL:
                self._upgrade()
            case act.Run(argv=(path, "--all")) if path.startswith("/usr/local"):
                pass
            case _:
                super()._do(action)

    def _upgrade(self) -> None:
        """Do what dpkg does: a new hypervisor under the old name, a new kernel beside the old one, a new menu."""
        if XEN in self.waiting:
            self.disk["xen-4.20-amd64.gz"] = "xen 2"
        if KERNEL in self.waiting:
            self.kernel = NEW
            self.disk |= {f"vmlinuz-{NEW}": "linux 2", f"initrd.img-{NEW}": "ram disk 2"}
        self.waiting = ""
        self._update_grub()

    def _update_grub(self) -> None:
        super()._update_grub()
        if self.__dict__.get("kernel"):
            menu = self.files[grub.CONFIG].replace(OLD, self.kernel)
            if proved_pair.SCRIPT in self.files:
                menu += self.files.get(proved_pair.ENTRY, "")
            self.files[grub.CONFIG] = menu

    def _reboot(self) -> None:
        menu = grub.parse(self.facts(grub.COMMANDS))
        if self.next_entry and self.new_pair == "panics":
            self.next_entry = ""
        entry = menu.entry(self.next_entry or self.saved_entry)
        super()._reboot()
        assert entry is not None
        loads = proved_pair.images(entry) if entry.is_xen else {}
        kept = "proved/" if entry.id == proved_pair.ID else ""
        self.runs = {kind: self.disk[f"{kept}{name}"] for kind, name in loads.items()}
