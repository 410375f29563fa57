"""The backups that a folder on the host holds, what was verified of them, and what was restored."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from runbook.backups import names, sidecar
from runbook.backups.program import STATE
from runbook.backups.sidecar import Sidecar
from runbook.model.ask import Ask, Facts

PROGRAMS = ("zstd", "partclone.ext4")
"""What making a backup needs and a minimal Debian lacks."""


@dataclass(frozen=True)
class Backup:
    """One backup. What is wrong with it is seen from sizes alone; only a verification reads it."""

    name: str
    sidecar: Sidecar | None
    """None when it is missing or cannot be read."""
    checksum: str
    """SHA-256 of its SHA256SUMS: the identity of the whole backup. '' when that is missing."""
    bytes_there: int | None
    """The size of its data, None when that is missing."""
    is_verified: bool
    """True when all of it was read on this host and was right, and it has not changed since."""

    @property
    def guest(self) -> str:
        """Whose disk it is."""
        return self.sidecar.guest if self.sidecar else names.guest_of(self.name)

    @property
    def age_of(self) -> int:
        """When it was begun, in seconds since 1970."""
        return names.seconds(self.name[-16:])

    @property
    def wrong(self) -> str:
        """Return the first thing that is wrong with it at a glance, '' when nothing is."""
        if not self.checksum:
            return "its SHA256SUMS is missing"
        if self.sidecar is None:
            return "its backup.json is missing or not one"
        if self.bytes_there is None:
            return f"its {self.sidecar.file} is missing"
        if self.bytes_there < self.sidecar.file_bytes:
            return (
                f"its {self.sidecar.file} is truncated: {self.bytes_there} of {self.sidecar.file_bytes} bytes"
            )
        if self.bytes_there > self.sidecar.file_bytes:
            return (
                f"its {self.sidecar.file} has {self.bytes_there} bytes instead of {self.sidecar.file_bytes}"
            )
        return ""


@dataclass(frozen=True)
class Restored:
    """What was restored last to a guest's volume, on this host."""

    name: str
    checksum: str
    again: int
    identity: str
    """The UUID of the LVM volume: a volume of the same name that was made anew is another one."""


@dataclass(frozen=True)
class Store:
    """A folder of backups, as the host sees it."""

    folder: str
    now: int
    """The host's own clock, in seconds since 1970."""
    free_bytes: int
    backups: tuple[Backup, ...]
    """The oldest first."""
    torn: tuple[str, ...] = ()
    """What runs that were cut off left behind; it is not a backup, and the next run removes it."""
    restored: tuple[tuple[str, Restored], ...] = ()
    half_restored: tuple[str, ...] = ()
    """Guests whose volume was being overwritten when the restore was cut off."""
    missing_programs: tuple[str, ...] = ()

    def of(self, guest: str) -> tuple[Backup, ...]:
        """Return the backups of a guest, the oldest first."""
        return tuple(b for b in self.backups if b.guest == guest)

    def named(self, name: str) -> Backup | None:
        """Return a backup by its name, None when there is none."""
        return next((b for b in self.backups if b.name == name), None)

    def restored_to(self, guest: str) -> Restored | None:
        """Return what was restored last to a guest's volume, None when nothing was."""
        return dict(self.restored).get(guest)


def look(folder: str) -> Ask:
    """Return the question what a folder holds: some ten processes, however many backups there are."""
    place = shlex.quote(folder)
    return Ask.shell(
        f'f={place}; p=$f; while [ ! -d "$p" ]; do p=${{p%/*}}; [ -n "$p" ] || p=/; done\n'
        "echo '== now'; date +%s\n"
        "echo '== free'; df -B1 --output=avail \"$p\"\n"
        f"echo '== notes'; grep -Hs '' {STATE}/*.verified {STATE}/*.restored {STATE}/*.restoring\n"
        f"echo '== programs'; for p in {' '.join(PROGRAMS)}; do command -v $p; done\n"
        'cd "$f" 2>/dev/null || exit 0\n'
        "echo '== folders'; ls -1A\n"
        "echo '== files'; stat -c '%n %s %Y' */*.zst 2>/dev/null\n"
        "echo '== sums'; sha256sum */SHA256SUMS 2>/dev/null\n"
        "echo '== sidecars'; grep -Hs '' */backup.json\n"
        "true"
    )


def parse(facts: Facts, folder: str) -> Store:
    """Return what the host says about a folder of backups; one that does not exist has none."""
    parts = _sections(facts[look(folder)].out)
    notes = _notes(parts.get("notes", ""))
    entries = parts.get("folders", "").split()
    free = parts.get("free", "").split()
    present = parts.get("programs", "")
    return Store(
        folder,
        int(parts.get("now", "").strip() or 0),
        int(free[-1]) if free and free[-1].isdigit() else 0,
        tuple(sorted(_backups(parts, entries, notes), key=lambda b: (b.age_of, b.name))),
        tuple(e for e in entries if e.startswith(".") and e.endswith(".partial")),
        tuple(
            (name[:-9], r)
            for name, text in notes.items()
            if name.endswith(".restored")
            for r in _restored(text)
        ),
        tuple(name[:-10] for name in notes if name.endswith(".restoring")),
        tuple(p for p in PROGRAMS if not re.search(rf"(?m)^.*/{re.escape(p)}$", present)),
    )


def _backups(parts: dict[str, str], entries: list[str], notes: dict[str, str]) -> list[Backup]:
    sums = {path.partition("/")[0]: digest for digest, path in _pairs(parts.get("sums", ""))}
    files = {
        row[0]: (int(row[1]), row[2]) for line in parts.get("files", "").splitlines() if (row := line.split())
    }
    texts = _texts(parts.get("sidecars", ""))
    found = []
    for name in filter(names.is_name, entries):
        said = sidecar.parse(texts.get(name, ""))
        size, changed = files.get(f"{name}/{said.file}", (None, "")) if said else (None, "")
        seen = notes.get(f"{name}.verified", "").split()[:3]
        verified = bool(size) and seen == [sums.get(name, ""), str(size), changed]
        found.append(Backup(name, said, sums.get(name, ""), size, verified))
    return found


def _restored(text: str) -> list[Restored]:
    """Return the note of one restore.

    >>> _restored("comm-20261122T204155Z 6a1d 0 Zx1-y 20261122T204248Z")[0].again
    0
    """
    words = text.split()
    return [Restored(words[0], words[1], int(words[2]), words[3])] if len(words) == 5 else []


def _notes(text: str) -> dict[str, str]:
    """Return the notes by their file's name.

    >>> _notes("/var/lib/xen-runbook/backups/comm.restoring:comm-20261122T204155Z")
    {'comm.restoring': 'comm-20261122T204155Z'}
    """
    rows = (line.partition(":") for line in text.splitlines())
    return {path.rpartition("/")[2]: said for path, _, said in rows}


def _texts(text: str) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        path, _, said = line.partition("/backup.json:")
        found.setdefault(path, []).append(said)
    return {name: "\n".join(lines) for name, lines in found.items()}


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for line in text.splitlines() if len(row := line.split()) == 2]


def _sections(text: str) -> dict[str, str]:
    """Return the text under each `== NAME` line."""
    rows = re.split(r"(?m)^== (\w+)\n", text)
    return dict(zip(rows[1::2], rows[2::2], strict=True))
