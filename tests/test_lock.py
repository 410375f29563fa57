"""lock/ holds exactly what pyproject.toml asks for, with checksums and no address."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]
ASKED = {
    "run": [*PROJECT["project"]["dependencies"], *GROUPS["build"]],
    "test": [*PROJECT["project"]["dependencies"], *EXTRAS["test"], *GROUPS["build"]],
    "browser": [*PROJECT["project"]["dependencies"], *EXTRAS["test"], *EXTRAS["browser"], *GROUPS["build"]],
    "uv": GROUPS["lock"],
}
PYTHONS = [f"3.{n}" for n in (11, 12, 13, 14)]
ENVIRONMENTS = [{"python_version": python, "python_full_version": f"{python}.9"} for python in PYTHONS]


def entries(text):
    """Return the requirements of a lock file, each with its checksums."""
    lines = (line for line in text.replace("\\\n", " ").splitlines() if line.strip())
    rows = (line.split("--hash=") for line in lines if not line.startswith("#"))
    return [(Requirement(name), [digest.strip() for digest in digests]) for name, *digests in rows]


def faults(text, asked):
    """Return what is wrong with the text of a lock file, for those requirements."""
    found = []
    locked = entries(text)
    for requirement, digests in locked:
        if not re.fullmatch(r"==[\w.!+]+", str(requirement.specifier)):
            found.append(f"{requirement.name} is not one version")
        if not digests or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests):
            found.append(f"{requirement.name} has no right checksum")
    for wanted in map(Requirement, asked):
        for environment in ENVIRONMENTS:
            versions = [
                str(r.specifier)[2:]
                for r, _ in locked
                if canonicalize_name(r.name) == canonicalize_name(wanted.name)
                and (r.marker is None or r.marker.evaluate(environment))
            ]
            if len(versions) != 1 or not wanted.specifier.contains(versions[0]):
                found.append(f"{wanted} is {versions} with Python {environment['python_version']}")
    return found + [f"an address: {line}" for line in text.splitlines() if "://" in line or "index" in line]


@pytest.mark.parametrize("name", ASKED)
def test_the_lock_has_what_the_project_asks_for(name):
    """Each dependency is there once for every Python, in its range, with checksums; `make lock` renews it."""
    assert faults((ROOT / f"lock/{name}.txt").read_text(), ASKED[name]) == []


@pytest.mark.parametrize(("less", "more"), [("run", "test"), ("test", "browser")])
def test_a_longer_lock_goes_on_from_a_shorter(less, more):
    """What both hold is the same, so one can be installed over the other."""
    first, second = (
        {f"{r.name}{r.specifier}": digests for r, digests in entries((ROOT / f"lock/{name}.txt").read_text())}
        for name in (less, more)
    )
    assert first.items() <= second.items()


def test_the_pythons_that_are_named_are_locked():
    """Each Python that pyproject.toml names to others is one that the locks are made for, and the other way round."""
    named = [one.rpartition(" ")[2] for one in PROJECT["project"]["classifiers"] if "Python :: 3." in one]
    assert named == PYTHONS
    assert PROJECT["project"]["requires-python"] == f">={PYTHONS[0]}"


def test_the_build_backend_is_locked():
    """The project is built without isolation, by the backend that the lock holds."""
    assert GROUPS["build"] == PROJECT["build-system"]["requires"]
    assert "--no-deps --no-build-isolation --editable ." in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (r"^click==.*\n(    --hash.*\n)+", "", "click"),
        (r"^click==[\d.]+", "click==7.0", "click"),
        (r"^click==[\d.]+", "click>=8", "not one version"),
        (r"(^click==[^\n]*)\\\n(    --hash.*\n)+", r"\1\n", "no right checksum"),
        (r"\A", "--index-url https://registry.example/simple\n", None),
        (r"\A", "# https://registry.example/simple\n", "an address"),
    ],
)
def test_a_wrong_lock_is_seen(old, new, told):
    """A missing, foreign or open version, a line without checksums and an address are each noticed."""
    text, count = re.subn(old, new, (ROOT / "lock/test.txt").read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    if told is None:
        with pytest.raises(ValueError, match="index-url"):
            faults(text, ASKED["test"])
        return
    assert any(told in fault for fault in faults(text, ASKED["test"]))


def test_pip_refuses_an_altered_file(tmp_path):
    """A package of which one byte is another is not installed; the right one is."""
    wheel = tmp_path / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy.py", "")
        archive.writestr("toy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
        archive.writestr(
            "toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("toy-1.0.dist-info/RECORD", "")

    lock = tmp_path / "lock.txt"
    lock.write_text(f"toy==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")

    def installed(folder):
        argv = [
            sys.executable,
            "-m",
            "pip",
            "--isolated",
            "install",
            "--no-index",
            "--find-links",
            str(tmp_path),
        ]
        argv += ["--require-hashes", "--requirement", str(lock), "--target", str(tmp_path / folder)]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    assert installed("right").returncode == 0
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("evil.py", "")
    refused = installed("wrong")
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    shutil.rmtree(tmp_path / "wrong", ignore_errors=True)
