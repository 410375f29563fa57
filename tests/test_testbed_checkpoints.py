"""Checkpoints of the virtual PC's disks: what is kept is what was written until then, and only what fits is gone on with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook.errors import CheckFailed
from runbook.steps import notebooks
from runbook.testbed import acceptance, checkpoints, hardware, keeper, made_of, qemu
from runbook.testbed.checkpoints import FRESH, Checkpoint
from runbook.testbed.errors import TestbedError
from runbook.testbed.machine import Machine
from runbook.testbed.monitor import monitor

PARAMS = "params/testbed.yml"
PLACES = (0, 3 << 20, 2148663296, 5_000_000_000)
needs_qemu = pytest.mark.skipif(
    not shutil.which("qemu-system-x86_64"), reason="QEMU is not installed: make testbed-deps"
)


class Disks:
    """QEMU with the testbed's disks, no processor and no system: writes are made by its monitor."""

    def __init__(self, state: Path) -> None:
        self.machine = Machine(state)

    def tell(self, command: str, **arguments: Any) -> Any:
        with monitor(self.machine.folder / "qmp.sock") as asked:
            return asked.tell(command, **arguments)

    def write(self, pattern: int, place: int) -> None:
        line = f'qemu-io disk0 "write -P {pattern} {place} 4k"'
        self.tell("human-monitor-command", **{"command-line": line})

    def off(self) -> None:
        self.tell("quit")
        pid = self.machine.folder / "qemu.pid"
        while pid.exists():  # QEMU removes it last
            time.sleep(0.02)


@pytest.fixture
def disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disks]:
    """Return a machine whose disks are really QEMU's, and which is off at the end."""
    found = Disks(tmp_path)
    folder = found.machine.folder
    for place in (folder, tmp_path / "base"):
        place.mkdir()
    ground = tmp_path / "base/disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(ground), "6G"], check=True)
    for file, _ in hardware.MACHINE.disks:
        hardware.overlay(folder / file, ground)
    (folder / "efivars.fd").write_text("variables")
    (folder / "base").write_text("base\n")
    drives = [word for n, disk in enumerate(hardware.MACHINE.disks) for word in qemu._disk(n, *disk)[:2]]
    command = ["qemu-system-x86_64", "-M", "none", "-display", "none", "-daemonize", "-pidfile", "qemu.pid"]
    subprocess.run([*command, "-qmp", "unix:qmp.sock,server=on,wait=off", *drives], cwd=folder, check=True)
    monkeypatch.setattr(checkpoints, "shell", lambda machine, script: "")
    yield found
    if (folder / "qemu.pid").exists():
        found.off()


def holds(disk: Path, pattern: int, place: int) -> bool:
    """Return whether a disk, with all that it stands on, has that pattern at a place."""
    command = ["qemu-io", "-r", "-U", "-c", f"read -P {pattern} {place} 4k", str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "read 4096/4096" in done.stdout
    return "Pattern verification failed" not in done.stdout


@needs_qemu
def test_a_checkpoint_holds_what_was_written_until_then(disks: Disks) -> None:
    """Three in a row under one running QEMU: each reads as the disk was then, and the machine's own as it is."""
    names = (FRESH, "03_a", "05_b")
    for number, name in enumerate(names):
        for place in PLACES:
            disks.write(number + 1, place + number * 4096)
        checkpoints.take(disks.machine, name, {"base": "base"})
    disks.write(9, PLACES[1])
    disks.off()
    for kept, folder in enumerate([*(f"checkpoint-{name}" for name in names), "machine"]):
        disk = disks.machine.state / folder / "system.qcow2"
        for number in range(3):
            for place in PLACES:
                expected = number + 1 if number <= kept else 0
                now = 9 if folder == "machine" and (number, place) == (0, PLACES[1]) else expected
                assert holds(disk, now, place + number * 4096), (folder, number, place)
    assert [one.name for one in checkpoints.find_all(disks.machine.state)] == list(names)


@needs_qemu
def test_a_machine_begins_again_at_a_checkpoint(disks: Disks) -> None:
    """What was written after it is gone; the checkpoint itself is not written to; later ones go when it is left behind."""
    disks.write(1, 0)
    first = checkpoints.take(disks.machine, "03_a", {"base": "base"})
    disks.write(2, 0)
    checkpoints.take(disks.machine, "05_b", {"base": "base"})
    with pytest.raises(TestbedError, match="cannot be taken of a machine that stands on it"):
        checkpoints.take(disks.machine, "05_b", {"base": "base"})
    disks.off()
    checkpoints.restore(disks.machine, first)
    assert holds(disks.machine.folder / "system.qcow2", 1, 0)
    assert hardware.is_assembled(disks.machine.folder)
    assert (disks.machine.folder / "efivars.fd").read_text() == "variables"
    checkpoints.discard(disks.machine.state, "05_b")
    assert [one.name for one in checkpoints.find_all(disks.machine.state)] == ["03_a"]


@needs_qemu
def test_a_checkpoint_that_fails_leaves_the_machine_as_it_was(
    disks: Disks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When QEMU refuses, no folder is left, and the disks are where they were."""
    monkeypatch.setattr(
        checkpoints.hardware, "overlay", lambda disk, ground, size: disk.write_text("no disk")
    )
    with pytest.raises(TestbedError, match="did not do: transaction"):
        checkpoints.take(disks.machine, "03_a", {"base": "base"})
    disks.write(1, 0)
    assert disks.tell("query-status")["status"] in ("running", "prelaunch")
    disks.off()
    assert holds(disks.machine.folder / "system.qcow2", 1, 0)
    assert not list(disks.machine.state.glob("checkpoint-*"))


def test_a_machine_without_a_monitor_is_an_error(tmp_path: Path) -> None:
    """A socket on which nobody listens is named, with how to look whether the machine is on."""
    with (
        pytest.raises(TestbedError, match=r"(?s)monitor does not answer.*testbed status"),
        monitor(tmp_path / "x"),
    ):
        pass


MENU = """menuentry 'Debian' --class debian $menuentry_id_option 'plain' {
\tlinux /vmlinuz root=/dev/a
}
menuentry 'Debian, with Xen' $menuentry_id_option 'xen-plain' {
\tmultiboot2 /xen.gz
\tmodule2 /vmlinuz root=/dev/a
}
"""


@pytest.mark.parametrize(
    ("menu", "entry"), [("", ""), (MENU, "xen-plain"), (MENU.partition("}")[0] + "}\n", "")]
)
def test_where_xen_runs_the_checkpoint_boots_xen(
    menu: str, entry: str, tmp_path: Path, monkeypatch: Any
) -> None:
    """The entry is chosen for once before the disks are kept, and the choice is taken back afterwards."""
    told: list[str] = []

    def shell(machine: Machine, script: str) -> str:
        told.append(script)
        return menu if script == checkpoints._LOOK else ""

    monkeypatch.setattr(checkpoints, "shell", shell)
    monkeypatch.setattr(checkpoints, "_step_aside", lambda *_: told.append("kept"))
    monkeypatch.setattr(checkpoints, "monitor", _nobody)
    machine = Machine(tmp_path)
    machine.folder.mkdir()
    checkpoints.take(machine, "07_c", {"base": "base"})
    before, after = told[1 : told.index("kept")], told[told.index("kept") + 1 :]
    if entry:
        assert f"grub-reboot '{entry}'" in before[0]
        assert "grubenv.kept /boot/grub/grubenv" in after[0]
    else:
        assert (before, after) == (["sync"], [])


class _nobody:
    def __init__(self, _path: Path) -> None:
        """Whatever it is told, it does nothing."""

    def __enter__(self) -> Any:
        return SimpleNamespace(tell=lambda command: None)

    def __exit__(self, *_: object) -> None:
        """Nothing to let go of."""


def kept(state: Path, name: str, **different: str) -> Checkpoint:
    """Write a checkpoint as a run of today would leave it, some of what it was made of exchanged."""
    folder = state / f"checkpoint-{name}"
    folder.mkdir(parents=True)
    found = made_of.made_of(PARAMS, "trixie", name) | different
    (folder / "made_of.json").write_text(json.dumps(found))
    return Checkpoint(folder, found)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a machine, and let nothing be said of this machine's own package sources."""
    monkeypatch.setattr(made_of, "image_key", lambda recipe: "key")
    monkeypatch.setattr(made_of, "default_recipe", lambda release: None)
    monkeypatch.setattr(keeper, "state_dir", lambda release: tmp_path)
    monkeypatch.setattr(keeper, "restore", lambda machine, checkpoint: None)
    return tmp_path


def test_a_stale_checkpoint_says_what_is_different(state: Path) -> None:
    """Base disk, parameters and each notebook until there: what changed is named, and what comes later does not count."""
    assert made_of.changed(kept(state / "a", "05_xen_installation"), PARAMS, "trixie") == []
    old = kept(
        state / "b",
        "05_xen_installation",
        base="base-old",
        params="old",
        **{"03_debian_configuration": "old"},
    )
    assert made_of.changed(old, PARAMS, "trixie") == [
        "its base disk is of another recipe", "the parameters were others", "03_debian_configuration has changed",
    ]  # fmt: skip
    assert "06_xen_configuration" not in old.made_of


def test_a_changed_step_makes_its_notebook_another_one(state: Path, tmp_path: Path) -> None:
    """The digest of a notebook changes with a code cell and with a step's module, and not with prose."""
    root = Path(__file__).parents[1]
    chapter, folder = tmp_path / "chapter", tmp_path / "notebooks"
    shutil.copytree(root / "runbook/steps/references", chapter)
    folder.mkdir()
    book = folder / "10_references.ipynb"
    text = (root / "notebooks/10_references.ipynb").read_text()
    book.write_text(text)
    first = made_of._notebook(folder, book.stem, chapter)
    book.write_text(text.replace("# References", "# Sources"))
    assert made_of._notebook(folder, book.stem, chapter) == first
    book.write_text(text.replace("book.summary()", "book.status()"))
    second = made_of._notebook(folder, book.stem, chapter)
    (chapter / "more.py").touch()
    assert len({first, second, made_of._notebook(folder, book.stem, chapter)}) == 3


def test_a_failed_acceptance_goes_on_at_the_last_checkpoint_that_fits(state: Path, capsys: Any) -> None:
    """A step that changed since is run again, and so is all that came after it, whose checkpoints would hide the new ones."""
    for name in (FRESH, "03_debian_configuration", "05_xen_installation"):
        kept(state, name)
    assert keeper.begin_again(PARAMS, "trixie") == "06_xen_configuration"
    shutil.rmtree(state / "checkpoint-05_xen_installation")
    kept(state, "05_xen_installation", **{"05_xen_installation": "old"})
    kept(state, "06_xen_configuration", **{"05_xen_installation": "old"})
    assert keeper.begin_again(PARAMS, "trixie") == "04_custom_kernel"
    assert [one.name for one in checkpoints.find_all(state)] == [FRESH, "03_debian_configuration"]
    assert (
        "checkpoint 05_xen_installation does not fit: 05_xen_installation has changed"
        in capsys.readouterr().err
    )


def test_a_finished_machine_runs_its_last_notebook_once_more(state: Path) -> None:
    """Where the last notebook has its checkpoint nothing is left to run, and still no disk is emptied."""
    last = list(notebooks())[-1]
    kept(state, last)
    assert keeper.begin_again(PARAMS, "trixie") == last


def test_without_a_checkpoint_it_begins_with_an_empty_disk(state: Path, capsys: Any) -> None:
    """Nothing to go on with is no error: it is said."""
    assert keeper.begin_again(PARAMS, "trixie") == ""
    assert "begins with an empty disk" in capsys.readouterr().err


def test_half_a_checkpoint_is_none(state: Path) -> None:
    """A folder without its note was being made when something ended it; one is named by the beginning of its name."""
    kept(state, "03_debian_configuration")
    (state / "checkpoint-05_xen_installation").mkdir()
    assert checkpoints.named(state, "03").name == "03_debian_configuration"
    with pytest.raises(TestbedError, match=r"(?s)no checkpoint 05.*there are: 03_debian_configuration"):
        checkpoints.named(state, "05")


EVENTS = (
    ({"event": "step-end", "status": "unchanged"}, None),
    ({"event": "notebook-end", "notebook": "01_a", "status": "completed"}, None),
    ({"event": "step-end", "status": "changed"}, None),
    ({"event": "notebook-end", "notebook": "03_b", "status": "failed"}, None),
    ({"event": "notebook-end", "notebook": "03_b", "status": "completed"}, "03_b"),
    ({"event": "notebook-end", "notebook": "04_c", "status": "completed"}, None),
)


def test_a_checkpoint_is_taken_after_each_notebook_that_changed_the_machine(
    monkeypatch: Any, capsys: Any
) -> None:
    """What changed nothing, or failed, has none; one that cannot be taken is said, and fails nothing."""
    taken: list[str] = []

    def take(machine: object, name: str, found: object) -> Any:
        taken.append(name)
        if name == "03_b":
            raise CheckFailed("The disk is full")
        return SimpleNamespace(mib=1)

    monkeypatch.setattr(keeper, "take", take)
    monkeypatch.setattr(keeper, "made_of", lambda *_: {})
    heard = keeper.Keeper(Machine(Path("x")), PARAMS, "trixie")
    for event, name in EVENTS:
        before = len(taken)
        heard(event)
        assert taken[before:] == ([name] if name else [])
    assert "no checkpoint 03_b: The disk is full" in capsys.readouterr().err


def test_the_recording_of_a_failed_run_is_gone_on_with(tmp_path: Path, monkeypatch: Any) -> None:
    """With --resume its notebooks stay; without them it is refused before anything is replaced."""
    monkeypatch.delenv("RUNBOOK_RECORD", raising=False)
    place, fresh = tmp_path / "rec", tmp_path / ".rec.new"
    with (
        pytest.raises(CheckFailed, match=r"(?s)00_introduction.*without --resume"),
        acceptance._recorded(place, "01_uefi"),
    ):
        pass
    (fresh / "00_introduction").mkdir(parents=True)
    (fresh / "00_introduction/opening.jsonl").touch()
    with acceptance._recorded(place, "01_uefi"):
        assert os.environ["RUNBOOK_RECORD"] == str(fresh)
    assert (place / "00_introduction/opening.jsonl").exists()
    assert "RUNBOOK_RECORD" not in os.environ
