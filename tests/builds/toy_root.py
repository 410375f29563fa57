"""A root for tests of real namespaces: a few programs of this machine, with their libraries, and no Debian."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.builds import rights
from runbook.errors import Refused

PROGRAMS = (
    "sh",
    "env",
    "cat",
    "cp",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "mknod",
    "mount",
    "perl",
    "rm",
    "sleep",
    "touch",
)
#: Made by the namespace's root, as mmdebstrap would: its files belong to nobody outside.
_MAKE = """\
mkdir -p /mnt/root && cd /mnt/root
mkdir -p build dev etc mnt proc root tmp usr/bin usr/lib usr/lib64
for name in bin lib lib64; do ln -s usr/$name $name; done
for file; do mkdir -p ".${file%/*}"; cp -L "$file" ".$file"; done
"""


def need_namespaces() -> None:
    """Skip where this machine allows no user namespace; `runbook doctor` says why."""
    try:
        rights.require()
    except (Refused, OSError) as refused:
        pytest.skip(f"user namespaces are needed: {refused}")


def make(work: Path) -> Path:
    """Lay out the folder of a work with a small root in it; return the root."""
    rights.lay_out(work)
    programs = [str(Path(shutil.which(name) or name).resolve()) for name in PROGRAMS]
    wanted = {f"/usr/bin/{name}" for name in PROGRAMS} | _libraries(programs)
    argv = rights.enter(work, "house", "sh", "-euc", _MAKE, "sh", *sorted(wanted), network=False)
    subprocess.run(argv, check=True)
    return work / "place/root"


def _libraries(programs: list[str]) -> set[str]:
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    return {
        word
        for line in said.splitlines()
        for word in line.split()
        if word.startswith("/") and word[-1] != ":"
    }
