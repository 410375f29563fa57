"""`runbook fleet` itself over recorded hosts, each in a real process: what happens to one does not touch the others."""

import json
import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runbook.attestation.verify import verify
from runbook.evidence.archive import find_runs
from runbook.programs.ssh_config import would_run
from tests.evidence.attested import alone
from tests.evidence.toys import ROOT
from tests.word import give

RUNBOOK = (sys.executable, "-c", "from runbook.cli import main; main(prog_name='runbook')")
NOTEBOOK = "07_first_boot"
#: The benchmark's: parameter files of recorded hosts, each with a recording of its own, under its name.
copies = runpy.run_path(str(ROOT / "benchmarks/fleet.py"))["copies"]


@pytest.fixture
def hosts(tmp_path, monkeypatch):
    """Return five parameter files: two good recorded hosts, one without an IOMMU, one nobody reaches, one to kill."""
    alone(monkeypatch, tmp_path / "config")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    paths = [Path(path) for path in copies(tmp_path, 5)]
    said = tmp_path / "recordings/host002" / NOTEBOOK / "opening.jsonl"
    broken = said.read_text().replace(" hvm_directio", "")
    assert broken != said.read_text()
    said.write_text(broken)
    config = tmp_path / "ssh_config"
    config.write_text("ProxyCommand false\n")
    give(monkeypatch, tmp_path / "config", ("connection.config", "\n".join(would_run(config))))
    text, number = re.subn(
        r"(?m)^  kind: recorded\n  recording: .*\n  finished: .*$",
        f"  kind: ssh\n  to: nobody@192.0.2.1\n  config: {tmp_path / 'ssh_config'}",
        paths[3].read_text(),
    )
    assert number == 1
    paths[3].write_text(text)
    return [str(path) for path in paths]


def runner_of(host: str, reports: Path) -> int:
    """Return the number of the process that runs one host: it holds something of the run (proc_locks(5))."""
    (run,) = (path for path in (reports / host).iterdir() if path.is_dir())
    mine = {str(path.stat().st_ino) for path in (run, *run.iterdir())}
    for line in Path("/proc/locks").read_text().splitlines():
        if (words := line.split())[1] == "FLOCK" and words[5].rpartition(":")[2] in mine:
            return int(words[4])
    raise AssertionError(f"no process runs {host}")


def test_what_happens_to_one_recorded_host_does_not_touch_the_others(hosts, tmp_path):
    """A host whose process is killed, one nobody reaches and one whose check fails each end alone, and say how.

    The others complete, each with all its steps and a report that is as it was written and holds no other's name.
    """
    reports = tmp_path / "reports"
    words = ("--only", NOTEBOOK, "--parallel", "5", "--json", "--reports", str(reports))
    with subprocess.Popen(
        [*RUNBOOK, "fleet", *hosts, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    ) as process:  # fmt: skip
        said = ""
        for line in process.stderr:
            said += line
            if line.startswith("host004: 1/1"):
                os.kill(runner_of("host004", reports), signal.SIGKILL)
        out = process.stdout.read()
    assert process.returncode == 138, said
    ends = {host["host"]: (host["state"], host["exit_code"]) for host in json.loads(out)["hosts"]}
    assert ends == {
        "host000": ("completed", 0), "host001": ("completed", 0), "host002": ("failed", 1),
        "host003": ("failed", 5), "host004": ("killed", 138),
    }  # fmt: skip
    runs = {run["host"]: run for run in find_runs(reports)}
    assert {name: run["outcome"] for name, run in runs.items()} == {
        name: state for name, (state, _) in ends.items()
    }
    one, other = (runs[name]["notebooks"][0]["steps"] for name in ("host000", "host001"))
    assert [(s["step"], s["status"]) for s in one] == [(s["step"], s["status"]) for s in other]
    assert {step["status"] for step in one} <= {"changed", "unchanged"}
    assert "IOMMU" in runs["host002"]["failure"]["message"]
    status = {verdict.folder.relative_to(reports).parts[0]: verdict.status for verdict in verify(reports, ())}
    assert set(status) == set(ends)
    for name in ends:
        files = [path for path in (reports / name / runs[name]["id"]).rglob("*") if path.is_file()]
        text = "".join(path.read_text(encoding="utf-8") for path in files)
        assert not [other for other in ends if other != name and other in text]
