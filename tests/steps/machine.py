"""A machine for tests: answers every question of chapters 05 to 07, and carries out what their steps plan.

Its first state is the testbed's, from the samples beside this file; the boot menu is the testbed's own,
with the words that a real shell reads from the configuration.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, wraps
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from runbook import actions as act
from runbook import survey
from runbook.facts import (
    boot_next,
    bridge_filter,
    forward_chains,
    grub,
    grub_sources,
    interfaces,
    modules,
    netplan,
    network,
    network_manager,
    networkd,
    packages,
    services,
    soft_dependencies,
    sourced,
    space,
    system,
    xen,
    xl,
)
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams, load
from runbook.releases.xen import DEVICE_MODEL
from tests.survey.machines import bare, dom0

SAMPLES = Path(__file__).parent / "samples"
ROOT = "b89e957f-87e6-4a76-a568-8371dc69bb5d"
PLAIN, XEN = f"gnulinux-simple-{ROOT}", f"xen-gnulinux-simple-{ROOT}"
DEVICES = {
    "0000:00:05.0": ("8086:10d3", "e1000e", "e1000e"),
    "0000:00:06.0": ("1b36:000d", "xhci_hcd", "xhci_pci"),
    "0000:00:07.0": ("8086:293e", "snd_hda_intel", "snd_hda_intel"),
}
BOOT_WORDS = {
    "dom0": {"memory_mib": 2048, "max_vcpus": 2, "kernel_options": ["console=hvc0"]},
    "xen": {"options": ["com1=115200,8n1", "console=com1"]},
}
CARDS = {"enp0s3": "0000:00:03.0/virtio0", "enp0s4": "0000:00:04.0/virtio1"}
ROOMY = {"/var/cache/apt/archives": 9000, "/usr": 9000, "/boot": 800}
PROGRAMS = {
    "/usr/sbin/update-grub": "0755", "/usr/sbin/update-initramfs": "0755", "/usr/sbin/visudo": "0755",
    "/usr/sbin/ifup": "0755",
}  # fmt: skip
_GRUB_DEFAULTS = (
    'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="console=ttyS0,115200n8"\n'
)
_XEN_CFG = 'if [ "$XEN_OVERRIDE_GRUB_DEFAULT" != 0 ]; then GRUB_DEFAULT=xen; fi\n'


def sample(name: str) -> str:
    """Return a sample's text."""
    return (SAMPLES / name).read_text(encoding="utf-8")


def like_testbed(**changes: Any) -> HostParams:
    """Return the testbed's parameters, whole sections exchanged."""
    return HostParams.model_validate(_loaded() | BOOT_WORDS | changes)


def files_said(files: Mapping[str, str], modes: Mapping[str, str]) -> str:
    """Return the answer to `Ask.files` that these files are."""
    rows = ((f"= {modes.get(path, '0644')} root:root {path}", text) for path, text in files.items())
    return "".join(f"{head}\n" + "".join(f" {line}\n" for line in text.splitlines()) for head, text in rows)


@cache
def _loaded() -> dict[str, Any]:
    return load("params/testbed.yml").model_dump()


FILTERS = ("/etc/nftables", "/etc/ufw/", "/etc/firewalld/", "/etc/iptables/")


class AskedSomethingNew(AssertionError):
    """A question came that the machine has no answer to."""


@dataclass
class Machine:
    """One machine; tests change its fields to break it."""

    files: dict[str, str] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=lambda: dict(PROGRAMS))
    packages: set[str] = field(
        default_factory=lambda: {"sudo", "pciutils", "usbutils", "lvm2", "bash-completion"}
    )
    versions: dict[str, str] = field(default_factory=dict)
    """Of packages whose version matters."""
    lists: int = 3
    lists_are_fresh: bool = True
    audit: str = ""
    locks: str = ""
    apt_error: str = ""
    room: dict[str, int] = field(default_factory=lambda: dict(ROOMY))
    hypervisors: str = ""
    delivered: str = ""
    """Size and name of the built packages that were copied here."""
    newer: str = ""
    saved_entry: str = ""
    next_entry: str = ""
    boot_on: str = "/dev/vda2 ext4"
    units: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Active state and unit file state by name."""
    state: str = "running"
    is_dom0: bool = False
    xl_info: str = ""
    xl_list: str = ""
    assignable: str = ""
    assigned: str = ""
    devices: dict[str, tuple[str, str, str]] = field(default_factory=lambda: dict(DEVICES))
    modules: str = "pciback\n"
    images: str = "kernel vmlinuz-6.12 12171200\nimage initrd.img-6.12 38205673\n"
    address: str = sample("ip-addr.json")
    routes: str = sample("ip-route.json")
    routes6: str = "[]"
    pppoe: str = ""
    """Connections of pppd and their cards."""
    bridges: tuple[str, ...] = ()
    cards: dict[str, str] = field(default_factory=lambda: dict(CARDS))
    session: str = "10.0.2.2 51234 10.0.2.15 22\n"
    folder: str = ""
    managers: str = ""
    active: dict[str, str] = field(default_factory=dict)
    """The interface on which each profile of NetworkManager is active, by the profile's path."""
    networkd: str = ""
    networkd_status: str = ""
    firmware: str = ""
    """What boot_next asks; nothing is a machine that starts the BIOS way."""
    filter: str = ""
    """What iptables -S says, '' where it is not installed."""
    chains: str = ""
    """What nft says of all rules, '' where bridged packets meet none."""
    wireless: str = ""
    includes: str = "1\n"
    cpuinfo: str = "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm hypervisor\n"
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = {
            "/etc/network/interfaces": sample("interfaces.txt"),
            "/etc/initramfs-tools/modules": "# raid1\n",
            grub.CONFIG: sample("grub-bare.cfg"),
            "/proc/cmdline": f"BOOT_IMAGE=/vmlinuz-6.12 root=UUID={ROOT} ro quiet\n",
            **self.files,
        }

    def facts(self, asks: tuple[Ask, ...]) -> Facts:
        """Return this machine's answers."""
        surveyed = dom0() if self.is_dom0 else bare()
        own = (*system.COMMANDS, *xen.COMMANDS, *network.COMMANDS, *network.MORE, *space.commands("/boot"))
        others = set(survey.asks()) - set(own)
        return Facts({ask: surveyed[ask] if ask in others else self._answer(ask) for ask in asks})

    def apply(self, planned: Plan) -> None:
        """Carry out a plan."""
        for action in planned.actions:
            self.done.append(action.title)
            self._do(action)

    def _answer(self, ask: Ask) -> Answer:
        return self._read(ask) if ask.kind == "read" else self._run(ask)

    def _read(self, ask: Ask) -> Answer:
        path = ask.argv[0]
        special = {
            "/sys/hypervisor/type": "xen\n" if self.is_dom0 else None,
            "/proc/xen/capabilities": "control_d\n" if self.is_dom0 else None,
            "/etc/os-release": "VERSION_CODENAME=trixie\n",
            "/proc/sys/kernel/random/boot_id": "boot\n",
        }
        text = special.get(path, self.files.get(path))
        return Answer(MISSING) if text is None else Answer(0, text)

    def _run(self, ask: Ask) -> Answer:
        if ask.patterns and ask != sourced.FILES:
            found = {
                p: t for p, t in self.files.items() if any(PurePosixPath(p).match(m) for m in ask.patterns)
            }
            return Answer(0, files_said(found, self.modes))
        table: dict[Ask, str | Answer] = {
            packages.AUDIT: self.audit,
            packages._LISTS: "list\n" * self.lists + "fresh\n" * self.lists_are_fresh,
            packages._LOCKS: self.locks,
            grub._ENVIRONMENT: f"saved_entry={self.saved_entry}\nnext_entry={self.next_entry}\n",
            grub._NEWER: self.newer,
            grub_sources.COMMANDS[0]: "",
            grub._MOUNT: self.boot_on + "\n",
            boot_next._LOOK: self.firmware,
            services._STATE: self.state + "\n",
            xl.INFO: self._only_xen(self.xl_info),
            xl.LIST: self._only_xen(self.xl_list),
            xen.ASSIGNABLE: self._only_xen(self.assignable),
            xen._ASSIGNED: self._only_xen(self.assigned),
            modules._IMAGES: self.images,
            network._ADDR: self.address,
            network._ROUTE: self.routes,
            network.ROUTE6: self.routes6,
            network.PPPOE: self.pppoe,
            bridge_filter._RULES: self.filter or Answer(127),
            forward_chains.RULES: self.chains,
            network._SESSION: self.session,
            network._LINKS: self._links(),
            interfaces._FOLDER: self.folder,
            sourced.FILES: self._sourced(),
            interfaces._NETWORK_MANAGER: self.managers or Answer(127),
            network_manager._SHOW: self._profiles() or Answer(127),
            network_manager._FILES: self._files(network_manager.FOLDERS),
            network_manager._CONFIG: self.files.get("/etc/NetworkManager/NetworkManager.conf", ""),
            interfaces._NETWORKD: self.networkd,
            networkd._STATUS: self.networkd_status,
            netplan._CLOUD: "",
            interfaces._WIRELESS: self.wireless,
        }
        if ask in soft_dependencies.COMMANDS:
            return Answer(0, self._modprobe())
        if ask in table:
            found = table[ask]
            return found if isinstance(found, Answer) else Answer(0, found)
        return self._general(ask.argv)

    def _general(self, argv: tuple[str, ...]) -> Answer:
        match argv:
            case ("dpkg-query", *names):
                rows = [
                    f"ii |{name}|{self.versions.get(name, '1.0-1')}"
                    for name in names
                    if name in self.packages
                ]
                return Answer(1, "\n".join(rows) + "\n")
            case ("df", *_, path):
                return Answer(0, f"Avail\n{self.room[path] * 2**20}\n") if path in self.room else Answer(1)
            case ("systemctl", "show", "-p", _, *names):
                return Answer(0, "\n\n".join(self._unit(name) for name in names) + "\n")
            case ("find", "/boot", *_):
                return Answer(0, self.hypervisors)
            case ("find", *paths):
                there = [p for p in paths if p in self.modes or p in self.files]
                rows = [f"{self.modes.get(p, '0644').lstrip('0')} root:root f {p}\n" for p in there]
                return Answer(1, "".join(rows))
            case ("grep", "-cE", *_):
                return Answer(0, self.includes)
            case ("grep", "-m2", *_):
                return Answer(0, self.cpuinfo)
            case ("sh", "-c", script):
                return self._script(script)
            case ("id", "-u") | ("uname", _):
                return Answer(0, "0\n")
        raise AskedSomethingNew(f"the machine was asked something new: {argv}")

    def _script(self, script: str) -> Answer:
        if script.startswith("set -- "):
            return self._simulate(script.splitlines()[0].split()[2:])
        if script.startswith("find /var/cache/xen-runbook/"):
            return Answer(0, self.delivered)
        if script == "true":
            return Answer(0)
        if script.startswith('f="/etc/nftables.conf'):
            found = {p: t for p, t in self.files.items() if p.startswith(FILTERS)}
            return Answer(0, "".join(f"{p}:{line}\n" for p, t in found.items() for line in t.splitlines()))
        if script.startswith("grep -sHwF "):
            return Answer(0, self._naming(shlex.split(script.removesuffix("; true"))[2:]))
        if script.startswith("grep -rosHE") and network_manager.DISPATCHER in script:
            found = {p: t for p, t in self.files.items() if p.startswith(network_manager.DISPATCHER)}
            words = {(path, word) for path, text in found.items() for word in re.findall(r"[\w.:-]+", text)}
            return Answer(0, "".join(f"{path}:{word}\n" for path, word in sorted(words)))
        if "modprobe -R" not in script:
            raise AskedSomethingNew(f"the machine was asked something new: {script}")
        here = {bdf: rest for bdf, rest in self.devices.items() if bdf in script}
        rows = [f"= {bdf} {name} {driver}\nclaims {m}\n" for bdf, (name, driver, m) in here.items()]
        return Answer(0, "".join(rows) + self.modules)

    def _naming(self, words: list[str]) -> str:
        """Return the lines of the machine's files that name something, as `grep -sHwF -e NAME … FILES` does."""
        names = [name for option, name in pairwise(words) if option == "-e"]
        patterns = [word for word in words if word.startswith("/")]
        rows = [
            f"{path}:{line}\n"
            for path, text in self.files.items()
            if any(PurePosixPath(path).match(pattern) for pattern in patterns)
            for line in text.splitlines()
            if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line) for name in names)
        ]
        return "".join(rows)

    def _simulate(self, names: list[str]) -> Answer:
        if self.packages >= set(names):
            return Answer(0)
        if self.apt_error or not self.lists:
            return Answer(100, "", self.apt_error or "E: Unable to locate package xen-system-amd64\n")
        return Answer(0, sample("apt-simulate.txt") + "size 20000000\nsize 3654152\n")

    def _unit(self, name: str) -> str:
        active, enabled = self.units.get(name, ("inactive", ""))
        found = "loaded" if name in self.units else "not-found"
        shown = {"Id": name, "LoadState": found, "ActiveState": active, "UnitFileState": enabled}
        return "".join(f"{key}={value}\n" for key, value in shown.items()) + "NeedDaemonReload=no"

    def _only_xen(self, text: str) -> Answer:
        return Answer(0, text) if self.is_dom0 else Answer(1, "", "ERROR:  Can't find hypervisor information")

    def _profiles(self) -> str:
        """Return what nmcli says of the profiles in the machine's files."""
        rows = []
        for path, text in self.files.items():
            if path.startswith(network_manager.FOLDERS):
                said = dict(
                    line.split("=", 1) for line in text.splitlines() if re.match(r"(id|uuid|type)=", line)
                )
                kind = said["type"].replace("ethernet", "802-3-ethernet")
                words = (said["id"], said["uuid"], kind, self.active.get(path, ""), path)
                rows.append(":".join(word.replace("\\", "\\\\").replace(":", "\\:") for word in words))
        return "".join(f"{row}\n" for row in rows)

    def _files(self, folders: tuple[str, ...]) -> str:
        """Return files as `Ask.files` has them."""
        return "".join(
            f"= 0600 root:root {path}\n" + "".join(f" {line}\n" for line in text.splitlines())
            for path, text in self.files.items()
            if path.startswith(folders)
        )

    def _modprobe(self) -> str:
        """Return the files of modprobe, and their lines."""
        found = {
            p: t.splitlines() for p, t in self.files.items() if p.startswith(("/etc/modprobe.d/", "/lib/"))
        }
        return "".join(f"{p}\n" + "".join(f"{p}\t{line}\n" for line in lines) for p, lines in found.items())

    def _sourced(self) -> str:
        """Return the files that ifupdown may take in: those of the machine, and what grep says of a folder."""
        roots = ("/etc/network/interfaces", "/run/network/")
        found = {p: t for p, t in self.files.items() if p.startswith(roots)}
        for path, _, line in (row.partition(":") for row in self.folder.splitlines()):
            found[path] = f"{found.get(path, '')}{line}\n"
        found.pop(interfaces.FILE, None)
        heads = {path: f"= 0644 root:root {path}\n" for path in sorted(found)}
        return "".join(h + "".join(f" {line}\n" for line in found[p].splitlines()) for p, h in heads.items())

    def _links(self) -> str:
        rows = [f"/sys/class/net/{n} ../../devices/pci0000:00/{p}/net/{n}" for n, p in self.cards.items()]
        return "\n".join([*rows, *(f"/sys/class/net/{b}/bridge " for b in self.bridges)]) + "\n"

    def _do(self, action: Any) -> None:
        match action:
            case act.WriteFile(path=path, content=content, mode=mode):
                self.files[path], self.modes[path] = content, mode
                if path.startswith(("/etc/modprobe.d", "/etc/initramfs-tools")):
                    self.images += "stale initrd.img-6.12\n"
            case act.Remove(path=path):
                self.files.pop(path, None)
                self.modes.pop(path, None)
            case act.InstallPackages(names=names):
                self._install(names)
            case act.Deliver():
                self._deliver(action)
            case act.Reboot():
                self._reboot()
            case act.ReplaceNetwork(files=files):
                gone = {file.path for file in files if file.content is None}
                new = {file.path: file.content for file in files if file.content is not None}
                self.files = {path: text for path, text in self.files.items() if path not in gone} | new
                self._network_up()
            case act.Run(argv=("apt-get", *_, "remove", name)):
                self.packages.remove(name)
            case act.Run(argv=argv):
                self._command(argv)

    def _deliver(self, action: Any) -> None:
        """Lay down what a build of Xen leaves, as the manifest on the host tells it."""
        name = f"xen-upstream_4.20.4-pre+{action.recipe.digest()}_amd64.deb"
        told = {"recipe": action.recipe.key, "files": [{"name": name, "size": 9, "sha256": "0" * 64}]}
        self.files[action.manifest], self.delivered = json.dumps(told), f"9 {name}\n"

    def _install_built(self, file: str) -> None:
        """Do what our package does, and Debian's packages that it needs: units, one image, no new menu."""
        self.packages |= {"xen-upstream", "qemu-system-xen"}
        self.versions["xen-upstream"] = file.split("_")[1]
        self.hypervisors = "xen-4.20.4-pre.gz\n"
        self.modes |= {DEVICE_MODEL: "0755", "/usr/share/bash-completion/completions/xl": "0644"}
        self.files["/etc/default/xendomains"] = "XENDOMAINS_SAVE=/var/lib/xen/save\nXENDOMAINS_RESTORE=true\n"
        units = ("xenstored", "xen-init-dom0", "xenconsoled", "xendomains")
        self.units |= {f"{name}.service": ("inactive", "disabled") for name in units}

    def _install(self, names: tuple[str, ...]) -> None:
        for file in (name for name in names if name.startswith("/")):
            self._install_built(file)
        self.packages |= {name for name in names if not name.startswith("/")}
        if "xen-upstream" in self.packages:
            return
        self.hypervisors = "xen-4.20-amd64.gz\n"
        self.modes |= {DEVICE_MODEL: "0755", "/usr/sbin/brctl": "0755"}
        self.modes["/usr/share/bash-completion/completions/xl"] = "0644"
        self.files["/etc/default/xendomains"] = sample("default-xendomains.txt")
        self.units |= dict.fromkeys(("xen.service", "xendomains.service"), ("active", "enabled"))
        self._update_grub()

    def _command(self, argv: tuple[str, ...]) -> None:
        match argv:
            case ("apt-get", *_, "update"):
                self.lists, self.lists_are_fresh = 3, True
            case ("update-initramfs", *_):
                kept = [line for line in self.images.splitlines() if line[:5] not in ("stale", "new i")]
                self.images = "\n".join([*kept, "new initrd.img-6.12"]) + "\n"
            case ("update-grub",):
                self._update_grub()
            case ("grub-set-default", name):
                self.saved_entry = name
            case ("grub-reboot", name):
                self.next_entry = name
            case ("systemctl", "enable", name):
                self.units[name] = (self.units.get(name, ("inactive", ""))[0], "enabled")
            case ("systemctl", "start" | "restart", name):
                self.units[name] = ("active", self.units[name][1])
            case ("systemctl", "disable", "--now", name):
                del self.units[name]
            case (
                ("install", "-d", *_)
                | ("systemctl", "daemon-reload")
                | ("sh", "-c", "systemctl is-system-running --wait || true")
            ):
                self.state = "running"
            case _:
                raise AssertionError(f"the machine knows no command {argv}")

    def _update_grub(self) -> None:
        """Write the menu as Debian's scripts do: the testbed's own, with the words a shell reads now."""
        folder = "/etc/default/grub.d/"
        drop_ins = {path: text for path, text in self.files.items() if path.startswith(folder)}
        drop_ins[folder + "xen.cfg"] = _XEN_CFG
        names = ("DEFAULT", "CMDLINE_XEN", "CMDLINE_XEN_DEFAULT", "CMDLINE_LINUX_XEN_REPLACE",
                 "CMDLINE_LINUX_XEN_REPLACE_DEFAULT", "CMDLINE_LINUX", "CMDLINE_LINUX_DEFAULT")  # fmt: skip
        script = (
            _GRUB_DEFAULTS
            + self.files.get("/etc/default/grub", "")
            + "\n"
            + "".join(text for _, text in sorted(drop_ins.items()))
        )
        script += "".join(f'echo "$GRUB_{name}"\n' for name in names)
        said = subprocess.run(
            ["sh", "-eu", "-c", "set +u\n" + script], capture_output=True, text=True, check=True
        )
        default, xen_all, xen_normal, linux_all, linux_normal, linux, normal = said.stdout.split("\n")[:7]
        linux_all, linux_normal = linux_all or linux, linux_normal or normal
        text = sample("grub-xen.cfg").replace("${saved_entry}", default.replace("saved", "${saved_entry}"))
        words = r"(\tmultiboot2\t\S+ placeholder) .*?dom0_max_vcpus.*(?= \$\{xen_rm_opts\})"
        text = re.sub(words, rf"\1 {xen_all} {xen_normal}", text)
        text = re.sub(
            r"(\tmultiboot2\t\S+ placeholder) dom0_mem\S* com1\S+ \S+(?= \$)", rf"\1 {xen_all}", text
        )
        text = re.sub(
            r"(\tmodule2\t\S+ placeholder root=\S+ ro) (?!single).*", rf"\1 {linux_all} {linux_normal}", text
        )
        text = re.sub(r"(\tmodule2\t\S+ placeholder root=\S+ ro single).*", rf"\1 {linux_all}", text)
        self.files[grub.CONFIG], self.newer = text, ""

    def _reboot(self) -> None:
        """Start the entry chosen for once, or the saved one; pciback takes what the RAM disk lists."""
        menu = grub.parse(self.facts(grub.COMMANDS))
        entry = menu.entry(self.next_entry or self.saved_entry)
        assert entry is not None
        self.next_entry = ""
        self.is_dom0, self.state = entry.is_xen, "starting"
        self.files["/proc/cmdline"] = "placeholder " + " ".join(entry.kernel_options) + "\n"
        self.images = "".join(f"{x}\n" for x in self.images.splitlines() if not x.startswith("new"))
        if not entry.is_xen:
            return
        line = "xen_commandline        : placeholder " + " ".join(entry.xen_options) + " no-real-mode edd=off"
        self.xl_info = re.sub("xen_commandline.*", line, sample("xl-info.txt"))
        self.xl_list = sample("xl-list.txt")
        options = self.files.get(modules.OPTIONS, "")
        for bdf, (name, driver, module) in self.devices.items():
            hidden = f"({bdf})" in options and f"softdep {module} pre" in options
            self.devices[bdf] = (name, "pciback" if hidden else driver, module)
        self.assignable = "".join(f"{b} \n" for b, d in reversed(self.devices.items()) if d[1] == "pciback")
        for unit in {"xen-watchdog.service", "xen-guests-end.service"} & set(self.units):
            self.units[unit] = ("active", "enabled")

    def _network_up(self) -> None:
        """Bring up the testbed's two bridges: addresses move from the ports to them."""
        rows = json.loads(sample("ip-addr.json"))
        by_name = {row["ifname"]: row for row in rows}
        outside = by_name["enp0s3"].pop("addr_info")
        by_name["enp0s3"] |= {"addr_info": [], "master": "xenbr0"}
        by_name["enp0s4"]["master"] = "xenbr1"
        inside = [{"family": "inet", "local": "10.0.0.2", "prefixlen": 24}]
        rows += [
            {"ifname": name, "flags": ["UP"], "address": "52:54:00:13:00:03", "addr_info": info}
            for name, info in (("xenbr0", outside), ("xenbr1", inside))
        ]
        self.address, self.bridges = json.dumps(rows), ("xenbr0", "xenbr1")
        self.routes = sample("ip-route.json").replace("enp0s3", "xenbr0")


def built_once(build: Callable[[], Machine]) -> Callable[[], Machine]:
    """Return a builder that carries its steps out once, and gives every test a machine of its own."""
    kept = cache(build)

    @wraps(build)
    def copy() -> Machine:
        return deepcopy(kept())

    return copy


def played(*steps: Any) -> tuple[Any, ...]:
    """Return those of some steps whose questions the machine can answer: a new step is proved where it is recorded."""
    found = []
    for step in steps:
        with suppress(AskedSomethingNew):
            Machine().facts(step.asks(like_testbed()))
            found.append(step)
    return tuple(found)


def carry(machine: Machine, step: Any, params: HostParams) -> list[str]:
    """Plan a step, carry it out, and return the titles of what was done.

    Fails when the plan stops, when a second plan is not empty, or when the check finds a fault:
    what the book demands of every step.
    """
    planned = step.plan(params, machine.facts(step.asks(params)))
    assert planned.stops == ()
    machine.done.clear()
    machine.apply(planned)
    after = machine.facts(step.asks(params))
    assert step.plan(params, after).actions == ()
    assert [f for f in step.check(params, after) if f.stops] == []
    return list(machine.done)


def stops(machine: Machine, step: Any, params: HostParams) -> list[tuple[str, str]]:
    """Return level and text of what stops a step's plan; each says why and what to do."""
    planned = step.plan(params, machine.facts(step.asks(params)))
    assert planned.stops
    assert all(f.do and f.why for f in planned.stops)
    return [(f.level, f.what) for f in planned.stops]


def faults(machine: Machine, step: Any, params: HostParams, level: str = "fail") -> list[str]:
    """Return the text of a check's findings of one level; each says what to do."""
    found = step.check(params, machine.facts(step.asks(params)))
    assert all(f.do for f in found)
    return [f.what for f in found if f.level == level]
