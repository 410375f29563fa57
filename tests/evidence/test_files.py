"""Whole files or none."""

import errno
from pathlib import Path

import pytest

from runbook.evidence.files import write_atomic


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
