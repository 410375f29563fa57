"""Building: what is kept, what is refused, what survives, what is taken up again."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runbook import builds
from runbook.builds import BuildFailed, Source, StillBuilding, rights, store, watch
from runbook.builds.foreign import foreign
from runbook.builds.job import Job
from runbook.errors import ConsentMissing, Refused
from tests.builds.controller import furnish, recipe
from tests.word import give

SLOW = "i=0; while [ $i -lt 400 ]; do echo CC $i; i=$((i+1)); sleep 0.05; done; echo it >out/toy_1.0_all.deb"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    return furnish(tmp_path, monkeypatch)


def made(wanted, say=lambda text: None):
    return builds.build(wanted, say, every_s=0.05)


def within(seconds, holds):
    """Whether something comes true in time."""
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return holds()


def group_exists(number):
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_was_built_is_kept_with_its_checksums(folder):
    """A build leaves its packages with a manifest, the log and its sources' checksums, and no root."""
    wanted = recipe(
        "cat files/note >out/toy_1.0_all.deb; echo y >out/config",
        fetch="echo source >sources/toy.tar.xz",
        files=(("note", "hello\n"),),
    )
    built = made(wanted)
    assert built.folder == folder / "trixie" / wanted.key
    assert [(d.name, d.size, d.sha256) for d in built.debs] == [
        ("toy_1.0_all.deb", 6, hashlib.sha256(b"hello\n").hexdigest())
    ]
    assert [d.name for d in built.others] == ["config"]
    assert built.text("config") == "y\n"
    assert [d.name for d in built.sources] == ["toy.tar.xz"]
    assert json.loads((built.folder / "manifest.json").read_text())["digest"] == wanted.digest()
    assert "== building" in (built.folder / "log").read_text()
    assert within(10, lambda: not (built.folder / "work").exists())


def test_the_same_recipe_is_not_built_twice(tmp_path):
    """A second build of the same recipe gives the kept packages and starts nothing."""
    counter = tmp_path / "counter"
    wanted = recipe(f"echo once >>{counter}; echo it >out/a.deb")
    first, second = made(wanted), made(wanted)
    assert counter.read_text() == "once\n"
    assert first == second


def test_a_build_that_ended_before_the_lock_was_had_is_not_begun_again(tmp_path, monkeypatch):
    """Whoever saw no build, and waited while another process made it, takes that one."""
    counter = tmp_path / "counter"
    wanted = recipe(f"echo once >>{counter}; echo it >out/a.deb")
    first = made(wanted)
    assert within(10, lambda: builds.running(wanted) is None)
    looks = iter([None])
    real = store.load
    monkeypatch.setattr(store, "load", lambda folder: next(looks, real(folder)))
    assert made(wanted) == first
    assert counter.read_text() == "once\n"


def test_what_the_result_depends_on_is_in_the_digest():
    """Another package, script, text, source or checksum is another recipe; the room it needs is not."""
    base = recipe(sources=(Source("a.tar", "/a.tar", "00"),))
    others = [
        replace(base, packages=("gcc",)),
        replace(base, script="true"),
        replace(base, fetch="true"),
        replace(base, files=(("a", "b"),)),
        replace(base, release="bookworm"),
        replace(base, checksums=(("a.tar", "11"),)),
        replace(base, sources=(Source("a.tar", "/a.tar", "11"),)),
    ]
    assert len({base.digest(), *(o.digest() for o in others)}) == len(others) + 1
    assert replace(base, needs_mib=99).digest() == base.digest()
    assert replace(base, sources=(Source("a.tar", "/elsewhere/a.tar", "00"),)).digest() == base.digest()


def test_a_recipe_survives_its_file():
    """A recipe that was written down is read back the same."""
    wanted = recipe(files=(("a", "b"),), sources=(Source("a", "/a", "00"),), checksums=(("b", "11"),))
    assert builds.Recipe.from_json(wanted.to_json()) == wanted


def test_a_kept_package_that_was_altered_is_built_again():
    """A package that is not what the manifest says is never handed out."""
    built = made(recipe())
    (built.folder / "toy_1.0_all.deb").write_text("if\n")  # as long as before
    assert builds.kept(recipe()) is None
    assert made(recipe()).debs == built.debs


def test_sources_come_with_a_network_and_compiling_goes_without():
    """Only the script `fetch` has a network; both know how many compilers, and the recipe's digest."""
    wanted = recipe(
        'echo "$NETWORK $JOBS $RECIPE" >out/a.deb; cat sources/said >>out/a.deb',
        fetch='echo "$NETWORK" >sources/said',
    )
    built = builds.build(wanted, lambda text: None, jobs=7, every_s=0.05)
    assert built.paths[0].read_text() == f"no 7 {wanted.digest()}\nyes\n"


def test_a_failure_shows_the_compilers_own_words():
    """A failed build names the line with the error, wherever it stands, and the log."""
    script = "echo CC a.o; echo 'a.c:7: error: no semicolon'; for i in $(seq 30); do echo CC $i; done; exit 2"
    with pytest.raises(BuildFailed) as caught:
        made(recipe(script))
    assert "a.c:7: error: no semicolon" in caught.value.why
    assert "CC 30" not in caught.value.why
    assert "Building failed (exit 2)" in caught.value.what
    assert Path(caught.value.where).name == "log"


def test_the_try_after_a_failure_starts_clean(tmp_path):
    """What a failed try left behind is not there in the next."""
    mark = tmp_path / "mended"
    wanted = recipe(f"[ ! -e trace ]; touch trace; [ -e {mark} ] || exit 1; echo it >out/a.deb")
    with pytest.raises(BuildFailed):
        made(wanted)
    mark.touch()
    assert [d.name for d in made(wanted).debs] == ["a.deb"]


def test_a_build_that_makes_nothing_fails():
    """A script that ends well without a package is a failure that says what there is instead."""
    with pytest.raises(BuildFailed, match=r"made no \*.deb") as caught:
        made(recipe("echo y >out/config"))
    assert "config" in caught.value.why


def test_progress_tells_phase_lines_and_time():
    """While it builds, each line of progress has the phase, a count, the time and the last words."""
    said: list[str] = []
    made(recipe("for i in 1 2 3; do echo CC $i.o; sleep 0.2; done; echo it >out/a.deb"), said.append)
    assert any(line.startswith("building: ") and "CC " in line for line in said)


def interrupt_after(count):
    lines: list[str] = []

    def say(text):
        lines.append(text)
        if len(lines) > count:
            raise KeyboardInterrupt

    return say


def test_ctrl_c_stops_the_watching_and_not_the_build():
    """Ctrl-C says that the build goes on; building again takes it up, in the same process."""
    script = "for i in 1 2 3 4 5 6 7 8; do echo CC $i; sleep 0.2; done; echo it >out/a.deb"
    with pytest.raises(StillBuilding, match="still being built") as caught:
        made(recipe(script), interrupt_after(1))
    assert caught.value.exit_code == 130
    job = builds.running(recipe(script))
    assert job is not None
    assert os.getsid(job.pid) == job.pid, "a lost terminal must not end it"
    seen = []
    made(recipe(script), lambda text: seen.append(builds.running(recipe(script))))
    assert {j.pid for j in seen if j} == {job.pid}


def test_stop_ends_the_build_and_all_that_it_started():
    """Stopping leaves no process and no folder, and the next build starts anew."""
    wanted = recipe(SLOW)
    with pytest.raises(StillBuilding):
        made(wanted, interrupt_after(1))
    job = builds.running(wanted)
    assert job is not None
    assert builds.stop(wanted)
    assert not job.is_alive()
    assert not store.folder_of(wanted).exists()
    assert not builds.stop(wanted)
    assert within(10, lambda: not group_exists(job.pid))


def test_a_killed_build_is_said_to_be_gone(folder):
    """When the building process was killed, the next look says so; the one after builds anew."""
    wanted = recipe("[ -e /proc/self ] && sleep 0.3; echo it >out/a.deb")
    slow = recipe(SLOW)

    def kill(text):
        if job := builds.running(slow):
            os.killpg(job.pid, signal.SIGKILL)
            time.sleep(0.2)

    with pytest.raises(BuildFailed, match="is gone") as caught:
        made(slow, kill)
    assert "starts anew" in caught.value.do
    assert made(wanted).debs


def test_a_number_that_another_process_has_now_is_not_the_build(tmp_path):
    """A process is known by its start as well: after a restart another one has the number."""
    me = Job(os.getpid(), 1, Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    assert not me.is_alive()
    (tmp_path / "job.json").write_text(json.dumps({"pid": me.pid, "started": 1, "boot_id": me.boot_id}))
    assert Job.of(tmp_path) is None


def test_too_little_room_is_said_before_anything_starts(folder):
    """A build that would fill the disk is refused, with both numbers, before hours are spent."""
    with pytest.raises(Refused, match="not enough room") as caught:
        made(recipe(needs_mib=10**9))
    assert "1000000000 MiB" in caught.value.why
    assert not folder.exists()


def test_a_wrong_tarball_is_refused_before_anything_starts(tmp_path, folder, monkeypatch):
    """A source whose checksum is not the one of the parameters stops everything, and both are shown."""
    tarball = tmp_path / "linux.tar.xz"
    tarball.write_text("altered")
    wanted = recipe(sources=(Source("linux.tar.xz", str(tarball), "0" * 64),))
    missing = recipe(sources=(Source("x", str(tmp_path / "nothing"), "0" * 64),))
    give(
        monkeypatch, tmp_path / "config", *((p.place, p.text) for r in (wanted, missing) for p in foreign(r))
    )
    with pytest.raises(Refused, match="not the file that it should be") as caught:
        made(wanted)
    assert hashlib.sha256(b"altered").hexdigest() in caught.value.why
    assert "0" * 64 in caught.value.why
    assert not folder.exists()
    with pytest.raises(Refused, match="is not there"):
        made(missing)


def test_a_right_tarball_is_in_the_root(tmp_path, monkeypatch):
    """A source of the controller lies in /build/sources under its name, once the operator agreed to it."""
    tarball = tmp_path / "linux.tar.xz"
    tarball.write_text("good")
    sum_ = hashlib.sha256(b"good").hexdigest()
    wanted = recipe("cp sources/l.tar.xz out/a.deb", sources=(Source("l.tar.xz", str(tarball), sum_),))
    give(monkeypatch, tmp_path / "config")
    with pytest.raises(ConsentMissing, match=sum_):
        made(wanted)
    give(monkeypatch, tmp_path / "config", *((p.place, p.text) for p in foreign(wanted)))
    built = made(wanted)
    assert built.paths[0].read_text() == "good"
    assert [(s.name, s.sha256) for s in built.sources] == [("l.tar.xz", sum_)]


def test_a_fetched_source_with_a_wrong_checksum_ends_the_build():
    """What was fetched is compared before it is compiled; a source that did not come is missed."""
    fetch = "echo altered >sources/a.tar"
    with pytest.raises(BuildFailed, match=r"a\.tar is not the file that it should be"):
        made(recipe(fetch=fetch, checksums=(("a.tar", "0" * 64),)))
    with pytest.raises(BuildFailed, match=r"b\.tar was not fetched"):
        made(recipe(fetch=fetch, checksums=(("b.tar", "0" * 64),)))


def test_ids_and_programs_are_needed(monkeypatch, tmp_path):
    """Without a range of ids, a namespace, or mmdebstrap, the build is refused with the next move."""
    programs = tmp_path / "programs"
    (programs / "getsubids").write_text("#!/bin/sh\necho 'Error fetching ranges' >&2\nexit 1\n")
    with pytest.raises(Refused, match="no range of user ids") as caught:
        made(recipe())
    assert re.fullmatch(
        r"run as root: `usermod --add-subuids (\d+-\d+) --add-subgids \1 \S+`", caught.value.do
    )
    assert caught.value.do.endswith(f" {rights.me()}`")
    (programs / "getsubids").write_text("#!/bin/sh\necho 0: somebody 100000 65536\n")
    (programs / "setpriv").write_text(
        "#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n"
    )
    with pytest.raises(Refused, match="lets nobody make a user namespace") as caught:
        made(recipe())
    assert "Operation not permitted" in caught.value.why
    monkeypatch.setattr(watch.shutil, "which", lambda name: None if name == "mmdebstrap" else name)
    with pytest.raises(Refused, match="programs") as caught:
        made(recipe())
    assert "apt-get install mmdebstrap" in caught.value.do


@pytest.mark.parametrize(
    ("key", "bad", "told"),
    [
        ("kernel/unprivileged_userns_clone", "0", "`sysctl -w kernel.unprivileged_userns_clone=1`"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=0`",
        ),
        ("user/max_user_namespaces", "0", "`sysctl -w user.max_user_namespaces=15000`"),
    ],
)
def test_a_switch_that_forbids_namespaces_is_named(monkeypatch, tmp_path, key, bad, told):
    """Where a setting of the kernel forbids it, the next move is that setting; elsewhere it is not named."""
    (tmp_path / "programs/setpriv").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setattr(rights, "_SYSCTL", tmp_path / "sys")
    (tmp_path / "sys" / key).parent.mkdir(parents=True)
    (tmp_path / "sys" / key).write_text(f"{bad}\n")
    with pytest.raises(Refused) as caught:
        rights.require()
    assert told in caught.value.do
    (tmp_path / "sys" / key).write_text("7\n")
    with pytest.raises(Refused) as caught:
        rights.require()
    assert "sysctl" not in caught.value.do


def test_the_range_that_is_proposed_is_free(tmp_path):
    """A range that another user has, in either file, is not proposed to a second one."""
    users, groups = tmp_path / "subuid", tmp_path / "subgid"
    users.write_text("# users\nalice:100000:65536\nbob:300000:65536\nbad line\n")
    groups.write_text("alice:165536:65536\n")
    assert rights.free([users, groups]) == 231072
    assert rights.free([tmp_path / "none"]) == 100000
