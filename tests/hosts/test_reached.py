"""The commands on a host that is reached by sudo, through other ports, jump hosts, and with a person who types."""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from runbook.hosts import control
from tests.hosts import clean_root
from tests.hosts.clean_root import FREE, PASSWORD, RULE, SSHD, Root, seen

pytestmark = [
    pytest.mark.sudo,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("mmdebstrap", "nsenter", "ssh"))),
        reason="it takes root, and makes a Debian with mmdebstrap",
    ),
]
PROJECT = Path(__file__).parents[2]
RUNBOOK = str(Path(sys.executable).with_name("runbook"))
TWICE = f"{SSHD}AuthenticationMethods publickey,keyboard-interactive\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return the Debian."""
    root = Root(tmp_path_factory.mktemp("debian"))
    yield root
    root.close()


@pytest.fixture(autouse=True)
def place(root, tmp_path, monkeypatch):
    """Give each test sockets, a configuration and a project's folder of its own, and leave the Debian as it was."""
    with tempfile.TemporaryDirectory(dir="/tmp") as sockets:
        monkeypatch.setenv("XDG_RUNTIME_DIR", sockets)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        monkeypatch.delenv(control.LINE, raising=False)
        yield tmp_path
        root.rule(FREE)
        root.sshd(SSHD)


def params(root, place, **more):
    """Write a parameter file, allow its ssh configuration, and return its path."""
    path = place / "box.yml"
    given = {"kind": "ssh", "to": "toy", "config": str(root.config), "become": "sudo", **more}
    path.write_text(f"host: box\nconnection: {json.dumps(given)}\n")
    subprocess.run([RUNBOOK, "allow", str(path)], cwd=PROJECT, check=True, capture_output=True)
    return str(path)


class Typist:
    """A command at a terminal of its own, and somebody who answers what it asks."""

    def __init__(self, argv, answers, watch=None):
        self.said, self.answers, self.watch = "", list(answers), watch
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(PROJECT)
            os.execvp(argv[0], argv)

    def end(self, within_s=180):
        """Answer each question once, and return the status at the end."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            if self.watch:
                self.watch()
            if not select.select([self.terminal], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self.terminal, 65536)
            except OSError:  # nobody holds the other end any more
                return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self.said += data.decode("utf-8", "replace")
            if self.answers and re.search(self.answers[0][0], self.said):
                time.sleep(0.3)
                os.write(self.terminal, f"{self.answers.pop(0)[1]}\n".encode())
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError(f"it did not end: {self.said}")


def no_trace(folder):
    """Return the files of a folder in which the password stands."""
    found = subprocess.run(
        ["grep", "-rlF", "--", PASSWORD.strip(), str(folder)], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


def looked(place):
    """Return how the one run of the reports ended, and who was asked there."""
    (file,) = (place / "reports/box").glob("*/run.json")
    return json.loads(file.read_text()), file.parent


def test_a_plan_by_a_password_of_the_environment(root, place, monkeypatch):
    """Kernels and all come to root; the report names the way and nowhere holds the password, nor does any process but those that had it."""
    root.rule(RULE)
    monkeypatch.setenv("XR_SUDO", PASSWORD)
    file = params(root, place, become_password="env:XR_SUDO")
    argv = [RUNBOOK, "plan", file, "--only", "00", "--reports", str(place / "reports")]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300)
    run, folder = looked(place)
    assert "Not root" not in done.stdout + done.stderr
    assert run["by"]["login"] == f"toy by {root.config}, root by sudo"
    assert "survey_machine" in (folder / "journal.jsonl").read_text()
    assert no_trace(place) == []
    assert PASSWORD.strip() not in done.stdout + done.stderr


def test_a_password_that_is_typed_once_serves_all_kernels(root, place):
    """Two notebooks, one question, no echo, and no trace of it: in no file, argument or environment."""
    root.rule(RULE)
    file = params(root, place, become_password="ask")
    argv = [RUNBOOK, "plan", file, "--reports", str(place / "reports")]
    found = []
    typist = Typist(
        argv, [("Password for sudo on toy", PASSWORD)], watch=lambda: found.extend(seen(PASSWORD.strip()))
    )
    typist.end(400)
    folder = looked(place)[1]
    assert typist.answers == []
    assert typist.said.count("Password for sudo") == 1
    assert "Not root" not in typist.said
    assert "survey_machine" in (folder / "journal.jsonl").read_text()
    assert PASSWORD.strip() not in typist.said
    assert no_trace(place) == []
    assert found == []


def test_nobody_at_a_keyboard_is_refused_early(root, place):
    """A password that is to be typed, or a person who is to answer ssh, without a terminal: 3, the move, and no report."""
    for more, words in (
        ({"become_password": "ask"}, "is to be typed"),
        ({"login": "keyboard"}, "nobody is at a terminal"),
    ):
        file = params(root, place, **more)
        argv = [RUNBOOK, "plan", file, "--reports", str(place / "reports")]
        done = subprocess.run(
            argv, cwd=PROJECT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        assert (done.returncode, words in done.stderr) == (3, True), done.stderr
        assert "do: run it at a terminal" in done.stderr
        assert not (place / "reports").exists()


def test_a_second_factor_is_answered_at_the_terminal(root, place):
    """sshd wants a key and a password: asked once for the run's connection, whose kernels need nobody."""
    root.sshd(TWICE)
    file = params(root, place, login="keyboard")
    argv = [RUNBOOK, "plan", file, "--only", "00", "--reports", str(place / "reports")]
    found = []
    typist = Typist(argv, [("Password: ", PASSWORD)], watch=lambda: found.extend(seen(PASSWORD.strip())))
    typist.end(300)
    folder = looked(place)[1]
    assert typist.answers == [], typist.said
    assert "survey_machine" in (folder / "journal.jsonl").read_text(), typist.said
    assert len(re.findall("Password: ", typist.said)) == 1
    assert PASSWORD.strip() not in typist.said
    assert no_trace(place) == []
    assert found == []


def test_without_it_ssh_says_what_is_missing(root, place):
    """The same host by key alone is an error that names the parameter."""
    root.sshd(TWICE)
    file = params(root, place)
    argv = [RUNBOOK, "plan", file, "--only", "00", "--reports", str(place / "reports")]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 5
    assert "login: keyboard" in done.stdout + done.stderr


@pytest.fixture
def server(root):
    """Run sshd on a free port of loopback, in the Debian; return the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [
        "/usr/sbin/sshd",
        "-D",
        "-p",
        str(port),
        "-o",
        "ListenAddress=127.0.0.1",
        "-f",
        "/etc/ssh/test_config",
    ]
    with subprocess.Popen([*root.enter, *argv, "-E", "/var/log/sshd.log"]) as process:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
        process.terminate()


@pytest.mark.parametrize("way", ["port", "address", "jump", "jump and port"])
def test_other_ports_and_jump_hosts(root, place, server, way):
    """What the ssh configuration says holds: another port, a jump host, both; also as an address with its port."""
    jump = (
        f"sh -c 'exec {' '.join(root.enter)} /usr/sbin/sshd -i -f /etc/ssh/test_config -E /var/log/jump.log'"
    )
    (root.root / "var/log/jump.log").unlink(missing_ok=True)
    head = f"Host jump\n User {clean_root.USER}\n ProxyCommand {jump}\n"
    hops = {"port": "", "address": "", "jump": " ProxyJump jump\n", "jump and port": " ProxyJump jump\n"}
    root.ssh_config(f" HostName 127.0.0.1\n Port {server}\n{hops[way]}", head)
    more = {"to": f"ssh://{clean_root.USER}@127.0.0.1:{server}"} if way == "address" else {}
    file, before = params(root, place, **more), root.logins
    code = (
        "import sys; from runbook.hosts import connect; from runbook.params import load; from runbook.model.ask import Ask\n"
        "host = connect(load(sys.argv[1]), '00_introduction'); ask = Ask.run('printenv', 'SSH_CONNECTION')\n"
        "print(host.gather([ask, Ask.run('id', '-u')])[ask].out.split()[3], host.run(('id', '-u')).out)\n"
        "assert host.fresh(('true',)) == ''; host.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.split() == [str(server), "0"], done.stderr
    assert root.logins == before + 2  # the shared one, and the one of its own
    hopped = (root.root / "var/log/jump.log").read_text() if "jump" in way else ""
    assert hopped.count("Accepted publickey") == (2 if "jump" in way else 0)


def test_a_first_file_by_sudo(root, place):
    """`runbook new ana@host --become sudo` reads the machine as root and writes how."""
    argv = [RUNBOOK, "new", "box", "--like", params(root, place), "--out", str(place / "new.yml")]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    assert "Not root" not in done.stderr
