"""A build runs with nobody's rights: real namespaces, a hostile source, and what it may and may not reach."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from runbook.builds import results, rights, root
from runbook.builds.recipe import WORK
from tests.builds import toy_root
from tests.builds.controller import recipe

ATTACKS = (Path(__file__).parent / "attacks.pl").read_text()


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Return a work with its root, furnished; it is removed as a build's own is."""
    toy_root.need_namespaces()
    folder = tmp_path_factory.mktemp("room") / "work"
    toy_root.make(folder)
    given = recipe(files=(("attacks.pl", ATTACKS), ("note", "hello\n")))
    subprocess.run(root.furnish(given, folder, 1), check=True)
    yield folder
    rights.remove(folder)
    assert not folder.exists()


def ran(work, script, *, network=False, place="root", **more):
    """Return what a script said in a place of the work, as a recipe's script is run."""
    argv = root.enter(work, recipe(), root.script(script), network=network, jobs=1)
    if place == "house":
        argv = rights.enter(work, "house", "sh", "-c", script, network=network)
    return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, **more)


def verdicts(text):
    """Return the tries of attacks.pl by their verdict."""
    rows = [line.partition(" ") for line in text.splitlines()]
    return {word: {name for said, _, name in rows if said == word} for word in ("HELD", "BROKE")}


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Return the arguments of attacks.pl: a process, two sockets, a folder and a file of this machine, all open."""
    monkeypatch.setenv("RUNBOOK_TEST_SECRET", "of whoever builds")
    secret = Path("/var/tmp") / f"runbook-room-{os.getpid()}"
    secret.mkdir()
    (secret / "file").write_text("for everybody on this machine\n")
    name = f"runbook-room-{os.getpid()}"
    with socket.socket() as inet, socket.socket(socket.AF_UNIX) as unix:
        inet.bind(("127.0.0.1", 0))
        unix.bind(f"\0{name}")
        for listener in (inet, unix):
            listener.listen(8)
        yield f"{os.getpid()} {inet.getsockname()[1]} {name} {secret} {secret}/file"
    (secret / "file").unlink()
    secret.rmdir()


def test_a_hostile_source_reaches_nothing(work, outside):
    """Every try of attacks.pl fails in a build."""
    done = ran(work, f"perl files/attacks.pl {outside}")
    said = verdicts(done.stdout)
    assert said["BROKE"] == set(), done.stderr
    assert len(said["HELD"]) == ATTACKS.count('\nsaid("'), done.stdout + done.stderr


def test_the_tries_can_succeed(work, outside):
    """The same tries break what there is to break where the machine's files are seen: they are no dummies."""
    script = f"perl /mnt/root/build/files/attacks.pl {outside}"
    broke = verdicts(ran(work, script, network=True, place="house").stdout)["BROKE"]
    assert broke >= {
        "a file of outside",
        "a folder of outside",
        "a mount",
        "a namespace of mounts inside",
        "a namespace of users inside",
        "the name of the machine",
        "the network of outside",
        "a socket of outside",
        "a device of outside",
        "the way out of a chroot",
    }


def test_root_inside_is_nobody_outside(work):
    """Inside it is root with few capabilities and no way to more; its files belong to a subordinate id."""
    done = ran(work, "id -u; cat /proc/self/status; touch /tmp/made")
    assert done.returncode == 0, done.stderr
    status = dict(line.partition(":\t")[::2] for line in done.stdout.splitlines())
    assert done.stdout.startswith("0\n")
    assert status["NoNewPrivs"] == "1"
    assert {status[key] for key in ("CapEff", "CapPrm", "CapBnd")} == {"00000000000400fb"}
    assert {status[key] for key in ("CapInh", "CapAmb")} == {"0" * 16}
    ids = rights.find(rights.me())
    owner = (work / "place/root/tmp/made").stat()
    assert (owner.st_uid, owner.st_gid) == (ids.users, ids.groups)
    assert ids.users >= rights.COUNT


@pytest.mark.parametrize("network", [False, True])
def test_every_namespace_is_its_own(work, network):
    """Users, mounts, processes, IPC, names and cgroups are apart always, the network once sources are fetched."""
    kinds = ("user", "mnt", "pid", "ipc", "uts", "cgroup", "net")
    done = ran(work, f"for k in {' '.join(kinds)}; do ls -l /proc/self/ns/$k; done", network=network)
    inside = [line.rpartition(" ")[2] for line in done.stdout.splitlines()]
    shared = {
        kind
        for kind, link in zip(kinds, inside, strict=True)
        if link == str(Path(f"/proc/self/ns/{kind}").readlink())
    }
    assert shared == ({"net"} if network else set())


def test_the_result_is_taken_out(work, tmp_path):
    """What the script left in /build/out is this user's own, plain, and has the content that was given in."""
    done = ran(work, "cat files/note >out/toy_1.0_all.deb; echo y >out/config")
    assert done.returncode == 0, done.stderr
    with results.opened(work / "place/root", WORK, "out") as out:
        assert out.names == ("config", "toy_1.0_all.deb")
        out.copy(tmp_path, most_mib=1)
    taken = tmp_path / "toy_1.0_all.deb"
    assert taken.read_text() == "hello\n"
    assert (taken.stat().st_uid, taken.stat().st_mode & 0o7000) == (os.geteuid(), 0)


def test_a_closed_folder_of_the_builder_does_not_stop_it(work):
    """The folders above the root may be closed to others: the work itself is."""
    assert work.stat().st_mode & 0o077 == 0
    assert ran(work, "true").returncode == 0


def test_all_ends_with_the_job(work):
    """Killing the first process ends what runs inside, though it may not be signalled from there."""
    argv = root.enter(work, recipe(), root.script("touch /tmp/began; sleep 300"), network=False, jobs=1)
    job = subprocess.Popen(argv)
    until = time.monotonic() + 20
    while not (work / "place/root/tmp/began").exists() and time.monotonic() < until:
        time.sleep(0.05)
    inside = _below(job.pid)
    assert inside, "nothing was running that could end"
    job.send_signal(signal.SIGKILL)
    job.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in inside) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [pid for pid in inside if Path(f"/proc/{pid}").exists()]


def _below(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children] + [more for child in children for more in _below(child)]
