"""The notebook of many hosts: what it says of the hosts whose reports it reads."""

import json
import shutil

import papermill
import pytest

from runbook import open_fleet
from runbook.drift import kept
from runbook.errors import ParamsError
from runbook.evidence.files import read_notebook
from runbook.evidence.fleets.record import FleetRecord, HostState
from runbook.fleet.facts import COLUMNS
from tests.evidence.toys import ROOT
from tests.fleet.test_facts import CHANGE, SAMPLE

NEVER = "nobody looked: runbook check"


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """Return reports of five hosts, copies of the sample.

    two has another kernel, its network card elsewhere, and drifted; three was never looked at for drift;
    four had nothing to compare with; bad has no run that completed.
    """
    monkeypatch.chdir(tmp_path)
    drifts = {
        "one": {"since": {"run": "r", "started": "2026-01-01T10:00:00Z", "mode": "check"}, "changes": []},
        "two": {
            "since": {"run": "r", "started": "2026-01-01T10:00:00Z", "mode": "check"},
            "changes": [CHANGE],
        },
        "four": {"since": None, "changes": []},
    }
    for name in ("one", "two", "three", "four", "bad"):
        folder = tmp_path / "reports" / name / SAMPLE.name
        shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("*.ipynb", "*.html", "drift.json"))
        run = json.loads((folder / "run.json").read_text())
        outcome = "failed" if name == "bad" else run["outcome"]
        (folder / "run.json").write_text(json.dumps({**run, "host": name, "outcome": outcome}))
        if name in drifts:
            (folder / "drift.json").write_text(json.dumps(drifts[name]))
    for path in (tmp_path / "reports/two").glob(f"*/{kept.FOLDER}/*.json"):
        text = path.read_text().replace("00:05.0", "00:0b.0").replace("6.12.118-xenhost", "6.12.119-xenhost")
        path.write_text(text)
    return tmp_path / "reports"


def keep_fleet(reports, *hosts):
    record = FleetRecord("20261126T000000.000Z-fleet-000000", {"mode": "check"}, list(hosts))
    record.outcome, folder = "failed", reports / "fleet" / record.id
    folder.mkdir(parents=True)
    (folder / "fleet.json").write_text(json.dumps(record.as_dict()))


def lines(shown):
    return [" ".join(line.split()) for line in shown.text.splitlines()]


def test_the_facts_of_all_hosts_are_one_table(reports):
    """One pandas table holds every host that has a good report; the others are named, and a pattern chooses."""
    fleet = open_fleet("reports")
    assert tuple(fleet.facts.columns) == COLUMNS
    assert set(fleet.facts.host) == {"one", "two", "three", "four"}
    title = fleet._repr_mimebundle_()["text/plain"]
    assert title.startswith("5 hosts in reports: bad, four, one, three, two\n")
    assert title.endswith("without a good report: bad")
    assert str(reports.parent) not in title
    assert open_fleet("reports", "t*").hosts == ["three", "two"]


def test_who_has_which_card(reports):
    """A card has one line with each of its places and whose it is, also where it is in another slot."""
    (line,) = [x for x in lines(open_fleet("reports", "[ot]*").show("devices")) if x.startswith("8086:10d3")]
    assert line.endswith("3 one 00:05.0 (ipfire); three 00:05.0 (ipfire); two 00:0b.0 (ipfire)")


def test_hosts_without_xen_have_cards_too():
    """Where no Xen runs, a card has a place and no owner, and the absence of Xen is no version beside another."""
    fleet = open_fleet(str(ROOT / "reports/sample"))
    (line,) = [text for text in lines(fleet.show("devices")) if text.startswith("8086:10d3")]
    assert line.endswith("3 alder 00:05.0; birch 00:05.0; testbed 00:05.0 (ipfire)")
    assert "8086:10d3" in open_fleet(str(ROOT / "reports/sample"), "alder").show("devices").text
    assert "Xen no 2 alder, birch" in lines(fleet.show("versions"))
    assert not [line for line in fleet.summary().text.splitlines() if line.startswith("Xen")]


def test_which_versions_run_where(reports):
    """Each kernel and Xen has one line with the number and the names of the hosts that run it."""
    said = lines(open_fleet("reports").show("versions"))
    assert "kernel 6.12.118-xenhost 3 four, one, three" in said
    assert "kernel 6.12.119-xenhost 1 two" in said
    assert any(line.startswith("Xen 4.20.4-pre 4 ") for line in said)


def test_what_drifted_and_where_nobody_looked(reports):
    """A change is named with who made it; that nothing changed, could be compared, or was looked for is told apart."""
    said = [line.replace("2026-11-26T00:28 ", "") for line in lines(open_fleet("reports").show("drift"))]
    assert f"two {CHANGE['line']} {CHANGE['by']}" in said
    assert {"one nothing", "four nothing to compare with yet", f"three never {NEVER}"} <= set(said)


def test_how_the_newest_fleet_run_went(reports):
    """The newest fleet run has a line a host, with where it stopped and why; without one that is said."""
    fleet = open_fleet("reports")
    assert fleet.show("run").text == "No fleet run is among these reports."
    keep_fleet(
        reports,
        HostState("one", "one.yml", "d", "completed", 0, seconds=61.4),
        HostState(
            "two", "two.yml", "d", "failed", 5, "", "03_x", "set_names", "Cannot reach two\n  where: ssh"
        ),
        HostState("six", "six.yml", "d"),
    )
    said = lines(fleet.show("run"))
    assert "one completed 0 61" in said
    assert "two failed 5 03_x · set_names Cannot reach two" in said
    assert "six never-run" in said


def test_what_deserves_a_look_is_summed_up(reports):
    """The last word names hosts without a good report, drift, versions side by side and an unfinished fleet run."""
    keep_fleet(reports, HostState("one", "one.yml", "d", "killed", 138))
    assert open_fleet("reports").summary().text.splitlines() == [
        "bad has no good report: runbook check",
        "four: nobody has looked for drift yet",
        "three: nobody has looked for drift yet",
        "two: 1 thing drifted",
        "kernel: 2 versions run side by side",
        "Of 1 host: 1 killed.",
    ]
    shutil.rmtree(reports / "fleet")
    assert open_fleet("reports", "one").summary().text == "Nothing deserves a look."


@pytest.mark.parametrize(
    ("asked", "said"), [(("reports", "x*"), "reports of: bad, four"), (("no",), "no no")]
)
def test_what_is_not_there_is_said(reports, asked, said):
    """A folder that is not there, and a pattern that no host fits, are errors that name what there is."""
    with pytest.raises(ParamsError, match=said):
        open_fleet(*asked)
    with pytest.raises(ParamsError, match="there are: hosts, devices, versions, drift, run"):
        open_fleet("reports").show("cards")


def test_a_fleet_without_any_good_report_has_empty_tables(reports):
    """Every table can be shown when no host has a good report."""
    fleet = open_fleet("reports", "bad")
    assert all(fleet.show(what).text for what in ("hosts", "devices", "versions", "drift", "run"))


def test_papermill_makes_a_page_of_any_reports(reports, tmp_path):
    """The notebook runs by plain papermill on the reports that it is given, and writes nothing among them."""
    before = sorted(reports.rglob("*"))
    out = tmp_path / "out.ipynb"
    papermill.execute_notebook(
        ROOT / "notebooks/fleet.ipynb", out, {"reports": str(reports), "hosts": "t*"}, progress_bar=False
    )
    last = read_notebook(out).cells[-1].outputs[0]["data"]["text/plain"]
    assert "two: 1 thing drifted" in "".join(last)
    assert sorted(reports.rglob("*")) == before
