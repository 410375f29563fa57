"""The folder of backups as the host's own timer sees it: what is there, what is known of it, and how one goes.

The host runs this very file; it needs nothing but Python's own library.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.backups import names
from runbook.backups.keeping import Known


@dataclass(frozen=True)
class Folder:
    """A folder of backups, and the folder of notes about them."""

    place: Path
    notes: Path

    def of(self, guest: str) -> list[Known]:
        """Return the backups of a guest, the oldest first."""
        found = [name for name in _entries(self.place) if names.is_name(name) and self._guest(name) == guest]
        known = [Known(n, names.seconds(n[-16:]), self.verdict(n), self.booted(n)) for n in found]
        return sorted(known, key=lambda b: (b.at, b.name))

    def sidecar(self, name: str) -> dict[str, Any]:
        """Return what a backup says of itself, {} when it says nothing that can be read."""
        try:
            content = json.loads((self.place / name / "backup.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def verdict(self, name: str) -> bool | None:
        """Return True for a backup that was read and was right, False for a broken one, None for one nobody read."""
        content = self.sidecar(name)
        data, sums = self.place / name / str(content.get("file", "")), self.place / name / "SHA256SUMS"
        if (
            not content
            or not data.is_file()
            or not sums.is_file()
            or not sums.stat().st_size
            or data.stat().st_size != content.get("file_bytes")
        ):
            return False
        state = data.stat()
        seen = [hashlib.sha256(sums.read_bytes()).hexdigest(), str(state.st_size), str(int(state.st_mtime))]
        if self.note(name, "broken").split()[:3] == seen:
            return False
        return True if self.note(name, "verified").split()[:3] == seen else None

    def booted(self, name: str) -> bool | None:
        """Return True when a guest started from it, False when one did not, None when it was not tried or not seen."""
        return {"yes": True, "no": False}.get(self.note(name, "booted").partition(" ")[0])

    def note(self, name: str, kind: str) -> str:
        """Return a note about a backup, '' when there is none."""
        try:
            return (self.notes / f"{name}.{kind}").read_text(encoding="utf-8")
        except OSError:
            return ""

    def write_note(self, name: str, kind: str, text: str) -> None:
        """Note something about a backup, whole or not at all."""
        write(self.notes / f"{name}.{kind}", text)

    def remove(self, name: str) -> None:
        """Remove a backup: it loses its name first, so that no half of it ever counts as one."""
        if not names.is_name(name):
            raise ValueError(f"{name} is not the name of a backup")
        going = self.place / f".{name}.partial"
        (self.place / name).rename(going)
        shutil.rmtree(going)
        for note in self.notes.glob(f"{name}.*"):
            note.unlink(missing_ok=True)

    def _guest(self, name: str) -> str:
        return str(self.sidecar(name).get("guest") or names.guest_of(name))


def write(path: Path, text: str) -> None:
    """Write a file whole, or leave it as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def sync(place: Path) -> None:
    """See to it that the names in a folder have reached the disk."""
    number = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _entries(place: Path) -> list[str]:
    try:
        return [path.name for path in place.iterdir()]
    except FileNotFoundError:
        return []
