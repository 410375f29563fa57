"""What apt would install if it brought everything up to date, and what the changelogs say of it (apt-get(8)).

Nothing is fetched but changelogs, and those only of what the next boot and the guests stand on. Where the first of them
does not come, the others are not waited for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

KINDS = (
    ("hypervisor", "xen-hypervisor-"),
    ("kernel", "linux-image-"),
    ("device model", "qemu-system-xen"),
    ("tools", "xen-utils-"),
    ("boot loader", "grub-"),
    ("microcode", "intel-microcode|amd64-microcode"),
    ("guests' firmware", "seabios|ovmf"),
    ("C library", "libc6"),
)
"""What is told apart, each by how its packages' names begin."""
_FIX = r"(CVE-[0-9]+-[0-9]+|XSA-[0-9]+|DSA-[0-9]+)"
_PATTERNS = " ".join(f"'{pattern}'" for _, pattern in KINDS)
_CHANGES = (
    r"""awk -v o="$o" 'BEGIN { s=o; sub(/-[^-]*$/, "", s) }"""
    r""" /^[a-z0-9][a-z0-9.+-]* \(/ { if (index($0, "(" o ")") || index($0, "(" s "+")) exit }"""
    r""" /^ -- / { sub(/^.*>  /, ""); print "date", $0 }"""
    rf""" {{ while (match($0, /{_FIX}/)) {{ print "fix", substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH) }} }}'"""
)
_SIMULATED = (
    "export LC_ALL=C; command -v apt-get >/dev/null || exit 0\n"
    "a='-q -o Debug::NoLocking=1 -o APT::Get::Show-User-Simulation-Note=0'\n"
)
_WAITING = Ask.shell(
    f"{_SIMULATED}"
    """s=$(apt-get -s $a dist-upgrade 2>&1) || printf '%s\\n' "$s" | sed -n 's/^E: /error /p'\n"""
    """printf '%s\\n' "$s" | grep -E '^(Inst|Remv) '; apt-mark showhold | sed 's/^/hold /'; true"""
)
_CHANGELOGS = Ask.shell(
    f"{_SIMULATED}s=$(apt-get -s $a dist-upgrade 2>/dev/null)\n"
    f"for p in {_PATTERNS}; do\n"
    """ set -- $(printf '%s\\n' "$s" | sed -nE "s/^Inst (($p)[^ ]*) \\[([^] ]*)\\].*/\\1 \\3/p" | head -n 1); [ -n "$1" ] || continue\n"""
    ' o=$2; c=$(timeout 20 apt-get -q changelog "$1" 2>/dev/null) && [ -n "$c" ] || { echo "about $1 unknown"; break; }\n'
    f""" echo "about $1 known"; printf '%s\\n' "$c" | {_CHANGES} | head -n 400\n"""
    "done; true"
)

COMMANDS = (_WAITING,)
CHANGELOGS = (_CHANGELOGS,)
"""What the changelogs say, besides: fetched, so only where somebody reads it."""


@dataclass(frozen=True)
class Update:
    """One package that apt would upgrade, or install for one that it upgrades."""

    name: str
    new: str
    old: str
    """The version that is installed, '' for a package that is new."""
    is_security: bool
    """True when it comes from an archive of security updates."""

    @property
    def kind(self) -> str:
        """What it is of those in `KINDS`, '' for everything else."""
        return next((kind for kind, pattern in KINDS if re.match(pattern, self.name)), "")


@dataclass(frozen=True)
class Changes:
    """What a package's changelog says of the versions that wait."""

    is_known: bool
    fixes: tuple[str, ...] = ()
    """Advisories and numbers that it names, each once: `XSA-480`, `CVE-2026-1234`."""
    since: str = ""
    """The day of the oldest version that waits, such as `20 Nov 2026`."""


@dataclass(frozen=True)
class Waiting:
    """What waits on a host."""

    updates: tuple[Update, ...]
    removed: tuple[str, ...]
    """Packages that would have to go."""
    held: tuple[str, ...]
    """Packages that somebody put on hold (apt-mark(8))."""
    error: str
    """Why apt cannot say, in its own words; '' when it can."""
    changes: dict[str, Changes]
    """By the name of the package; only of those that were asked about."""

    def of(self, kind: str) -> tuple[Update, ...]:
        """Return the updates of one of `KINDS`."""
        return tuple(update for update in self.updates if update.kind == kind)


def parse(facts: Facts) -> Waiting:
    """Return what waits, of the facts."""
    text = facts[_WAITING].out
    return Waiting(
        updates=updates(text),
        removed=tuple(re.findall(r"(?m)^Remv (\S+)", text)),
        held=tuple(re.findall(r"(?m)^hold (\S+)$", text)),
        error=next(iter(re.findall(r"(?m)^error (.+)$", text)), ""),
        changes=changes(facts[_CHANGELOGS].out if _CHANGELOGS in facts else ""),
    )


def updates(text: str) -> tuple[Update, ...]:
    """Return what `apt-get -s` would install.

    >>> updates("Inst xen-utils-4.20 [4.20.2-1] (4.20.3-1 Debian-Security:13/stable-security [amd64])")
    (Update(name='xen-utils-4.20', new='4.20.3-1', old='4.20.2-1', is_security=True),)
    """
    rows = re.findall(r"(?m)^Inst (\S+) (?:\[(\S+)\] )?\((\S+) ?([^\[)]*)", text)
    return tuple(Update(name, new, old, "security" in origin.lower()) for name, old, new, origin in rows)


def changes(text: str) -> dict[str, Changes]:
    """Return what the changelogs say, by package.

    >>> changes("about libc6 known\\nfix CVE-2026-1\\ndate Fri, 20 Nov 2026 10:00:00 +0000\\n")["libc6"]
    Changes(is_known=True, fixes=('CVE-2026-1',), since='20 Nov 2026')
    """
    found: dict[str, Changes] = {}
    for part in re.split(r"(?m)^about ", text)[1:]:
        head, _, rest = part.partition("\n")
        name, _, word = head.partition(" ")
        fixes = tuple(dict.fromkeys(re.findall(r"(?m)^fix (\S+)$", rest)))
        days = re.findall(r"(?m)^date (?:\w+, +)?(\d+ \w+ \d{4})", rest)
        found[name] = Changes(word == "known", fixes, days[-1] if days else "")
    return found
