"""Run the real `xl create -n` on a text and return its judgement."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook import releases
from tests.guests.oracle.packages import NotHere, root_of

SHIM = Path(__file__).parent / "shim.c"
LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
LOADER = "x86_64-linux-gnu/ld-linux-x86-64.so.2"


@dataclass(frozen=True)
class Judgement:
    """What xl says of one configuration."""

    status: int
    """0 when xl takes it; 1, 3 or 6 when not."""
    said: str
    made: dict[str, Any]
    """The guest as libxl understood it, {} when xl refused."""


@dataclass(frozen=True)
class Xl:
    """One release's xl, ready to be asked."""

    argv: tuple[str, ...]
    folder: Path
    """Where the texts are put that it reads."""

    def judge(self, text: str) -> Judgement:
        """Return what `xl create -n` says of a configuration. Takes about a tenth of a second."""
        file = self.folder / "guest.cfg"
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [*self.argv, "-N", "create", "-n", str(file)], capture_output=True, text=True, timeout=30
        )
        if done.returncode < 0:
            raise RuntimeError(f"xl died of signal {-done.returncode}: the shim lacks an answer")
        return Judgement(done.returncode, done.stderr, json.loads(done.stdout) if done.stdout else {})

    def verdicts(self, texts: Sequence[str]) -> list[int]:
        """Return the status of `xl create -n` for each of many configurations, negative for a signal. Takes some ms each."""
        for number, text in enumerate(texts):
            (self.folder / f"{number:06}.cfg").write_bytes(text.encode(errors="surrogateescape"))
        argv = [*self.argv, "-N", "create", "-n", str(self.folder / "000000.cfg")]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=True, timeout=600, env={"XL_MANY": str(len(texts))}
        )
        return [int(line) for line in done.stdout.split()]


def open_xl(release: str, folder: Path) -> Xl:
    """Return the release's xl, which works in a folder of the caller.

    Raises `NotHere` with the reason when there is no compiler, or the packages cannot be had.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        raise NotHere("there is no C compiler; install gcc")
    root = root_of(release)
    library = _compiled(compiler, root, releases.get(release).xen, folder)
    return Xl((*_loader(root), "--preload", str(library), str(_program(root, release))), folder)


def _compiled(compiler: str, root: Path, version: str, folder: Path) -> Path:
    library = folder / "shim.so"
    flags = ("-shared", "-fPIC", "-Wall", "-Werror", f"-DXEN_MINOR={version.partition('.')[2]}")
    argv = [compiler, *flags, "-I", str(root / "usr/include"), "-o", str(library), str(SHIM)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "No such file or directory" in done.stderr:
        raise NotHere(f"the compiler lacks its header files; install libc6-dev: {_first_error(done.stderr)}")
    if done.returncode:
        raise RuntimeError(f"{SHIM.name} does not compile: {done.stderr}")
    return library


def _loader(root: Path) -> tuple[str, ...]:
    """Return the words that start a program with the release's own C library, whatever this machine has."""
    folders = [root / path for path in LIBRARIES if (root / path).is_dir()]
    loader = next(path for name in ("lib", "usr/lib") if (path := root / name / LOADER).exists())
    return (str(loader), "--library-path", ":".join(map(str, folders)))


def _program(root: Path, release: str) -> Path:
    return root / f"usr/lib/xen-{releases.get(release).xen}/bin/xl"


def _first_error(text: str) -> str:
    lines = text.strip().splitlines()
    return next((line for line in lines if "error" in line), lines[0] if lines else "it said nothing")
