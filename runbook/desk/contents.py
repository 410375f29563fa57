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
from runbook.controller.project import reports_of

AUTHOR = "RUNBOOK_AUTHOR"
"""The variable of whoever writes the runbook's own notebooks: then they can be saved."""


def closed(root: Path) -> tuple[Path, ...]:
    """Return the folders in which nothing is written: the project's reports and those of $RUNBOOK_REPORTS, and a clone's own notebooks.

    The notebooks of a folder that `runbook init` made are its person's, who may edit them.
    """
    is_own = bool(os.environ.get(AUTHOR)) or working_folder.handed_out(root) is not None
    reports = dict.fromkeys((root / "reports", reports_of(root)))
    return (*reports,) if is_own else (*reports, root / "notebooks")


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
        """Rename a file. Raises `HTTPError` 403 where either name is closed, or a closed folder would go along."""
        self._require_open(old_path, with_all=True)
        self._require_open(new_path)
        await super().rename_file(old_path, new_path)  # type: ignore[no-untyped-call]

    async def delete_file(self, path: str) -> None:
        """Delete a file. Raises `HTTPError` 403 for one that is closed, or with which a closed folder would go."""
        self._require_open(path, with_all=True)
        await super().delete_file(path)  # type: ignore[no-untyped-call]

    async def copy(self, from_path: str, to_path: str | None = None) -> dict[str, Any]:
        """Copy a file or a folder. Raises `HTTPError` 403 where the copy would be in a closed folder."""
        self._require_open(from_path.strip("/").rpartition("/")[0] if to_path is None else to_path)
        copied: dict[str, Any] = await super().copy(from_path, to_path)  # type: ignore[no-untyped-call]
        return copied

    async def create_checkpoint(self, path: str) -> dict[str, Any]:
        """Keep a file's state, in a folder beside it. Raises `HTTPError` 403 for one that is closed."""
        self._require_open(path)
        kept: dict[str, Any] = await super().create_checkpoint(path)  # type: ignore[no-untyped-call]
        return kept

    async def restore_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Write a file as it was kept. Raises `HTTPError` 403 for one that is closed."""
        self._require_open(path)
        await super().restore_checkpoint(checkpoint_id, path)  # type: ignore[no-untyped-call]

    async def delete_checkpoint(self, checkpoint_id: str, path: str) -> None:
        """Forget what was kept of a file. Raises `HTTPError` 403 for one that is closed."""
        self._require_open(path)
        await super().delete_checkpoint(checkpoint_id, path)  # type: ignore[no-untyped-call]

    def _is_closed(self, path: str, *, with_all: bool = False) -> bool:
        """Return whether a path, as the server has it, lies in a closed folder, also by a link or by `..`.

        With `with_all` also whether a closed folder lies in it.
        """
        root = Path(self.root_dir).resolve()
        whole = (root / PurePosixPath(path.strip("/"))).resolve()
        folders = [folder.resolve() for folder in closed(root)]
        return any(whole.is_relative_to(one) or (with_all and one.is_relative_to(whole)) for one in folders)

    def _require_open(self, path: str, *, with_all: bool = False) -> None:
        if self._is_closed(path, with_all=with_all):
            raise HTTPError(
                403,
                f"{path} is not saved: it is the project's own, or evidence. "
                "Work in your copy below mine/; to keep this one, save it there under another name.",
            )
