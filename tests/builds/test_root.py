"""The commands that make and enter the clean root."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.builds import BuildFailed, rights, root
from runbook.controller.apt_sources import AptSource
from runbook.errors import RunbookError
from tests.builds.controller import recipe

SOURCE = AptSource(("http://deb.example/debian",), ("trixie",), ("main",))


@pytest.fixture(autouse=True)
def _sources(monkeypatch):
    monkeypatch.setattr(root, "own_sources", lambda release: (SOURCE,))
    monkeypatch.setattr(root, "mirror_options", lambda: (("Acquire::Check-Date", "false"),))
    monkeypatch.setattr(rights, "find", lambda user: rights.Ids(200000, 300000))


def test_the_root_is_made_from_this_machines_sources():
    """mmdebstrap gets the release, the folder, the packages and one line for each source, in this order."""
    argv = root.bootstrap(recipe(packages=("make", "gcc")), Path("/r"))
    assert "--include=make,gcc" in argv
    assert '--aptopt=Acquire::Check-Date "false"' in argv
    assert argv[argv.index("trixie") + 1] == "/mnt/root"
    assert argv[-1].endswith("http://deb.example/debian trixie main")
    assert not any(word.startswith("deb-src") for word in argv)


def test_source_packages_are_known_only_when_asked_for():
    """A recipe that fetches with apt-get source has deb-src lines too."""
    argv = root.bootstrap(recipe(source_packages=True), Path("/r"))
    assert [word.split()[0] for word in argv[-2:]] == ["deb", "deb-src"]


def test_compiling_has_no_network_and_all_ends_with_the_job():
    """The script runs with no network but what `fetch` has; every process ends when the job ends."""
    inside = root.enter(Path("/r"), recipe(), "make", network=False, jobs=3)
    outside = root.enter(Path("/r"), recipe(), "make", network=True, jobs=3)
    assert "--net" in inside
    assert "--net" not in outside
    for argv in (inside, outside, root.bootstrap(recipe(), Path("/r"))):
        assert argv[:3] == ["setpriv", "--pdeathsig", "KILL"]
        assert {"--user", "--pid", "--mount", "--ipc", "--kill-child"} <= set(argv)
        assert {"--map-users=200000,0,65536", "--map-groups=300000,0,65536"} <= set(argv)
    assert inside[-1] == "make"
    assert inside[inside.index("--") - 1] == "root", "a script sees its root and nothing else"
    assert {"JOBS=3", f"RECIPE={recipe().digest()}"} <= set(inside)


def test_a_machine_without_debian_sources_cannot_build(monkeypatch):
    """Where no Debian sources are known, the build says so with the next move."""

    def none(release):
        raise RunbookError("cannot tell", where="/etc/apt", why="no source", do="add one")

    monkeypatch.setattr(root, "own_sources", none)
    with pytest.raises(BuildFailed, match="cannot tell") as caught:
        root.bootstrap(recipe(), Path("/r"))
    assert caught.value.do == "add one"
