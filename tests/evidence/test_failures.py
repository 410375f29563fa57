"""From whatever ended a notebook to one reason, one status, one exit code."""

import nbformat
import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from runbook.errors import HostError
from runbook.evidence.failures import failure_of
from tests.evidence.toys import notebook


def raised(name, text):
    """Return what the engine raises when a cell raised an error of this name."""
    return PapermillExecutionError(1, 1, "source", name, text, ["a", "long", "traceback"])


CASES = [
    (raised("Refused", "no"), "Refused", "refused", 3),
    (raised("ConsentMissing", "nobody agreed"), "ConsentMissing", "refused", 4),
    (raised("HostError", "gone"), "HostError", "failed", 5),
    (raised("TimedOut", "apt-get took too long"), "TimedOut", "timed-out", 6),
    (raised("NotRecorded", "never asked"), "NotRecorded", "failed", 7),
    (raised("ZeroDivisionError", "division by zero"), "ZeroDivisionError", "failed", 1),
    (raised("SystemExit", "0"), "SystemExit", "failed", 1),
    (CellTimeoutError("too long"), "TimedOut", "timed-out", 6),
    (DeadKernelError("died"), "KernelDied", "killed", 138),
    (KeyboardInterrupt(), "Interrupted", "killed", 130),
    (HostError("busy"), "HostError", "failed", 5),
    (OSError(28, "No space left on device"), "OSError", "failed", 1),
]


@pytest.mark.parametrize(("error", "name", "status", "code"), CASES, ids=lambda case: str(case)[:30])
def test_every_end_has_one_reason(tmp_path, error, name, status, code):
    """Our own errors keep their status and exit code through the kernel; the rest are failures."""
    found = failure_of(error, "05_now", tmp_path / "05_now.ipynb")
    assert (found.name, found.status, found.exit_code) == (name, status, code)
    assert found.message
    assert "traceback" not in str(found)


def test_the_cell_that_broke_is_named(tmp_path):
    """The first cell whose status is neither completed nor never-run is where it broke."""
    nb = notebook("1", "2", "3")
    for cell, status in zip(nb.cells[1:], ("completed", "killed", "never-run"), strict=True):
        cell.metadata.papermill = {"status": status}
    nbformat.write(nb, tmp_path / "05_now.ipynb")
    found = failure_of(DeadKernelError("died"), "05_now", tmp_path / "05_now.ipynb")
    assert str(found).startswith("05_now, cell c1: KernelDied\ndied")


def test_a_dead_kernels_last_words_are_shown(tmp_path):
    """What the kernel's process wrote before it died is part of the reason, its usual warning is not."""
    (tmp_path / "kernel.log").write_text("[IPKernelApp] WARNING | TCP\nFatal: Segmentation fault\n")
    found = failure_of(DeadKernelError("died"), "05_now", tmp_path / "05_now.ipynb")
    assert "Segmentation fault" in found.message
    assert "TCP" not in found.message
