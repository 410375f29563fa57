"""The engine: what it says of each cell is what happened to it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from runbook.controller.atomic import write_atomic
from runbook.evidence import ledger
from tests.evidence.toys import notebook, statuses

IMPORTS = "import os, signal, time, sys"


def execute(folder, nb, **options):
    """Run a notebook with our engine; return the notebook on the disk and the error, None without one."""
    nbformat.write(nb, folder / "in.ipynb")
    out = folder / "out.ipynb"
    options = {"engine_name": "runbook", "progress_bar": False, "kernel_log": folder / "log", **options}
    try:
        papermill.execute_notebook(folder / "in.ipynb", out, **options)
        error = None
    except (Exception, KeyboardInterrupt) as caught:
        error = caught
    return nbformat.read(out, 4), error


def error_text(cell):
    return [out.evalue for out in cell.outputs if out.output_type == "error"]


def test_a_good_notebook_completes_every_cell(tmp_path):
    """All cells that ran are completed, with times; prose has no status."""
    nb, error = execute(tmp_path, notebook("print('hi')", "1 + 1"))
    assert error is None
    assert statuses(nb) == {"c0": "completed", "c1": "completed"}
    assert nb.cells[1].outputs[0].text == "hi\n"
    assert nb.cells[1].metadata.papermill.end_time
    assert nb.metadata.papermill.end_time
    assert "papermill" not in nb.cells[0].metadata
    assert nb.metadata.language_info.name == "python"


def test_a_kernel_listens_where_nobody_else_can(tmp_path):
    """It has sockets in a folder of its own, closed to others and gone afterwards, and nothing to warn of in its log."""
    look = """from ipykernel import get_connection_info
from pathlib import Path
where = get_connection_info(unpack=True)
print(where["transport"], where["ip"], oct(Path(where["ip"]).parent.stat().st_mode)[-3:])"""
    nb, error = execute(tmp_path, notebook(look))
    assert error is None
    transport, ip, mode = nb.cells[1].outputs[0].text.split()
    assert (transport, mode) == ("ipc", "700")
    assert not Path(ip).parent.exists()
    assert (tmp_path / "log").read_text() == ""


def users_files(home, cwd):
    """Lay out all files with which a user changes what IPython does; each leaves a flag of its name. Return the flags."""
    flags = home / "flags"
    profile = home / ".ipython/profile_default"
    places = {
        profile / "startup/00-mine.py": "{leave}",
        profile / "startup/10-mine.ipy": "{leave}",
        profile / "ipython_config.py": "c = get_config()\n{leave}",
        profile
        / "ipython_kernel_config.py": "c = get_config()\nc.InteractiveShellApp.exec_lines = ['''{leave}''']",
        home / ".jupyter/jupyter_config.py": "{leave}",
        home / "pythonstartup.py": "{leave}",
        cwd / "ipython_config.py": "{leave}",
        cwd / "ipython_kernel_config.py": "{leave}",
        cwd / "profile_default/startup/00-mine.py": "{leave}",
    }
    flags.mkdir(parents=True)
    for number, (path, text) in enumerate(places.items()):
        path.parent.mkdir(parents=True, exist_ok=True)
        leave = f"import pathlib; pathlib.Path('{flags}/{number} {path.name}').touch()"
        path.write_text(text.replace("{leave}", leave))
    return flags


@pytest.mark.parametrize("named", [False, True])
def test_the_users_startup_files_do_not_run(tmp_path, monkeypatch, named):
    """Nothing of ~/.ipython, a named IPYTHONDIR, PYTHONSTARTUP or the folder runs in a kernel; its own folder is gone."""
    home, cwd = tmp_path / "home", tmp_path / "cwd"
    cwd.mkdir()
    flags = users_files(home, cwd)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PYTHONSTARTUP", str(home / "pythonstartup.py"))
    monkeypatch.delenv("IPYTHONDIR", raising=False)
    if named:
        monkeypatch.setenv("IPYTHONDIR", str(home / ".ipython"))
    look = "import os; print(os.environ['IPYTHONDIR'], oct(os.stat(os.environ['IPYTHONDIR']).st_mode)[-3:])"
    nb, error = execute(tmp_path, notebook(look), cwd=cwd)
    assert error is None
    assert [path.name for path in flags.iterdir()] == []
    folder, mode = nb.cells[1].outputs[0].text.split()
    assert mode == "700"
    assert not Path(folder).exists()


CASES: dict[str, Any] = {
    "a failing cell": ("1 / 0", {}, "failed", PapermillExecutionError, "division by zero"),
    "exit 0 in a cell": ("sys.exit(0)", {}, "failed", PapermillExecutionError, "0"),
    "a killed kernel": (
        "time.sleep(1); os.kill(os.getpid(), signal.SIGKILL)",
        {},
        "killed",
        DeadKernelError,
        "The kernel died in cell c1",
    ),
    "a time-out": (
        "time.sleep(60)",
        {"execution_timeout": 1},
        "timed-out",
        CellTimeoutError,
        "longer than 1 s, in cell c1",
    ),
    "a cell that ignores interrupts": (
        "for _ in range(9):\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass",
        {"execution_timeout": 1, "grace_s": 0.5},
        "timed-out",
        CellTimeoutError,
        "longer than 1 s, in cell c1",
    ),
    "Ctrl-C": (
        "os.kill(int(os.environ['JPY_PARENT_PID']), signal.SIGINT); time.sleep(60)",
        {},
        "killed",
        KeyboardInterrupt,
        "Interrupted in cell c1",
    ),
    "a polite kill of the runner": (
        "os.kill(int(os.environ['JPY_PARENT_PID']), signal.SIGTERM); time.sleep(60)",
        {},
        "killed",
        KeyboardInterrupt,
        "Interrupted in cell c1",
    ),
    "Ctrl-C twice": (
        "time.sleep(1)\n"  # what was said must have left the kernel before the kernel is killed
        "for _ in range(9):\n"
        "    os.kill(int(os.environ['JPY_PARENT_PID']), signal.SIGINT)\n"
        "    try: time.sleep(60)\n    except KeyboardInterrupt: pass",
        {},
        "killed",
        KeyboardInterrupt,
        "Interrupted in cell c1",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_worst_day_is_recorded_as_it_was(tmp_path, case):
    """The broken cell keeps its status and what it said, later ones are never-run, the error says where."""
    source, options, status, kind, message = CASES[case]
    said = "print('last words', flush=True)\n"
    nb, error = execute(tmp_path, notebook(IMPORTS, said + source, "print('later')"), **options)
    assert statuses(nb) == {"c0": "completed", "c1": status, "c2": "never-run"}
    assert type(error) is kind
    assert message in (error.evalue if kind is PapermillExecutionError else str(error))
    assert nb.cells[2].metadata.papermill.exception is True
    assert nb.cells[2].outputs[0].text == "last words\n"
    assert len(error_text(nb.cells[2])) == 1
    assert nb.cells[3].outputs == []
    assert nb.metadata.papermill.exception is True
    assert len(nb.cells) == 4


def test_an_interrupted_cell_may_tidy_up(tmp_path):
    """Ctrl-C reaches the cell as an interrupt, so that a step can end what it runs on the host."""
    source = "try: os.kill(int(os.environ['JPY_PARENT_PID']), signal.SIGINT); time.sleep(60)\nfinally: open('tidied', 'w').close()"
    execute(tmp_path, notebook(IMPORTS, source), cwd=tmp_path)
    assert (tmp_path / "tidied").exists()


def test_signals_are_as_before_afterwards(tmp_path):
    """The engine puts back the signal handlers that it found."""
    wanted = {signal.SIGTERM: lambda *_: None, signal.SIGHUP: signal.SIG_IGN}
    before = {sig: signal.signal(sig, handler) for sig, handler in wanted.items()}
    try:
        execute(tmp_path, notebook("1"))
        assert {sig: signal.getsignal(sig) for sig in wanted} == wanted
    finally:
        for sig, old in before.items():
            signal.signal(sig, old)


def test_outputs_and_statuses_of_an_earlier_run_are_forgotten(tmp_path):
    """A cell that does not run now shows nothing of an earlier run."""
    nb, _ = execute(tmp_path, notebook("print(1)", "print(2)"))
    nb.cells[1].source = "1 / 0"
    nb, _ = execute(tmp_path, nb)
    assert statuses(nb) == {"c0": "failed", "c1": "never-run"}
    assert nb.cells[2].outputs == []


def test_a_skipped_cell_was_never_run(tmp_path):
    """A cell tagged skip-execution does not count as completed."""
    nb = notebook("1", "2")
    nb.cells[1].metadata.tags = ["skip-execution"]
    nb, error = execute(tmp_path, nb)
    assert error is None
    assert statuses(nb) == {"c0": "never-run", "c1": "completed"}


def test_saving_does_not_grow_with_the_cells(tmp_path, monkeypatch):
    """Fifty cells are written at the start, at the end, every five seconds, and once while a long one runs."""
    writes = []

    def write(path, text):
        writes.append(path)
        path.write_text(text)

    monkeypatch.setattr(ledger, "write_atomic", write)
    chatty = "import time\nfor _ in range(10): print(1, flush=True); time.sleep(0.15)"
    began = time.monotonic()
    nb, error = execute(tmp_path, notebook(chatty, *["print(1)"] * 49))
    assert error is None
    assert set(statuses(nb).values()) == {"completed"}
    assert 3 <= len(writes) <= 3 + (time.monotonic() - began) / 5


def test_a_running_cell_is_on_the_disk(tmp_path):
    """While a long cell runs, the clock has saved that it runs: a dead runner leaves the truth behind."""
    look = (
        "import json, time; time.sleep(1.5)\n"
        f"cells = json.load(open({str(tmp_path / 'out.ipynb')!r}))['cells']\n"
        "print([c['metadata']['papermill']['status'] for c in cells if c['cell_type'] == 'code'])"
    )
    nb, _ = execute(tmp_path, notebook("1", look, "3"), save_every_s=0.2)
    assert nb.cells[2].outputs[0].text == "['completed', 'running', 'never-run']\n"


def test_a_full_disk_stops_no_cell(tmp_path, monkeypatch):
    """When a save on the clock fails the cells go on; when the last one fails, that is an error."""
    tried = []

    def write(path, text):
        tried.append(path)
        if len(tried) > 1:
            raise OSError(28, "No space left on device")
        write_atomic(path, text)

    monkeypatch.setattr(ledger, "write_atomic", write)
    source = f"import time; time.sleep(2); open({str(tmp_path / 'went-on')!r}, 'w').close()"
    _, error = execute(tmp_path, notebook(source), save_every_s=0.2)
    assert (tmp_path / "went-on").exists()
    assert isinstance(error, OSError)
    assert len(tried) > 3, "the clock tries again"


def test_listeners_hear_cells_and_live_output(tmp_path):
    """Cell starts, stream lines and renewed displays are passed on while the notebook runs."""
    started: list[tuple[int, str]] = []
    heard: list[str] = []
    live = (
        "from IPython.display import display\nprint('one')\n"
        "handle = display({'text/plain': 'two'}, raw=True, display_id=True)\n"
        "handle.update({'text/plain': 'three'}, raw=True)"
    )
    options = {"on_cell_start": lambda *args: started.append(args), "on_output": heard.append}
    nb, _ = execute(tmp_path, notebook(live, "2"), **options)
    assert [index for index, _ in started] == [1, 2]
    assert started[1][1] == "2"
    assert [text.strip() for text in heard] == ["one", "two", "three", "2"]
    assert nb.cells[1].outputs[-1].data == {"text/plain": "three"}


def test_a_failing_listener_stops_nothing(tmp_path):
    """A listener that raises (a closed terminal) is not called again, and the run goes on."""
    calls = []

    def broken(text):
        calls.append(text)
        raise BrokenPipeError

    nb, error = execute(tmp_path, notebook("print(1)", "print(2)"), on_output=broken)
    assert error is None
    assert len(calls) == 1
    assert set(statuses(nb).values()) == {"completed"}


def test_the_kernel_gets_its_environment(tmp_path):
    """Variables given by the caller reach the kernel, and not the process that runs it."""
    nb, _ = execute(tmp_path, notebook("import os; print(os.environ['TOY'])"), env={"TOY": "yes"})
    assert nb.cells[1].outputs[0].text == "yes\n"
    assert "TOY" not in os.environ


def test_an_unknown_option_is_an_error(tmp_path):
    """A misspelt option is refused instead of ignored."""
    nbformat.write(notebook("1"), tmp_path / "in.ipynb")
    with pytest.raises(TypeError, match="on_outptu"):
        papermill.execute_notebook(tmp_path / "in.ipynb", None, engine_name="runbook", on_outptu=print)


def test_a_kernel_that_cannot_start_leaves_all_never_run(tmp_path):
    """When no kernel comes up, no cell was run and the notebook says so."""
    nb = notebook("1", "2")
    nbformat.write(nb, tmp_path / "in.ipynb")
    with pytest.raises(Exception, match="no-such-kernel"):
        papermill.execute_notebook(
            tmp_path / "in.ipynb",
            tmp_path / "out.ipynb",
            engine_name="runbook",
            kernel_name="no-such-kernel",
            progress_bar=False,
        )
    assert set(statuses(nbformat.read(tmp_path / "out.ipynb", 4)).values()) == {"never-run"}


def test_papermill_on_the_command_line_finds_the_engine(tmp_path):
    """`papermill --engine runbook` works by itself and exits with 138 when the kernel dies."""
    nbformat.write(notebook(IMPORTS, "os.kill(os.getpid(), signal.SIGKILL)", "3"), tmp_path / "in.ipynb")
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--engine", "runbook", "in.ipynb", "out.ipynb"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 138, done.stderr
    assert "The kernel died in cell c1" in done.stderr
    nb = nbformat.read(tmp_path / "out.ipynb", 4)
    assert statuses(nb) == {"c0": "completed", "c1": "killed", "c2": "never-run"}
