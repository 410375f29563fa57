"""With whose rights a build runs: those of a range of user ids that own nothing else on this machine.

They come from subuid(5) and subgid(5), for whoever builds, root alike. Inside its user namespace the build
is root of them; outside it is nobody.
"""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runbook.builds import room
from runbook.errors import Refused

SUBUID, SUBGID = Path("/etc/subuid"), Path("/etc/subgid")
COUNT = 65536
"""How many ids a Debian needs: the user nobody is 65534."""
_SYSCTL = Path("/proc/sys")
_SWITCHES = (
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("user/max_user_namespaces", "0", "15000"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
)
_PROBE_S = 30


@dataclass(frozen=True)
class Ids:
    """The first id of users and of groups, as the machine outside counts them."""

    users: int
    groups: int


def find(user: str) -> Ids | None:
    """Return the first ranges of a user that are long enough, None when one of the two is missing.

    getsubids(1) is asked: the ranges need not stand in a file of this machine.
    """
    users, groups = _first("getsubids", user), _first("getsubids", "-g", user)
    return None if users is None or groups is None else Ids(users, groups)


def _first(*argv: str) -> int | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    rows = (line.split() for line in done.stdout.splitlines())
    return next((int(row[2]) for row in rows if len(row) == 4 and int(row[3]) >= COUNT), None)


def me() -> str:
    """Return the name of whoever builds, its number where it has none."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def enter(work: Path, place: str, *argv: str, network: bool) -> list[str]:
    """Return the command that runs another as root of a namespace, in a `place` of `room`.

    The first words keep a killed job from leaving anything behind: its end ends what it started.
    Raises `Refused` when whoever builds has no range of ids.
    """
    ids = find(me())
    if ids is None:
        raise _no_ids(me())
    apart = ("--mount", "--pid", "--ipc", "--uts", "--cgroup", *(() if network else ("--net",)))
    maps = (f"--map-users={ids.users},0,{COUNT}", f"--map-groups={ids.groups},0,{COUNT}")
    alone = ("setpriv", "--pdeathsig", "KILL", "unshare", "--user", *maps, "--keep-caps")
    inner = (sys.executable, "-I", room.__file__, str(work), place, "--", *argv)
    return [*alone, *apart, "--fork", "--kill-child", *inner]


def lay_out(work: Path) -> None:
    """Make the folder of the work: closed to others, with one place inside for the namespace's root."""
    work.mkdir(parents=True)
    for folder, mode in ((work, 0o700), (work / room.PLACE, 0o777), (work / room.GIVEN, 0o755)):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)


def remove(work: Path) -> None:
    """Remove the folder of the work; what the namespace's root made there, only that one can remove."""
    if any((work / room.PLACE).glob("*")):
        argv = ["rm", "-rf", "--one-file-system", f"/{room.MOUNTED}/root"]
        subprocess.run(enter(work, "house", *argv, network=False), stdin=subprocess.DEVNULL, check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", str(work)], check=False)


def require() -> None:
    """Make a namespace and leave it again. Raises `Refused`, with the next move, where that is not possible."""
    user = me()
    if find(user) is None:
        raise _no_ids(user)
    with tempfile.TemporaryDirectory(prefix="runbook-room-") as name:
        work = Path(name) / "work"
        lay_out(work)
        argv = enter(work, "house", "true", network=False)
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_PROBE_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _not_allowed(str(error)) from None
    if done.returncode:
        raise _not_allowed(done.stderr.strip() or f"exit {done.returncode}")


def _no_ids(user: str) -> Refused:
    first = free([SUBUID, SUBGID])
    last = first + COUNT - 1
    return Refused(
        f"{user} has no range of user ids to build with",
        where=f"{SUBUID} and {SUBGID}",
        why=f"a build runs as {COUNT} ids that own nothing else here, and no line of both files gives {user} as many",
        do=f"run as root: `usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {user}`",
    )


def _not_allowed(output: str) -> Refused:
    off = [(key, on) for key, bad, on in _SWITCHES if _sysctl(key) == bad]
    if off:
        why = " and ".join(f"{_dotted(key)} is {_sysctl(key)}" for key, _ in off)
        do = "allow it, as root: " + " and ".join(f"`sysctl -w {_dotted(key)}={on}`" for key, on in off)
    else:
        why = output
        do = "where this machine is itself a container, build on the machine around it, or allow it user namespaces, mounts and a whole /proc"
    return Refused(
        "This machine lets nobody make a user namespace for a build", where="the controller", why=why, do=do
    )


def free(files: list[Path]) -> int:
    """Return the first of a range that no line of the files touches.

    >>> free([])
    100000
    """
    taken = sorted((first, first + count) for file in files for first, count in _ranges(file))
    start = 100000
    for first, end in taken:
        if first < start + COUNT and end > start:
            start = end
    return start


def _ranges(file: Path) -> list[tuple[int, int]]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = (re.fullmatch(r"[^:#]+:(\d{1,10}):(\d{1,10})", line.strip()) for line in lines)
    return [(int(match[1]), int(match[2])) for match in found if match]


def _dotted(key: str) -> str:
    return key.replace("/", ".")


def _sysctl(key: str) -> str:
    try:
        return (_SYSCTL / key).read_text().strip()
    except OSError:
        return ""
