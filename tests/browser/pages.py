"""Reports whose pages this source makes: for the tests to look at, and for the pictures of docs/."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.fleet import copies
from runbook.evidence import archive
from runbook.evidence.files import read_notebook
from runbook.evidence.record import RunRecord

ROOT = Path(__file__).parents[2]
RUNBOOK = (sys.executable, "-c", "from runbook.cli import main; main(prog_name='runbook')")


def copied(run: Path, reports: Path) -> Path:
    """Copy an archived run into a folder of reports, make its pages anew, and return its folder there."""
    place = Path(shutil.copytree(run, reports / run.parent.name / run.name))
    content = json.loads((place / "run.json").read_text())
    record = RunRecord.from_dict(content)
    for entry in record.notebooks:
        assert archive.notebook_page(place, record, entry, read_notebook(place / f"{entry.name}.ipynb"))
    (place / "index.html").write_text(archive.run_page(place, content))
    return place


def fleet(folder: Path, reports: Path, hosts: int) -> Path:
    """Run the first notebook on recorded hosts, of which the last has an empty recording; return the fleet's page."""
    files = copies(folder, hosts)
    last = Path(files[-1])
    (folder / "empty").mkdir()
    last.write_text(re.sub(r"recording: .*", f"recording: {folder / 'empty'}", last.read_text()))
    words = ("--only", "00", "--mode", "apply", "--max-failures", "0", "--quiet", "--reports", str(reports))
    done = subprocess.run([*RUNBOOK, "fleet", *files, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 7, done.stdout + done.stderr
    return Path(done.stdout.splitlines()[-1])


def failed(params: str | Path, reports: Path) -> Path:
    """Check a recorded host before anything was done to it, which fails; return the folder of the run."""
    words = ("--mode", "check", "--only", "06", "--quiet", "--reports", str(reports))
    done = subprocess.run([*RUNBOOK, "run", str(params), *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    return Path(done.stdout.splitlines()[-1]).parent
