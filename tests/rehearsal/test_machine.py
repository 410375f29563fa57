"""The whole path of a rehearsal with everything of its own but the emulator, ssh, the bootstrapper and the runs: from capture to page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runbook.cli.rehearse import rehearse
from runbook.evidence import rehearsals
from runbook.evidence.rehearsals import Rehearsal
from runbook.rehearsal import building, looked, playing
from runbook.testbed import checkpoints, disk, qemu
from runbook.testbed.console import Patience
from runbook.testbed.machine import Machine
from tests.rehearsal.test_described import KVM
from tests.rehearsal.test_fence import SOURCES
from tests.rehearsal.test_playing import ended
from tests.test_testbed_returns import SAID

TOOLS = Path(__file__).parent / "emulator"
BOOKS = ("03_debian_configuration", "06_xen_configuration")

pytestmark = pytest.mark.skipif(not shutil.which("qemu-img"), reason="qemu-img is not installed here")


def built(work: Path, *_: Any) -> None:
    """Leave what a base disk is, in the place of a bootstrapped Debian."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(work / "disk.qcow2"), "1M"], check=True)
    for name in ("id_ed25519", "id_ed25519.pub"):
        (work / name).write_text("a key\n")
    (work / "host_keys").write_text("ssh-ed25519 AAAA root@host\n")


class Played:
    """Plays the runs: tells what a run tells, and returns how it ended; `calls` are the modes and where each began."""

    def __init__(self, ends: list[Any]) -> None:
        self.ends, self.calls = ends, list[tuple[str, str]]()

    def __call__(
        self, file: Path, mode: str, only: str, start: str, reports: Path, hear: Any, **_: Any
    ) -> Any:
        self.calls.append((mode, start or ""))
        (reports / "host1" / f"{time.monotonic_ns()}").mkdir(parents=True)
        end = self.ends.pop(0)
        for book in BOOKS if mode == "apply" else ():
            if book >= (start or ""):
                hear(
                    {"event": "step-end", "notebook": book, "step": "x", "status": "changed", "seconds": 1.0}
                )
                status = "completed" if not end.exit_code else "failed"
                hear(
                    {
                        "event": "notebook-end",
                        "notebook": book,
                        "status": status,
                        "seconds": 1.0,
                        "place": "1/2",
                    }
                )
        return end


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the testbed's folder of a controller with a toy emulator, a toy ssh, and a base disk made of nothing."""
    monkeypatch.setenv("PATH", f"{TOOLS}:{os.environ['PATH']}")
    # A socket's path has 108 bytes at most (unix(7)), and the tests' own folder may be deep.
    testbed = Path(tempfile.mkdtemp())
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(testbed))
    answers = tmp_path / "answers"
    answers.write_text("".join(f"@@ {name}\n{text}\n" for name, text in SAID.items()))
    monkeypatch.setenv("STATE_ANSWERS", str(answers))
    variables = tmp_path / "vars.fd"
    variables.write_bytes(b"variables")
    monkeypatch.setattr(qemu, "OVMF_VARS", str(variables))
    monkeypatch.setattr(disk, "build", built)
    monkeypatch.setattr(disk, "TOOLS", ("qemu-img",))
    monkeypatch.setattr(building, "ROOM_MIB", 1)
    monkeypatch.setattr(building, "_available_mib", lambda: 0)
    monkeypatch.setattr(looked, "sources_of", lambda _: SOURCES)
    monkeypatch.setattr(
        building, "default_recipe", lambda release: building.Recipe(sources=(), release=release)
    )
    monkeypatch.setattr(rehearsals, "top", lambda: tmp_path / "rehearsals")
    monkeypatch.setattr(playing, "take_back", lambda *_: None)
    monkeypatch.setattr(Patience, "pause_s", 0.05)
    yield testbed
    shutil.rmtree(testbed)


def rehearsed(ends: list[Any], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[Rehearsal, Played, Any]:
    """Return what a rehearsal by the command came to, its runs, and the command's result."""
    runs = Played(ends)
    monkeypatch.setattr(playing, "run", runs)
    done = CliRunner().invoke(rehearse, ["--capture", str(KVM), *words], catch_exceptions=False)
    page = Path(done.stdout.strip().splitlines()[-1])
    found = rehearsals.read(page.parent)
    assert found is not None
    assert page.read_text().count("<h1>") == 1
    return found, runs, done


def machine(home: Path) -> Machine:
    return Machine(home / "rehearsals" / "host1")


def test_from_a_capture_to_the_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disks are made and moved into, the PC set up, kept, run, compared, taken back, switched off; nothing runs on."""
    found, runs, done = rehearsed([ended(), ended(mode="check")], monkeypatch)
    assert (found.outcome, found.why, found.left) == ("held", "", ())
    assert done.exit_code == 0
    assert [mode for mode, _ in runs.calls] == ["apply", "check"]
    assert any("nonfree-driver" in clause for clause in found.unlike)
    state = machine(home).state
    assert machine(home).running is None
    assert [kept.name for kept in checkpoints.find_all(state)] == [checkpoints.FRESH, *BOOKS]
    told = (state / "told").read_text()
    order = ["update-grub", "@@ links", "xl pause", "xl destroy", "systemctl reboot", "systemctl poweroff"]
    places = [told.index(words) for words in order]
    assert places == sorted(places)
    argv = json.loads((state / "machine" / "argv.json").read_text())
    assert [word for word in argv if word.startswith("user,id=uplink-net")]
    assert not list(home.glob("moving-*"))


def test_a_second_one_begins_where_the_first_still_holds(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the disks that the first left there, with GRUB's choice for once forgotten; the steps before count as they ended then."""
    rehearsed([ended(), ended(mode="check")], monkeypatch)
    (machine(home).state / "told").unlink()
    monkeypatch.setattr(playing.checkpoints.keys, "made_of", lambda params, ids, until: dict(ids))
    for kept in checkpoints.find_all(machine(home).state):
        note = kept.folder / "made_of.json"
        note.write_text(json.dumps({key: kept.made_of[key] for key in ("base", "machine")}))
    later = ended()
    later.record.notebooks = []
    found, runs, _ = rehearsed([later, ended(mode="check")], monkeypatch)
    assert [(step.step, step.status, step.digest) for step in found.steps] == [
        ("configure_bridges", "changed", "0123456789ab")
    ]
    assert (found.outcome, found.why, found.started) == ("held", "", "07_first_boot")
    assert runs.calls[0] == ("apply", "07_first_boot")
    told = (machine(home).state / "told").read_text()
    assert "unset next_entry" in told
    assert machine(home).running is None


def test_a_fault_of_the_runbooks_own_leaves_no_machine_running(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised, and the PC is off."""
    with pytest.raises(IndexError):  # a run too many
        rehearsed([ended()], monkeypatch)
    assert machine(home).running is None


@pytest.mark.parametrize(
    "end", [ended(3, "would refuse", "refused", "refused"), ended(130, "stopped", "failed", "failed")]
)
def test_whatever_ends_a_run_leaves_no_machine_running(
    home: Path, monkeypatch: pytest.MonkeyPatch, end: Any
) -> None:
    """Refused, or stopped by somebody: there is a page, and the PC is off."""
    found, _, done = rehearsed([end], monkeypatch)
    assert found.outcome in ("refused", "interrupted")
    assert done.exit_code == end.exit_code
    assert machine(home).running is None


def test_disks_that_cannot_be_made_leave_no_machine_running(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plain system that makes them is off, too."""
    real = building.layout.shell

    def fails(where: Any, script: str, stdin: bytes = b"") -> str:
        if "sfdisk" in script:
            raise playing.RunbookError("A script on the machine failed")
        return real(where, script, stdin)

    monkeypatch.setattr(building.layout, "shell", fails)
    found, _, _ = rehearsed([], monkeypatch)
    assert (found.outcome, found.at) == ("failed", "build")
    [moving] = home.glob("moving-*")
    assert Machine(moving).running is None
