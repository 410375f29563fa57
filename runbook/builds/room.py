"""The inner side of a build's user namespace: `python room.py WORK PLACE -- COMMAND …`.

unshare(1) starts it in namespaces of its own, still as the user who builds and with all capabilities of
the new user namespace. It needs nothing but the standard library, whose files that user can read; then it becomes
the namespace's root, who is nobody outside, and runs COMMAND.

PLACE is `house` (this machine's files, with the place of the build at /mnt: the programs that make and remove a
root are this machine's) or `root` (the clean root alone: nothing else of this machine can be reached).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

#: What a program that builds a package may do inside its namespace: own files of several users, become them.
KEPT = {
    0: "chown",
    1: "dac_override",
    3: "fowner",
    4: "fsetid",
    5: "kill",
    6: "setgid",
    7: "setuid",
    18: "sys_chroot",
}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
PLACE = "place"
"""Beside `given` in the folder of the work: the one folder in which the namespace's root may make files."""
GIVEN = "given"
MOUNTED = "mnt"

_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_DETACH = 2
_PIVOT_ROOT, _CAPSET = {"x86_64": (155, 126), "aarch64": (41, 91)}.get(os.uname().machine, (None, None))
_PDEATHSIG, _CAPBSET_DROP, _NO_NEW_PRIVS, _AMBIENT, _CLEAR_ALL, _KILL = 1, 24, 38, 47, 4, 9
_CAPABILITY_V3, _LAST_CAP = 0x20080522, Path("/proc/sys/kernel/cap_last_cap")

_libc = ctypes.CDLL(None, use_errno=True)


def main(work: Path, place: str, command: list[str]) -> None:
    """Go to the place, become its root, and run a command in place of this process."""
    last = int(_LAST_CAP.read_text())
    _mount("none", "/", flags=_REC | _PRIVATE)
    # Still as the user outside, whose folders may be closed to everybody else.
    if place == "root":
        _settle(work / PLACE / "root", work / GIVEN)
    else:
        _mount(str(work / PLACE), f"/{MOUNTED}", flags=_BIND)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    os.umask(0o022)
    if place == "root":
        _forget_the_rest()
        _keep_few(last)
    os.chdir("/")
    _call("prctl", _NO_NEW_PRIVS, 1, 0, 0, 0)
    # A change of user forgets it, so it is said again; the parent is unshare(1), which ends with the job.
    _call("prctl", _PDEATHSIG, _KILL, 0, 0, 0)
    os.execvpe(command[0], command, _environment())


def _environment() -> dict[str, str]:
    """Return what is passed on of the environment: the way to the network, and no secret of whoever builds."""
    proxies = {name: text for name, text in os.environ.items() if name.lower().endswith("_proxy")}
    return {**proxies, "HOME": "/", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def _settle(root: Path, given: Path) -> None:
    """Make a folder a mount of its own, go there, and mount what the recipe gives, to be read."""
    _mount(str(root), str(root), flags=_BIND | _REC)
    os.chdir(root)
    _mount(str(given), MOUNTED, flags=_BIND)
    _mount("none", MOUNTED, flags=_BIND | _REMOUNT | _RDONLY | _NOSUID | _NODEV)


def _forget_the_rest() -> None:
    """Make this folder the root of all, with a few devices and its own /proc; nothing else can be reached."""
    _devices(Path("dev"))
    _mount("proc", "proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    # pivot_root(2), "pivot_root(".", ".")": the old root lies on the new one then, and is taken away.
    _call("syscall", _PIVOT_ROOT, b".", b".")
    _call("umount2", b".", _DETACH)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def _devices(dev: Path) -> None:
    """Mount a /dev with nothing that reaches hardware: six devices, pseudo-terminals, shared memory."""
    _mount("tmpfs", str(dev), "tmpfs", _NOSUID | _NOEXEC, "mode=0755,size=64k,uid=0,gid=0")
    for name in DEVICES:
        (dev / name).touch()
        _mount(f"/dev/{name}", str(dev / name), flags=_BIND)
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    _mount(
        "devpts", str(dev / "pts"), "devpts", _NOSUID | _NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"
    )
    _mount("tmpfs", str(dev / "shm"), "tmpfs", _NOSUID | _NODEV, "mode=1777")
    (dev / "ptmx").symlink_to("pts/ptmx")
    (dev / "fd").symlink_to("/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (dev / name).symlink_to(f"/proc/self/fd/{number}")


def _keep_few(last: int) -> None:
    """Give up every capability that building a package does not need, for good."""
    for capability in set(range(last + 1)) - set(KEPT):
        _call("prctl", _CAPBSET_DROP, capability, 0, 0, 0)
    _call("prctl", _AMBIENT, _CLEAR_ALL, 0, 0, 0)
    few = sum(1 << capability for capability in KEPT)
    head = ctypes.create_string_buffer(struct.pack("<Ii", _CAPABILITY_V3, 0))
    sets = ctypes.create_string_buffer(struct.pack("<6I", few, few, 0, 0, 0, 0))
    _call("syscall", _CAPSET, head, sets)


def _mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    args = (source, target, kind or None, flags, options or None)
    source_, target_, kind_, _, options_ = (w.encode() if isinstance(w, str) else None for w in args)
    _call("mount", source_, target_, kind_, ctypes.c_ulong(flags), options_, told=f"mount on {target}")


def _call(name: str, *args: object, told: str = "") -> None:
    if getattr(_libc, name)(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{told or name}: {os.strerror(number)}")


if __name__ == "__main__":
    split = sys.argv.index("--")
    try:
        main(Path(sys.argv[1]), sys.argv[2], sys.argv[split + 1 :])
    except OSError as error:
        sys.exit(f"E: the room of the build cannot be made: {error}")
