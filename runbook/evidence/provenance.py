"""What a run was made with: source, interpreter, packages."""

from __future__ import annotations

import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import runbook

DISTRIBUTION = "xen-host-runbook"


def provenance() -> dict[str, Any]:
    """Return source commit (None outside git), whether it had changes, Python, system and packages."""
    return {
        "source": source(Path(runbook.__file__).resolve().parent.parent),
        "python": platform.python_version(),
        "controller": f"{platform.system()} {platform.machine()}",
        "packages": packages(),
    }


def source(folder: Path) -> dict[str, Any]:
    """Return commit and dirty flag of the source, both None when `folder` is not the top of a git tree.

    Installed into the environment of another project, it must not give that project's commit.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.resolve():
        return {"commit": None, "dirty": None}
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def packages() -> dict[str, str]:
    """Return the versions of this package and of everything it needs directly, as installed."""
    try:
        needs = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        needs = []
    names = {re.split(r"[^A-Za-z0-9._-]", need)[0] for need in needs if "extra ==" not in need}
    versions = {}
    for name in sorted(names | {DISTRIBUTION, "ipykernel", "nbformat"}, key=str.lower):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
