"""`runbook facts`: what many hosts are, in one table."""

import json
import shutil
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

from runbook.cli import main
from runbook.drift import kept
from runbook.fleet import facts
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import load
from runbook.text import csv
from tests.drift import recorded
from tests.evidence.toys import ROOT

SAMPLE = max((ROOT / "reports/sample/testbed").glob("*Z-*"))
XEN, KERNEL = recorded.xen_and_kernel()
CHANGE = {"line": "package xen-utils: 1 → 2", "by": "not the runbook", "kind": "package", "name": "xen-utils"}


def finished(reports, host):
    """Return the folder of a run of a finished host: the sample's record, and what the testbed said at the end."""
    folder = reports / host / SAMPLE.name
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("*.ipynb", "*.html", kept.FOLDER))
    for notebook, answers in recorded.looks().items():
        kept.keep(folder, notebook, recorded.facts(answers))
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**run, "host": host}))
    return folder


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """Return reports of the hosts one and two, both as the testbed is at the end; two has drifted since."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two", "three"):
        text = f"host: {name}\nconnection: {{kind: recorded, recording: .}}\n"
        (tmp_path / f"{name}.yml").write_text(text)
    for name in ("one", "two"):
        folder = finished(tmp_path / "reports", name)
        since = {"run": "r", "started": "2026-01-01T10:00:00Z", "mode": "check"}
        found = {"since": since, "changes": [CHANGE] * (2 if name == "two" else 0)}
        (folder / "drift.json").write_text(json.dumps(found))
    return tmp_path / "reports"


def call(*words):
    return CliRunner().invoke(main, ["facts", *words, "--reports", "reports"], catch_exceptions=False)


def test_a_table_over_hosts_is_written_and_summed_up(reports):
    """All facts of the last good reports are in one file, and a line a host says what it is and how much drifted."""
    done = call("one.yml", "two.yml", "--out", "facts.csv")
    assert done.exit_code == 0, done.output
    table = pd.read_csv("facts.csv", dtype="string", keep_default_na=False)
    assert tuple(table.columns) == facts.COLUMNS
    assert set(table.host) == {"one", "two"}
    assert set(table.source) == {SAMPLE.name}
    assert {"device", "package", "kernel", "Xen", "boot menu", "guest"} <= set(table.kind)
    network = table[(table.host == "one") & (table.kind == "device") & (table.name == "0000:00:05.0")]
    assert dict(zip(network.field, network["value"], strict=True))["id"] == "8086:10d3"
    drifted = table[table.kind == "drift"]
    assert list(drifted.host) == ["two", "two"]
    assert set(drifted["value"]) == {CHANGE["line"]}
    lines = done.output.splitlines()
    assert max(map(len, lines)) <= 80
    found = {
        host: " ".join(line for line in lines if line.startswith(host)).split() for host in ("one", "two")
    }
    assert (found["one"][-1], found["two"][-1]) == ("0", "2")
    assert XEN in found["one"]
    table = call("one.yml", "--out", "-")
    assert table.output.splitlines()[0] == ",".join(f'"{column}"' for column in facts.COLUMNS)
    assert call("one.yml", "--out", "-", "--json").exit_code == 2
    (reports / "one" / SAMPLE.name / "drift.json").unlink()
    assert call("one.yml").output.rstrip().endswith("never looked")


def test_what_a_run_did_not_look_at_is_not_none(reports):
    """After a run of some notebooks, devices and guests that nobody asked for are not counted as none."""
    for path in (reports / "one" / SAMPLE.name / "facts").iterdir():
        if path.stem != "03_debian_configuration":
            path.unlink()
    assert call("one.yml", "two.yml", "--out", "facts.csv").exit_code == 0
    table = pd.read_csv("facts.csv", dtype="string", keep_default_na=False)
    found = facts.summary(table).to_dict("index")
    assert (found["one"]["passed"], found["one"]["guests"]) == (facts.UNSEEN, facts.UNSEEN)
    assert all(isinstance(found["two"][column], int) for column in ("passed", "guests"))
    assert set(table[(table.host == "one") & (table.kind == facts.UNSEEN)].name) >= {"device", "guest"}
    assert not {"device", "guest"} & set(table[(table.host == "two") & (table.kind == facts.UNSEEN)].name)


def test_guests_that_nobody_can_see_are_not_none(reports):
    """Where `xl list` does not answer, guests and passed devices are not known, and the table says why."""
    for path in (reports / "one" / SAMPLE.name / "facts").iterdir():
        content = json.loads(path.read_text())
        for key in [key for key in content["answers"] if "xl" in kept.ask_of(key).argv]:
            content["answers"][key] = [127, "", "sh: 1: xl: not found"]
        path.write_text(json.dumps(content))
    assert call("one.yml", "two.yml", "--out", "facts.csv").exit_code == 0
    table = pd.read_csv("facts.csv", dtype="string", keep_default_na=False)
    found = facts.summary(table).to_dict("index")
    assert (found["one"]["passed"], found["one"]["guests"]) == (facts.UNKNOWN, facts.UNKNOWN)
    assert all(isinstance(found["two"][column], int) for column in ("passed", "guests"))
    unknown = table[table.kind == facts.UNKNOWN]
    assert list(unknown.host) == ["one"]
    assert list(unknown["value"]) == ["sh: 1: xl: not found"]


def test_a_host_without_a_good_report_is_named(reports):
    """The others are shown, the one without is named with the next move, and the command fails."""
    (path,) = reports.glob("two/*/run.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "outcome": "failed"}))
    done = call("one.yml", "two.yml", "three.yml")
    assert done.exit_code == 2
    assert "There is no good report of two" in done.output
    assert "There is no good report of three" in done.output
    assert any(line.startswith("one ") for line in done.output.splitlines())


def test_a_parquet_file_has_the_table_of_the_csv(reports):
    """Both files hold the same rows and columns: raw in the one, with no formula in the other."""
    for name in ("f.csv", "f.parquet"):
        assert call("one.yml", "two.yml", "--out", name).exit_code == 0
    text = pd.read_csv(reports.parent / "f.csv", dtype=str, keep_default_na=False)
    table = pd.read_parquet(reports.parent / "f.parquet")
    assert len(table) > 20
    assert list(table["host"].unique()) == ["one", "two"]
    pd.testing.assert_frame_equal(table.astype(str).map(csv.cell), text, check_dtype=False)


@pytest.mark.parametrize(
    ("name", "said"), [("f.parquet", "Parquet needs fastparquet"), ("f.xls", "neither .csv nor")]
)
def test_what_cannot_be_written_is_said(reports, monkeypatch, name, said):
    """Parquet without a package for it, and endings that are not known, are refused."""
    for module in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, module, None)
    done = call("one.yml", "--out", name)
    assert (done.exit_code, said in done.output) == (2, True)
    assert not (reports.parent / name).exists()


def test_a_replay_cannot_be_asked_now(reports):
    """A recorded host has no now."""
    done = call("one.yml", "--now")
    assert done.exit_code == 2
    assert "is no machine that can be asked now" in done.output


def test_asked_now_reads_once_and_hides_secrets(reports, monkeypatch):
    """A host that is asked now says what its report said, in one round trip, and passwords are digests."""
    (reports.parent / "one.yml").write_text("host: one\nconnection: {kind: local}\n")
    known = kept.load(reports / "one" / SAMPLE.name)
    secret = Ask.read("/etc/default/grub")

    class Host:
        looks = closed = 0

        def gather(self, asks):
            Host.looks += 1
            answers = {ask: known[ask] if ask in known else Answer(127) for ask in asks}
            return Facts({**answers, secret: Answer(0, 'GRUB_PASSWORD="correct horse"\n', "0644 root:root")})

        def close(self):
            Host.closed += 1

    monkeypatch.setattr(facts, "connect", lambda params, notebook: Host())
    rows = facts.asked_now(load("one.yml"), reports)
    assert (Host.looks, Host.closed) == (1, 1)
    said = {row[3:] for row in rows}
    assert {row[3:] for row in facts.of_report(reports, "one") if row[3] == "device"} <= said
    assert {row[2] for row in rows if row[3] != facts.LOOKED} == {facts.NOW}
    assert any("GRUB_PASSWORD" in row[-1] for row in rows)
    assert not any("correct horse" in row[-1] for row in rows)
