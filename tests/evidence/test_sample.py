"""The committed sample of reports: small, whole, and told for what it is; `make sample` makes it anew."""

import json

from runbook.site.links import broken
from tests.evidence.toys import ROOT

SAMPLE = ROOT / "reports/sample"
MOST = 2_500_000


def test_the_sample_is_small():
    """All its files together have less than 2.5 MB."""
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < MOST


def test_the_sample_is_one_host_and_one_fleet_of_replays():
    """Every run of it completed and says of itself that it is a replay; one fleet run names two of its three hosts."""
    runs = [json.loads(path.read_text()) for path in sorted(SAMPLE.glob("*/*/run.json"))]
    assert {(run["connection"], run["outcome"]) for run in runs} == {("recorded", "completed")}
    for run in runs:
        page = (SAMPLE / run["host"] / run["id"] / "index.html").read_text()
        assert "a replay of a recorded run" in page
    (fleet,) = [json.loads(path.read_text()) for path in SAMPLE.glob("fleet/*/fleet.json")]
    hosts = {host["host"] for host in fleet["hosts"]}
    assert hosts < {run["host"] for run in runs} == {*hosts, "testbed"}


def test_every_link_of_the_sample_leads_somewhere():
    """No page leads to a file or a place that the sample does not have."""
    assert broken(SAMPLE) == []


def test_the_sample_names_no_folder_of_the_machine_that_made_it():
    """What was run is named as it is called in the project."""
    for path in SAMPLE.rglob("*.ipynb"):
        assert json.loads(path.read_text())["metadata"]["papermill"]["input_path"] == f"notebooks/{path.name}"
    for path in SAMPLE.rglob("run.json"):
        assert not json.loads(path.read_text())["params"]["path"].startswith("/")
