"""What can go wrong with a build, each with the next move."""

from __future__ import annotations

from runbook.errors import RunbookError


class BuildFailed(RunbookError):
    """The build could not be started, or one of its phases failed; its log says where."""


class StillBuilding(RunbookError):
    """Somebody stopped watching; the build itself goes on."""

    exit_code = 130
    status = "killed"
