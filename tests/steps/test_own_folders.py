"""A folder that the runbook made goes with what was in it, and with nothing of anybody else's."""

from __future__ import annotations

import subprocess
from pathlib import Path

from runbook.steps.shared import own_folders


def test_a_folder_is_made_and_goes_when_it_is_empty(tmp_path: Path) -> None:
    """Made twice it is one; it stays as long as something is in it; and a way back that comes twice is no failure."""
    path = tmp_path / "ours"
    action = own_folders.made(str(path), "for the test", "0700")
    for _ in range(2):
        subprocess.run(action.argv, check=True)
    assert path.stat().st_mode & 0o7777 == 0o700
    (path / "somebody's").touch()
    subprocess.run(action.undo, check=True)
    assert path.is_dir()
    (path / "somebody's").unlink()
    for _ in range(2):
        subprocess.run(action.undo, check=True)
    assert not path.exists()
