"""What was built, kept for other hosts and other days: `builds/<release>/<name>-<digest>/`.

A folder holds the recipe, the log, the job's state, and at the end the packages with a manifest.
The manifest is written last, in one move: where it is, the rest is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runbook.builds.recipe import Recipe

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Deb:
    """One file that a build made."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Built:
    """A finished build."""

    folder: Path
    debs: tuple[Deb, ...]
    """Its packages, sorted by name."""
    others: tuple[Deb, ...]
    """Everything else it left in /build/out, such as the configuration."""
    sources: tuple[Deb, ...]
    """What it was built from, with checksums."""
    seconds: float
    """How long it took."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The packages as files."""
        return tuple(self.folder / deb.name for deb in self.debs)

    def text(self, name: str) -> str:
        """Return one of the other files, such as `config`."""
        return (self.folder / name).read_text(encoding="utf-8")


def root() -> Path:
    """Return the folder of all builds: $RUNBOOK_BUILDS_DIR, else `builds` beside `params`."""
    if told := os.environ.get("RUNBOOK_BUILDS_DIR"):
        return Path(told).absolute()
    here = Path.cwd()
    project = next((f for f in (here, *here.parents) if (f / "params").is_dir()), here)
    return project / "builds"


def folder_of(recipe: Recipe) -> Path:
    """Return the folder of one recipe, which need not exist."""
    return root() / recipe.release / recipe.key


def sha256(path: Path) -> str:
    """Return the checksum of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(paths: list[Path]) -> tuple[Deb, ...]:
    """Return name, size and checksum of each file, sorted by name."""
    return tuple(Deb(p.name, p.stat().st_size, sha256(p)) for p in sorted(paths))


def save(folder: Path, recipe: Recipe, sources: tuple[Deb, ...], seconds: float) -> None:
    """Write the manifest of what lies in the folder's `out`, which makes the build count as finished."""
    files = [p for p in folder.iterdir() if p.is_file() and p.name not in STATE]
    manifest = {
        "name": recipe.name,
        "release": recipe.release,
        "digest": recipe.digest(),
        "seconds": round(seconds, 1),
        "debs": [asdict(d) for d in describe([p for p in files if p.suffix == ".deb"])],
        "others": [asdict(d) for d in describe([p for p in files if p.suffix != ".deb"])],
        "sources": [asdict(d) for d in sources],
    }
    write_whole(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file in one move: whoever looks sees all of it or nothing."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(folder: Path) -> Built | None:
    """Return the finished build in a folder; None when it is not finished or a package was altered."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    parts = {key: tuple(Deb(**row) for row in manifest[key]) for key in ("debs", "others", "sources")}
    built = Built(folder, parts["debs"], parts["others"], parts["sources"], manifest["seconds"])
    for deb in built.debs:
        path = folder / deb.name
        if not path.is_file() or path.stat().st_size != deb.size or sha256(path) != deb.sha256:
            return None
    return built


STATE = frozenset({MANIFEST, "recipe.json", "bootstrap.json", "job.json", "failed.json", "log", "lock"})
