"""A machine for chapter 04: it answers what the steps ask, and carries out what they plan.

The menu is the testbed's own, with an entry for each kernel as Debian's scripts order them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from runbook import actions as act
from runbook.builds import kernel
from runbook.facts import delivered, grub, kernel_config, xen, xl
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.steps.kernel import install_kernel

DEBIAN = "6.12.117+deb13-amd64"
OWN = "6.12.117-xenhost"
ROOT = "b89e957f-87e6-4a76-a568-8371dc69bb5d"
ADVANCED = f"gnulinux-advanced-{ROOT}"
SIMPLE = f"gnulinux-simple-{ROOT}"
SAMPLES = Path(__file__).parent / "samples"
BUILD_SAMPLES = Path(__file__).parent.parent / "builds" / "samples"
DEBIAN_CONFIG = (BUILD_SAMPLES / "config-6.12-base.txt").read_text(encoding="utf-8")


def params(**changes: Any) -> HostParams:
    """Return parameters that ask for a kernel; `changes` are of the section kernel."""
    section = {"build": True, "base": "small", **changes}
    host = {"host": "h", "connection": {"kind": "local"}, "kernel": section}
    return HostParams.model_validate(host)


def path_of(release: str) -> str:
    """Return what grub-reboot takes for a kernel."""
    return f"{ADVANCED}>gnulinux-{release}-advanced-{ROOT}"


@cache
def menu(kernels: tuple[str, ...], default: str) -> str:
    """Return the testbed's grub.cfg for these kernels, the first of them on top."""
    text = (SAMPLES / "grub-bare.cfg").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    begins = next(
        i for i, line in enumerate(lines) if line.startswith("\tmenuentry '") and "(recovery" not in line
    )
    ends = next(i for i, line in enumerate(lines[begins:], begins) if line == "}\n")
    head, advanced, tail = lines[:begins], "".join(lines[begins:ends]), lines[ends:]
    top = "".join(head).replace(DEBIAN, kernels[0])
    each = "".join(advanced.replace(DEBIAN, name) for name in kernels)
    return (top + each + "".join(tail)).replace('set default="0"', f'set default="{default}"')


@dataclass
class Machine:
    """One machine; tests change its fields to break it."""

    running: str = DEBIAN
    kernels: list[str] = field(default_factory=lambda: [DEBIAN])
    installed: dict[str, str] = field(default_factory=dict)
    delivered: dict[str, Any] = field(default_factory=dict)
    listing: str = ""
    configs: dict[str, str] = field(default_factory=lambda: {DEBIAN: DEBIAN_CONFIG})
    files: dict[str, str] = field(default_factory=dict)
    default: str = "0"
    saved_entry: str = ""
    next_entry: str = ""
    boot_on: str = "/dev/vda2 ext4"
    boot_mib: int = 800
    builtin: tuple[str, ...] = (OWN,)
    starts: bool = True
    """False for a new kernel that panics."""
    domains: str = ""
    done: list[str] = field(default_factory=list)

    def facts(self, asks: tuple[Ask, ...]) -> Facts:
        return Facts({ask: self._answer(ask) for ask in asks})

    def apply(self, planned: Plan) -> None:
        for action in planned.actions:
            self.done.append(action.title)
            self._do(action)

    def _answer(self, ask: Ask) -> Answer:
        if ask.kind == "read":
            path = ask.argv[0]
            known = {
                grub.CONFIG: menu(tuple(self.kernels), self.default),
                "/proc/cmdline": "BOOT_IMAGE=/vmlinuz ro quiet\n",
                f"{delivered.folder('kernel')}/manifest.json": json.dumps(self.delivered)
                if self.delivered
                else None,
            }
            text = known.get(path, self.files.get(path))
            return Answer(MISSING) if text is None else Answer(0, text)
        own_config = next((self.configs[k] for k in self.configs if k.endswith("-xenhost")), "")
        debian = [k for k in sorted(self.configs) if not k.endswith("-xenhost")][-1:]
        base = f"/boot/config-{debian[0]}\n" if debian else ""
        rows = "".join(f"ii |{name}|{version}\n" for name, version in self.installed.items())
        flags = self.configs.get(self.running, "")
        table = {
            kernel_config._RUNNING: Answer(0, f"{self.running}\n"),
            kernel_config._flags(): Answer(0 if flags else 2, flags),
            kernel_config._packages("-xenhost"): Answer(0 if rows else 1, rows),
            kernel_config._own("-xenhost"): Answer(0, own_config),
            kernel_config._debian("-xenhost", "small"): Answer(0, base),
            kernel_config._debian("-xenhost", "running"): Answer(
                0, base + "".join(self.configs[k] for k in debian)
            ),
            kernel_config._BUILTIN: Answer(0 if self.running in self.builtin else 1),
            delivered.commands("kernel")[1]: Answer(0, self.listing),
            grub._ENVIRONMENT: Answer(0, f"saved_entry={self.saved_entry}\nnext_entry={self.next_entry}\n"),
            grub._HYPERVISORS: Answer(0),
            grub._NEWER: Answer(0),
            grub._MOUNT: Answer(0, self.boot_on + "\n"),
            xl.INFO: Answer(1),
            xl.LIST: Answer(0, self.domains),
            xen.ASSIGNABLE: Answer(1),
            xen._ASSIGNED: Answer(1),
        }
        if ask in table:
            return table[ask]
        assert ask.argv[0] == "df", f"the machine was asked something new: {ask.argv}"
        rooms = {"/boot": self.boot_mib, "/usr": 9000, "/var/cache": 9000}
        return Answer(0, f"Avail\n{rooms[ask.argv[-1]] * 2**20}\n")

    def _do(self, action: Any) -> None:
        match action:
            case act.Deliver(recipe=recipe, wanted=wanted):
                names = ["linux-image", *(["linux-headers"] if len(wanted) > 1 else [])]
                files = [
                    {"name": f"{n}-{OWN}_6.12.117-1+{recipe.digest()}_amd64.deb", "size": 9, "sha256": "ab"}
                    for n in names
                ]
                self.delivered = {"recipe": recipe.key, "files": files}
                self.listing = "".join(f"{f['size']} {f['name']}\n" for f in files)
            case act.InstallPackages(names=names):
                for path in names:
                    _, name, version, _ = delivered.package(path, "")
                    self.installed[name] = version
                self._new_kernel()
            case act.WriteFile(path=path, content=content):
                self.files[path] = content
            case act.Reboot():
                entry = grub.parse(self.facts(grub.COMMANDS)).entry(self.next_entry or self.saved_entry)
                self.next_entry = ""
                new = entry.image.rpartition("/vmlinuz-")[2]
                self.running = new if self.starts or new == DEBIAN else DEBIAN
            case act.Run(argv=("grub-set-default", name)):
                self.saved_entry = name
            case act.Run(argv=("grub-reboot", name)):
                self.next_entry = name
            case act.Run(argv=("update-grub",)):
                self.update_grub()
            case act.Run(argv=("sh", "-c", script)):
                assert "is-system-running" in script
            case _:
                raise AssertionError(f"the machine knows no action {action}")

    def _new_kernel(self) -> None:
        """What the package's own scripts do: a new menu with the newest kernel on top, and its configuration."""
        self.kernels = [OWN, *(k for k in self.kernels if k != OWN)]
        built = DEBIAN_CONFIG.replace("CONFIG_XEN_PCIDEV_BACKEND=m", "CONFIG_XEN_PCIDEV_BACKEND=y")
        self.configs[OWN] = built
        self.update_grub()

    def update_grub(self) -> None:
        is_saved = install_kernel.SAVED_FILE in self.files
        self.default = "${saved_entry}" if is_saved else "0"


def digest(asked: HostParams) -> str:
    """Return the digest of the kernel that parameters with `base: small` ask for."""
    return kernel.recipe(asked, None).digest()


__all__ = ["ADVANCED", "DEBIAN", "OWN", "SIMPLE", "Machine", "digest", "params", "path_of"]
