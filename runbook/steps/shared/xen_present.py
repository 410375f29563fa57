"""What a host with Xen on it must have, however it came there: shared by the installing steps."""

from __future__ import annotations

from runbook import releases
from runbook.actions import WriteFile
from runbook.facts import files, system
from runbook.facts.packages import Packages
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.releases.xen import BUILT, DEVICE_MODEL
from runbook.steps.shared import apt, boot_menu

_CPU = Ask.run("grep", "-m2", "-E", "^(vendor_id|flags)", "/proc/cpuinfo")
_PATHS = (DEVICE_MODEL, "/usr/sbin/update-grub")


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about boot files, the device model, the processor, and what runs."""
    there = (_hypervisors(params), Ask.read(boot_menu.KEEP_DEFAULT_FILE), _CPU, *files.commands(*_PATHS))
    return (*there, *system.COMMANDS)


def beside(params: HostParams, facts: Facts, now: Packages) -> list[Finding]:
    """Return what is on the host already and does not go with the Xen of the parameters."""
    return [*apt.clashes(params, now), *_by_hand(params, facts, now), *os_prober(now)]


def _by_hand(params: HostParams, facts: Facts, now: Packages) -> list[Finding]:
    """Return a refusal where a Xen runs that no package brought: two toolstacks on one host command nothing well."""
    supply = apt.supply(params)
    is_known = any(
        name == BUILT or name.startswith(("xen-system", "xen-hypervisor")) for name in now.installed
    )
    if is_known or not system.parse(facts).is_dom0 or (hypervisors(params, facts) and not supply.is_built):
        return []
    return [
        Finding(
            "refuse",
            "The Xen that runs came from no package",
            "it was installed by hand, as `make install` does: which of the two sets of tools answered would depend on the path",
            "take it away (`make uninstall` where it was built, then `update-grub`), restart into plain Debian, and run again; "
            "guests' configurations and volumes stay where they are",
            "H505",
        )
    ]


def keep_default(facts: Facts) -> list[WriteFile]:
    """Return the file that leaves plain Debian the entry that starts by itself, unless it is there."""
    if facts.text(boot_menu.KEEP_DEFAULT_FILE) == boot_menu.KEEP_DEFAULT:
        return []
    return [WriteFile(boot_menu.KEEP_DEFAULT_FILE, boot_menu.KEEP_DEFAULT)]


def boot_loader(facts: Facts) -> list[Finding]:
    """Return whether GRUB is missing."""
    if "/usr/sbin/update-grub" in files.parse(facts, *_PATHS):
        return []
    return [boot_menu.no_grub("there is no `update-grub`")]


def missing(params: HostParams, now: Packages) -> list[Finding]:
    """Return the packages of Debian's archive that are not whole."""
    return [
        Finding(
            "fail",
            f"The package {name} is not installed",
            do="run this step in mode apply, and read what apt said",
        )
        for name in now.missing(apt.wanted(params))
    ]


def boot_files(params: HostParams, facts: Facts) -> list[Finding]:
    """Return which of the two files that a start needs are not there."""
    found = []
    supply = apt.supply(params)
    if not facts[_hypervisors(params)].out.strip():
        package = supply.provider if supply.is_built else f"xen-hypervisor-{_version(params)}-amd64"
        found.append(
            Finding(
                "fail",
                "There is no hypervisor image in /boot",
                "its package brings /boot/xen-VERSION"
                + ("" if supply.is_built else "-amd64")
                + ".gz, which GRUB starts",
                f"run `apt-get install --reinstall {package}`",
            )
        )
    if DEVICE_MODEL not in files.parse(facts, *_PATHS):
        found.append(
            Finding(
                "fail",
                "The device model is missing: no guest of type hvm can start",
                f"{DEVICE_MODEL} comes with qemu-system-xen, which Debian only recommends",
                "run `apt-get install --reinstall qemu-system-xen`",
            )
        )
    return found


def hypervisors(params: HostParams, facts: Facts) -> tuple[str, ...]:
    """Return the names of the hypervisor's images in /boot."""
    return tuple(sorted(facts[_hypervisors(params)].out.split()))


def os_prober(now: Packages) -> list[Finding]:
    """Return the warning about a program that looks into guests' disks."""
    if "os-prober" not in now.installed:
        return []
    return [
        Finding(
            "warn",
            "os-prober is installed",
            "when it is switched on, every update of the boot menu mounts the guests' volumes to look for "
            "systems",
            "run `apt-get purge os-prober` unless another system on this machine needs it",
        )
    ]


def microcode(now: Packages, facts: Facts) -> list[Finding]:
    """Return the remark about the processor's updates; a virtual machine cannot load any."""
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


def _hypervisors(params: HostParams) -> Ask:
    pattern = apt.supply(params).hypervisor
    return Ask.run("find", "/boot", "-maxdepth", "1", "-name", pattern, "-printf", "%f\\n")


def _version(params: HostParams) -> str:
    return releases.get(params.release).xen
