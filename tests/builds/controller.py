"""A controller for tests: the real building process, in a root that is only a folder.

`setpriv` on PATH is a double: it makes the root as an empty folder where mmdebstrap would be run, and
runs a recipe's script there where chroot would be.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook.apt_sources import AptSource
from runbook.builds import Recipe, root

_SETPRIV = """#!{python}
import os, pathlib, subprocess, sys
argv = sys.argv[1:]
if "mmdebstrap" in argv:
    made = pathlib.Path(argv[argv.index(next(w for w in argv if w in ("trixie", "bookworm"))) + 1])
    (made / "etc").mkdir(parents=True)
    print("I: success")
    sys.exit(0)
here = argv[argv.index("-c") + 2]
told = dict(w.split("=", 1) for w in argv if w.startswith(("JOBS=", "RECIPE=")))
told["NETWORK"] = "no" if "--net" in argv else "yes"
script = argv[-1].replace("/build", here + "/build")
sys.exit(subprocess.run(["sh", "-euc", script], env=dict(os.environ, **told)).returncode)
"""


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the doubles on PATH and the builds into a folder of their own; return that folder."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in set(root.TOOLS) - {"setsid"}:
        (programs / name).write_text(_SETPRIV.format(python=sys.executable), encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("RUNBOOK_BUILDS_DIR", str(tmp_path / "builds"))
    pretend(monkeypatch.setattr)
    return tmp_path / "builds"


def pretend(change: Callable[[object, str, object], None] = setattr) -> None:
    """Be root with a package source of its own: in a process that only inherits PATH, this is done again."""
    source = AptSource(("http://deb.example/debian",), ("trixie",), ("main",))
    change(root, "own_sources", lambda release: (source,))
    change(root, "mirror_options", lambda: ())
    change(os, "geteuid", lambda: 0)


def recipe(script: str = "echo it >out/toy_1.0_all.deb", **more: object) -> Recipe:
    """Return a small recipe."""
    values = {"name": "toy", "release": "trixie", "packages": ("make",), "needs_mib": 1}
    return Recipe(script=script, **{**values, **more})  # type: ignore[arg-type]
