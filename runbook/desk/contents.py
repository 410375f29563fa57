"""What JupyterLab may write: of the project's own notebooks and of reports nothing.

It saves on a clock, whatever a person meant: a notebook that was only looked at is another file soon after, and a
report that was is an altered one. Such a file opens, says that it is read-only, and is saved nowhere.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

from runbook.controller import working_folder

AUTHOR = "RUNBOOK_AUTHOR"
"""The variable of whoever writes the runbook's own notebooks: then they can be saved."""


def closed(root: Path) -> tuple[str, ...]:
    """Return the folders of a project in which nothing is written: reports, and a clone's own notebooks.

    The notebooks of a folder that `runbook init` made are its person's, who may edit them.
    """
    is_own = bool(os.environ.get(AUTHOR)) or working_folder.handed_out(root) is not None
    return ("reports",) if is_own else ("reports", "notebooks")


class Contents(AsyncLargeFileManager):
    """The server's files; those in the closed folders can be read."""

    async def get(self, path: str, *args: Any, **options: Any) -> dict[str, Any]:
        """Return a file or folder as jupyter_server does; what is closed is not writable, so JupyterLab offers no saving."""
        model: dict[str, Any] = await super().get(path, *args, **options)  # type: ignore[no-untyped-call]
        if self._is_closed(path):
            model["writable"] = False
        return model

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Save a file. Raises `HTTPError` 403 for one that is closed."""
        self._require_open(path)
        saved: dict[str, Any] = await super().save(model, path)  # type: ignore[no-untyped-call]
        return saved

    async def rename_file(self, old_path: str, new_path: str) -> None:
        """Rename a file. Raises `HTTPError` 403 where either name is closed."""
        self._require_open(old_path)
        self._require_open(new_path)
        await super().rename_file(old_path, new_path)  # type: ignore[no-untyped-call]

    async def delete_file(self, path: str) -> None:
        """Delete a file. Raises `HTTPError` 403 for one that is closed."""
        self._require_open(path)
        await super().delete_file(path)  # type: ignore[no-untyped-call]

    def _is_closed(self, path: str) -> bool:
        """Return whether a path, as the server has it, lies in a closed folder, also by a link or by `..`."""
        root = Path(self.root_dir).resolve()
        whole = (root / PurePosixPath(path.strip("/"))).resolve()
        return any(whole.is_relative_to((root / folder).resolve()) for folder in closed(root))

    def _require_open(self, path: str) -> None:
        if self._is_closed(path):
            raise HTTPError(
                403,
                f"{path} is not saved: it is the project's own, or evidence. "
                "Work in your copy below mine/; to keep this one, save it there under another name.",
            )
