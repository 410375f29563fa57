"""How JupyterLab is started over a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

EXTENSIONS = Path(__file__).with_name("labextensions")


def serving(root: Path, options: Sequence[str] = ()) -> list[str]:
    """Return JupyterLab's options: on this computer alone, over the whole project, with what is closed and what freezes.

    `options` are a person's own, which come behind these. They may name another address, as a container's needs;
    then none is among these, for JupyterLab refuses two.
    `runbook.desk.contents` says what can be written; the extension freezes the cells of steps that are done.
    """
    named = {option.partition("=")[0] for option in options}
    return [
        *([] if named & {"--ip", "--ServerApp.ip"} else ["--ServerApp.ip=127.0.0.1"]),
        f"--ServerApp.root_dir={root}",
        "--ServerApp.contents_manager_class=runbook.desk.contents.Contents",
        f"--LabApp.extra_labextensions_path={EXTENSIONS}",
    ]
