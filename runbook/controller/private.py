"""Folders that are this user's alone, for sockets: whoever can put one there answers in another's name."""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path

from runbook.errors import Refused

LONGEST = 107
"""The longest path of a socket in bytes: `sun_path` of unix(7) without its final NUL."""
_LONGEST_TEMPORARY = 48
"""What leaves room for a folder there, and for a socket of ssh or of a kernel in it."""


def folder(name: str, room: int) -> Path:
    """Return this user's own folder for sockets, closed to all others (0700); made when it is missing.

    It lies in the XDG runtime folder, else in the cache of the home, else in a new one among the temporary files:
    the first of them that is this user's, and leaves `room` bytes for the name of a socket.

    Raises `Refused` when it is there and belongs to somebody else, can be entered by others, or is no folder.
    """
    for place in _places():
        path = place / name
        if len(os.fsencode(path)) + 1 + room > LONGEST:
            continue
        try:
            path.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:
            pass  # `require_own` says what it is
        except OSError:
            continue
        require_own(path, stat.S_IFDIR)
        return path
    path = _temporary(os.getpid())
    require_own(path, stat.S_IFDIR)
    return path


def made_private(folder: Path) -> None:
    """Make a folder that nobody else may enter (0700), or close one that is there and this user's own. Raises `OSError`.

    What a host answered is in it, and says more of that host than others have to know.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid == os.geteuid() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        folder.chmod(0o700)


def temporary() -> str:
    """Return where a temporary folder for sockets is made: below a very long TMPDIR no socket can be."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= _LONGEST_TEMPORARY else "/tmp"


def require_own(path: Path, kind: int) -> None:
    """Raise `Refused` unless a path is this user's alone and of this kind (`stat.S_IFDIR`, `stat.S_IFSOCK`).

    A symbolic link is none of them. Of a socket only the owner counts: its folder keeps others out.
    """
    found = path.lstat()
    mode = stat.S_IMODE(found.st_mode)
    word = {stat.S_IFDIR: "folder", stat.S_IFSOCK: "socket"}[kind]
    wrong = [
        *([f"it is no {word}"] if stat.S_IFMT(found.st_mode) != kind else []),
        *(
            [f"it belongs to user {found.st_uid}, not to {os.geteuid()}"]
            if found.st_uid != os.geteuid()
            else []
        ),
        *([f"its mode is {mode:04o}: others may enter"] if kind == stat.S_IFDIR and mode & 0o077 else []),
    ]
    if wrong:
        raise Refused(
            f"The {word} of ssh's shared connection is not yours alone",
            where=str(path),
            why="; ".join(wrong) + ". Whoever made it could answer in the host's name",
            do=f"find out who made it (`ls -ld {path}`), remove it, then run again",
        )


def _places() -> list[Path]:
    """Return the folders that are this user's: XDG says that one which is not is to be left alone, as after `su`."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    cache_home = os.environ.get("XDG_CACHE_HOME", "")
    found = [Path(runtime)] if _is_closed(runtime, 0o077) else []
    for name in (cache_home, str(Path(os.path.expanduser("~")) / ".cache")):  # noqa: PTH111 - never raises
        if _is_closed(name, 0o002):
            found.append(Path(name))
    return found


def _is_closed(name: str, others: int) -> bool:
    """Return whether an absolute path is a folder of this user's, without these rights of others."""
    if not name.startswith("/"):
        return False
    try:
        found = Path(name).stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & others


@cache
def _temporary(pid: int) -> Path:
    """One a process, gone with it: its name is random and nobody else can have made it."""
    path = tempfile.mkdtemp(prefix="xr-", dir=temporary())

    def tidy() -> None:
        if os.getpid() == pid:  # a forked child is another process
            shutil.rmtree(path, ignore_errors=True)

    atexit.register(tidy)
    return Path(path)
