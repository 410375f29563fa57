"""What comes with the runbook beside its programs: notebooks, examples, recordings, and the pages that they lead to.

A wheel holds them below `runbook/shipped`; in a clone they lie beside the package, named in pyproject.toml.
"""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from runbook.controller.project import SOURCE

HOME = SOURCE / "runbook" / "shipped"
"""Where a wheel has them; setup.py puts them there."""
RECORDINGS = "recordings"
"""The folder of what stays with the runbook: a replay fits the steps that it was recorded with."""


def root() -> Path:
    """Return the folder that what is shipped lies in, as it does in the project."""
    return HOME if HOME.is_dir() else SOURCE


def handed_out() -> dict[str, Path]:
    """Return the files that a working folder gets, each by its place there."""
    names = (path.relative_to(root()).as_posix() for path in _files())
    return {name: root() / name for name in sorted(names) if not name.startswith(f"{RECORDINGS}/")}


def version() -> str:
    """Return the version of the runbook that is installed, '' when it is not."""
    try:
        return metadata.version("xen-host-runbook")
    except metadata.PackageNotFoundError:
        return ""


def _files() -> list[Path]:
    if HOME.is_dir():
        return [path for path in HOME.rglob("*") if path.is_file()]
    text = (SOURCE / "pyproject.toml").read_text(encoding="utf-8")
    patterns = tomllib.loads(text)["tool"]["runbook"]["shipped"]
    return [path for pattern in patterns for path in SOURCE.glob(pattern) if path.is_file()]
