"""The lists of runs, written by many runs at once, and of fleet runs."""

import json
import re
import threading

import pytest

from runbook.evidence import archive
from runbook.evidence.fleets.newest import SHOWN
from runbook.evidence.fleets.record import FleetRecord, HostState
from tests.evidence.attested import alone, archived, record


def test_who_read_first_does_not_write_last(tmp_path, monkeypatch):
    """A run that ends while another one writes the lists is in them when both have ended."""
    alone(monkeypatch, tmp_path / "config")
    reports = tmp_path / "reports"
    archived(reports, 0)
    other = record(1, host="other")
    read, threads = archive.find_runs, []

    def slowly(*args):
        found = list(read(*args))
        if not threads:
            place = reports / other.host / other.id
            place.mkdir(parents=True)
            (place / "run.json").write_text(json.dumps(other.as_dict()))
            threads.append(threading.Thread(target=archive.refresh, args=(reports, other.host)))
            threads[0].start()
            threads[0].join(1)
        return found

    monkeypatch.setattr(archive, "find_runs", slowly)
    archive.refresh(reports, "toy")
    threads[0].join()
    assert other.id in (reports / "index.html").read_text()
    assert other.id in (reports / "other" / "index.html").read_text()
    assert other.id not in (reports / "toy" / "index.html").read_text()


def fleet(reports, number, outcome="completed"):
    """Leave the n-th fleet run of two hosts; return its id."""
    record = FleetRecord(
        f"20260101T1000{number:02}.000Z-fleet-{number:06x}",
        {"mode": "check", "parallel": 2},
        [HostState("a", "a.yml", "d1", "completed"), HostState("b", "b.yml", "d1", outcome)],
        started=f"2026-01-01T10:{number:02}:00.000Z",
        outcome=outcome,
        seconds=75.0,
    )
    place = reports / "fleet" / record.id
    place.mkdir(parents=True)
    (place / "fleet.json").write_text(json.dumps(record.as_dict()))
    return record.id


@pytest.fixture
def reports(tmp_path):
    (tmp_path / "reports").mkdir()
    return tmp_path / "reports"


@pytest.mark.parametrize("last", ["29991231T235959Z", "20260101T100000Z"])
def test_a_new_run_is_later_than_all_before_it(tmp_path, last):
    """Names tell which run came first, also after a clock was set back, and of a run that has lost its record."""
    place = tmp_path / "toy" / f"{last}-ffffff"
    place.mkdir(parents=True)
    (place / "journal.jsonl").touch()
    (tmp_path / "toy/notes").mkdir()
    name = archive.new_id(tmp_path, "toy")
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{6}", name)
    assert name > place.name
    assert name.startswith("30000101T000000Z") == last.startswith("2999")
    assert archive.new_id(tmp_path, "other") < "2999"


def test_the_newest_run_is_first_whatever_its_clock_said(tmp_path, monkeypatch):
    """A list is in the order in which runs were made."""
    alone(monkeypatch, tmp_path / "config")
    reports = tmp_path / "reports"
    older, newer = archived(reports, 1), archived(reports, 2)
    path = newer / "run.json"
    path.write_text(
        path.read_text().replace(json.loads(path.read_text())["started"], "2001-01-01T00:00:00+00:00")
    )
    assert [run["id"] for run in archive.newest_first(reports)] == [newer.name, older.name]


def test_fleet_runs_are_listed_newest_first(reports):
    """When, which hosts, how it ended and the way there; the same files give the same page, to the byte."""
    archive.refresh(reports)
    assert "Fleet runs" not in (reports / "index.html").read_text()
    old, new = fleet(reports, 1), fleet(reports, 2, "failed")
    archive.refresh(reports)
    page = (reports / "index.html").read_text()
    assert page.index(f'<a href="fleet/{new}/index.html">1 Jan 2026, 10:02 UTC') < page.index(f"fleet/{old}/")
    assert '<span class="pill s-failed">failed</span>' in page
    assert "Of 2 hosts: 1 completed, 1 failed." in page
    assert '<td class="num" data-of="Hosts">2</td><td class="num" data-of="Time">1 min 15 s</td>' in page
    archive.refresh(reports)
    assert (reports / "index.html").read_text() == page


def test_of_many_fleet_runs_the_newest_are_listed(reports, caplog):
    """Older ones are counted and not read."""
    ids = [fleet(reports, number) for number in range(SHOWN + 2)]
    (reports / "fleet" / ids[0] / "fleet.json").write_text("half a rec")
    archive.refresh(reports)
    page = (reports / "index.html").read_text()
    assert [id_ in page for id_ in ids] == [False, False, *[True] * SHOWN]
    assert "2 older fleet runs" in page
    assert caplog.text == ""


def test_a_fleet_run_that_cannot_be_read_is_left_out(reports, caplog):
    """Half a record costs its own line, not the list."""
    good, bad = fleet(reports, 1), fleet(reports, 2)
    (reports / "fleet" / bad / "fleet.json").write_text('{"started": "2026-01-01')
    archive.refresh(reports)
    page = (reports / "index.html").read_text()
    assert good in page
    assert bad not in page
    assert f"{bad}/fleet.json is left out of the list" in caplog.text
