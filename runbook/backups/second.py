"""The second place: a repository of restic's, to which each verified backup is copied block by block.

The host runs this very file; it needs nothing but Python's own library. What is copied is the unpacked stream of the
backup, so a block that is there already is not sent again (docs/decisions/0058).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook.backups import names
from runbook.backups.keeping import Known
from runbook.backups.night_store import Folder, sync, write

OURS, WHOLE = "xen-runbook", "whole"
"""The tags of what is copied, and of what is there to its end."""
_EMPTY = re.compile(
    r"does not exist|Is there a repository at the following location|unable to open config file", re.I
)


class Trouble(Exception):
    """What keeps the second place from being used, in one sentence with its next move."""


@dataclass(frozen=True)
class Place:
    """A repository, the file with its key, and the note of which repository it was."""

    repository: str
    key: Path
    note: Path
    cache: Path
    limit_kib_s: int | None = None

    @property
    def folder(self) -> Path | None:
        """Where it lies, when that is a folder of this host's."""
        return Path(self.repository) if self.repository.startswith("/") else None

    def open(self, first: Path) -> str:
        """Return the repository's identity; make it where there is none yet. `first` is the folder of backups.

        Raises `Trouble` when it is out of reach, has another key, is another one than before, or is no second place.
        """
        if not self.key.is_file() or not self.key.stat().st_size:
            raise Trouble(
                f"the key {self.key} is gone; put it back from where you keep its copy: nothing else opens {self.repository}"
            )
        if self.folder:
            self._require_elsewhere(self.folder, first)
        known = _text(self.note).strip()
        done = self._restic("cat", "config")
        if done.returncode and _EMPTY.search(done.stderr):
            if known:
                raise Trouble(
                    f"the repository that was at {self.repository} is not there any more; is its disk mounted? To begin anew, remove {self.note}"
                )
            if self.folder and self.folder.is_dir() and any(self.folder.iterdir()):
                raise Trouble(
                    f"{self.repository} holds other data and no repository; name a folder of its own"
                )
            self._do("init")
            done = self._restic("cat", "config")
        if done.returncode:
            raise Trouble(self._reason(done.stderr))
        identity = str(json.loads(done.stdout)["id"])
        if known and known != identity:
            raise Trouble(
                f"the repository at {self.repository} is another one than before ({identity[:8]}, not {known[:8]}); to use it, remove {self.note}"
            )
        write(self.note, identity + "\n")
        return identity

    def copies(self) -> list[dict[str, Any]]:
        """Return the snapshots of restic's that are copies of backups, whole or not."""
        return list(json.loads(self._do("snapshots", "--json", "--tag", OURS) or "[]") or [])

    def of(self, guest: str, copies: list[dict[str, Any]]) -> list[Known]:
        """Return the whole copies of a guest's backups among these, the oldest first."""
        found = [
            name
            for one in copies
            if WHOLE in one["tags"]
            for name in one["tags"]
            if names.guest_of(name) == guest
        ]
        return sorted((Known(n, names.seconds(n[-16:])) for n in set(found)), key=lambda b: (b.at, b.name))

    def copy(self, folder: Folder, name: str, guest: str) -> int:
        """Copy a verified backup; return the bytes that the repository has grown by.

        Only when all of it was read and all of it is there it is marked as whole, and only then it counts.
        """
        about, data = folder.place / name / "backup.json", folder.place / name / folder.sidecar(name)["file"]
        grown = self._stdin(["cat", str(about)], f"{guest}.json", name, "sidecar")[1]
        snapshot, more = self._stdin(["zstd", "-q", "-dc", str(data)], guest, name, "data")
        self._do("tag", "--add", WHOLE, snapshot)
        return grown + more

    def forget(self, copies: list[dict[str, Any]]) -> None:
        """Remove these copies, and the blocks that no other copy needs."""
        if copies:
            self._do("forget", "--prune", *(str(one["id"]) for one in copies))

    def check(self, part: int, parts: int) -> None:
        """Read one part of the repository and compare it with its checksums."""
        self._do("check", f"--read-data-subset={part}/{parts}")

    def fetch(self, folder: Folder, name: str) -> None:
        """Bring a copy back into the folder of backups, as a backup that nobody has read yet."""
        copies = [one for one in self.copies() if name in one["tags"]]
        data = [str(one["id"]) for one in copies if {"data", WHOLE} <= {*one["tags"]}]
        about = [str(one["id"]) for one in copies if "sidecar" in one["tags"]]
        if not data or not about:
            raise Trouble(f"there is no whole copy of {name} in {self.repository}")
        if (folder.place / name).exists():
            raise Trouble(f"{folder.place / name} is there already; a backup is never replaced")
        guest = names.guest_of(name)
        content = json.loads(self._do("dump", about[-1], f"/{guest}.json"))
        partial = folder.place / f".{name}.partial"
        if partial.exists():  # what an earlier one left that was cut off
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        packed = partial / content["file"]
        try:
            self._unpack(data[0], guest, packed)
        except Trouble:
            shutil.rmtree(partial)
            raise
        digest = _sum(packed)
        text = json.dumps(content | {"file_bytes": packed.stat().st_size, "sha256": digest}, indent=2)
        write(partial / "backup.json", text + "\n")
        write(
            partial / "SHA256SUMS",
            f"{digest}  {content['file']}\n{_sum(partial / 'backup.json')}  backup.json\n",
        )
        sync(partial)
        partial.rename(folder.place / name)
        sync(folder.place)

    def _unpack(self, snapshot: str, guest: str, packed: Path) -> None:
        """Write the data of a copy to a file, packed, and to the disk. Raises `Trouble` when it does not come whole."""
        with packed.open("wb") as file:
            dump = subprocess.Popen(
                self._argv("dump", snapshot, f"/{guest}"), env=self._env(), stdout=subprocess.PIPE
            )
            pack = subprocess.run(
                ["zstd", "-q", "-1", "-T0", "-c"], stdin=dump.stdout, stdout=file, check=False
            )
            if dump.stdout:
                dump.stdout.close()
            if dump.wait() or pack.returncode:
                raise Trouble(f"{packed.parent.name[1:-8]} could not be brought back from {self.repository}")
            os.fsync(file.fileno())

    def _require_elsewhere(self, place: Path, first: Path) -> None:
        nearest = next(p for p in (place, *place.parents) if p.exists())
        home = next(p for p in (first, *first.parents) if p.exists())
        if nearest.stat().st_dev == home.stat().st_dev:
            raise Trouble(
                f"{place} lies on the same file system as {first}; is its disk or share mounted (`findmnt --target {place}`)?"
            )

    def _stdin(self, source: list[str], filename: str, *tags: str) -> tuple[str, int]:
        reader = subprocess.Popen(source, stdout=subprocess.PIPE)
        tagged = [word for tag in (OURS, *tags) for word in ("--tag", tag)]
        done = subprocess.run(self._argv("backup", "--json", *tagged, "--stdin", "--stdin-filename", filename),
                              env=self._env(), stdin=reader.stdout, capture_output=True, text=True, check=False)  # fmt: skip
        if reader.stdout:
            reader.stdout.close()
        if done.returncode:
            reader.kill()
            reader.wait()
            raise Trouble(self._reason(done.stderr))
        if reader.wait():
            raise Trouble(f"{source[-1]} could not be read to its end; its copy does not count")
        last = next(
            row
            for line in reversed(done.stdout.splitlines())
            if (row := _json(line)).get("message_type") == "summary"
        )
        return str(last["snapshot_id"]), int(last["data_added"])

    def _argv(self, *args: str) -> list[str]:
        limit = ["--limit-upload", str(self.limit_kib_s)] if self.limit_kib_s else []
        return ["restic", *limit, *args]

    def _env(self) -> dict[str, str]:
        return {**os.environ, "RESTIC_REPOSITORY": self.repository, "RESTIC_PASSWORD_FILE": str(self.key),
                "RESTIC_CACHE_DIR": str(self.cache), "RESTIC_PROGRESS_FPS": "0.01"}  # fmt: skip

    def _restic(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._argv(*args),
            env=self._env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _do(self, *args: str) -> str:
        done = self._restic(*args)
        if done.returncode:
            raise Trouble(self._reason(done.stderr))
        return done.stdout

    def _reason(self, text: str) -> str:
        lines = [line for line in text.splitlines() if line.strip()]
        last = lines[-1].strip()[:300] if lines else "restic said nothing"
        if re.search(r"no space left|quota exceeded", text, re.I):
            return f"{self.repository} is full; nothing was deleted for it ({last})"
        if re.search(r"wrong password|no key found", text, re.I):
            return f"the key {self.key} does not open {self.repository}: it is another's repository, or the key was replaced"
        if re.search(r"already locked", text, re.I):
            return f"somebody else is at work in {self.repository}; if nobody is: restic unlock ({last})"
        return f"{self.repository} cannot be used: {last}"


def _sum(path: Path) -> str:
    return subprocess.run(
        ["sha256sum", str(path)], capture_output=True, text=True, check=True
    ).stdout.split()[0]


def _json(line: str) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
