"""How JupyterLab is started over a project."""

from __future__ import annotations

from pathlib import Path

EXTENSIONS = Path(__file__).with_name("labextensions")


def serving(root: Path) -> list[str]:
    """Return JupyterLab's options: on this computer alone, over the whole project, with what is closed and what freezes.

    `runbook.desk.contents` says what can be written; the extension freezes the cells of steps that are done.
    """
    return [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.contents_manager_class=runbook.desk.contents.Contents",
        f"--LabApp.extra_labextensions_path={EXTENSIONS}",
    ]
