"""Runs on the toy machine as processes of their own, and what they left on both sides."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from runbook.attestation import keys
from runbook.engine.journal import read
from runbook.evidence.outcomes import step_ends
from tests.faults import toy
from tests.faults.server import Process, Server

PARAMS = "host: toy\nconnection: {connection}\nconsent: {consent}\n"
PATIENCE_S = 300
"""For a machine with much else to do; a run takes seconds."""
MARKS = [f"{name}.{n}" for name in ("first", "second", "later") for n in (1, 2)]
CELL = {
    "changed": {"completed"},
    "unchanged": {"completed"},
    "skipped": {"completed"},
    "refused": {"failed"},
    "failed": {"failed"},
    "timed-out": {"failed", "timed-out"},
    "killed": {"killed", "timed-out", "failed"},
    "never-run": {"never-run"},
}
"""What a step's cell may have come to, by what the step came to."""


class Done:
    """A run that has ended: its process, and its report."""

    def __init__(self, status: int, out: str, err: str, folder: Path | None) -> None:
        self.status, self.out, self.err, self.folder = status, out, err, folder

    @property
    def record(self) -> dict[str, Any]:
        return json.loads((self.folder / "run.json").read_text())

    @property
    def steps(self) -> dict[str, str]:
        return {end["step"]: end["status"] for book in self.record["notebooks"] for end in book["steps"]}

    def page(self, name: str = "index") -> str:
        return (self.folder / f"{name}.html").read_text()


class World:
    """A folder with a project, a machine and reports. `root` is where another namespace's files are seen."""

    def __init__(
        self, place: Path, server: Server | None, root: str = "", books: dict[str, Any] = toy.BOOKS
    ) -> None:
        self.place, self.server, self.root = place, server, root
        self.env: dict[str, str] = {"XDG_CONFIG_HOME": str(place / "home")}
        for name in ("project/notebooks", "project/params", "machine", "reports"):
            (place / name).mkdir(parents=True, exist_ok=True)
        self.params()
        with mock.patch.dict(os.environ, self.env):
            keys.make()
        for number, (name, steps) in enumerate(books.items()):
            nbformat.write(_notebook(place, name, steps, number), place / f"project/notebooks/{name}.ipynb")

    def see(self, name: str) -> Path:
        """Return a path as the run sees it, also on disks that only the run has."""
        return Path(f"{self.root}{self.place / name}")

    def params(self, consent: list[str] | None = None, connection: str = "{kind: local}") -> None:
        text = PARAMS.format(connection=connection, consent=json.dumps(consent or []))
        (self.place / "project/params/toy.yml").write_text(text)

    def wish(self, **wishes: Any) -> None:
        (self.place / "wishes.json").write_text(json.dumps(wishes))

    def fault(self, sh: str = "", py: str = "") -> None:
        """Say what happens in the middle of `second`, on the host and in the kernel; nothing: no fault."""
        for name, text in (("fault.sh", sh), ("fault.py", py)):
            (self.place / name).unlink(missing_ok=True)
            if text:
                (self.place / name).write_text(text)

    def hold(self) -> None:
        """Let the command in the middle of `second` wait until it is let go (or for some minutes)."""
        go, at = self.place / "go", self.place / "at-fault"
        go.unlink(missing_ok=True)
        at.unlink(missing_ok=True)
        wait = f"n=0; until [ -e {go} ] || [ $n -gt 1500 ]; do n=$((n+1)); sleep 0.2; done"
        self.fault(f"echo $$ >{at}.new; mv {at}.new {at}; {wait}")

    def let_go(self) -> None:
        (self.place / "go").touch()

    def command(self, *words: str) -> Process:
        """Start the command `runbook` on this machine."""
        return self.server.start([str(self.place), *words], self.place / "project", self.env, self.place)

    def run(self, meanwhile: Callable[[], None] | None = None, mode: str = "apply") -> Done:
        """Return a run of all notebooks; `meanwhile` is called when the middle of `second` is reached."""
        before = set(self.folders())
        process = self.command(
            "run", "params/toy.yml", "--mode", mode, "--reports", str(self.place / "reports")
        )
        if meanwhile:
            self.wait("at-fault", process)
            meanwhile()
        status = process.wait(PATIENCE_S)
        new = [folder for folder in self.folders() if folder not in before]
        assert len(new) <= 1
        return Done(status, process.out(), process.err(), new[0] if new else None)

    def reports(self) -> str:
        """Return what `runbook report list` says."""
        process = self.command("report", "list", "--reports", str(self.place / "reports"))
        assert process.wait(PATIENCE_S) == 0, process.err()
        return process.out()

    def folders(self) -> list[Path]:
        """Return the folders of the runs and the plans."""
        reports = self.see("reports")
        found = [*reports.glob("toy/[0-9]*"), *reports.glob("toy/plans/[0-9]*")]
        return sorted((path for path in found if path.is_dir()), key=lambda path: path.name)

    def wait(self, name: str, process: Process) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self.see(name).exists():
            assert process.status is None, (process.out(), process.err())
            assert time.monotonic() < deadline, f"{name} never came"
            time.sleep(0.05)

    def kill(self, who: str, sig: signal.Signals) -> None:
        os.kill(self.pid(who), sig)

    def pid(self, who: str) -> int:
        return int((self.place / f"{who}.pid").read_text())

    def command_pid(self) -> int:
        """Return the process of the command that was running on the host."""
        return int(self.see("at-fault").read_text())

    @property
    def log(self) -> list[str]:
        """The marks of the actions that were really completed, in order."""
        file = self.see("machine/log")
        return file.read_text().split() if file.exists() else []

    def prove_reports(self) -> None:
        """Look whether the chain of this machine's reports is whole, and signed but for runs whose runner died."""
        process = self.command("report", "verify", str(self.place / "reports"))
        status = process.wait(PATIENCE_S)
        runs = [json.loads((folder / "run.json").read_text()) for folder in self.folders()]
        dead = [run["id"] for run in runs if run["exit_code"] is None]
        lines = [line for line in process.out().splitlines() if line.startswith("toy/")]
        unsigned = [line.split()[0].removeprefix("toy/") for line in lines if "  good: " not in line]
        assert (status, unsigned) == (3 if dead else 0, dead), process.out() + process.err()


def lives(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, within_s: float = 15) -> bool:
    """Return whether a process ends within some seconds."""
    deadline = time.monotonic() + within_s
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not lives(pid)


def prove_agreement(done: Done, steps: dict[str, str]) -> None:
    """Compare run.json, journal, notebooks and pages of a run with each other and with these steps."""
    record = done.record
    assert done.steps == steps
    lines = read(done.folder / "journal.jsonl")
    page = done.page()
    for book in record["notebooks"]:
        ends = step_ends(lines, book["name"], [(end["step"], end["title"]) for end in book["steps"]])
        assert [end.status for end in ends] == [end["status"] for end in book["steps"]]
        file = done.folder / f"{book['name']}.ipynb"
        assert file.exists() == (book["status"] != "never-run")
        if not file.exists():
            continue
        cells = {c.id: c.metadata.get("papermill", {}).get("status") for c in nbformat.read(file, 4).cells}
        for end in book["steps"]:
            assert cells[end["step"]] in CELL[end["status"]], (end, cells)
            assert f'pill s-{end["status"]}">{end["status"]}</span>' in page
        assert f"pill s-{book['status']}" in done.page(book["name"])
    if record["failure"]:
        assert record["failure"]["name"] in page
        assert record["failure"]["status"] == record["outcome"]
    assert f"pill s-{record['outcome']}" in page
    said = (done.folder.parent.parent / "index.html").read_text()
    assert f"{record['id']}" in said
    assert f"pill s-{record['outcome']}" in said


def prove_truth(world: World, done: Done) -> None:
    """Compare what the reports of this machine say was done with the marks that the actions really left."""
    assert done.folder in world.folders()
    lines = [line for folder in world.folders() for line in read(folder / "journal.jsonl")]
    said = [
        e["title"].split("echo ")[-1].split()[0]
        for e in lines
        if e["event"] == "action-end" and "echo" in e["title"]
    ]
    ended = [e["status"] for e in lines if e["event"] == "action-end" and "echo" in e["title"]]
    sure = [name for name, status in zip(said, ended, strict=True) if status == "done"]
    assert set(sure) <= set(world.log), "the journal says done, and it was not"
    extra = set(world.log) - set(sure)
    assert extra <= {toy.FAULT_AT}, "it was done, and the journal does not know"


def prove_nothing_half(world: World) -> None:
    """Look for temporary files on both sides, and read everything that should be whole."""
    files = [p for n in ("reports", "machine", "project") for p in world.see(n).rglob("*") if p.is_file()]
    left = [p for p in files if p.name.startswith(".") or p.suffix == ".part"]
    assert left == []
    for path in world.see("reports").rglob("*.json"):
        json.loads(path.read_text())
    for path in world.see("reports").rglob("*.ipynb"):
        nbformat.validate(nbformat.read(path, 4))
    config = world.see("machine/config")
    assert not config.exists() or config.read_text() in (toy.CONFIG, "old\n")


def prove_recovery(world: World) -> Done:
    """Run again without a fault: it finishes the job, and nothing that was completed is done again."""
    world.fault()
    world.wish()
    again = world.run()
    assert (again.status, again.err) == (0, "")
    assert set(again.steps.values()) <= {"changed", "unchanged"}
    assert sorted(world.log) == sorted(MARKS), "each action was completed exactly once"
    assert world.see("machine/config").read_text() == toy.CONFIG
    prove_nothing_half(world)
    world.prove_reports()
    return again


def _notebook(place: Path, name: str, steps: tuple[str, ...], number: int) -> nbformat.NotebookNode:
    setup = (
        f"import os, sys\nfrom pathlib import Path\nsys.path.insert(0, {str(toy.ROOT)!r})\n"
        f"from tests.faults import toy\nplace = Path({str(place)!r})\ntoy.install(place)\n"
        f'(place / "kernel.pid").write_text(str(os.getpid()))\n'
        f'from runbook import open_host\nbook = open_host(params, mode, notebook="{name}")'
    )
    values = 'params = "params/toy.yml"\nmode = "auto"'
    nb = new_notebook(
        cells=[
            new_markdown_cell(f"# Part {number}\n\nWhy.", id="why"),
            new_code_cell(values, id="parameters", metadata={"tags": ["parameters"]}),
            new_code_cell(setup, id="setup"),
            *(new_code_cell(f'book.apply("{step}")', id=step) for step in steps),
            new_code_cell("book.summary()", id="summary"),
        ]
    )
    nb.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nb
