"""The auditor's page answers nine questions of a run from its report, and says where it cannot."""

import csv
import json

import pytest

from runbook.attestation import keys
from runbook.drift import kept
from runbook.engine.journal import Journal
from runbook.evidence import archive, audit
from runbook.evidence.outcomes import StepEnd
from runbook.evidence.record import NotebookRecord
from runbook.facts import system, xl
from runbook.hosts.recorded import RecordedHost
from tests.evidence.attested import alone, record
from tests.evidence.toys import ROOT, fetches
from tests.test_cli import call

PARAMS = """host: {host}
connection: {{kind: local}}
passthrough:
  devices:
    - {{bdf: "0000:07:00.0", id: "8086:10d3", what: "a card", permissive: true}}
    - {{bdf: "0000:08:00.0", id: "8086:10d3", what: "a spare"}}
guests:
  - {{name: comm, what: mail, memory_mib: 256, vcpus: 1, volume: {{name: comm, size_gib: 1}}, pci: ["0000:07:00.0"]}}
"""
EVIL = "=cmd|' /C calc'!A0"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder with a key in use and reports; the current folder is the project."""
    alone(monkeypatch, tmp_path / "config")
    keys.make()
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))
    return tmp_path


def run_of(place, host="toy", number=1, mode="apply", lines=(), drift=None, **fields):
    """Archive a run of one step that restarts the host, and return its folder."""
    run = record(number, host)
    run.mode, run.by = (
        mode,
        {"user": "otto", "by_sudo": "root", "controller": "desk", "login": "root@toy port 22"},
    )
    end = StepEnd(
        "boot_xen_once", "Start Xen once", "changed", "done and checked", 1, "0" * 12, consent="digest"
    )
    run.notebooks = [NotebookRecord("06_xen_configuration", "Xen", "completed", 1.0, steps=[end])]
    for name, value in fields.items():
        setattr(run, name, value)
    file = place / "params.yml"
    file.write_text(PARAMS.format(host=host))
    folder = archive.create(place / "reports", run, file)
    for line in lines:
        Journal(folder / "journal.jsonl").write(**line)
    if drift:
        (folder / "drift.json").write_text(json.dumps(drift))
    run.close("completed", 0)
    archive.close(folder, run)
    return folder


CONSENT = {
    "event": "consent", "notebook": "06_xen_configuration", "step": "boot_xen_once", "risk": "disruptive",
    "how": "approval", "digest": "0" * 12, "who": "otto", "by": "Ana (SHA256:x)",
}  # fmt: skip


def answers(place, folder):
    (run,) = [r for r in archive.find_runs(place / "reports", folder.parent.name) if r["id"] == folder.name]
    return audit.answers(audit.of_run(place / "reports", run, keys.own()))["answers"]


@pytest.mark.parametrize("asks", [system.COMMANDS, (*system.COMMANDS, xl.INFO), (xl.INFO,)], ids=len)
def test_a_run_of_a_part_is_audited_too(place, asks):
    """What a run of one notebook or step did not ask is left open, and neither guessed nor an error."""
    folder = run_of(place)
    kept.keep(
        folder, "00_introduction", RecordedHost(ROOT / "recordings/testbed", "00_introduction").gather(asks)
    )
    versions = "\n".join(answers(place, folder)["With which versions?"])
    assert ("the host: Debian GNU/Linux 13 (trixie), Linux 6." in versions) == (len(asks) > 1)
    assert ("Xen was not asked for" in versions) == (asks == system.COMMANDS)
    assert ("no Xen" in versions) == (len(asks) > len(system.COMMANDS))
    assert "seen in use" not in "\n".join(answers(place, folder)["Who may use which device?"])


def test_each_question_has_its_answer(place):
    """What, when, by whom, approved how, with which versions, what differs, which devices, forced, verifies."""
    changes = [
        {
            "line": "memory changed: 1 → 2",
            "by": "nobody known",
            "kind": "x",
            "name": "y",
            "said": "",
            "diff": "",
        }
    ]
    since = {"run": "20260101T000000Z-000000", "mode": "check", "started": "2026-01-01T00:00:00Z"}
    drift = {"format": 1, "machine": "", "since": since, "not_looked_at": [], "changes": changes}
    told = answers(place, run_of(place, lines=[CONSENT], drift=drift, change="CHG-17"))
    said = {question: "\n".join(lines) for question, lines in told.items()}
    assert list(said) == list(audit.QUESTIONS.values())
    for question, word in {
        "What was done?": "boot_xen_once: changed, Start Xen once",
        "When?": "2 Jan 2026, 10:00 UTC to",
        "By whom?": "otto, by sudo from root\non the controller desk\nthe host was entered as root@toy port 22",
        "Approved how?": "boot_xen_once (disruptive): approved by somebody else, who signed this very plan by Ana (SHA256:x), "
        "plan 000000000000, run by otto",
        "With which versions?": "commit cccccccccccc\nparameters dddddddddddd",
        "What differs from the last good report?": "memory changed: 1 → 2 [nobody known], since 20260101T000000Z-000000",
        "Who may use which device?": "0000:07:00.0 8086:10d3 a card: the guest comm\n"
        "0000:08:00.0 8086:10d3 a spare: no guest; dom0 has given it up",
        "Was anything forced?": "0000:07:00.0 is passed with permissive",
        "Does the report verify?": "good: apply completed",
    }.items():
        assert word in said[question], said[question]
    assert "change CHG-17" in said["By whom?"]
    assert keys.own()[0].fingerprint in said["By whom?"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (CONSENT | {"risk": "destructive"}, "boot_xen_once destroyed what was there"),
        ({"event": "open", "unsigned": ["20260101T000000Z-000000"]}, "taken back at their word"),
        (
            {"event": "action-begin", "step": "stop_guest", "title": "end-guests -l 9 -k -- comm"},
            "the plug was pulled",
        ),
    ],
)
def test_what_was_forced_is_said(place, line, says):
    """From the journal: what was destroyed, believed without a signature, or cut off."""
    assert says in "\n".join(answers(place, run_of(place, lines=[line]))["Was anything forced?"])


def test_what_was_not_forced_is_not_said(place):
    """Neither from the journal nor from anything else."""
    lines = answers(
        place, run_of(place, lines=[CONSENT, {"event": "action-begin", "step": "x", "title": "a -k b"}])
    )
    assert lines["Was anything forced?"] == ["0000:07:00.0 is passed with permissive"]


def test_an_altered_report_is_called_altered(place):
    """The answers come from it all the same, and the exit code is that of `report verify`."""
    folder = run_of(place)
    assert call("report", "audit", "toy").exit_code == 0
    (folder / "params.yml").write_text("host: other\n")
    done = call("report", "audit", "toy")
    assert (done.exit_code, "altered: A file was altered" in done.stdout) == (1, True)


def test_who_vouches_for_nothing_ends_with_3(place, monkeypatch):
    """An unsigned run is said to be that."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "none"))
    run_of(place)
    done = call("report", "audit", "toy")
    assert (done.exit_code, "NOT SIGNED" in done.stdout) == (3, True)


def test_many_hosts_are_one_table(place):
    """A row a host, of its newest run that was more than a plan; no cell is a formula for a spreadsheet."""
    run_of(place, "one", 1)
    run_of(place, "one", 2, mode="plan")
    run_of(place, "two", 3, change=EVIL)
    file = place / "audit.csv"
    done = call("report", "audit", "--csv", str(file))
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(file.read_text().splitlines(keepends=True)))
    assert [(row["host"], "mode apply" in row["what"]) for row in rows] == [("one", True), ("two", True)]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert len(json.loads(call("report", "audit", "--all", "--json").stdout)) == 3


def test_one_page_has_a_sheet_a_run(place):
    """It fetches nothing, and what a report says is text there."""
    run_of(place, "one", 1, change="<script>alert(1)</script>")
    run_of(place, "two", 2)
    file = place / "audit.html"
    assert call("report", "audit", "--html", str(file)).exit_code == 0
    html = file.read_text()
    assert html.count('class="sheet"') == 2
    assert not fetches(html)
    assert "<script>" not in html
    assert all(question in html for question in audit.QUESTIONS.values())
