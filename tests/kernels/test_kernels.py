"""Kernels that are forked: a kernel a notebook, as if each were started anew."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from nbclient.exceptions import DeadKernelError
from nbclient.util import run_sync

from runbook.controller.signals import watching
from runbook.kernels import provisioner
from runbook.kernels import server as servers
from runbook.runner.execution import Execution
from runbook.runner.kernel import Kernel, Spare, Wanted
from runbook.runner.options import Options
from tests.evidence.toys import notebook, statuses

ROOT = Path(__file__).parents[2]


@pytest.fixture
def own(monkeypatch):
    """Give this test a server of its own, and later ones another; return how it is reached."""
    servers.close()
    yield servers.server
    servers.close()
    KernelProvisionerFactory.clear_instance()


def start_ordinary(monkeypatch):
    """Have kernels started the ordinary way from now on; jupyter_client reads the variable once."""
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "local-provisioner")
    KernelProvisionerFactory.clear_instance()


def execute(*sources, **options):
    """Return an executed notebook and what ended it early, None when nothing did."""
    nb = notebook(*sources)
    try:
        run_sync(Execution(nb, "python3", None, False, Options(**options)).run)()
    except Exception as error:
        return nb, error
    return nb, None


def said(nb, cell=-1):
    return "".join(out.get("text", "") for out in nb.cells[cell].outputs)


MARK = """import builtins, gc, json, locale, logging, os, random, signal, sys, tempfile, textwrap, threading, warnings
import pandas, runbook.controller.signals
from runbook import open_host
textwrap.dedent = builtins.print_ = runbook.controller.signals.go_on = pandas.DataFrame = None
os.environ["CARRIED"] = "over"
os.chdir("/")
os.umask(0o777)
sys.path.insert(0, "/carried")
sys.modules["carried"] = sys
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
warnings.simplefilter("ignore")
logging.getLogger().addHandler(logging.NullHandler())
random.seed(1)
gc.disable()
sys.setrecursionlimit(5000)
tempfile.tempdir = "/carried"
opened = open("/etc/hostname")
runbook.controller.signals.carried = threading.Thread(target=threading.Event().wait, daemon=True)
runbook.controller.signals.carried.start()
pandas.set_option("display.max_rows", 3)
def old(): warnings.warn("once")
old()"""
LOOK = """import builtins, gc, json, logging, os, pathlib, random, runbook.controller.signals, signal, sys, tempfile, textwrap, threading, warnings
import pandas
umask = os.umask(0o22)
os.umask(umask)
opened = {os.readlink(p) for p in pathlib.Path("/proc/self/fd").iterdir() if os.path.lexists(p)}
hidden = {"JPY_PARENT_PID", "IPYTHONDIR", "RUNBOOK_SECRETS", "RUNBOOK_LIFELINE"}
print(json.dumps({
    "environment": {k: v for k, v in os.environ.items() if k not in hidden},
    "hidden": sorted(hidden & set(os.environ)),
    "folder": os.getcwd(), "umask": umask, "path": sys.path, "arguments": sys.argv[:2] + sys.argv[3:],
    "session": os.getsid(0) == os.getpid(),
    "signals": {s.name: str(signal.getsignal(s)) for s in signal.Signals if s is not signal.SIGINT},
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "filters": [str(f) for f in warnings.filters], "handlers": str(logging.getLogger().handlers),
    "gc": [gc.isenabled(), gc.get_threshold()], "recursion": sys.getrecursionlimit(), "temporary": tempfile.gettempdir(),
    "threads": len(threading.enumerate()), "rows": pandas.get_option("display.max_rows"),
    "whole": [textwrap.dedent.__name__, runbook.controller.signals.go_on.__name__, pandas.DataFrame.__name__],
    "carried": [hasattr(builtins, "print_"), "carried" in sys.modules, hasattr(runbook.controller.signals, "carried")],
    "opened": sorted(name for name in opened if name.startswith("/") and "/proc" not in name),
    "main": [__name__, sys.modules["__main__"].__dict__ is globals(), sys.executable, sys.flags.safe_path],
    "stdin": sys.stdin.isatty() if sys.stdin else None, "limits": str(__import__("resource").getrlimit(7)),
}))"""


def test_nothing_is_carried_from_one_kernel_to_the_next(own):
    """Patched modules, environment, folder, umask, chance, open files, threads, filters: the next finds all as the first did."""
    before, error = execute(LOOK)
    assert error is None
    marked, error = execute(MARK, "print(os.getcwd(), os.environ['CARRIED'])")
    assert error is None
    assert said(marked) == "/ over\n"
    after, error = execute(LOOK)
    assert error is None
    assert json.loads(said(after)) == json.loads(said(before))


def test_a_forked_kernel_is_what_a_new_process_is(own, monkeypatch):
    """All that a notebook can find around it is the same in a kernel that was started the ordinary way."""
    monkeypatch.delenv("JUPYTER_DEFAULT_PROVISIONER_NAME", raising=False)
    forked_, error = execute(LOOK)
    assert error is None
    start_ordinary(monkeypatch)
    ordinary, error = execute(LOOK)
    assert error is None
    one, other = json.loads(said(forked_)), json.loads(said(ordinary))
    assert other["environment"].pop("JUPYTER_DEFAULT_PROVISIONER_NAME") == "local-provisioner"
    for seen in (one, other):
        seen.pop("filters")  # they come with what is imported, and more is there from the beginning
        seen["opened"] = [name for name in seen["opened"] if name != "/dev/null"]  # an empty standard input
    assert one["arguments"][1:] == ["-f", "--HistoryManager.hist_file=:memory:"]
    assert one == other


PARENT = "import os; print(os.getppid())"


def parent(nb, cell=-1):
    return int(said(nb, cell))


def test_kernels_are_forked_wherever_they_can_be(own):
    """Kernels of one process have one parent, which is its server."""
    assert {parent(execute(PARENT)[0]) for _ in range(2)} == {own().pid}


def test_a_lost_server_costs_no_notebook(own, tmp_path):
    """Killed in the middle of a cell it takes nothing along; the kernels after it are new processes, and the log says why."""
    kill = f"import os, signal\nos.kill({own().pid}, signal.SIGKILL)"
    nb, error = execute(kill, "print('on')", kernel_log=tmp_path / "log")
    assert error is None
    assert said(nb) == "on\n"
    for _ in range(2):
        nb, error = execute(PARENT, kernel_log=tmp_path / "log")
        assert error is None
        assert parent(nb) == os.getpid()
    assert (
        "This kernel is a new process, and those after it: the process that kernels are forked from is lost"
        in (tmp_path / "log").read_text()
    )


def test_a_killed_kernel_ends_its_notebook_alone(own):
    """The death is told as such, and the next kernel comes from the same server."""
    pid = own().pid
    nb, error = execute("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "print(1)")
    assert isinstance(error, DeadKernelError)
    assert statuses(nb) == {"c0": "killed", "c1": "never-run"}
    assert parent(execute(PARENT)[0]) == pid


def test_a_kernel_whose_start_is_said_elsewhere_is_left_alone(own, monkeypatch):
    """Another environment for the interpreter gives a new process, and so does a provisioner that somebody named."""
    nb, error = execute(PARENT, env={"PYTHONHASHSEED": "7"})
    assert (error, parent(nb)) == (None, os.getpid())
    start_ordinary(monkeypatch)
    nb, error = execute(PARENT)
    assert (error, parent(nb)) == (None, os.getpid())


def test_a_server_that_gives_no_answer_is_done_without(own, monkeypatch, tmp_path):
    """On a machine that is busy beyond measure the run goes on with a new process, and says why in its log."""
    monkeypatch.setattr(provisioner, "PATIENCE_S", 0.2)
    os.kill(own().pid, signal.SIGSTOP)
    log = tmp_path / "kernel.log"
    nb, error = execute(PARENT, kernel_log=log)
    assert (error, parent(nb)) == (None, os.getpid())
    assert "gave no answer in 0.2 s" in log.read_text()


def by_provisioner(tmp_path, *words: str) -> list[str]:
    """Run a program on the notebook in.ipynb, with the provisioner named; return what its cell printed."""
    nbformat.write(
        notebook("import os; print(os.getppid(), os.environ['JPY_PARENT_PID'])"), tmp_path / "in.ipynb"
    )
    env = {**os.environ, "JUPYTER_DEFAULT_PROVISIONER_NAME": "runbook-fork", "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, *words], cwd=tmp_path, env=env, check=True, capture_output=True, timeout=120
    )
    return said(nbformat.read(tmp_path / "out.ipynb", 4)).split()


@pytest.mark.parametrize(
    "words", [("-m", "papermill", "in.ipynb", "out.ipynb"), ("-m", "jupyter", "execute", "--output=out", "in.ipynb")],
    ids=["papermill", "nbclient"],
)  # fmt: skip
def test_papermill_and_nbclient_can_use_it(tmp_path, words):
    """Named as the default provisioner, it forks their kernels too, and nothing is left of it afterwards."""
    server, process = (int(word) for word in by_provisioner(tmp_path, *words))
    assert server != process
    assert not Path(f"/proc/{server}").exists()


def spared(wanted: Wanted, taken: Wanted, meanwhile=lambda kernel: None):
    """Return whether a spare kernel is the one that is taken, and whether a process of it is left."""

    async def take():
        spare = Spare()
        with watching() as stops:
            spare.begin(wanted, stops)
            first = spare._kernel
            await spare._task
            pid = first.km.provisioner.pid
            meanwhile(pid)
            kernel = await spare.take(taken)
            await (kernel or spare).close()
            return kernel is first, Path(f"/proc/{pid}").exists()

    return run_sync(take)()


def test_the_spare_kernel_is_taken_where_it_is_the_one_that_is_wanted(own):
    """One that is for something else, or has died, is not taken; none is left behind."""
    wanted = Wanted(env={"A": "1"})
    assert spared(wanted, Wanted(env={"A": "1"})) == (True, False)
    assert spared(wanted, Wanted(env={"A": "2"})) == (False, False)

    def kill(pid):
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists():
            pass

    assert spared(wanted, wanted, kill) == (False, False)


def test_a_kernel_that_never_answers_is_given_up(own):
    """It is closed with all that it had when it takes too long."""

    async def start():
        kernel = Kernel(Wanted(timeout_s=0))
        try:
            with watching() as stops:
                await asyncio.wait_for(kernel.start(stops), 30)
                return kernel.km.provisioner.pid
        finally:
            await kernel.close()

    with pytest.raises(FileNotFoundError):
        Path(f"/proc/{run_sync(start)()}").stat()
