"""Commands that archive no run, ended by a signal: exit 130, one line, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runbook.controller.signals import STOPPING, watching
from runbook.runner import source
from runbook.site import build as site
from tests.evidence.toys import ROOT, notebook

HOLD = "from pathlib import Path\nimport time\nPath('begun').touch()\ntime.sleep(60)"


def runbook(*words, cwd):
    """Start the command, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "from runbook.cli import main; main()", *words], cwd=cwd, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def until(found, process):
    """Wait until something is there."""
    deadline = time.monotonic() + 120
    while not found():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("sig", STOPPING, ids=lambda sig: sig.name)
def test_interrupted_notebooks_command(tmp_path, sig):
    """`runbook notebooks` ends with 130 and one line; its notebooks are whole and none is begun afterwards."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"0{number}_toy.ipynb").write_text(source.notebook_text(notebook(HOLD)))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    process = runbook("notebooks", cwd=tmp_path)
    until((folder / "begun").exists, process)
    os.killpg(process.pid, sig)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "Interrupted\n")
    assert {path: path.read_bytes() for path in folder.glob("*.ipynb")} == before
    assert sorted(path.name for path in folder.iterdir()) == ["01_toy.ipynb", "02_toy.ipynb", "begun"]


@pytest.mark.parametrize("sig", [*STOPPING, signal.SIGKILL], ids=lambda sig: sig.name)
def test_interrupted_site(tmp_path, sig):
    """`runbook site` leaves the old site as it was and no folder beside it; what only SIGKILL leaves goes with the next build."""
    out = tmp_path / "site"
    out.mkdir()
    (out / "search-index.js").write_text("old")
    process = runbook("site", "--out", str(out), cwd=ROOT)
    until(lambda: list(tmp_path.glob(".site-*")), process)
    os.killpg(process.pid, sig)
    process.communicate(timeout=60)
    assert process.returncode == (130 if sig != signal.SIGKILL else -9)
    assert [path.name for path in out.iterdir()] == ["search-index.js"]
    assert bool(list(tmp_path.glob(".site-*"))) == (sig == signal.SIGKILL)
    with site._workshop(tmp_path) as mine:
        assert list(tmp_path.glob(".site-*")) == [mine]
        with site._workshop(tmp_path) as other:
            assert sorted(tmp_path.glob(".site-*")) == sorted([mine, other]), "one that is at work stays"
    assert list(tmp_path.glob(".site-*")) == []


def test_a_notebook_is_not_begun_after_a_request(tmp_path):
    """A request before the first notebook begins none of them."""
    (tmp_path / "01_toy.ipynb").write_text(source.notebook_text(notebook(HOLD)))
    with watching() as stops, stops.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            source.refresh(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["01_toy.ipynb"]
    assert not Path("begun").exists()
