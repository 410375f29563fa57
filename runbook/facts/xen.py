"""What runs when Xen runs: the hypervisor, its command line, the domains, the devices given up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.facts import xl
from runbook.facts.xl import Row
from runbook.model.ask import Ask, Facts

ASSIGNABLE = Ask.run("xl", "pci-assignable-list")
_ASSIGNED = Ask.run("xenstore-ls", "-f", "/local/domain/0/backend/pci")
_CMDLINE = Ask.read("/proc/cmdline")

COMMANDS = (xl.INFO, xl.LIST, ASSIGNABLE, _ASSIGNED, _CMDLINE)
_BDFS = re.compile(r"(?<![0-9a-f])[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


HIDES = ("xen-pciback.hide=", "xen_pciback.hide=")
"""How a word of dom0's kernel begins that hides devices: it takes - and _ in a module's name for one."""


@dataclass(frozen=True)
class Xen:
    """The running hypervisor; empty when the host runs without one."""

    version: str
    """Major and minor, such as `4.20`; '' without Xen."""
    full_version: str
    capabilities: tuple[str, ...]
    """`virt_caps` of `xl info`: hvm, hvm_directio …"""
    cpus: int
    commandline: tuple[str, ...]
    """Words that the hypervisor was started with."""
    kernel_commandline: tuple[str, ...]
    """Words that the running kernel was started with, under Xen or not."""
    domains: tuple[Row, ...]
    assignable: tuple[str, ...]
    """PCI devices that wait for a guest."""
    assigned: tuple[tuple[str, int], ...]
    """PCI devices that a guest has, each with the guest's domain number."""

    @property
    def dom0(self) -> Row | None:
        """dom0, None without Xen."""
        return next((d for d in self.domains if d.id == 0), None)

    @property
    def guests(self) -> tuple[Row, ...]:
        """The running domains but dom0."""
        return tuple(d for d in self.domains if d.id)

    @property
    def hidden_on_kernel_line(self) -> tuple[str, ...]:
        """The `xen-pciback.hide=` words of the running kernel, each once: a list that is given twice is one list."""
        words = (w for w in self.kernel_commandline if w.startswith(HIDES))
        return tuple(dict.fromkeys(words))


def parse(facts: Facts) -> Xen:
    """Return the hypervisor of the facts."""
    info = xl.info(facts)
    number = (info.get("xen_major", ""), info.get("xen_minor", ""))
    return Xen(
        version=".".join(number) if all(number) else "",
        full_version=info.get("xen_version", ""),
        capabilities=tuple(info.get("virt_caps", "").split()),
        cpus=int(info.get("nr_cpus") or 0),
        commandline=tuple(w for w in info.get("xen_commandline", "").split() if w != "placeholder"),
        kernel_commandline=tuple(w for w in facts[_CMDLINE].out.split() if w != "placeholder"),
        domains=xl.rows(facts[xl.LIST].out),
        assignable=assignable(facts) or (),
        assigned=assigned(facts[_ASSIGNED].out),
    )


def assignable(facts: Facts) -> tuple[str, ...] | None:
    """Return the PCI devices that wait for a guest, None where nobody says."""
    if ASSIGNABLE not in facts or not facts[ASSIGNABLE].ok:
        return None
    return tuple(sorted(_BDFS.findall(facts[ASSIGNABLE].out)))


def assigned(text: str) -> tuple[tuple[str, int], ...]:
    """Return each PCI device that xenstore says a guest has, with the guest's number.

    >>> assigned('/local/domain/0/backend/pci/4/0/dev-0 = "0000:00:05.0"   (n0,r4)')
    (('0000:00:05.0', 4),)
    """
    rows = re.findall(r'(?m)/backend/pci/(\d+)/\d+/dev-\d+ = "([0-9a-fA-F:.]+)"', text)
    return tuple((bdf.lower(), int(number)) for number, bdf in rows)
