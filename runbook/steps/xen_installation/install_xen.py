"""Xen, its tools and the device model from Debian's packages, with plain Debian still started first."""

from __future__ import annotations

from typing import Any

from runbook import releases
from runbook.actions import InstallPackages, WriteFile
from runbook.ask import Ask, Facts
from runbook.facts import files
from runbook.facts.packages import Packages
from runbook.params import HostParams
from runbook.plan import Finding, Plan
from runbook.steps.xen_configuration import menu
from runbook.steps.xen_installation import apt

TITLE = "Install Xen, its tools and the device model"
GUIDE = (
    "“Compiling and Installing Xen”: it built Xen 4.2 from source (H501–H512); Debian's packages "
    "carry all of it now"
)
RISK = "safe"

DEVICE_MODEL = "/usr/libexec/xen-qemu-system-i386"
_HYPERVISORS = Ask.run("find", "/boot", "-maxdepth", "1", "-name", "xen-*-amd64.gz", "-printf", "%f\\n")
_CPU = Ask.run("grep", "-m2", "-E", "^(vendor_id|flags)", "/proc/cpuinfo")
_PATHS = (DEVICE_MODEL, "/usr/sbin/update-grub")


def asks(params: HostParams) -> tuple[Ask, ...]:
    own = (_HYPERVISORS, Ask.read(menu.KEEP_DEFAULT_FILE), _CPU, *files.commands(*_PATHS))
    return (*apt.asks(params), *own)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Keep plain Debian the default, then install what is missing.

    The order matters: the packages regenerate the boot menu, and without the file they would make
    Xen, still without its configuration, the entry that the next power failure starts.
    """
    now = apt.read(params, facts)
    missing = now.missing(apt.wanted(params))
    actions: list[Any] = []
    if facts.text(menu.KEEP_DEFAULT_FILE) != menu.KEEP_DEFAULT:
        actions.append(WriteFile(menu.KEEP_DEFAULT_FILE, menu.KEEP_DEFAULT))
    if missing:
        actions.append(InstallPackages(missing, now.delta))
    findings = [*_stops(now, facts), *_os_prober(now)] if missing else _os_prober(now)
    mib = -(-now.download_bytes // 2**20)
    return Plan(tuple(actions), tuple(findings), f"{mib} MiB to download." if missing and mib else "")


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every package is whole, and the two files that a start needs are there."""
    now = apt.read(params, facts)
    found = [
        Finding(
            "fail",
            f"The package {name} is not installed",
            do="run this step in mode apply, and read what apt said",
        )
        for name in now.missing(apt.wanted(params))
    ]
    if not facts[_HYPERVISORS].out.strip():
        found.append(
            Finding(
                "fail",
                "There is no hypervisor image in /boot",
                "its package brings /boot/xen-VERSION-amd64.gz, which GRUB starts",
                "run `apt-get install --reinstall xen-hypervisor-"
                + releases.get(params.release).xen
                + "-amd64`",
                "facts §3",
            )
        )
    if DEVICE_MODEL not in files.parse(facts, *_PATHS):
        found.append(
            Finding(
                "fail",
                "The device model is missing: no guest of type hvm can start",
                f"{DEVICE_MODEL} comes with qemu-system-xen, which Debian only recommends",
                "run `apt-get install --reinstall qemu-system-xen`",
                "facts §3",
            )
        )
    return [*found, *_microcode(now, facts)]


def _stops(now: Packages, facts: Facts) -> list[Finding]:
    found = apt.obstacles(now)
    if "/usr/sbin/update-grub" not in files.parse(facts, *_PATHS):
        found.append(
            Finding(
                "refuse",
                "This host does not boot with GRUB",
                "`update-grub` is not there; Xen is started by GRUB's menu, once, with a way back",
                "install grub-efi-amd64 (or grub-pc on a BIOS machine) as its boot loader, then run again",
                "facts §6.2",
            )
        )
    if not now.lists:
        found.append(
            Finding(
                "wait",
                "apt has no package lists yet",
                "so it cannot say what it would install",
                "run the step refresh_package_lists first",
            )
        )
    elif now.unknown:
        found.append(
            Finding(
                "refuse",
                f"apt finds no package {', '.join(now.unknown)}",
                "the sources of this host do not offer it: another release, or a missing component",
                "look at /etc/apt/sources.list.d (main of this release is enough), run `apt-get update`, "
                "then run again",
                "sources.list(5)",
            )
        )
    elif now.apt_error:
        found.append(
            Finding(
                "refuse",
                "apt cannot install Xen",
                now.apt_error.splitlines()[-1],
                "run `apt-get -s install xen-system-amd64` on the host and correct what it names",
            )
        )
    return [*found, *apt.room(facts, now.download_bytes)]


def _os_prober(now: Packages) -> list[Finding]:
    if "os-prober" not in now.installed:
        return []
    return [
        Finding(
            "warn",
            "os-prober is installed",
            "when it is switched on, every update of the boot menu mounts the guests' volumes to look for "
            "systems",
            "run `apt-get purge os-prober` unless another system on this machine needs it",
            "facts §3",
        )
    ]


def _microcode(now: Packages, facts: Facts) -> list[Finding]:
    """Virtual machines cannot load microcode, so they are not told about it."""
    cpu = facts[_CPU].out
    package = "intel-microcode" if "GenuineIntel" in cpu else "amd64-microcode"
    if " hypervisor" in cpu or package in now.installed or "vendor_id" not in cpu:
        return []
    return [
        Finding(
            "info",
            f"The processor's updates ({package}) are not installed",
            "they mend faults through which a guest can read its neighbours; Xen loads them from the "
            "initial RAM disk",
            f"add the component non-free-firmware to the sources and install {package}",
            "Xen command line, ucode=scan",
        )
    ]
