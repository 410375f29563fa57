"""A guest holds still while its snapshot is taken, and goes on whatever happens; a backup comes back beside the original."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.backups.host import HERE, MIB, Host
from tests.backups.test_program import LVM
from tests.backups.test_program import pytestmark as pytestmark

# What ssh would do: a login shell over there that gets the words joined by blanks; fsfreeze notes what it was told.
SSH = 'while [ "$1" != -- ]; do shift; done; shift 2; exec sh -c "$*"'
FREEZE = 'echo "fsfreeze $*" >>"$BACKUP_ROOT/frozen"'


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host with LVM, and a running guest that can be reached."""
    host = Host(tmp_path)
    host.volume.write_bytes(os.urandom(MIB))
    for name, script in LVM.items():
        host.fake(name, script)
    host.fake("xl", "")
    host.fake("ssh", SSH)
    host.fake("fsfreeze", FREEZE)
    return host


def made(host: Host, *still: str) -> tuple[int, str]:
    time.sleep(1.1)  # a backup's name has whole seconds
    return host.run("make", "comm", host.volume, host.store, "whole", "snapshot", *still)


def frozen(host: Host) -> list[str]:
    path = host.root / "frozen"
    return path.read_text().splitlines() if path.exists() else []


def test_file_systems_are_frozen_for_the_snapshot_alone(host: Host) -> None:
    """Frozen in the order that was given, the snapshot, thawed the other way round; then the copy is made."""
    host.fake("lvcreate", f'echo snapshot >>"$BACKUP_ROOT/frozen"; {LVM["lvcreate"]}')
    host.fake("zstd", f'echo packed >>"$BACKUP_ROOT/frozen"; exec {shutil.which("zstd")} "$@"')
    status, said = made(host, "freeze", "root@10.0.0.5", "/srv", "/")
    assert status == 0, said
    assert "its file systems had written out what they held" in said
    assert frozen(host)[:5] == [
        "fsfreeze -f /srv",
        "fsfreeze -f /",
        "snapshot",
        "fsfreeze -u /",
        "fsfreeze -u /srv",
    ]
    assert set(frozen(host)[5:]) == {"packed"}


def test_a_guest_that_does_not_freeze_gets_no_backup(host: Host) -> None:
    """What was frozen already is thawed, nothing is kept, no snapshot was taken, and the guest's own words are told."""
    host.fake(
        "fsfreeze",
        f'{FREEZE}; case "$*" in "-f /") echo "fsfreeze: /: Operation not supported" >&2; exit 1 ;; esac',
    )
    status, said = made(host, "freeze", "root@10.0.0.5", "/srv", "/")
    assert status == 1
    assert "comm did not freeze (fsfreeze: /: Operation not supported); nothing was kept" in said
    assert frozen(host) == ["fsfreeze -f /srv", "fsfreeze -f /", "fsfreeze -u /srv"]
    assert host.backups == []
    assert not [c for c in host.calls() if c.startswith("lvcreate")]


def test_a_guest_that_cannot_be_reached_gets_no_backup(host: Host) -> None:
    """ssh's own last words are the reason."""
    host.fake("ssh", 'echo "ssh: connect to host 10.0.0.5 port 22: No route to host" >&2; exit 255')
    status, said = made(host, "freeze", "root@10.0.0.5", "/")
    assert (status, host.backups) == (1, [])
    assert "No route to host" in said


def test_a_guest_that_thawed_too_early_gets_no_backup(host: Host) -> None:
    """The minute was over, or somebody thawed it, before the snapshot was there: then it is not what was asked for."""
    host.fake("timeout", f'case "$*" in "60 head"*) exit 124 ;; esac; exec {shutil.which("timeout")} "$@"')
    status, said = made(host, "freeze", "root@10.0.0.5", "/")
    assert (status, host.backups) == (1, [])
    assert "thawed before the snapshot was taken" in said
    assert frozen(host) == ["fsfreeze -f /", "fsfreeze -u /"]


def test_a_guest_that_talks_on_does_not_hold_the_night(host: Host) -> None:
    """Whoever says something every moment and never that it is frozen is left after the minute, as the silent one is."""
    host.fake("ssh", 'while echo "Last login: today"; do sleep 0.2; done')
    quick = host.root / "quick.sh"
    quick.write_text((HERE / "backup.sh").read_text().replace("SECONDS + 60", "SECONDS + 2"))
    began = time.monotonic()
    status, said = host.run("make", "comm", host.volume, host.store, "whole", "snapshot", "freeze", "root@10.0.0.5", "/", program=quick)  # fmt: skip
    assert (status, host.backups) == (1, [])
    assert "comm did not freeze (Last login: today)" in said
    assert time.monotonic() - began < 60


def test_a_connection_that_died_ends(host: Host) -> None:
    """ssh notices by itself that nobody is there, and whatever it does it is ended after some minutes."""
    assert made(host, "freeze", "root@10.0.0.5", "/")[0] == 0
    (ssh,) = [c for c in host.calls() if c.startswith("ssh")]
    assert "-o ServerAliveInterval=15" in ssh
    real = shutil.which("timeout")
    host.fake("timeout", f'case $1 in -k) shift 3; exec {real} -k 1 8 "$@" ;; esac; exec {real} "$@"')
    host.fake("ssh", SSH.replace("exec ", "") + "; sleep 300")
    began = time.monotonic()
    status, said = made(host, "freeze", "root@10.0.0.5", "/")
    assert (status, "did not thaw" in said) == (1, True), said
    assert time.monotonic() - began < 60


def test_file_systems_thaw_when_nobody_listens_any_more(host: Host) -> None:
    """The connection is cut before the guest can say that it is frozen: it thaws all the same."""
    host.fake("ssh", 'while [ "$1" != -- ]; do shift; done; shift 2; sh -c "$*" | exec sleep 0.3')
    host.fake("fsfreeze", f'{FREEZE}; case "$1" in -f) sleep 1 ;; esac')
    assert made(host, "freeze", "root@10.0.0.5", "/")[0] == 1
    deadline = time.monotonic() + 20
    while len(frozen(host)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert frozen(host) == ["fsfreeze -f /", "fsfreeze -u /"]


def test_an_interrupted_backup_thaws(host: Host) -> None:
    """When the program ends while the guest is frozen, the end of the connection thaws it."""
    host.fake("lvcreate", ': >"$BACKUP_ROOT/hangs"; exec sleep 60')
    process = host.start(
        "make", "comm", host.volume, host.store, "whole", "snapshot", "freeze", "root@10.0.0.5", "/"
    )
    host.wait_for(host.root / "hangs")
    assert frozen(host) == ["fsfreeze -f /"]
    host.end(process, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while len(frozen(host)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert frozen(host) == ["fsfreeze -f /", "fsfreeze -u /"]


def test_a_paused_guest_goes_on(host: Host) -> None:
    """Paused, the snapshot, unpaused; with a snapshot that fails it is unpaused all the same."""
    assert made(host, "pause")[0] == 0
    calls = [c for c in host.calls() if c.startswith(("xl pause", "xl unpause", "lvcreate"))]
    assert [c.split()[0] + " " + c.split()[1] for c in calls] == ["xl pause", "lvcreate -q", "xl unpause"]
    (host.root / "calls").unlink()
    host.fake("lvcreate", "exit 5")
    assert made(host, "pause")[0] != 0
    assert [c for c in host.calls() if c.startswith("xl unpause")] == ["xl unpause comm"]


def test_a_guest_that_is_off_need_not_hold_still(host: Host) -> None:
    """Nobody is asked to freeze: the volume is read as it is."""
    host.fake("xl", "exit 1")
    assert made(host, "freeze", "root@10.0.0.5", "/")[0] == 0
    assert not [c for c in host.calls() if c.startswith("ssh")]


# beside the original


def test_a_backup_comes_back_beside_the_original(host: Host) -> None:
    """Another volume gets it, byte for byte; the original and the notes of restores are left alone."""
    before = host.volume.read_bytes()
    assert made(host)[0] == 0
    other = host.root / "dev/guests/other"
    other.write_bytes(bytes(2 * MIB))
    host.volume.write_bytes(os.urandom(MIB))
    now = host.volume.read_bytes()
    host.fake("xl", "exit 1")
    status, said = host.run("beside", host.store, host.backups[0].name, other)
    assert status == 0, said
    assert other.read_bytes()[:MIB] == before
    assert host.volume.read_bytes() == now
    assert not list(host.notes.glob("*.restor*"))


def test_beside_is_never_the_original(host: Host) -> None:
    """The volume that it was taken of, and one that is too small, are refused before the first byte."""
    assert made(host)[0] == 0
    host.fake("xl", "exit 1")
    before = host.volume.read_bytes()
    status, said = host.run("beside", host.store, host.backups[0].name, host.volume)
    assert (status, "is the volume that" in said) == (3, True)
    small = host.root / "dev/guests/small"
    small.write_bytes(bytes(MIB // 2))
    assert host.run("beside", host.store, host.backups[0].name, small)[0] == 3
    assert (host.volume.read_bytes(), small.read_bytes()) == (before, bytes(MIB // 2))
