"""What `runbook jupyter` begins with: a page of one's own with one's hosts, and own copies of the notebooks for each.

The project's notebooks carry the outputs of the recorded host and are kept by git; nobody works in them.
"""

from __future__ import annotations

from runbook.controller.project import project
from runbook.desk.desk import Desk

__all__ = ["Desk", "open_desk"]


def open_desk() -> Desk:
    """Return the desk of the project that this notebook lies in; a cell that ends with it shows the hosts.

    Raises `RunbookError` outside of a project.
    """
    return Desk(project())
