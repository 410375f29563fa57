"""What keeps apt from working, said before it is tried: shared by the steps of this chapter."""

from __future__ import annotations

from runbook import releases
from runbook.ask import Ask, Facts
from runbook.facts import packages, space
from runbook.facts.packages import DOWNLOADS, Packages
from runbook.params import HostParams
from runbook.plan import Finding

OTHERS = ("os-prober", "intel-microcode", "amd64-microcode")
BOOT_NEED_MIB = 96
UNPACKED = 9
"""Installed size of these packages for each byte of download, with room to spare (measured: 8)."""
_PATHS = (DOWNLOADS, "/usr", "/boot")


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about apt and the room it needs."""
    return (*packages.commands(wanted(params), OTHERS), *space.commands(*_PATHS))


def wanted(params: HostParams) -> tuple[str, ...]:
    """Return the packages of a working host."""
    return releases.get(params.release).xen_packages


def read(params: HostParams, facts: Facts) -> Packages:
    """Return the packages of the facts."""
    return packages.parse(facts, wanted(params), OTHERS)


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
    if now.broken:
        found.append(
            Finding(
                "refuse",
                "An installation was interrupted",
                now.broken.splitlines()[0],
                "run `dpkg --configure -a` on the host, then `apt-get -f install`, then run again",
                "dpkg(1) --audit",
            )
        )
    return found


def room(facts: Facts, download_bytes: int) -> list[Finding]:
    """Return where the room for a download, its unpacking and new boot files is missing."""
    download = -(-download_bytes // space.MIB)
    needs = (
        (DOWNLOADS, download, "the downloaded packages"),
        ("/usr", download * (UNPACKED + 1), "the unpacked packages"),
        ("/boot", BOOT_NEED_MIB, "the hypervisor and a new initial RAM disk"),
    )
    found = []
    for path, need, what in needs:
        free = space.free_mib(facts, path, *_PATHS)
        if free is not None and free < need:
            found.append(
                Finding(
                    "refuse",
                    f"{path} has {free} MiB free; about {need} MiB are needed",
                    f"for {what}; a disk that fills up half way leaves broken packages",
                    f"make room there (`df -h {path}`, `apt-get clean`, `apt-get autoremove`), then run "
                    "again",
                    "facts §10 no. 27",
                )
            )
    return found
