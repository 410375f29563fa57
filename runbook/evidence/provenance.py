"""What a run was made with: source, interpreter, packages."""

from __future__ import annotations

import hashlib
import platform
import re
import subprocess
from contextlib import suppress
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

    A dirty one also has `changes`, a SHA-256 of what is not committed.

    Installed into the environment of another project, it must not give that project's commit.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.resolve():
        return {"commit": None, "dirty": None}
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain")
    if not changes:
        return {"commit": commit, "dirty": None if changes is None else False}
    return {"commit": commit, "dirty": True, "changes": _digest_of_changes(folder)}


def _digest_of_changes(folder: Path) -> str:
    """Return the SHA-256 of `git diff HEAD --binary`, followed by name and content of each new file in it.

    Whoever keeps a source that was not committed can show with it that it was this one.
    """
    diff = _git(folder, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv") or ""
    digest = hashlib.sha256(diff.encode(errors="surrogateescape"))
    new = _git(folder, "ls-files", "--others", "--exclude-standard", "--", "runbook", "notebooks") or ""
    for name in new.splitlines():
        digest.update(f"\n{name}\n".encode())
        with suppress(OSError):
            digest.update((folder / name).read_bytes())
    return digest.hexdigest()


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
            errors="surrogateescape",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
