"""Fleet runs whose parent was killed: told from those that live, and finished from the hosts' own reports."""

import json

import pytest

from runbook.controller.locks import locked
from runbook.evidence import abandoned, archive
from runbook.evidence.fleets.orphans import finish_fleets
from runbook.evidence.fleets.page import verdict
from runbook.evidence.fleets.record import FleetRecord, HostState, new_id
from tests.evidence.attested import record as run_of


@pytest.fixture
def dead(tmp_path):
    """Return the folder of a fleet run with one host of each state that its parent may leave."""
    hosts = [
        HostState("a", "a.yml", "d", state="completed", exit_code=0, report="a/r1"),
        HostState("b", "b.yml", "d", state="running", started="2026-01-01T10:00:00.000Z", notebook="05_work"),
        HostState("c", "c.yml", "d", state="running", started="2026-01-01T10:00:00.000Z"),
        HostState("d", "d.yml", "d"),
    ]
    fleet = FleetRecord(new_id(), {"mode": "apply"}, hosts)
    folder = tmp_path / "reports/fleet" / fleet.id
    (folder / "claims").mkdir(parents=True)
    (folder / "fleet.json").write_text(json.dumps(fleet.as_dict(), indent=1) + "\n")
    return folder


def begin(reports, host, day):
    """Make a run of a host that goes on; return its folder."""
    run = run_of(day, host)
    file = reports.with_name("params.yml")
    file.write_text(f"host: {host}\n")
    return archive.create(reports, run, file)


def said(folder):
    """Return outcome and states of a fleet run."""
    content = json.loads((folder / "fleet.json").read_text())
    return content["outcome"], {host["host"]: host["state"] for host in content["hosts"]}


def test_a_dead_fleet_is_finished_by_the_next_look(dead):
    """What ran is what its own report says, or killed; what never ran stays so; pages say the same, and once."""
    reports = dead.parents[1]
    begin(reports, "b", -1)
    began = begin(reports, "b", 1)
    abandoned.finish_orphans(reports)
    assert said(dead) == ("killed", {"a": "completed", "b": "killed", "c": "killed", "d": "never-run"})
    hosts = {host["host"]: host for host in json.loads((dead / "fleet.json").read_text())["hosts"]}
    assert (hosts["b"]["report"], hosts["b"]["exit_code"]) == (f"b/{began.name}", 138)
    assert "before its report was begun" in hosts["c"]["message"]
    assert "pill s-killed" in (dead / "index.html").read_text()
    assert "Its parent was killed." in (reports / "index.html").read_text()
    assert finish_fleets(reports) == []


def test_a_fleet_that_lives_or_whose_hosts_tidy_up_is_left_alone(dead):
    """While its parent holds it, or a host's runner its own run, it goes on saying `running`."""
    reports = dead.parents[1]
    with locked(dead, wait=False):
        assert finish_fleets(reports) == []
    with abandoned.held(begin(reports, "b", 1)):
        abandoned.finish_orphans(reports)
        assert said(dead)[0] == "running"
    abandoned.finish_orphans(reports)
    assert said(dead)[0] == "killed"


def test_a_fleet_that_never_wrote_a_record_goes(tmp_path):
    """Its folder holds nothing that happened; another folder in the same place stays."""
    fleets = tmp_path / "reports/fleet"
    (fleets / new_id() / "claims").mkdir(parents=True)
    (fleets / "mine").mkdir()
    assert finish_fleets(tmp_path / "reports") == []
    assert [path.name for path in fleets.iterdir()] == ["mine"]


@pytest.mark.parametrize("text", ["", "{", '{"outcome": "running"}', '[\n "outcome": "running"'])
def test_what_cannot_be_read_is_left_alone(dead, text):
    """A record that is no record is neither rewritten nor a reason to stop."""
    (dead / "fleet.json").write_text(text)
    assert finish_fleets(dead.parents[1]) == []
    assert (dead / "fleet.json").read_text() == text


def test_the_sentence_says_it():
    """A killed fleet is not called one that may still go on."""
    assert verdict({"outcome": "killed", "hosts": [{"state": "killed"}]}).endswith("Its parent was killed.")
