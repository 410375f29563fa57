"""The devices to hide: which kernel modules would claim them, and whether the boot files know of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts
from runbook.params import HostParams

OPTIONS = "/etc/modprobe.d/xen-pciback.conf"
EARLY = "/etc/initramfs-tools/modules"

# A folder's time changes when a file in it is replaced or removed, so it stands for the file as well.
_IMAGES = Ask.shell(
    f"m={EARLY}; [ -e $m ] || m=/etc/modprobe.d\n"
    "while read -r k v; do [ $k = btime ] && b=$v; done </proc/stat\n"
    "find /boot -maxdepth 1 \\( -name 'vmlinuz-*' -printf 'kernel %f %s\\n' -o -name 'initrd.img-*'"
    " -printf 'image %f %s\\n' \\( \\( ! -newer /etc/modprobe.d -o ! -newer $m \\) -printf 'stale %f\\n' ,"
    " -newermt @$b -printf 'new %f\\n' \\) \\)"
)


@dataclass(frozen=True)
class Candidate:
    """One device of the hide list as the host has it."""

    bdf: str
    id: str
    """vendor:device."""
    driver: str
    """The driver that is bound to it now, '' for none; `pciback` when it is hidden."""
    modules: tuple[str, ...]
    """Kernel modules that would claim it, sorted."""


@dataclass(frozen=True)
class Hiding:
    """What hiding devices depends on."""

    candidates: tuple[Candidate, ...]
    """The devices of the parameters that exist."""
    builtin: tuple[str, ...]
    """Those of the claiming drivers that are built into the kernel: nothing can load before them."""
    has_pciback: bool
    """True when the running kernel comes with xen-pciback."""
    images: tuple[str, ...]
    """Initial RAM disks of the installed kernels."""
    stale: tuple[str, ...]
    """Those of them that are older than the files they are made from."""
    built_since_boot: bool
    """True when one was made after this boot began: only the next boot will use it."""
    largest_image_mib: int

    def device(self, bdf: str) -> Candidate | None:
        """Return the device at an address, None when there is none."""
        return next((c for c in self.candidates if c.bdf == bdf), None)


def commands(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the devices of the parameters."""
    return (_claims(params), _IMAGES, Ask.read(OPTIONS), Ask.read(EARLY))


def parse(facts: Facts, params: HostParams) -> Hiding:
    """Return the answers for the devices of the parameters."""
    lines = facts[_claims(params)].out.splitlines()
    candidates = devices(lines)
    rows = [line.split() for line in facts[_IMAGES].out.splitlines()]
    kernels = {row[1].removeprefix("vmlinuz-") for row in rows if row[0] == "kernel"}
    mine = [row for row in rows if row[1].removeprefix("initrd.img-") in kernels]
    sizes = [int(row[2]) for row in mine if row[0] == "image"]
    return Hiding(
        candidates=candidates,
        builtin=tuple(sorted(line.split()[1] for line in lines if line.startswith("builtin "))),
        has_pciback="pciback" in lines,
        images=tuple(sorted(row[1] for row in mine if row[0] == "image")),
        stale=tuple(sorted(row[1] for row in mine if row[0] == "stale")),
        built_since_boot=any(row[0] == "new" for row in mine),
        largest_image_mib=-(-max(sizes, default=0) // 2**20),
    )


def devices(lines: list[str]) -> tuple[Candidate, ...]:
    """Return the devices of `= BDF ID DRIVER` lines, each followed by the names of its modules.

    >>> devices(["= 0000:00:06.0 1b36:000d xhci_hcd", "claims xhci_pci"])
    (Candidate(bdf='0000:00:06.0', id='1b36:000d', driver='xhci_hcd', modules=('xhci_pci',)),)
    """
    found: list[tuple[str, str, str, set[str]]] = []
    for line in lines:
        if line.startswith("= "):
            bdf, name, *driver = line[2:].split()
            found.append((bdf, name, driver[0] if driver else "", set()))
        elif line.startswith("claims "):
            found[-1][3].update(line.split()[1:])
    return tuple(Candidate(bdf, name, driver, tuple(sorted(names))) for bdf, name, driver, names in found)


def hidden_by(text: str) -> tuple[str, ...]:
    """Return the addresses of each `hide=` for xen-pciback in a modprobe.d(5) file, or a list of early modules, in full form.

    The driver takes `*` for a function, or for a slot and its functions (Linux, pci_stub.c); such stay as they are.

    >>> hidden_by("options xen-pciback hide=(0000:00:05.0)(07:00.1)\\nsoftdep e1000e pre: xen-pciback\\n")
    ('0000:00:05.0', '0000:07:00.1')
    >>> hidden_by("# xen-pciback hide=(01:00.0)\\nxen_pciback passthrough=1 hide=(0a:00.*)\\n")
    ('0000:0a:00.*',)
    """
    hidden = re.findall(
        r"(?m)^[ \t]*(?:options[ \t]+)?xen[-_]pciback[ \t].*?\bhide=(\S+)", re.sub(r"\\\n", " ", text)
    )
    found = re.findall(
        r"\(((?:[0-9a-f]{4}:)?[0-9a-f]{2}:(?:[0-9a-f]{2}|\*)\.[0-7*])\)", "".join(hidden).lower()
    )
    return tuple(dict.fromkeys(address if address.count(":") > 1 else f"0000:{address}" for address in found))


def _claims(params: HostParams) -> Ask:
    """Ask by modalias: a driver's name is not its module's (xhci_hcd is in xhci_pci), and a hidden
    device's driver is pciback."""
    bdfs = " ".join(sorted(device.bdf for device in params.passthrough.devices))
    if not bdfs:
        return Ask.shell("true")
    return Ask.shell(
        f"all=\nfor d in {bdfs}; do\n"
        "p=/sys/bus/pci/devices/$d; [ -e $p ] || continue\n"
        "read -r v <$p/vendor; read -r i <$p/device; read -r a <$p/modalias; l=$(readlink $p/driver)\n"
        'm=$(modprobe -R "$a" 2>/dev/null); m=$(echo $m)\n'
        'echo "= $d ${v#0x}:${i#0x} ${l##*/}"; echo "claims $m"; all="$all $m ${l##*/}"\n'
        "done\n"
        "modinfo -F filename xen-pciback >/dev/null 2>&1 && echo pciback\n"
        'e=$(echo $all | tr "\\n -" "||_"); [ -n "${e%|}" ] || exit 0\n'
        'tr - _ </lib/modules/$(uname -r)/modules.builtin | sed -n -E "s,.*/(${e%|})\\.ko$,builtin \\1,p"'
    )
