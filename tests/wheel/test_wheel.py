"""The wheel, in an empty folder, without the clone: a newcomer's way from the package to a plan of one's own, with its times.

Own packages come from this environment and nothing is downloaded. RUNBOOK_PYTHONS names other interpreters, such as
`python3.12 python3.13`, and RUNBOOK_SUITES releases of Debian, such as `trixie forky`, whose own Python is tried in a
root that mmdebstrap makes (as root): for those everything is fetched, in the versions of lock/.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hosts import clean_root

ROOT = Path(__file__).parents[2]
PYTHONS = [sys.executable, *os.environ.get("RUNBOOK_PYTHONS", "").split()]
SUITES = os.environ.get("RUNBOOK_SUITES", "").split()
PACKAGES = "python3-venv,ca-certificates,openssh-client"
ENTER = """root=$0 shared=$1
shift
mkdir -p "$root$shared"
mount --bind "$shared" "$root$shared"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec /usr/sbin/chroot "$root" env -C "$PWD" "$@"
"""
"""Runs a command in a root that has this test's folder at the same path; the mounts end with the command."""
OF_THIS_MACHINE = ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt")
"""What a root needs to fetch packages as this machine does."""
LARGEST_MIB = 4
SLOWEST_S = 2400
"""Of one command: another Python downloads all that it needs, on a machine with other work."""
pytestmark = pytest.mark.wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the files that git knows, in a folder of its own."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = _run(["git", "ls-files", "-z"], ROOT, os.environ).split("\0")
    for name in filter(None, listed):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    _run([*pip, "--wheel-dir", str(out), str(source)], out, os.environ)
    return next(out.glob("*.whl"))


@dataclass(frozen=True)
class Installed:
    """An environment that the wheel was installed into: its commands, what enters the Debian that it is in, and how long it took."""

    commands: Path
    enter: tuple[str, ...]
    took_s: float


@pytest.fixture(scope="module", params=[*PYTHONS, *SUITES], ids=lambda python: Path(python).name)
def installed(request, wheel, tmp_path_factory):
    """Install the wheel into an environment of its own."""
    place = tmp_path_factory.mktemp("environment")
    enter = _debian(request.param, tmp_path_factory.getbasetemp()) if request.param in SUITES else ()
    began = time.monotonic()
    if request.param == sys.executable:
        venv.create(place, with_pip=True)
        site = next(place.glob("lib/python*/site-packages"))
        (site / "of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (place / "share").mkdir(exist_ok=True)
        (place / "share/jupyter").symlink_to(Path(sys.prefix, "share/jupyter"))  # nbconvert's templates
        more = ["--no-index", "--no-deps"]
    else:
        python = "python3" if enter else request.param
        _run([*enter, python, "-m", "venv", str(place)], place, os.environ)
        (place / "versions.txt").write_text(_versions())
        more = ["--constraint", str(place / "versions.txt")]
    pip = [*enter, str(place / "bin/python"), "-m", "pip"]
    _run([*pip, "install", "--quiet", *more, str(wheel)], place, os.environ)
    return Installed(place / "bin", enter, time.monotonic() - began)


def _debian(suite, shared):
    """Return the words that run a command in that release of Debian, which has the folder `shared` and a Python of its own."""
    root = shared / suite
    root.mkdir()
    kept = clean_root.tar(ROOT / f".cache/clean-root/{suite}-python.tar", PACKAGES, suite)
    _run(["tar", "-C", str(root), "-xf", str(kept)], shared, os.environ)
    for name in OF_THIS_MACHINE:
        shutil.copyfile(f"/{name}", root / name)
    return ("unshare", "--mount", "sh", "-euc", ENTER, str(root), str(shared))


def _versions():
    """Return the versions of lock/ as constraints."""
    lines = (ROOT / "lock/test.txt").read_text(encoding="utf-8").splitlines()
    return "".join(line.rstrip(" \\") + "\n" for line in lines if re.match(r"\w", line))


def _run(argv, where, env, code=0):
    done = subprocess.run(
        argv, cwd=where, env=env, capture_output=True, text=True, check=False, timeout=SLOWEST_S
    )
    assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


class Newcomer:
    """Somebody in an empty folder who has nothing but what was installed; keeps what each command took."""

    def __init__(self, folder, installed):
        home = folder / "home"
        home.mkdir()
        self.where, self.enter, self.times = folder, installed.enter, {"pip install": installed.took_s}
        self.env = {
            "HOME": str(home),
            "PATH": f"{installed.commands}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
        }

    def types(self, line, code=0):
        began = time.monotonic()
        output = _run([*self.enter, *line.split()], self.where, self.env, code)
        self.times[line] = time.monotonic() - began
        return output


def test_the_wheel_holds_what_is_run_and_stands_alone(wheel):
    """Notebooks, example, schema, recordings and pages are in it, once, and its description leads to no missing file."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(n for n in names if n.endswith("/METADATA"))).decode()
    shipped = {name.removeprefix("runbook/shipped/") for name in names if name.startswith("runbook/shipped/")}
    tracked = set(
        filter(None, _run(["git", "ls-files", "-z", "notebooks", "recordings"], ROOT, os.environ).split("\0"))
    )
    assert {name for name in tracked if name.endswith((".ipynb", ".jsonl"))} <= shipped
    assert {"params/example.yml", "params/schema.json", "docs/errors.md"} <= shipped
    assert not [name for name in names if name.startswith(("tests/", "docs/", "notebooks/", "recordings/"))]
    assert {
        f"runbook/desk/labextensions/xen-host-runbook/{name}" for name in ("package.json", "static/freeze.js")
    } <= names
    assert wheel.stat().st_size < LARGEST_MIB << 20
    assert re.findall(r"\]\((?!https?:)[^)]*\)", metadata) == []
    assert "Author: The Xen host runbook authors" in metadata


def test_a_newcomers_way(installed, tmp_path, capsys):
    """From the package to a plan of one's own: a folder, the recorded host played and checked, a copy of it planned."""
    me = Newcomer(tmp_path, installed)
    python = me.types("python --version").strip()
    try:
        _go(me, tmp_path / "xen-host")
    finally:
        with capsys.disabled():
            print(f"\n{python}, {installed.commands}")
            for line, seconds in me.times.items():
                print(f"  {seconds:6.1f} s  {line}")


def _go(me, folder):
    assert "runbook init FOLDER" in me.types("runbook run", code=1)
    me.types("runbook init xen-host")
    me.where = folder
    assert "completed" in me.types("runbook run")
    assert "a run of yours finished it" in me.types("runbook check")
    assert "It is a recorded host, and stays as it is" in me.types("runbook undo params/example.yml")
    me.types("runbook new demo --like params/example.yml")
    assert "params/demo.yml: right. demo" in me.types("runbook validate params/demo.yml")
    assert re.search(r"[1-9]\d* actions are planned", me.types("runbook plan params/demo.yml"))
    assert "every rule is kept" in me.types("runbook lint")
    assert "index.html" in me.types("runbook site --out site")
    assert "testbed" in me.types("runbook report list")
    assert "is of" in me.types("runbook init --update")
    assert "runbook.1" in me.types("runbook completion")
    assert not (folder / "recordings").exists()
