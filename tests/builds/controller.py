"""A controller for tests: the real building process, in a root that is only a folder.

`setpriv` on PATH is a double: it makes the root as an empty folder where mmdebstrap would be run, and
runs a command there where it would have a namespace of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook.builds import Recipe, root
from runbook.controller.apt_sources import AptSource

_SETPRIV = """#!{python}
import os, pathlib, subprocess, sys
argv = sys.argv[1:]
split = argv.index("--")
work, place, inside = pathlib.Path(argv[split - 2]), argv[split - 1], argv[split + 1:]
root = work / "place/root"
if inside[0] == "mmdebstrap":
    (root / "etc").mkdir(parents=True)
    print("I: success")
    sys.exit(0)
if place == "house":
    sys.exit(subprocess.run([w.replace("/mnt", str(work / "place")) for w in inside]).returncode)
told = dict(w.split("=", 1) for w in inside if w.startswith(("JOBS=", "RECIPE=")))
told["NETWORK"] = "no" if "--net" in argv else "yes"
script = inside[-1]
for path, there in (("/build", root / "build"), ("/mnt", work / "given"), ("/etc/", root / "etc/")):
    script = script.replace(path, str(there) + "/" * path.endswith("/"))
sys.exit(subprocess.run(["sh", "-euc", script], env=dict(os.environ, **told)).returncode)
"""
_GETSUBIDS = '#!/bin/sh\nfor name; do :; done\necho "0: $name 100000 65536"\n'


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the doubles on PATH and the builds into a folder of their own; return that folder."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in set(root.TOOLS) - {"setsid"}:
        text = _GETSUBIDS if name == "getsubids" else _SETPRIV.format(python=sys.executable)
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("RUNBOOK_BUILDS_DIR", str(tmp_path / "builds"))
    pretend(monkeypatch.setattr)
    return tmp_path / "builds"


def pretend(change: Callable[[object, str, object], None] = setattr) -> None:
    """Have a package source of its own: in a process that only inherits PATH, this is done again."""
    source = AptSource(("http://deb.example/debian",), ("trixie",), ("main",))
    change(root, "own_sources", lambda release: (source,))
    change(root, "mirror_options", lambda: ())


def recipe(script: str = "echo it >out/toy_1.0_all.deb", **more: object) -> Recipe:
    """Return a small recipe."""
    values = {"name": "toy", "release": "trixie", "packages": ("make",), "needs_mib": 1}
    return Recipe(script=script, **{**values, **more})  # type: ignore[arg-type]
