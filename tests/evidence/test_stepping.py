"""A notebook without a runner, on a real host in mode apply: journalled, archived and undoable as any run."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_code_cell

from runbook.attestation import keys
from runbook.attestation.verify import verify_run
from runbook.engine.journal import read
from runbook.evidence import abandoned
from runbook.evidence.files import notebook_text
from tests.evidence.attested import alone
from tests.faults import toy
from tests.faults.world import MARKS, _notebook

ENV = ("RUNBOOK_RUN_DIR", "RUNBOOK_REPORTS", "RUNBOOK_PARAMS_DIGEST", "JPY_SESSION_NAME")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return the folder of a toy machine, its project and its key; kernels start in the project."""
    for name in ("project/notebooks", "project/params", "machine"):
        (tmp_path / name).mkdir(parents=True)
    for name in ENV:
        monkeypatch.delenv(name, raising=False)
    alone(monkeypatch, tmp_path / "config")
    keys.make()
    params(tmp_path)
    return tmp_path


def params(place, consent="[]"):
    (place / "project/params/toy.yml").write_text(
        f"host: toy\nconnection: {{kind: local}}\nconsent: {consent}\n"
    )


def book_of(place, *cells, mode="apply", name="05_work"):
    """Return the toy's notebook in a mode, in its file; with `cells` those instead of its steps."""
    nb = _notebook(place, name, toy.BOOKS["05_work"], 0)
    nb.cells[1].source = f'params = "params/toy.yml"\nmode = "{mode}"'
    nb.cells[2].source += "\nbook"
    if cells:
        nb.cells[3:] = [new_code_cell(source, id=f"c{i}") for i, source in enumerate(cells)]
    nbformat.write(nb, place / f"project/notebooks/{name}.ipynb")
    return nb


def execute(place, nb):
    """Carry a notebook out as nbclient does it for anybody."""
    return NotebookClient(nb, resources={"metadata": {"path": str(place / "project")}}, timeout=120).execute()


def runs(place):
    """Return the folders of the host's runs, the oldest first."""
    return sorted(path for path in place.glob("project/reports/toy/*") if path.is_dir())


def record(folder):
    return json.loads((folder / "run.json").read_text())


def ends(folder):
    return {end["step"]: end["status"] for book in record(folder)["notebooks"] for end in book["steps"]}


def known():
    return keys.own()


def prove_whole(place, folder, outcome="completed", status="good"):
    """Look whether a run is closed, in the lists, held by nobody and attested."""
    assert record(folder)["outcome"] == outcome
    assert verify_run(folder, known()).status == status
    assert abandoned.finish_orphans(place / "project/reports") == []
    assert folder.name in (folder.parent / "index.html").read_text()


def test_a_notebook_alone_keeps_what_it_did(place):
    """Plain nbclient leaves what `runbook run` leaves: journal, originals, outcomes, signature, facts; and says where."""
    done = execute(place, book_of(place))
    assert place.joinpath("machine/log").read_text().split() == MARKS
    (folder,) = runs(place)
    prove_whole(place, folder)
    assert str(folder) in done.cells[2].outputs[-1]["data"]["text/plain"]
    assert ends(folder) == dict.fromkeys(toy.BOOKS["05_work"], "changed")
    lines = read(folder / "journal.jsonl")
    assert [line["title"] for line in lines if line["event"] == "action-begin" and line.get("undo")]
    assert {line["risk"] for line in lines if line["event"] == "step-begin"} == {"safe"}
    assert (folder / "facts/05_work.json").exists()
    assert (folder / "facts/last.json").exists()
    said = str(done.cells[-1].outputs)
    assert f"{folder}/index.html" in said
    assert "its file was not found" in record(folder)["notebooks"][0]["note"]
    assert "made from the journal alone" in (folder / "index.html").read_text()


def test_what_a_notebook_alone_did_is_taken_back(place):
    """`runbook undo` knows the run of a notebook that nobody but its kernel carried out, and takes its file back."""
    execute(place, book_of(place))
    file = place / "machine/config"
    assert file.exists()
    env = {**os.environ, "PYTHONPATH": str(toy.ROOT)}
    argv = [
        sys.executable,
        "-m",
        "tests.faults.toy",
        str(place),
        "undo",
        "params/toy.yml",
        "--step",
        "third",
        "--mode",
        "apply",
    ]
    done = subprocess.run(argv, cwd=place / "project", env=env, capture_output=True, text=True, timeout=120)
    assert (done.returncode, file.exists()) == (0, False), done.stdout + done.stderr


def test_looking_brings_no_evidence_along():
    """A book in a mode that changes nothing, or of a recorded host, opens without importing what archives runs."""
    code = ("import sys; from runbook import open_host; open_host('params/example.yml', notebook='00_introduction').host.close(); "
            "print('papermill' in sys.modules, 'runbook.evidence' in sys.modules)")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=toy.ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"], done.stderr


def test_modes_that_change_nothing_keep_nothing(place):
    """Mode plan and mode check open no run."""
    execute(place, book_of(place, mode="plan"))
    assert not (place / "project/reports").exists()


def test_the_folder_of_reports_can_be_named(place, monkeypatch):
    """RUNBOOK_REPORTS says where the run is kept."""
    monkeypatch.setenv("RUNBOOK_REPORTS", str(place / "elsewhere"))
    execute(place, book_of(place))
    (run,) = place.glob("elsewhere/toy/*/run.json")
    assert json.loads(run.read_text())["outcome"] == "completed"
    assert runs(place) == []


def test_plain_papermill_keeps_what_it_did_with_its_notebook(place):
    """With --inject-paths the run holds papermill's own notebook, outputs and all; what could not be in it yet is empty."""
    book_of(place)
    env = {**os.environ, "PYTHONPATH": str(toy.ROOT)}
    argv = [sys.executable, "-m", "papermill", "notebooks/05_work.ipynb", "out.ipynb", "--inject-paths",
            "-p", "params", "params/toy.yml", "-p", "mode", "apply"]  # fmt: skip
    done = subprocess.run(argv, cwd=place / "project", env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (folder,) = runs(place)
    prove_whole(place, folder)
    entry = record(folder)["notebooks"][0]
    assert (entry["file"], entry["html"]) == ("05_work.ipynb", "05_work.html")
    nb = nbformat.read(folder / "05_work.ipynb", 4)
    said = {cell.id: str(cell.outputs) for cell in nb.cells if cell.cell_type == "code"}
    assert "Do first: changed" in said["first"]
    assert entry["cells"] == {"completed": 8}
    assert "by the notebook itself" in entry["note"]


def test_a_step_that_was_never_run_does_not_complete(place):
    """summary() closes a run that was left half done as failed, and names what was not run."""
    execute(place, book_of(place, 'book.apply("first")', "book.summary()"))
    (folder,) = runs(place)
    prove_whole(place, folder, "failed")
    assert "second (never-run)" in record(folder)["failure"]["message"]
    assert ends(folder)["first"] == "changed"


def test_the_cell_that_opens_run_twice_goes_on_with_the_same_run(place):
    """One run, one lock, both openings in its journal; the first book shows only from then on."""
    again = 'old = book\nbook = open_host(params, mode, notebook="05_work")\nbook'
    caught = (
        "try:\n    old.apply('second')\nexcept Exception as error:\n    print(type(error).__name__, error)"
    )
    rest = [f'book.apply("{step}")' for step in ("first", "second", "third", "later")]
    nb = execute(place, book_of(place, rest[0], again, caught, *rest, "book.summary()"))
    (folder,) = runs(place)
    prove_whole(place, folder)
    events = [line["event"] for line in read(folder / "journal.jsonl")]
    assert (events.count("open"), events.count("close")) == (2, 1)
    assert "Refused second would be carried out and nothing would keep a record" in str(nb.cells[5].outputs)
    assert place.joinpath("machine/log").read_text().split() == MARKS


def test_after_its_summary_a_book_acts_no_more(place):
    """A closed run stays as it was attested; opening the host again begins another."""
    again = 'book = open_host(params, mode, notebook="05_work")'
    caught = "try:\n    book.apply('first')\nexcept Exception as error:\n    print(type(error).__name__)"
    steps = [f'book.apply("{step}")' for step in ("first", "second", "third", "later")]
    nb = execute(
        place, book_of(place, "book.summary()", caught, "book.summary()", again, *steps, "book.summary()")
    )
    first, second = runs(place)
    prove_whole(place, first, "failed")
    prove_whole(place, second)
    assert "Refused" in str(nb.cells[4].outputs)
    assert ends(first) == dict.fromkeys(toy.BOOKS["05_work"], "never-run")


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ('book = open_host(params, mode, notebook="06_more")', 2),
        ('Path("params/toy.yml").write_text("host: toy\\nconnection: {kind: local}\\nconsent: [undo]\\n")\n'
         'book = open_host(params, mode, notebook="05_work")', 2),
        ('book = open_host(params, "plan", notebook="05_work")', 1),
    ],
    ids=["another notebook", "other parameters", "another mode"],
)  # fmt: skip
def test_going_on_with_something_else_ends_the_run(place, change, kept):
    """What was done until then is closed as a run of its own, and the host is locked by one book alone."""
    more = "runbook.steps.notebooks = (lambda known: lambda: {**known(), '06_more': known()['05_work']})(runbook.steps.notebooks)"
    rest = [f'book.apply("{step}")' for step in ("second", "third", "later")]
    execute(
        place,
        book_of(
            place, 'book.apply("first")', f"import runbook.steps\n{more}\n{change}", *rest, "book.summary()"
        ),
    )
    found = runs(place)
    assert len(found) == kept
    prove_whole(place, found[0], "failed")
    assert ends(found[0])["first"] == "changed"
    if kept == 2:
        assert ends(found[1])["second"] == "changed"


def test_an_opening_that_fails_is_kept_as_failed(place):
    """Another run at work on the host: the report says so, and the lock of the next opening is free."""
    holder = "from runbook.hosts.local import LocalHost\nother = LocalHost(); other.lock()"
    nb = book_of(place, "1")
    setup = nb.cells[2].source.replace(
        "from runbook import open_host", f"{holder}\nfrom runbook import open_host"
    )
    nb.cells[2].source = setup
    with pytest.raises(CellExecutionError, match="Another run is at work"):
        execute(place, nb)
    (folder,) = runs(place)
    prove_whole(place, folder, "failed")
    assert record(folder)["exit_code"] == 5


def test_a_killed_kernel_leaves_it_to_be_settled(place):
    """The kernel is killed in the middle of a step: the next command says killed, what had ended, and signs nothing."""
    (place / "fault.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(DeadKernelError):
        execute(place, book_of(place))
    (folder,) = runs(place)
    assert record(folder)["outcome"] == "running"
    (settled,) = abandoned.finish_orphans(place / "project/reports")
    prove_whole(place, folder, "killed", "unsigned")
    assert (settled.exit_code, ends(folder)["first"], ends(folder)["second"]) == (None, "changed", "killed")
    assert "its kernel was closed or killed before book.summary()" in settled.failure.message


def test_a_closed_kernel_leaves_it_to_be_settled(place):
    """So does a kernel that is shut down politely before the summary; while it lived nobody took its run for left behind."""
    code = book_of(place, 'book.apply("first")').cells
    manager, client = start_new_kernel(cwd=str(place / "project"))
    try:
        for cell in code[1:]:
            assert client.execute_interactive(cell.source, timeout=60)["content"]["status"] == "ok"
        assert abandoned.finish_orphans(place / "project/reports") == []
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    (folder,) = runs(place)
    assert len(abandoned.finish_orphans(place / "project/reports")) == 1
    prove_whole(place, folder, "killed", "unsigned")


def test_what_jupyterlab_saved_is_kept_as_far_as_it_is_of_this_run(place, monkeypatch):
    """An output of an older run is not taken for one of this run, though its cell and number are the same."""
    steps = [f'book.apply("{step}")' for step in toy.BOOKS["05_work"]]
    save = "import time, shutil; time.sleep(0.1); shutil.copyfile('saved', 'notebooks/05_work.ipynb')"
    nb = book_of(place, *steps[:2], save, *steps[2:], "book.summary()")
    file = place / "project/notebooks/05_work.ipynb"
    for number, cell in enumerate((c for c in nb.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("stream", text=f"of cell {number}\n")]
    (place / "project/saved").write_text(notebook_text(nb))
    monkeypatch.setenv("JPY_SESSION_NAME", str(file))
    execute(place, copy.deepcopy(nb))
    (folder,) = runs(place)
    prove_whole(place, folder)
    kept = nbformat.read(folder / "05_work.ipynb", 4)
    said = [bool(cell.outputs) for cell in kept.cells if cell.cell_type == "code"]
    # parameters ran before the host was opened, so nobody knows; open, first and second were over when it was saved
    assert said == [False, True, True, True, False, False, False, False]
    assert "saved last before" in record(folder)["notebooks"][0]["note"]
    assert record(folder)["notebooks"][0]["cells"]["completed"] == 6


def test_a_file_of_another_notebook_is_not_kept(place, monkeypatch):
    """A kernel that goes on for another notebook than it was started for does not archive the wrong one."""
    other = book_of(place, name="07_other")
    assert "07_other" in str(other)
    monkeypatch.setenv("JPY_SESSION_NAME", str(place / "project/notebooks/07_other.ipynb"))
    execute(place, book_of(place))
    (folder,) = runs(place)
    assert not (folder / "05_work.ipynb").exists()
    assert "was not found" in record(folder)["notebooks"][0]["note"]
