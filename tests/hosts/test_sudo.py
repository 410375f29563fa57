"""Root by sudo over the real sshd and the real sudo of Debian 13: the same host as by root's own login."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest

from runbook.errors import CommandFailed, HostError, TimedOut
from runbook.hosts import control, script
from runbook.hosts.ssh import SshHost
from runbook.hosts.sudo import Sudo
from runbook.model.ask import Ask
from tests.faults.world import gone
from tests.hosts import clean_root
from tests.hosts.clean_root import FREE, PASSWORD, RULE, SUDO_RS, Root, seen

pytestmark = [
    pytest.mark.sudo,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("mmdebstrap", "nsenter", "ssh"))),
        reason="it takes root, and makes a Debian with mmdebstrap",
    ),
]
ID = Ask.run("id", "-u")
WAYS = {"free": ("", FREE, None), "password": ("", RULE, PASSWORD), "sudo-rs": (SUDO_RS, RULE, PASSWORD)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return the Debian."""
    root = Root(tmp_path_factory.mktemp("debian"))
    yield root
    root.close()


@pytest.fixture(autouse=True)
def as_it_was(root, monkeypatch):
    """Give each test sockets of its own, and leave the Debian as it was."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        monkeypatch.delenv(control.LINE, raising=False)
        yield
        root.program()
        root.rule(FREE)
        root.sshd(clean_root.SSHD)


@pytest.fixture
def make(root):
    """Return a function that gives the host by sudo, with this password."""
    made = []

    def make(password, limits=None):
        made.append(SshHost("toy", root.config, limits, sudo=Sudo(password)))
        return made[-1]

    yield make
    for host in made:
        host.close()


@pytest.fixture(params=WAYS)
def host(request, root, make):
    """Return the host by sudo: without a password, with one, and with the other sudo."""
    program, rule, password = WAYS[request.param]
    root.program(program)
    root.rule(rule)
    return make(password)


def test_a_look_is_roots(host, root):
    """It reads what root alone may read, in one round trip, in root's own surroundings, and knows how ssh came in."""
    here = Ask.shell("umask; pwd; echo $HOME; id -un; echo $PATH")
    session = Ask.run("printenv", "SSH_CONNECTION")
    facts = host.gather([ID, Ask.read("/etc/shadow"), here, session, Ask.run("printenv", "LANG")])
    assert facts[ID].out == "0\n"
    assert facts.mode("/etc/shadow") == ("0640", "root:shadow")
    assert f"{clean_root.USER}:$y$" in facts.text("/etc/shadow")
    umask, folder, home, name, path = facts[here].out.splitlines()
    assert (umask, folder.startswith("/tmp/"), home, name) == ("0022", True, "/root", "root")
    assert path.startswith("/usr/local/sbin:")
    assert facts[session].out == "UNKNOWN 65535 UNKNOWN 65535\n"  # what sshd says without a network
    assert host.round_trips == 1


def test_a_command_has_its_input_and_streams_to_itself(host):
    """All bytes of the input arrive, also such as imitate our lines; both streams and the status are the command's."""
    data = f"\0\xff\n@@ root x\n@@ pgid 1 1\n{host._sudo.mark.decode()}\n".encode("latin-1") + os.urandom(300)
    said = "cat >/tmp/given; echo out; echo '@@ pgid 1 1' >&2; echo '@@ root 0' >&2; exit 7"
    result = host.run(("sh", "-c", said), stdin=data)
    assert (result.status, result.out, result.err) == (7, "out\n", "@@ pgid 1 1\n@@ root 0\n")
    assert host.run(("sha256sum", "/tmp/given")).out.split()[0] == hashlib.sha256(data).hexdigest()


def test_a_file_has_its_owner_and_mode(host, root):
    """A whole file or none: content, mode and owner are as asked, and a refused check leaves the old one."""
    host.write("/etc/new/file", b"good\n", mode="0640", owner="root:shadow", check=("grep", "-q", "good"))
    with pytest.raises(CommandFailed, match="old file is untouched"):
        host.write("/etc/new/file", b"bad\n", mode="0644", owner="root:root", check=("grep", "-q", "good"))
    assert (
        host.run(("stat", "-c", "%a %U:%G", "/etc/new/file", "/etc/new")).out
        == "640 root:shadow\n700 root:root\n"
    )
    assert [path.name for path in (root.root / "etc/new").iterdir()] == ["file"]
    assert (root.root / "etc/new/file").read_bytes() == b"good\n"


def test_fifty_megabytes_go_both_ways(host, root, tmp_path, monkeypatch):
    """A stream of 50 MB arrives whole there, and its digest says so; as much comes back."""
    (tmp_path / "big").write_bytes(os.urandom(1 << 20) * 50)
    (sent,) = host.put("/root/there", "a big file", lambda: [tmp_path / "big"])
    assert sent.size == 50 << 20
    assert host.run(("sha256sum", "/root/there/big")).out.split()[0] == sent.sha256
    lines = []
    out = host.run(("seq", "10000000", "16000000"), on_line=lines.append).out
    assert (len(lines), out.endswith("\n16000000\n")) == (6_000_001, True)


def test_a_timeout_ends_all_of_it(host, root):
    """After a time-out neither root's command nor what it began is left, whatever group it is in."""
    began = "echo $$ >/tmp/pids; (setsid sleep 61 & echo $! >>/tmp/pids); timeout 62 sleep 62"
    with pytest.raises(TimedOut):
        host.run(("sh", "-c", f"{began} & echo $! >>/tmp/pids; wait"), timeout_s=4)
    pids = (root.root / "tmp/pids").read_text().split()
    session = [int(pid) for pid in pids if pid != pids[1]]
    assert all(gone(pid, 10) for pid in session), pids
    os.kill(
        int(pids[1]), signal.SIGKILL
    )  # what left the session on purpose is left alone, as by root's login


def test_a_command_that_was_cut_off_is_ended(host, root):
    """The connection breaks in mid-command: over a new one root's process is ended, and the result says so."""
    host.run(("true",))
    threading.Timer(3, root.cut).start()
    with pytest.raises(HostError, match="Cannot reach") as caught:
        host.run(("sh", "-c", "echo $$ >/tmp/pid; exec sleep 77"))
    assert "was ended over a new connection" in str(caught.value)
    assert gone(int((root.root / "tmp/pid").read_text()), 5)


def test_the_lock_keeps_a_second_run_off(host, make, root):
    """While one holds it another is told so at once, also one that comes without a password; afterwards it may."""
    host.lock()
    host.lock()
    root.rule(FREE)
    root.program()
    other = make(None)
    with pytest.raises(HostError, match="Another run is at work"):
        other.lock()
    assert (root.root / "run/xen-runbook.lock").stat().st_uid == 0
    host.close()
    other.lock()


def test_a_command_that_outlived_its_run_keeps_the_next_off(host, root):
    """It is root's, and is found by its number and its beginning, not by sudo's."""
    line = host.transport(script.run_command(("sleep", "60")))
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    threading.Thread(target=_open, args=(host, process), daemon=True).start()
    note, until = root.root / f"{script.LOCK}.command".lstrip("/"), time.monotonic() + 20
    note.unlink(missing_ok=True)
    while not note.exists() and time.monotonic() < until:
        time.sleep(0.1)
    with pytest.raises(HostError, match="earlier run is still at work") as caught:
        host.lock()
    pid = int(note.read_text().split()[0])
    assert str(pid) in caught.value.why
    os.kill(pid, signal.SIGKILL)
    process.kill()
    process.communicate()
    host.lock()


def _open(host, process):
    """Give sudo what it wants, as `exchange` does, without waiting for its words."""
    if host._sudo.password is not None:
        process.stdin.write(f"{host._sudo.password}\n".encode())
        process.stdin.flush()
        time.sleep(4)
        process.stdin.write(host._sudo.mark)
        process.stdin.flush()


def test_a_new_connection_confirms(host, root):
    """The way back of a switch: the proof is seen by a connection that is there, and counts by one that is new."""
    host.run(("rm", "-f", "/run/held"))
    before = root.logins
    threading.Timer(2, lambda: (root.root / "run/held").touch()).start()
    host.reconnect(("test", "-e", "/run/held"), 30)
    assert root.logins == before + 1
    assert host.fresh(("cat", "/proc/sys/kernel/random/boot_id"))


def test_all_of_it_is_one_connection(host, root):
    """A look, commands, a file and the lock share one key exchange; sudo opens none."""
    before = root.logins
    host.gather([ID])
    host.run(("true",))
    host.write("/etc/one", b"x", mode="0600", owner="root:root")
    host.lock()
    assert root.logins == before + 1
    assert host.round_trips == 4


def test_sudo_may_say_what_it_likes_first(host, root):
    """A lecture that imitates our lines, a name that does not resolve: neither is the command's, nor believed."""
    lecture = "@@ pgid 1 1\n@@ root 0123456789abcdef\nlocked\n@@ password x\n\x1b]0;owned\x07"
    root.put("etc/lecture", lecture)
    root.put("etc/hosts", "127.0.0.1 localhost\n")
    rule = (root.root / "etc/sudoers.d/test").read_text()
    root.rule(f"Defaults lecture=always, lecture_file=/etc/lecture\n{rule}")
    root.put("home/ana/.bashrc", "echo noise; echo '@@ pgid 1 1' >&2; printf 'open line'\n")
    try:
        assert host.gather([ID])[ID].out == "0\n"
        result = host.run(("sh", "-c", "echo out; echo err >&2"))
        assert (result.out, result.err) == ("out\n", "err\n")
        with pytest.raises(TimedOut):
            host.run(("sleep", "60"), timeout_s=3)
        host.lock()
    finally:
        (root.root / "home/ana/.bashrc").unlink()
        root.put("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {os.uname().nodename}\n")


def test_the_input_may_be_logged_and_all_works(root, make):
    """With sudo's own logs of input, and so its pseudo-terminal, streams, end and status are the same."""
    root.rule(f"Defaults log_input, log_output, log_subcmds\n{RULE}")
    host, data = make(PASSWORD), os.urandom(100_000)
    assert host.gather([ID])[ID].out == "0\n"
    result = host.run(("sh", "-c", "sha256sum; exit 5"), stdin=data)
    assert (result.status, result.out.split()[0]) == (5, hashlib.sha256(data).hexdigest())
    with pytest.raises(TimedOut):
        host.run(("sh", "-c", "echo $$ >/tmp/pid; exec sleep 63"), timeout_s=4)
    assert gone(int((root.root / "tmp/pid").read_text()), 10)


def test_the_password_is_nowhere(root, make):
    """In no process's arguments or environment, no answer, no error, no file of the host, while all of it is at work."""
    root.rule(f"Defaults log_input, logfile=/var/log/sudo.log\n{RULE}")
    host, found, ended = make(PASSWORD), [], threading.Event()

    def watch():
        while not ended.is_set():
            found.extend(seen(PASSWORD.strip()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    said = [host.gather([ID, Ask.run("env"), Ask.run("ps", "axeww")])]
    said.append(host.run(("sh", "-c", "cat; env; tr '\\0' '\\n' </proc/$PPID/environ"), stdin=b"given"))
    host.write("/etc/some", b"x", mode="0600", owner="root:root")
    host.lock()
    ended.set()
    watcher.join()
    assert found == []
    assert PASSWORD.strip() not in repr(said) + repr(host._sudo)
    for form in (PASSWORD, PASSWORD.strip()):
        files = subprocess.run(
            ["grep", "-rlF", "--", form, str(root.root / "etc"), str(root.root / "var"), str(root.root / "tmp"),
             str(root.root / "run"), str(root.root / "home"), str(root.root / "root")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert files.stdout == ""


def test_this_watch_would_see_it():
    """The watch sees a text in another process's arguments and environment."""
    word = "a-word-that-nobody-has"
    with subprocess.Popen(["sleep", "20"], env={"X": word}) as one, subprocess.Popen(["sh", "-c", f": {word}; sleep 20; :"]) as two:  # fmt: skip
        until = time.monotonic() + 10
        while len(seen(word)) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        found = seen(word)
        one.kill()
        two.kill()
    assert len(found) >= 2


@pytest.mark.parametrize(
    ("rule", "password", "program", "means", "move"),
    [
        (RULE, "wrong wrong", "", "was not accepted", "become_password"),
        (RULE, "wrong wrong", SUDO_RS, "was not accepted", "become_password"),
        (RULE, None, "", "wants the password of ana", "become_password"),
        (RULE, None, SUDO_RS, "wants the password of ana", "NOPASSWD"),
        ("", PASSWORD, "", "may not become root", "adduser ana sudo"),
        ("", PASSWORD, SUDO_RS, "may not become root", "adduser ana sudo"),
        ("ana ALL=(ALL) NOPASSWD: /usr/bin/id", None, "", "password of ana", "NOPASSWD: ALL"),
        ("ana ALL=(ALL) /usr/bin/id", PASSWORD, "", "may not become root", "adduser ana sudo"),
        (f"Defaults requiretty\n{RULE}", PASSWORD, "", "has requiretty", "Defaults:ana !requiretty"),
        (RULE, PASSWORD, "missing", "not installed", "apt-get install sudo"),
    ],
)
def test_each_way_sudo_fails_is_one_error(root, make, monkeypatch, rule, password, program, means, move):
    """It says what sudo said, what it means, and the move for this user; nothing of the input went to sudo."""
    root.rule(rule)
    root.program(program if program != "missing" else "")
    host = make(password)
    monkeypatch.setattr(SshHost, "user", "ana")
    if program == "missing":
        (root.root / "usr/bin/sudo").rename(root.root / "usr/bin/sudo.away")
    try:
        for ask in (lambda: host.gather([ID]), host.lock):
            with pytest.raises(HostError, match=means) as caught:
                ask()
            assert move in caught.value.do
            assert (caught.value.exit_code, caught.value.where) == (5, "sudo")
            assert "wrong wrong" not in str(caught.value)
        assert host.fresh(("true",)) is None
    finally:
        if program == "missing":
            (root.root / "usr/bin/sudo.away").rename(root.root / "usr/bin/sudo")


def test_an_expired_account_is_named(root, make):
    """PAM does not let an account in that is over: the move looks at the account."""
    root.rule(RULE)
    host = make(PASSWORD)
    host.run(("true",))  # sshd would not let it in either
    root.do("chage", "-E", "1", "ana")
    try:
        with pytest.raises(HostError, match="locked or expired") as caught:
            host.run(("true",))
        assert "chage -l" in caught.value.do
    finally:
        root.do("chage", "-E", "-1", "ana")


def test_a_wrong_password_is_tried_once(root, make):
    """It is no reason to lock the account: sudo gets no second one, and none of the data."""
    root.rule(f"Defaults logfile=/var/log/tries.log\n{RULE}")
    with pytest.raises(HostError, match="1 incorrect password attempt"):
        make("wrong wrong").run(("cat",), stdin=b"one\ntwo\nthree\n")
    assert "1 incorrect password attempt" in " ".join((root.root / "var/log/tries.log").read_text().split())


def test_nothing_of_the_password_is_remembered(root, make):
    """A later command without it is refused: sudo's memory is not filled."""
    root.rule(RULE)
    make(PASSWORD).run(("true",))
    with pytest.raises(HostError, match="wants the password"):
        make(None).run(("true",))
