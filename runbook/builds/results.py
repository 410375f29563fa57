"""What a build left in its root, taken out by its plain files: nothing in there is followed or believed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from runbook.builds import store
from runbook.builds.errors import BuildFailed

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_:-]{0,200}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 20


@dataclass(frozen=True)
class Folder:
    """One folder of a root, held open."""

    handle: int
    where: str
    """Its name inside the root, for messages."""
    names: tuple[str, ...]
    """What is in it, sorted."""

    def described(self) -> tuple[store.Deb, ...]:
        """Return name, size and checksum of each file. Raises `BuildFailed` for what is no plain file."""
        found = []
        for name in self.names:
            with self._plain(name) as file:
                digest = hashlib.sha256()
                while piece := os.read(file, _PIECE):
                    digest.update(piece)
                found.append(store.Deb(name, os.fstat(file).st_size, digest.hexdigest()))
        return tuple(found)

    def copy(self, to: Path, *, most_mib: int) -> None:
        """Copy each file into a folder of this machine, as its user's own.

        Raises `BuildFailed` for what is no plain file, has a name that is none, or is too much together.
        """
        left = most_mib * 2**20
        for name in self.names:
            if name in store.STATE:
                raise self._wrong(name, "the runbook keeps a file of that name beside the packages")
            with self._plain(name) as file, (to / name).open("wb") as copy:
                while piece := os.read(file, _PIECE):
                    left -= len(piece)
                    if left < 0:
                        raise self._wrong(name, f"all results together are more than {most_mib} MiB")
                    copy.write(piece)

    @contextlib.contextmanager
    def _plain(self, name: str) -> Iterator[int]:
        if not _NAME.fullmatch(name):
            raise self._wrong(name, "a result's name has letters, digits and . + ~ _ : - only")
        try:
            # Without O_NONBLOCK, a FIFO would wait for a writer that never comes.
            handle = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.handle
            )
        except OSError as error:
            raise self._wrong(name, f"it cannot be read as a plain file: {error.strerror}") from None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise self._wrong(name, "it is no plain file")
            yield handle
        finally:
            os.close(handle)

    def _wrong(self, name: str, why: str) -> BuildFailed:
        return BuildFailed(
            f"The build left {name!r}, which is not taken out of its root",
            where=f"{self.where} in the root",
            why=why,
            do="let the recipe leave plain files there, readable for all",
        )


@contextlib.contextmanager
def opened(root: Path, *parts: str) -> Iterator[Folder]:
    """Give a folder inside a root; no part of the way to it may be a link. Raises `BuildFailed` if it is."""
    where = "/".join(parts)
    handle = os.open(root, _FOLDER)
    try:
        for part in PurePosixPath(where.lstrip("/")).parts:
            try:
                inner = os.open(part, _FOLDER, dir_fd=handle)
            except OSError as error:
                raise BuildFailed(
                    f"The build has no folder {where}",
                    where=f"{part} on the way to it",
                    why=error.strerror or "",
                    do="look in the log for what removed, replaced or closed it",
                ) from None
            os.close(handle)
            handle = inner
        yield Folder(handle, where, tuple(sorted(entry.name for entry in os.scandir(handle))))
    finally:
        os.close(handle)
