"""What keeps apt from working, said before it is tried: shared by the steps of this chapter."""

from __future__ import annotations

from runbook import releases
from runbook.facts import packages, space
from runbook.facts.packages import DOWNLOADS, Packages
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.releases import xen
from runbook.releases.xen import Supply
from runbook.steps.shared import room

UPDATE = ("apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update")
"""Fetches the package lists; a source that does not answer is a failure."""
OTHERS = ("os-prober", "intel-microcode", "amd64-microcode")
BOOT_NEED_MIB = 96
"""Installed size of these packages for each byte of download, with room to spare (measured: 8)."""
_PATHS = (DOWNLOADS, "/usr", "/boot")


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about apt and the room it needs."""
    return (*packages.commands(wanted(params), _others(params)), *space.commands(*_PATHS))


def supply(params: HostParams) -> Supply:
    """Return what is true of the Xen that the parameters ask for."""
    return xen.supply(params.xen.source, releases.get(params.release))


def wanted(params: HostParams) -> tuple[str, ...]:
    """Return the packages of a working host that come from Debian's archive."""
    return supply(params).packages


def read(params: HostParams, facts: Facts) -> Packages:
    """Return the packages of the facts."""
    return packages.parse(facts, wanted(params), _others(params))


def obstacles(now: Packages) -> list[Finding]:
    """Return what stops apt whatever it is asked to do."""
    found = []
    if now.lock_holder:
        found.append(
            Finding(
                "refuse",
                "Another program is installing packages",
                f"{now.lock_holder} holds the lock; Debian's own nightly upgrade does this too",
                "wait until it has ended (`ps -p NUMBER` shows it), then run again",
                "apt(8)",
            )
        )
    return [*found, *unfinished(now.broken)]


def before_installing(now: Packages) -> list[Finding]:
    """Return what stops apt, and what it would take away for what it brings."""
    found = obstacles(now)
    if now.removed:
        found.append(
            Finding(
                "loss",
                f"With what is installed here apt would remove {', '.join(now.removed)}",
                "the two cannot be there together; what it did it does no more, and `runbook undo` does not bring it back",
                "leave what asks for the new package out of the parameters, or agree to this very plan",
                "apt-get(8)",
            )
        )
    return found


def unfinished(broken: str) -> list[Finding]:
    """Return the finding of an installation that stopped half way, from what `dpkg --audit` says of it."""
    if not broken:
        return []
    return [
        Finding(
            "refuse",
            "An installation was interrupted",
            broken.splitlines()[0],
            "run `dpkg --configure -a` on the host, then `apt-get -f install`, then run again",
            "dpkg(1) --audit",
        )
    ]


def clashes(params: HostParams, now: Packages) -> list[Finding]:
    """Return whether the other kind of Xen is installed: two toolstacks on one host command nothing well."""
    there = [name for name in supply(params).clashes if name in now.installed]
    if not there:
        return []
    built = supply(params).is_built
    return [
        Finding(
            "refuse",
            "Debian's packages of Xen are installed" if built else "A Xen built from source is installed",
            f"{', '.join(there)}: which of the two sets of tools answered would depend on the path",
            f"run `apt-get purge {' '.join(there)}` on the host while no guest runs, or set "
            + ("`xen.source: packages`" if built else "`xen.source: debian-source`"),
            "H505",
        )
    ]


def archive(now: Packages) -> list[Finding]:
    """Return why apt cannot fetch what is wanted."""
    if not now.lists:
        return [
            Finding(
                "wait",
                "apt has no package lists yet",
                "so it cannot say what it would install",
                "run the step refresh_package_lists first",
                after="refresh_package_lists",
            )
        ]
    if now.unknown:
        return [
            Finding(
                "refuse",
                f"apt finds no package {', '.join(now.unknown)}",
                "the sources of this host do not offer it: another release, or a missing component",
                "look at /etc/apt/sources.list.d (main of this release is enough), run `apt-get update`, "
                "then run again",
                "sources.list(5)",
            )
        ]
    if now.apt_error:
        return [
            Finding(
                "refuse",
                "apt cannot install Xen",
                now.apt_error.splitlines()[-1],
                "run `apt-get -s install xen-system-amd64` on the host and correct what it names",
            )
        ]
    return []


def lacking_room(facts: Facts, download_bytes: int) -> list[Finding]:
    """Return where the room for a download, its unpacking and new boot files is missing."""
    boot = room.lacking(facts, "/boot", BOOT_NEED_MIB, "the hypervisor and a new initial RAM disk")
    return [*room.for_packages(facts, download_bytes), *boot]


def _others(params: HostParams) -> tuple[str, ...]:
    return (*OTHERS, xen.BUILT, *(supply(params).clashes if supply(params).is_built else ()))
