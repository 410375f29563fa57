"""The socket of a shared ssh connection: in a folder of the user's own, under a name that nobody can guess."""

import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import pytest

from runbook.controller import private
from runbook.errors import Refused
from runbook.hosts import control
from runbook.hosts.ssh import SshHost
from runbook.runner.sockets import listening

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")


@pytest.fixture
def runtime(monkeypatch):
    """Return a runtime folder of this user's, with a short path; no other place is there."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("HOME", f"{place}/none")
        yield private.Path(place)


def path_of(argv):
    """Return the ControlPath of an ssh command."""
    return private.Path(next(word for word in argv if word.startswith("ControlPath=")).partition("=")[2])


def test_the_socket_lies_in_the_runtime_folder(runtime):
    """Its folder is closed to all others; within a process one connection is shared, and its name is random."""
    path = path_of(SshHost("root@box").transport("true"))
    assert path.parent == runtime / "xen-runbook"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path == path_of(SshHost("root@box").transport("true"))
    assert path != path_of(SshHost("root@other").transport("true"))
    assert re.fullmatch("[0-9a-f]{12}", path.name)


def test_another_process_has_another_name(runtime):
    """What one process uses cannot be told from the destination, the configuration and its number."""
    code = "from runbook.hosts import control; print(control.own().socket('root@box', None))"
    names = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)
    }
    assert len(names) == 2


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o770, 0o755, 0o777, 0o1777])
def test_a_folder_that_others_enter_is_refused(runtime, mode):
    """With any right of others, it is not used, and the error names the folder and what is wrong."""
    (runtime / "xen-runbook").mkdir()
    (runtime / "xen-runbook").chmod(mode)
    with pytest.raises(Refused, match=f"{mode:04o}: others may enter") as caught:
        SshHost("root@box").transport("true")
    assert str(runtime / "xen-runbook") in caught.value.where
    assert caught.value.do


@pytest.mark.parametrize("kind", ["link", "file", "socket", "fifo"])
def test_what_is_no_folder_is_refused(runtime, kind):
    """A link, even to a folder of ours, is none."""
    path = runtime / "xen-runbook"
    (runtime / "own").mkdir(0o700)
    with socket.socket(socket.AF_UNIX) as made:
        {
            "link": lambda: path.symlink_to(runtime / "own"),
            "file": path.touch,
            "fifo": lambda: os.mkfifo(path),
            "socket": lambda: made.bind(str(path)),
        }[kind]()
    with pytest.raises(Refused, match="it is no folder"):
        SshHost("root@box").transport("true")


@as_root
def test_a_folder_of_somebody_else_is_refused(runtime):
    """Whoever made it first gets no connection."""
    (runtime / "xen-runbook").mkdir(0o700)
    os.chown(runtime / "xen-runbook", NOBODY, NOBODY)
    with pytest.raises(Refused, match=f"belongs to user {NOBODY}"):
        SshHost("root@box").transport("true")


@as_root
def test_a_socket_of_somebody_else_is_refused(runtime):
    """Though its folder is ours: it is looked at before each use, also of a host that was used before."""
    host = SshHost("root@box")
    path = path_of(host.transport("true"))
    with socket.socket(socket.AF_UNIX) as own:
        own.bind(str(path))
        assert path_of(host.transport("true")) == path
        os.chown(path, NOBODY, NOBODY)
        with pytest.raises(Refused, match=f"belongs to user {NOBODY}"):
            host.transport("true")
        host.close()  # and nothing is said to it


def test_what_is_no_socket_is_refused(runtime):
    """A file or a link at the socket's name is not handed to ssh."""
    path = path_of(SshHost("root@box").transport("true"))
    path.symlink_to("/tmp/elsewhere")
    with pytest.raises(Refused, match="it is no socket"):
        SshHost("root@box").transport("true")


@pytest.mark.parametrize("uid", [1, NOBODY])
@pytest.mark.parametrize("kind", [stat.S_IFDIR, stat.S_IFSOCK])
def test_the_owner_is_looked_at_without_root_too(monkeypatch, tmp_path, uid, kind):
    """The same for any user: what the system says of the owner counts."""
    said = SimpleNamespace(st_mode=kind | 0o700, st_uid=os.geteuid() + uid)
    monkeypatch.setattr(private.Path, "lstat", lambda self: said)
    with pytest.raises(Refused, match="belongs to user"):
        private.require_own(tmp_path, kind)


@pytest.mark.parametrize("wrong", ["mode", "owner", "relative", "missing", "long"])
def test_a_runtime_folder_that_is_not_ours_is_passed_over(runtime, monkeypatch, wrong):
    """As `su` leaves another user's: the cache of the home comes next, then a new folder of a random name."""
    if wrong == "owner" and os.geteuid():
        pytest.skip("only root can give a folder to somebody else")
    with tempfile.TemporaryDirectory(dir="/tmp") as home:
        bad = {"long": f"{runtime}/{'x' * 90}", "missing": f"{runtime}/no", "relative": "run"}.get(
            wrong, f"{runtime}/bad"
        )
        if wrong not in ("missing", "relative"):
            private.Path(bad).mkdir(0o700)
        if wrong == "mode":
            private.Path(bad).chmod(0o755)
        if wrong == "owner":
            os.chown(bad, NOBODY, NOBODY)
        monkeypatch.setenv("XDG_RUNTIME_DIR", bad)
        monkeypatch.setenv("HOME", home)
        first = control.own().socket("root@box", None).parent
        private.Path(home, ".cache").mkdir(0o700)
        second = control.own().socket("root@box", None).parent
    assert stat.S_IMODE(first.stat().st_mode) == 0o700
    assert first.parent == private.Path(private.temporary())
    assert second == private.Path(home, ".cache/xen-runbook")


@pytest.mark.parametrize("length", [*range(1, 100, 7)])
def test_a_socket_fits_into_its_address(runtime, monkeypatch, length):
    """However long the folders' names are, ssh can make the socket, with what it appends meanwhile."""
    deep = runtime / ("é" * (length // 2) or "d")
    deep.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    path = f"{control.own().socket('root@box', None)}.{'x' * 16}"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)
    private.Path(path).unlink()


def test_kernels_listen_in_a_folder_of_their_own(runtime, monkeypatch):
    """It is closed to others and its name random; below a long temporary folder it is elsewhere."""
    long = runtime / ("t" * 80)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with listening() as one, listening() as other:
        folders = [private.Path(config.KernelManager.ip).parent for config in (one, other)]
        assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]
        assert len({*folders}) == 2
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"{one.KernelManager.ip}-65535")
