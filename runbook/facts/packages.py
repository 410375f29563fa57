"""Debian's packages: what is installed, what an installation would bring, and whether apt can work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

from runbook.model.ask import Ask, Facts

DOWNLOADS = "/var/cache/apt/archives"
_LOCK_FILES = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    f"{DOWNLOADS}/lock",
)

AUDIT = Ask.run("dpkg", "--audit")
"""Which packages are not whole, in dpkg's words; read by `unfinished`."""
# Only a count: a list's file name holds the address of its mirror. The lists keep the mirror's own
# time stamps, the folder `partial` is touched by every update.
_LISTS = Ask.shell(
    "find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' -printf 'list\\n';"
    " find /var/lib/apt/lists/partial -maxdepth 0 -mmin -1440 -printf 'fresh\\n'; true"
)
_LOCKS = Ask.shell(
    f"stat -c '%Hd:%Ld %i %n' {' '.join(_LOCK_FILES)} 2>/dev/null; grep -s POSIX /proc/locks; true"
)

STATE = (AUDIT, _LISTS, _LOCKS)
"""What `state` asks: nothing of any package by name."""


@dataclass(frozen=True)
class Packages:
    """The packages of a host at one moment."""

    installed: Mapping[str, str]
    """Version by name, of those asked about."""
    lists: int
    """Package lists that apt has; 0 before the first `apt-get update`."""
    lists_are_fresh: bool
    """True when the lists were fetched within a day."""
    broken: str
    """What `dpkg --audit` says; '' when every package is whole."""
    lock_holder: str
    """`process 1234 (/var/lib/dpkg/lock)` while another program installs; '' when nobody does."""
    delta: tuple[str, ...]
    """What apt would install for the names asked about, as `name version`, and upgrade; () when all are there."""
    unknown: tuple[str, ...]
    """Names that apt cannot find."""
    apt_error: str
    """Why apt cannot install, in its own words; '' when it can."""
    download_bytes: int
    removed: tuple[str, ...] = ()
    """What apt would remove for the names asked about: what it cannot have beside them."""

    @property
    def has_fresh_lists(self) -> bool:
        """Whether apt has package lists, and they were fetched within a day."""
        return bool(self.lists) and self.lists_are_fresh

    def missing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names that are not installed, in the order asked."""
        return tuple(name for name in names if name not in self.installed)


def commands(names: tuple[str, ...], others: tuple[str, ...] = ()) -> tuple[Ask, ...]:
    """Return the questions about packages that shall be installed and about others that matter."""
    return (AUDIT, _LISTS, _LOCKS, _status(names, others), _simulation(names))


def parse(facts: Facts, names: tuple[str, ...], others: tuple[str, ...] = ()) -> Packages:
    """Return the packages of the facts; `names` and `others` as given to `commands`."""
    simulated = facts[_simulation(names)]
    return replace(
        state(facts),
        installed=installed(facts[_status(names, others)].out),
        delta=delta(simulated.out),
        unknown=tuple(re.findall(r"Unable to locate package (\S+)", simulated.err)),
        apt_error="" if simulated.ok else simulated.err.strip(),
        download_bytes=sum(int(size) for size in re.findall(r"(?m)^size (\d+)$", simulated.out)),
        removed=tuple(re.findall(r"(?m)^Remv (\S+)", simulated.out)),
    )


def state(facts: Facts) -> Packages:
    """Return what keeps apt from working, and how old its lists are; of no package."""
    lists = facts[_LISTS].out.split()
    return Packages(
        installed={},
        lists=lists.count("list"),
        lists_are_fresh="fresh" in lists,
        broken=unfinished(facts[AUDIT].out),
        lock_holder=lock_holder(facts[_LOCKS].out),
        delta=(),
        unknown=(),
        apt_error="",
        download_bytes=0,
    )


def unfinished(text: str) -> str:
    """Return the parts of `dpkg --audit` that stop apt; a list or a checksum that is missing does not.

    >>> unfinished("The following packages are missing the md5sums control file in the\\ndatabase:\\n vendor-tool x\\n")
    ''
    """
    parts = re.split(r"(?m)^(?=The following packages)", text)
    harmless = re.compile(r"are\s+missing\s+the\s+(md5sums|list)\s+control\s+file|architecture")
    return "".join(part for part in parts if not harmless.search(part)).strip()


def installed(text: str) -> dict[str, str]:
    """Return version by name of the packages that are whole.

    >>> installed("ii |sudo|1.9.16p2-3\\nrc |exim4-base|4.98\\niU |lvm2|2.03.31-2")
    {'sudo': '1.9.16p2-3'}
    """
    rows = (line.split("|") for line in text.splitlines() if line.count("|") == 2)
    return {name: version for status, name, version in rows if status.startswith("ii")}


def delta(text: str) -> tuple[str, ...]:
    """Return `name version` for each package that `apt-get -s` would install, and for one that it would
    upgrade the older version behind it: purging such a package would be no way back.

    >>> delta("Inst bridge-utils (1.7.1-4+b1 Debian:13.7/stable [amd64])\\nConf bridge-utils (1.7.1-4+b1)")
    ('bridge-utils 1.7.1-4+b1',)
    >>> delta("Inst lvm2 [2.03.16-2] (2.03.31-2 Debian:13.7/stable [amd64])")
    ('lvm2 2.03.31-2 (2.03.16-2 before)',)
    """
    found = re.findall(r"(?m)^Inst (\S+) (?:\[(\S+)\] )?\((\S+)", text)
    return tuple(f"{name} {new}" + (f" ({old} before)" if old else "") for name, old, new in found)


def lock_holder(text: str) -> str:
    """Return who holds one of apt's locks, from their `major:minor inode path` lines and /proc/locks.

    >>> lock_holder("254:0 1460958 /var/lib/dpkg/lock\\n1: POSIX  ADVISORY  WRITE 8532 fe:00:1460958 0 EOF")
    'process 8532 (/var/lib/dpkg/lock)'
    """
    files = {}
    for major, minor, inode, path in re.findall(r"(?m)^(\d+):(\d+) (\d+) (/.*)$", text):
        files[f"{int(major):02x}:{int(minor):02x}:{inode}"] = path
    for pid, where in re.findall(r"(?m)^\d+: POSIX +ADVISORY +WRITE (\d+) (\S+) ", text):
        if where in files:
            return f"process {pid} ({files[where]})"
    return ""


def _status(names: tuple[str, ...], others: tuple[str, ...]) -> Ask:
    return Ask.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Package}|${Version}\\n", *names, *others)


def _simulation(names: tuple[str, ...]) -> Ask:
    """Ask apt what it would do, unless all is there: reading its lists takes seconds.

    Without `Debug::NoLocking` a question would be refused while somebody else installs.
    """
    options = "-qq -o Debug::NoLocking=1 --no-install-recommends"
    return Ask.shell(
        f"set -- {shlex.join(names)}\n"
        '[ "$(dpkg-query -W -f \'${db:Status-Abbrev}\\n\' "$@" 2>/dev/null | grep -c ^ii)" -ge $# ] && '
        "exit 0\n"
        f'apt-get -s {options} install "$@" || exit\n'
        f'apt-get --print-uris {options} install "$@" | sed -n \'s/.* \\([0-9]*\\) [A-Z0-9a-z]*:[^ '
        "]*$/size \\1/p'"
    )
