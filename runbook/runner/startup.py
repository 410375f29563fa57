"""What a kernel of a run does not read: the startup files of whoever runs it.

A report says what ran, by the commit of the runbook. Code in ~/.ipython or PYTHONSTARTUP would run in every
cell and stand in no report. PYTHONPATH and the virtual environment are another matter: they are the
interpreter's, the same for the kernel and for what writes the report.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory


class OwnProfile:
    """An empty IPython folder, closed to others, for one kernel."""

    def __init__(self) -> None:
        # A kernel that ends late may still write its history there.
        self._folder = TemporaryDirectory(prefix="runbook-ipython-", ignore_cleanup_errors=True)

    def environment(self) -> dict[str, str]:
        """Return the variables that lead a kernel there: IPython reads its profile below IPYTHONDIR.

        An empty PYTHONSTARTUP is none, for Python and for IPython.
        """
        return {"IPYTHONDIR": str(Path(self._folder.name)), "PYTHONSTARTUP": ""}

    def remove(self) -> None:
        """Remove the folder with all in it; once more does no harm."""
        self._folder.cleanup()
