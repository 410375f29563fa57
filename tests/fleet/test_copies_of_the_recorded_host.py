"""Three copies of the recorded host, made as a newcomer makes them, through a fleet to its end."""

import json
import subprocess
import sys

import pytest

from runbook.attestation.places import plans_in
from runbook.attestation.statement import runs_in
from runbook.attestation.verify import verify
from tests.evidence.attested import alone
from tests.evidence.toys import ROOT

RUNBOOK = (sys.executable, "-c", "from runbook.cli import main; main(prog_name='runbook')")
NAMES = ("ash", "elm", "oak")


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return a function that runs a command in the project, and returns what it wrote; its reports are in `reports`."""
    alone(monkeypatch, tmp_path / "config")
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))

    def told(*words, code=0):
        done = subprocess.run(
            [*RUNBOOK, *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=1800
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return told


def test_three_copies_go_through_a_fleet_to_its_end(told, tmp_path):
    """`new --like` writes each, all notebooks complete on all three, a check finds them finished, and their page says so."""
    files = [tmp_path / f"{name}.yml" for name in NAMES]
    for name, file in zip(NAMES, files, strict=True):
        told("new", name, "--like", "params/example.yml", "--out", file)
    ran = told("fleet", *files)
    assert "Of 3 hosts: 3 completed." in ran
    assert "Of 3 hosts: 3 completed." in told("fleet", *files, "--mode", "check", "--only", "07")
    assert "Of 3 hosts: 3 completed." in told("fleet", *files, "--mode", "plan", "--only", "07")
    reports = tmp_path / "reports"
    for name in NAMES:
        first, check = runs_in(reports / name)
        record = json.loads((first / "run.json").read_text())
        assert {book["status"] for book in record["notebooks"]} == {"completed"}
        assert any(step["status"] == "changed" for book in record["notebooks"] for step in book["steps"])
        assert json.loads((check / "run.json").read_text())["outcome"] == "completed"
        assert len(plans_in(reports / name)) == 1
    assert {verdict.status for verdict in verify(reports, [])} == {"unsigned"}
    pages = sorted((reports / "fleet").glob("*/index.html"))
    assert len(pages) == 3
    for page in pages:
        links = [part.split('"')[0] for part in page.read_text().split('href="')[1:]]
        assert [link for link in links if not (page.parent / link).exists()] == []
        assert all(any(f"/{name}/" in link for link in links) for name in NAMES)
    assert "the newest 5" in pages[-1].read_text()
    assert "the newest 5" not in pages[0].read_text()
