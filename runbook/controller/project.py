"""The project's folder on the controller: where notebooks, parameters and reports lie."""

from __future__ import annotations

import os
from pathlib import Path

from runbook.errors import RunbookError

PATTERN = "[0-9][0-9]_*.ipynb"
"""The notebooks of one host, in the order in which they are run. Others in the folder are never part of a run."""
SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the package `runbook`: the project itself, where it was installed to be edited."""
REPORTS = "RUNBOOK_REPORTS"
"""The variable that names another folder of reports than the project's."""
MAKE = "make a working folder with `runbook init FOLDER` and go there; or go to the one that you have"
"""The next move of everybody who is in no folder with notebooks."""


def project(start: Path | None = None) -> Path:
    """Return the folder that holds `notebooks/`: the current one or one above, else that of the source.

    Raises `RunbookError` when no folder has any.
    """
    here = start or Path.cwd()
    for base in (here, *here.parents, SOURCE):
        if any((base / "notebooks").glob(PATTERN)):
            return base
    raise RunbookError("There are no notebooks", where=f"{here} and the folders above it", do=MAKE)


def reports_of(root: Path) -> Path:
    """Return the folder of all reports of a project: $RUNBOOK_REPORTS, else its `reports`."""
    named = os.environ.get(REPORTS)
    return Path(named).expanduser().absolute() if named else root / "reports"
