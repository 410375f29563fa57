"""Every PCI device of the host: what it is, who drives it, where it hangs, how it can be reset."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from runbook.facts.shell_words import shell_words
from runbook.model.ask import Ask, Facts

_ATTRIBUTES = Ask.shell(
    "cd /sys/bus/pci/devices && grep -s . */vendor */device */class */boot_vga */reset_method"
    " */secondary_bus_number */max_link_speed; true"
)
_LINKS = Ask.shell(
    "find /sys/bus/pci/devices/ /sys/bus/pci/devices/*/ -maxdepth 1 -type l"
    " \\( -name '????:??:??.?' -o -name driver -o -name iommu_group \\) -printf '%p %l\\n'"
)
# Domains beyond ffff, whose names are longer; and, by the same pattern, what a device needs: `supplier:pci:…` (device links
# of the kernel's driver core), such as a port the Thunderbolt host interface that tunnels to it.
_BEYOND = Ask.shell(
    "find /sys/bus/pci/devices/ /sys/bus/pci/devices/*/ -maxdepth 1 -type l"
    " -name '?????*:??:??.?' ! -name 'consumer:*' -printf '%p %l\\n' 2>/dev/null; true"
)
_NAMES = Ask.run("lspci", "-Dmmnn")
# One modprobe a device, bridges left out: it alone knows built-in modules and local aliases.
_MODULES = Ask.shell(
    "cd /sys/bus/pci/devices && for d in *; do read -r c <$d/class; case $c in 0x06*) continue;; esac;"
    ' read -r a <$d/modalias && echo "= $d" && modprobe -R "$a" 2>/dev/null; done; true'
)

COMMANDS = (_ATTRIBUTES, _LINKS, _BEYOND, _NAMES, _MODULES)

NF200 = ("10de:05b1", "10de:05b8", "10de:05be")
"""The NF200 switches, which no IOMMU can see through (H104)."""

_VMD = frozenset(
    f"8086:{number}"
    for number in ("201d", "28c0", "467f", "4c3d", "7d0b", "9a0b", "a77f", "ad0b", "b06f", "b60b")
)
"""Intel's VMD, by the table of Linux' driver (drivers/pci/controller/vmd.c)."""
_BDF = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
_REVISION = re.compile(r"""^([0-9a-f:.]+) "[^\n]*?" -r([0-9a-f]{2})\b""", re.MULTILINE)
_CLASSES = {
    "00": "Unclassified device", "01": "Mass storage controller", "02": "Network controller",
    "03": "Display controller", "04": "Multimedia controller", "05": "Memory controller",
    "06": "Bridge", "07": "Communication controller", "08": "Generic system peripheral",
    "09": "Input device controller", "0b": "Processor", "0c": "Serial bus controller",
    "0d": "Wireless controller", "10": "Encryption controller", "11": "Signal processing controller",
    "0101": "IDE interface", "0104": "RAID bus controller", "0106": "SATA controller",
    "0107": "Serial Attached SCSI controller", "0108": "Non-Volatile memory controller",
    "0200": "Ethernet controller", "0300": "VGA compatible controller", "0403": "Audio device",
    "0600": "Host bridge", "0601": "ISA bridge", "0604": "PCI bridge", "0806": "IOMMU",
    "0c03": "USB controller", "0c05": "SMBus",
}  # fmt: skip


@dataclass(frozen=True)
class Device:
    """One function of one PCI device."""

    bdf: str
    id: str
    """vendor:device, such as `8086:10d3`."""
    class_code: str
    """Six hexadecimal digits: class, subclass, programming interface."""
    class_name: str
    name: str
    """Vendor and device in words; the id again where nobody could say."""
    driver: str
    """The driver bound to it now: `pciback` when it is hidden, '' when there is none."""
    modules: tuple[str, ...]
    """The kernel modules that would claim it, whatever is bound now (`modprobe -R`)."""
    group: int | None
    """Its IOMMU group; None where Linux shows none (under Xen it never does)."""
    reset_methods: tuple[str, ...]
    is_boot_vga: bool
    path: tuple[str, ...]
    """The addresses of the bridges above it, outermost first."""
    secondary_bus: int | None
    """For a bridge, the number of the bus behind it; None for every other device."""
    is_express: bool
    """True for PCI Express; False for conventional PCI."""
    suppliers: tuple[str, ...] = ()
    """The PCI devices that Linux says it needs, those above it left out."""
    revision: int | None = None
    """Its revision as lspci shows it; None where lspci names none."""

    @property
    def is_bridge(self) -> bool:
        """True for every kind of bridge: by class, or because there is a bus behind it (header type 1)."""
        return self.class_code.startswith("06") or self.secondary_bus is not None

    @property
    def is_vmd(self) -> bool:
        """True for Intel's Volume Management Device, which has a PCI domain of its own behind it."""
        return self.id in _VMD or self.driver == "vmd"

    @property
    def slot(self) -> str:
        """The address without the function: functions of one device share it."""
        return self.bdf.rpartition(".")[0]


def parse(facts: Facts) -> tuple[Device, ...]:
    """Return the devices of the facts, in the order of their addresses.

    >>> last_bdf("../../../devices/pci0000:00/0000:00:1c.0/0000:02:00.0/virtio1/block/vda")
    '0000:02:00.0'
    """
    attributes: dict[str, dict[str, str]] = defaultdict(dict)
    for line in facts[_ATTRIBUTES].out.splitlines():
        bdf, _, rest = line.partition("/")
        name, _, value = rest.partition(":")
        attributes[bdf][name] = value.strip()
    lines = [*facts[_LINKS].out.splitlines(), *(facts[_BEYOND].out.splitlines() if _BEYOND in facts else ())]
    links = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines}
    links = {key.removeprefix("/sys/bus/pci/devices/").replace("//", "/"): to for key, to in links.items()}
    for bdf, _, supplier in (key.partition("/supplier:pci:") for key in sorted(links)):
        if supplier and bdf in attributes:
            attributes[bdf]["suppliers"] = f"{attributes[bdf].get('suppliers', '')} {supplier}"
    names = lspci_names(facts[_NAMES].out)
    revisions = lspci_revisions(facts[_NAMES].out)
    modules = modules_of(facts[_MODULES].out)
    return tuple(
        _device(bdf, attributes[bdf], links, names.get(bdf), modules.get(bdf, ()), revisions.get(bdf))
        for bdf in sorted(attributes)
    )


def _device(
    bdf: str,
    values: dict[str, str],
    links: dict[str, str],
    names: tuple[str, str] | None,
    modules: tuple[str, ...],
    revision: int | None,
) -> Device:
    code = values["class"].removeprefix("0x")
    identity = f"{values['vendor'][2:]}:{values['device'][2:]}"
    fallback = (_CLASSES.get(code[:4]) or _CLASSES.get(code[:2], f"Class {code[:4]}"), f"device {identity}")
    class_name, name = names or fallback
    group = links.get(f"{bdf}/iommu_group", "").rpartition("/")[2]
    bus = values.get("secondary_bus_number")
    return Device(
        bdf=bdf,
        id=identity,
        class_code=code,
        class_name=class_name,
        name=name,
        driver=links.get(f"{bdf}/driver", "").rpartition("/")[2],
        modules=modules,
        group=int(group) if group else None,
        reset_methods=tuple(values.get("reset_method", "").split()),
        is_boot_vga=values.get("boot_vga") == "1",
        path=bdfs_in(links.get(bdf, ""))[:-1],
        secondary_bus=int(bus, 0) if bus else None,
        is_express="max_link_speed" in values,
        suppliers=tuple(values.get("suppliers", "").split()),
        revision=revision,
    )


def bdfs_in(path: str) -> tuple[str, ...]:
    """Return the PCI addresses that a sysfs path goes through, outermost first."""
    return tuple(part for part in path.split("/") if _BDF.fullmatch(part))


def last_bdf(path: str) -> str:
    """Return the PCI device that the thing at a sysfs path hangs on, '' when it is a virtual thing."""
    return (bdfs_in(path) or ("",))[-1]


def lspci_names(text: str) -> dict[str, tuple[str, str]]:
    """Return class and name of each device from `lspci -Dmmnn`, without the numbers.

    >>> lspci_names('0000:00:02.0 "Ethernet controller [0200]" "Intel Corp. [8086]" "82574L [10d3]" -p00')
    {'0000:00:02.0': ('Ethernet controller', 'Intel Corp. 82574L')}
    """
    rows = (shell_words(line)[:4] for line in text.splitlines() if line.strip())
    return {row[0]: (_bare(row[1]), f"{_bare(row[2])} {_bare(row[3])}") for row in rows if len(row) == 4}


def lspci_revisions(text: str) -> dict[str, int]:
    """Return the revision of each device for which `lspci -Dmmnn` shows one: it leaves out the revision 0.

    >>> lspci_revisions('0000:00:00.0 "Host bridge [0600]" "Intel [8086]" "X58 [3405]" -r13 "A" "B"')
    {'0000:00:00.0': 19}
    """
    return {found[1]: int(found[2], 16) for found in _REVISION.finditer(text)}


def _bare(text: str) -> str:
    return re.sub(r" \[[0-9a-f]{4}\]$", "", text)


def modules_of(text: str) -> dict[str, tuple[str, ...]]:
    """Return the modules behind each `= BDF` line, sorted, each once.

    >>> modules_of("= 0000:00:1f.2\\nahci\\n= 0000:00:05.0\\ne1000e\\n")["0000:00:05.0"]
    ('e1000e',)
    """
    found: dict[str, set[str]] = {}
    bdf = ""
    for line in text.splitlines():
        if line.startswith("= "):
            bdf = line[2:].strip()
            found[bdf] = set()
        elif bdf and line.strip():
            found[bdf].add(line.strip())
    return {bdf: tuple(sorted(names)) for bdf, names in found.items()}


def at(devices: Sequence[Device], bdf: str) -> Device | None:
    """Return the device at an address, None when there is none."""
    return next((device for device in devices if device.bdf == bdf), None)
