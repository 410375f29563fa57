"""What keeps PCI devices apart, and what does not: ACS, virtual functions, memory that the firmware holds for some."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

# With one -v lspci names each capability and reads no more of it; one process for all devices, -n without names.
_CAPABILITIES = Ask.shell(
    "lspci -Dnv 2>/dev/null | grep -E '^[0-9a-f]|[]] Express|Access Control Services|access denied'; true"
)
_PHYSICAL = Ask.shell(
    "find /sys/bus/pci/devices/*/ -maxdepth 1 -type l -name physfn -printf '%p %l\\n' 2>/dev/null; true"
)
_REGIONS = Ask.shell("cd /sys/kernel/iommu_groups 2>/dev/null && grep -s direct */reserved_regions; true")
_CMDLINE = Ask.read("/proc/cmdline")

COMMANDS = (_CAPABILITIES, _PHYSICAL, _REGIONS, _CMDLINE)

DOWN = frozenset({"Root Port", "Downstream Port"})
"""The ports of PCI Express that lead down: they keep what is below apart only with ACS."""

_EXPRESS = re.compile(
    r"\] Express (?:\(v\d\) )?(Root Port|Downstream Port|Upstream Port|PCI-Express to PCI/PCI-X Bridge"
    r"|PCI/PCI-X to PCI-Express Bridge|[A-Za-z ]*[A-Za-z])"
)


@dataclass(frozen=True)
class Region:
    """Memory that Linux leaves mapped one to one for a group, because the firmware says so."""

    start: str
    end: str
    groups: frozenset[int]
    is_relaxable: bool
    """True when Linux lets a guest go without it: USB controllers and graphics of Intel's platforms."""


@dataclass(frozen=True)
class Isolation:
    """What the host says about the ways between its devices; nothing where it could not say."""

    kinds: Mapping[str, str]
    """For each address whose capabilities could be read what lspci calls it; '' for conventional PCI."""
    acs: frozenset[str]
    """The addresses with Access Control Services (PCI Express Base Specification, 6.12)."""
    physical: Mapping[str, str]
    """For each virtual function its physical function (SR-IOV)."""
    regions: tuple[Region, ...]
    is_forced: bool
    """True where the kernel was told to call devices apart that are not: `pcie_acs_override` of patched kernels."""


def parse(facts: Facts) -> Isolation:
    """Return what the facts say about isolation; an unanswered question says nothing."""
    kinds, acs = capabilities(facts[_CAPABILITIES].out)
    links = (line.split(" ", 1) for line in facts[_PHYSICAL].out.splitlines() if " " in line)
    physical = {at.split("/")[-2]: to.rpartition("/")[2] for at, to in links}
    words = (facts.text(_CMDLINE.argv[0]) or "").split()
    is_forced = any(word.startswith("pcie_acs_override=") for word in words)
    return Isolation(kinds, acs, physical, tuple(_regions(facts[_REGIONS].out)), is_forced)


def capabilities(text: str) -> tuple[dict[str, str], frozenset[str]]:
    """Return the kind of each device that lspci could read, and those with ACS.

    >>> kinds, acs = capabilities(
    ...     "0000:00:1c.0 0604: 8086:a110 (rev f1)\\n"
    ...     "\\tCapabilities: [40] Express Root Port (Slot+), MSI 00\\n"
    ...     "\\tCapabilities: [140] Access Control Services\\n"
    ...     "0000:00:1f.4 0c05: 8086:a123\\n"
    ...     "0000:02:00.0 0200: 8086:1533\\n\\tCapabilities: <access denied>\\n")
    >>> kinds, sorted(acs)
    ({'0000:00:1c.0': 'Root Port', '0000:00:1f.4': ''}, ['0000:00:1c.0'])
    """
    kinds: dict[str, str] = {}
    acs: set[str] = set()
    at = ""
    for line in text.splitlines():
        if not line.startswith("\t"):
            at = line.split(" ", 1)[0]
            kinds[at] = ""
        elif "access denied" in line:
            kinds.pop(at, None)
        elif "Access Control Services" in line:
            acs.add(at)
        elif found := _EXPRESS.search(line):
            kinds[at] = found[1]
    return kinds, frozenset(acs)


def _regions(text: str) -> Iterator[Region]:
    """Yield the regions of `GROUP/reserved_regions` (Documentation/ABI/testing/sysfs-kernel-iommu_groups).

    >>> list(_regions("3/reserved_regions:0x00000000bdf4b000 0x00000000bdf6afff direct-relaxable\\n"))
    [Region(start='0x00000000bdf4b000', end='0x00000000bdf6afff', groups=frozenset({3}), is_relaxable=True)]
    """
    found: dict[tuple[str, str], dict[int, str]] = {}
    for line in text.splitlines():
        group, _, rest = line.partition("/reserved_regions:")
        words = rest.split()
        if group.isdigit() and len(words) == 3 and words[2] in ("direct", "direct-relaxable"):
            found.setdefault((words[0], words[1]), {})[int(group)] = words[2]
    for (start, end), groups in found.items():
        yield Region(start, end, frozenset(groups), set(groups.values()) == {"direct-relaxable"})
