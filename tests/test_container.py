"""The recipe for an image, and the page about it, agree with the project."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RECIPE = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", "")
LINES = [line.split(None, 1) for line in RECIPE.splitlines() if line and not line.startswith("#")]
PAGE = (ROOT / "docs/container.md").read_text(encoding="utf-8")
PYTHON_OF = {"trixie": "3.13"}
"""Which Python a release of Debian calls python3."""


def _said(word):
    return [rest for name, rest in LINES if name == word]


def _copied():
    """Return the patterns of what the recipe copies from the clone."""
    rows = [shlex.split(rest) for rest in _said("COPY")]
    return [pattern for row in rows if not row[0].startswith("--from") for pattern in row[:-1]]


def _files(pattern):
    """Return the files of the clone that one pattern brings."""
    for path in ROOT.glob(pattern):
        yield from path.rglob("*") if path.is_dir() else [path]


def test_what_the_recipe_copies_is_there():
    """Each file and folder that it copies exists in the clone."""
    assert _copied()
    assert [pattern for pattern in _copied() if not any(_files(pattern))] == []


def test_the_recipe_copies_all_that_the_wheel_is_made_of():
    """The package, what is shipped beside it and what the build reads are copied, and no parameters of one's own."""
    copied = {path for pattern in _copied() for path in _files(pattern)}
    shipped = {path for pattern in PROJECT["tool"]["runbook"]["shipped"] for path in ROOT.glob(pattern)}
    build = {ROOT / name for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE")}
    assert shipped | build | set((ROOT / "runbook").rglob("*.py")) <= copied
    handed = {path for path in copied if path.parent == ROOT / "params"}
    assert handed == {path for path in shipped if path.parent == ROOT / "params"}


def test_its_python_is_one_that_the_project_names():
    """Both of its parts are one Debian, for the environment is made in the first and run in the second."""
    (base,) = {rest.split()[0] for rest in _said("FROM")}
    release = base.partition(":")[2].removesuffix("-slim")
    assert f"Programming Language :: Python :: {PYTHON_OF[release]}" in PROJECT["project"]["classifiers"]


def test_it_installs_nothing_without_a_checksum():
    """Packages come by the lock, and then the runbook alone, without a look at any index."""
    pip = [line for rest in _said("RUN") for line in rest.split("&&") if "/pip install" in line]
    assert len(pip) == 2
    assert "--require-hashes --requirement /source/lock/run.txt" in pip[0]
    assert "--no-index --no-deps --no-build-isolation /source" in pip[1]


def test_nobody_is_root_in_it_and_no_port_is_open_by_itself():
    """It ends as the user that it made, in that one's folder, and has ssh and git."""
    made = _said("RUN")[-1]
    assert re.search(r"useradd .*--uid 1000 (\w+)", made)[1] == _said("USER")[-1] == "runbook"
    assert _said("EXPOSE") == []
    assert "install --directory --owner runbook --group runbook /work" in made
    assert _said("WORKDIR") == _said("VOLUME") == ["/work"]
    assert {"git", "openssh-client"} <= set(made.split())


def test_the_page_shows_the_recipe_and_opens_no_port_to_others():
    """Every run of the page is of this user and folder, and a port that is published is one of loopback."""
    runs = re.findall(r"podman run .*", PAGE)
    assert len(runs) >= 3
    assert [run for run in runs if 'keep-id:uid=1000,gid=1000 --volume "$PWD":/work' not in run] == []
    published = re.findall(r" (?:-p|--publish) (\S+)", "\n".join(runs))
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []
