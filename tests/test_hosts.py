"""The hosts: this machine, ssh (its complaints), and the replay that never invents an answer."""

import hashlib
import os
import stat
import subprocess
import time

import pytest

from runbook.errors import CommandFailed, HostError, NotRecorded, TimedOut
from runbook.hosts import script, streams
from runbook.hosts.base import Result
from runbook.hosts.local import LocalHost
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recorder import Recorder, masked
from runbook.hosts.recording import read
from runbook.hosts.ssh import SshHost
from runbook.model.ask import Ask

OWNER = f"{os.getuid()}:{os.getgid()}"


@pytest.fixture
def local():
    """Return this machine as a host."""
    host = LocalHost()
    yield host
    host.close()


def test_one_round_trip_answers_everything(local, tmp_path):
    """Commands and files of any content come back whole, in one round trip."""
    (tmp_path / "odd").write_text("@@ 1 0 4 0 \nno end of line")
    asks = [Ask.read(str(tmp_path / "odd")), Ask.shell("echo hi; echo err >&2; exit 3"), Ask.run("no-such")]
    facts = local.gather(asks)
    assert facts.text(str(tmp_path / "odd")) == "@@ 1 0 4 0 \nno end of line"
    assert (facts[asks[1]].status, facts[asks[1]].out, facts[asks[1]].err) == (3, "hi\n", "err\n")
    assert facts[asks[2]].status == 127
    assert local.round_trips == 1


def test_questions_are_answered_side_by_side(local, tmp_path):
    """The slow ones do not add up, and each answer stays with its question, whichever came first."""
    waits = [Ask.shell(f"sleep 0.{8 - n}; echo {n}; exit {n}") for n in range(1, 8)]
    asks = [*waits, Ask.read(str(tmp_path / "none")), Ask.run("echo", "last")]
    began = time.monotonic()
    facts = local.gather(asks)
    assert [(facts[ask].status, facts[ask].out) for ask in waits] == [(n, f"{n}\n") for n in range(1, 8)]
    assert (facts.text(str(tmp_path / "none")), facts[asks[-1]].out) == (None, "last\n")
    assert time.monotonic() - began < 2.8, "they take 2.8 s one after the other"


def test_a_file_that_was_read_says_its_mode(local, tmp_path):
    """Mode and owner come with the content, those of the file behind a link; a missing file has none."""
    (tmp_path / "plain").write_text("x")
    (tmp_path / "plain").chmod(0o751)
    (tmp_path / "link").symlink_to("plain")
    names = [str(tmp_path / name) for name in ("plain", "link", "none")] + ["/proc/version"]
    facts = local.gather([*map(Ask.read, names), Ask.run("true")])
    assert [mode and mode[0] for mode in map(facts.mode, names)] == ["0751", "0751", None, None]
    assert facts.mode(names[0])[1] == f"{(tmp_path / 'plain').owner()}:{(tmp_path / 'plain').group()}"
    assert facts.text(names[0]) == "x"
    assert len(facts) == 5  # the question about modes is nobody's


def test_missing_and_unreadable_are_different_answers(local, tmp_path):
    """A missing file is None; one that cannot be read is an error, never an empty text."""
    folder = tmp_path / "folder"
    folder.mkdir()
    facts = local.gather([Ask.read(str(tmp_path / "none")), Ask.read(str(folder))])
    assert facts.text(str(tmp_path / "none")) is None
    with pytest.raises(HostError, match="Could not read"):
        facts.text(str(folder))


def test_lines_arrive_while_the_command_runs(local):
    """The first line is there long before the command ends."""
    began, at = time.monotonic(), []
    local.run(
        ("sh", "-c", "echo a; sleep 1; echo b"), on_line=lambda line: at.append(time.monotonic() - began)
    )
    assert len(at) == 2
    assert at[1] - at[0] > 0.8


def test_of_much_output_both_ends_are_kept(local):
    """Of output without end the first and last megabyte come back, in whole lines, and how much is missing."""
    seen = []
    result = local.run(("seq", "1000000", "1999999"), on_line=seen.append)
    first, gap, last = result.out.partition("[… ")
    number, rest = last.split(" ", 1)
    rest = rest.partition("\n")[2]
    assert len(seen) == 1_000_000  # all of it was handed on
    assert first.startswith("1000000\n1000001\n")
    assert rest.endswith("\n1999999\n")
    assert gap
    assert len(first) + len(rest) + int(number.replace(",", "")) == 8_000_000
    assert streams.KEPT - 8 <= len(first) <= streams.KEPT + 8
    assert streams.KEPT - 8 <= len(rest) <= 2 * streams.KEPT
    assert {len(line) for line in (first + rest).splitlines()} == {7}


def test_little_output_is_kept_whole(local):
    """Output that fits comes back as it was said, with nothing put in, whether its last line ends or not."""
    lines = "".join(f"{number}\n" for number in range(1_000_000, 1_350_000))
    assert len(lines) > 2.5 * streams.KEPT
    assert local.run(("seq", "1000000", "1349999")).out == lines
    assert local.run(("printf", "a\\n\\nb\\377")).out == "a\n\nb\ufffd"


def test_one_endless_line_is_no_half_secret(local):
    """A line too long to keep is left out whole: what is cut inside could show half of a secret."""
    seen = []
    script = "echo begin; head -c 9000000 /dev/zero | tr '\\0' a; echo; echo end"
    out = local.run(("sh", "-c", script), on_line=seen.append).out
    assert out == "begin\n[… 9,000,001 bytes left out …]\nend\n"
    assert [len(line) for line in seen] == [5, streams.LONGEST, 3]


def test_a_timeout_ends_the_whole_process_group(local, tmp_path):
    """After a time-out neither the command nor its children are left."""
    pids = tmp_path / "pids"
    with pytest.raises(TimedOut):
        local.run(("sh", "-c", f"sleep 61 & echo $! $$ > {pids}; sleep 62"), timeout_s=1)
    for pid in pids.read_text().split():
        state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False)
        assert state.stdout.strip()[:1] in ("", "Z")


def test_a_write_is_whole_or_not_at_all(local, tmp_path):
    """Content, mode and folders are as asked; a refused check leaves the old file and nothing else."""
    path = tmp_path / "new" / "file"
    local.write(str(path), b"good\n", mode="0640", owner=OWNER, check=("grep", "-q", "good"))
    with pytest.raises(CommandFailed, match="old file is untouched"):
        local.write(str(path), b"bad\n", mode="0644", owner=OWNER, check=("grep", "-q", "good"))
    assert path.read_text() == "good\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_half_a_file_is_not_put_in_place(tmp_path):
    """A connection that breaks ends the input early: the old file stays, and nothing temporary, old or new."""
    path, whole = tmp_path / "file", b"all of it\n" * 1000
    path.write_text("old\n")
    (tmp_path / ".runbook.abcdef.tmp").write_text("of a machine that lost its power")
    line = script.write_script(str(path), "0644", OWNER, (), hashlib.sha256(whole).hexdigest())
    half = subprocess.run(["sh", "-c", line], input=whole[:5000], capture_output=True, check=False)
    assert (half.returncode, half.stderr) == (1, b"it did not arrive whole\n")
    assert path.read_text() == "old\n"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    subprocess.run(["sh", "-c", line], input=whole, check=True)
    assert path.read_bytes() == whole


@pytest.fixture
def left(tmp_path, monkeypatch):
    """Return a command that outlives its run."""
    monkeypatch.setattr(script, "LOCK", str(tmp_path / "lock"))
    argv = ["sh", "-c", script.run_command(("sleep", "60"))]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, start_new_session=True)
    _, _, pgid, since = process.stderr.readline().decode().split()
    assert int(pgid) == process.pid
    yield process, since
    process.kill()
    process.communicate()


def test_a_command_that_outlived_its_run_keeps_the_next_one_off(local, left):
    """The next run names its process group and does nothing; when it has ended, the run may begin."""
    process, _ = left
    with pytest.raises(HostError, match=f"earlier run is still at work[^!]*process group {process.pid}"):
        local.lock()
    process.kill()
    process.wait()
    local.lock()


def test_only_the_command_that_was_meant_is_ended(left):
    """A process group whose number went to somebody else since is left alone."""
    process, since = left
    subprocess.run(["sh", "-c", script.end_command(process.pid, f"{since}1")], check=False)
    assert process.poll() is None
    subprocess.run(
        ["sh", "-c", script.end_command(process.pid, since)], stderr=subprocess.DEVNULL, check=False
    )
    assert process.wait(5) == -15


@pytest.mark.skipif(not os.access("/run", os.W_OK), reason="the lock is in /run, which root writes")
def test_a_second_run_is_kept_off(local):
    """While one run holds the host, another is told so at once; afterwards it may."""
    other = LocalHost()
    local.lock()
    with pytest.raises(HostError, match="Another run is at work"):
        other.lock()
    local.close()
    other.lock()
    other.close()


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (
            "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.",
            "not the one that is known",
        ),
        ("Host key verification failed.", "not known yet"),
        ("root@box: Permission denied (publickey).", "does not accept your key"),
        ("ssh: Could not resolve hostname box: Name or service not known", "the name is not known"),
        ("ssh: connect to host box port 22: Connection refused", "no connection"),
    ],
)
def test_what_ssh_says_becomes_a_next_move(said, means):
    """Each way ssh can fail is one error with its meaning and what to do."""
    with pytest.raises(HostError, match=means) as caught:
        SshHost("root@box").raise_if_unreachable(Result((), 255, "", said))
    assert caught.value.do


def test_a_command_of_its_own_status_is_not_a_complaint():
    """A command that failed on the host is not mistaken for ssh failing."""
    SshHost("root@box").raise_if_unreachable(Result((), 1, "", "Permission denied"))


@pytest.fixture
def replay(tmp_path):
    """Return a replay of a run that was recorded on this machine."""

    def make(work):
        (tmp_path / "state").write_text("before\n")
        local = Recorder(LocalHost(), tmp_path / "rec", "99_toy")
        work(local)
        return RecordedHost(tmp_path / "rec", "99_toy")

    return make


def test_a_replay_answers_what_was_said(replay, tmp_path):
    """Reads answer the last state; the recorded write must come before the state after it."""
    ask, path = Ask.read(str(tmp_path / "state")), str(tmp_path / "state")

    def work(host):
        host.gather([ask])
        host.write(path, b"after\n", mode="0644", owner=OWNER)
        host.gather([ask])

    host = replay(work)
    assert host.gather([ask]).text(path) == "before\n"
    assert host.gather([ask]).text(path) == "before\n"
    host.write(path, b"after\n", mode="0644", owner=OWNER)
    assert host.gather([ask]).text(path) == "after\n"


def test_a_replay_refuses_what_was_not_recorded(replay, tmp_path, monkeypatch):
    """Another question, another content or one action too many is an error that shows an author the difference."""
    monkeypatch.setenv("RUNBOOK_AUTHOR", "1")
    ask, path = Ask.read(str(tmp_path / "state")), str(tmp_path / "state")

    def work(host):
        host.gather([ask])
        host.write(path, b"after\n", mode="0644", owner=OWNER)

    with pytest.raises(NotRecorded, match="never asked: uname"):
        replay(work).gather([Ask.run("uname")]).out("uname")
    host = replay(work)
    with pytest.raises(NotRecorded, match=r"-after\n"):
        host.write(path, b"other\n", mode="0644", owner=OWNER)
    host.write(path, b"after\n", mode="0644", owner=OWNER)
    with pytest.raises(NotRecorded, match="the recording ends here"):
        host.run(("true",))


def test_a_recording_holds_only_what_changed(replay, tmp_path):
    """The second look at an unchanged machine adds nothing but its mark."""
    ask = Ask.read(str(tmp_path / "state"))

    def work(host):
        host.at("turn_on")
        host.gather([ask])
        host.gather([ask])

    replay(work)
    assert [len(entry["gather"]) for entry in read(tmp_path / "rec/99_toy/turn_on.jsonl")] == [1, 0]


def test_mirror_names_are_masked():
    """The host of an address never reaches a recording; its path does."""
    assert masked("Err:1 https://deb.local:3142/debian x") == "Err:1 https://mirror.example/debian x"


def test_a_new_connection_counts_only_with_its_proof(local):
    """A proof that says nothing and ends well is enough; one that fails ends in an error after the wait."""
    local.reconnect(("true",), 5)
    with pytest.raises(HostError, match="No new connection"):
        local.reconnect(("false",), 1)
