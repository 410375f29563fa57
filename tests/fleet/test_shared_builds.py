"""What is built once and used by many: hosts of a fleet that want the same packages take them from one folder."""

import os
from pathlib import Path

import pytest

from runbook.actions import Deliver
from runbook.builds import kernel, store, xen
from runbook.engine.apply import carry_out
from runbook.evidence.fleets.record import HostState
from runbook.fleet.members import members
from runbook.fleet.request import FleetRequest
from runbook.fleet.run import run_fleet
from runbook.hosts import script
from runbook.hosts.local import LocalHost
from runbook.params import load
from tests.builds import controller
from tests.evidence.attested import alone
from tests.evidence.toys import ROOT, project
from tests.fleet import toy
from tests.fleet.test_real_runs import CHILD

RELEASES = {"one": "trixie", "two": "trixie", "three": "trixie", "old": "bookworm"}
DELIVERS = "from tests.fleet.test_shared_builds import deliver; deliver(params)"
#: Notes who builds, and takes long enough for all hosts to want it meanwhile.
SCRIPT = 'echo "$RECIPE" >>{counter}; sleep 5; echo "made of $RECIPE" >out/linux-image-toy_1_amd64.deb'


def deliver(params):
    """Do in a kernel of a fleet what the step that builds does: one delivery, to a folder that is this host."""
    controller.pretend()
    script.write_script = lambda path, mode, owner, check, sha256: f"cat >{path}"
    host = load(params)
    recipe = controller.recipe(SCRIPT.format(counter=Path("counter").absolute()), release=host.release)
    carry_out(Deliver(recipe, str(Path("hosts", host.host).absolute())), LocalHost(), print)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a toy project, which is the current folder, on a controller that can build."""
    alone(monkeypatch, tmp_path / "config")
    controller.furnish(tmp_path, monkeypatch)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    place = project(tmp_path / "project", **toy.BOOKS)
    monkeypatch.chdir(place)
    for name, release in RELEASES.items():
        for folder, file, text in (
            ("wishes", f"{name}.py", DELIVERS),
            ("params", f"{name}.yml", f"host: {name}\nrelease: {release}\n{NOWHERE}"),
        ):
            (place / folder).mkdir(exist_ok=True)
            (place / folder / file).write_text(text)
    (place / "hosts").mkdir()
    return place


NOWHERE = "connection: {kind: recorded, recording: .}\n"


def test_a_fleet_builds_once_for_each_release(place, tmp_path):
    """Hosts that run at once, each in its own process, get the same package from one folder, built once a release.

    A fleet that comes later builds nothing.
    """
    before = os.environ["RUNBOOK_BUILDS_DIR"]
    for _ in range(2):
        found = [HostState(m.host, m.params, m.digest) for m in members(f"params/{n}.yml" for n in RELEASES)]
        request = FleetRequest(mode="apply", parallel=4)
        done = run_fleet(request, found, tmp_path / "reports", lambda *_: None, command=CHILD)
        assert [(host.state, host.message) for host in done.record.hosts] == [("completed", "")] * 4
        built = {path.parent.name: path for path in Path(before).glob("*/*/linux-image-toy_1_amd64.deb")}
        assert len(built) == 2
        assert sorted(Path("counter").read_text().split()) == sorted(k.rpartition("-")[2] for k in built)
        for name, release in RELEASES.items():
            (kept,) = Path(before, release).glob("*/*.deb")
            there = place / "hosts" / name
            assert store.sha256(there / kept.name) == store.sha256(kept)
            assert kept.parent.name in (there / "manifest.json").read_text()


@pytest.mark.parametrize("make", [lambda host: kernel.recipe(host, None), xen.recipe], ids=["kernel", "xen"])
def test_hosts_of_a_release_want_the_same_build(make):
    """What a host is called, has and runs is not in the recipe; its release and what is to be built are."""
    one = load(ROOT / "params/testbed-build.yml")
    other = one.model_copy(update={"host": "other", "guests": (), "passthrough": load_passthrough()})
    assert make(other).key == make(one).key
    assert make(one.model_copy(update={"release": "bookworm"})).key != make(one).key


def load_passthrough():
    """Return what another host passes to its guests."""
    return load(ROOT / "params/victory.yml").passthrough
