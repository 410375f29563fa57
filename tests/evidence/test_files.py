"""Whole files or none."""

import errno
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from runbook.controller.atomic import write_atomic
from runbook.evidence.files import LONG, notebook_text
from tests.drift.recorded import ROOT


def test_a_file_is_replaced_whole(tmp_path):
    """The new content is there, readable by others, and nothing else is left in the folder."""
    path = tmp_path / "run.json"
    path.write_text("old")
    write_atomic(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("broken", ["fsync", "fchmod"])
def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch, broken):
    """When the disk is full the old file stays as it was and no half file stays behind."""
    path = tmp_path / "run.json"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(f"os.{broken}", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(tmp_path, monkeypatch):
    """Until the move, the name still leads to the old content, with the new one complete beside it."""
    path = tmp_path / "run.json"
    path.write_text("old")
    seen = []
    real = Path.replace

    def spy(self, target):
        seen.append((path.read_text(), self.read_text()))
        return real(self, target)

    monkeypatch.setattr(Path, "replace", spy)
    write_atomic(path, "new")
    assert seen == [("old", "new")]


ODD = {
    "lines": "one\ntwo\n" * LONG,
    "no end": "x" * LONG,
    "quotes and backslashes": '"\\ \t\x1b[31mred\x1b[0m\r\n' * LONG,
    "other ends of lines": "a\x0bb\x0cc\x1cd\x85e\u2028f\rg" * LONG,
    "not of ASCII": "grüße ☃ \U0001f600\n" * LONG,
    "short": "short\n",
    "empty": "",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_notebook_is_written_as_nbformat_writes_it(text):
    """To the byte, whatever is in its streams, in one or in several outputs of a cell."""
    outputs = [new_output("stream", name=name, text=text) for name in ("stdout", "stderr")]
    outputs.append(new_output("display_data", data={"text/plain": text, "text/html": f"<pre>{text}</pre>"}))
    nb = new_notebook(cells=[new_code_cell("1", id="a", outputs=outputs), new_code_cell("2", id="b")])
    before = nbformat.writes(nb)
    assert notebook_text(nb) == f"{before}\n"
    assert nbformat.writes(nb) == before, "the notebook itself stays as it was"


def test_our_own_notebooks_are_written_as_nbformat_writes_them():
    """Every committed notebook with its outputs."""
    files = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "reports/sample").rglob("*.ipynb")]
    assert files
    for path in files:
        nb = nbformat.read(path, 4)
        assert notebook_text(nb) == f"{nbformat.writes(nb)}\n", path
