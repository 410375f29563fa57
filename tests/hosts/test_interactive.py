"""What a person has open on a host, over the real sshd: a port that leads here, a program on a terminal."""

import http.server
import os
import pty
import shutil
import tempfile
import threading
import urllib.error
import urllib.request

import pytest

from runbook.errors import Refused
from runbook.hosts import control, interactive
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.ssh import SshHost
from runbook.hosts.sudo import Sudo
from runbook.params import find
from tests.hosts.clean_root import PASSWORD, RULE, Root

needs_a_debian = [
    pytest.mark.sudo,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("mmdebstrap", "nsenter", "ssh"))),
        reason="it takes root, and makes a Debian with mmdebstrap",
    ),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return the Debian; whoever comes is root by sudo with a password."""
    root = Root(tmp_path_factory.mktemp("debian"))
    root.rule(RULE)
    yield root
    root.close()


@pytest.fixture
def host(root, monkeypatch):
    """Return the host over a connection of its own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        monkeypatch.delenv(control.LINE, raising=False)
        host = SshHost("toy", root.config, sudo=Sudo(PASSWORD))
        yield host
        host.close()


@pytest.fixture
def screen():
    """Return the port of a server on the loopback, which the Debian shares."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class TestOverTheRealSshd:
    pytestmark = needs_a_debian

    def test_a_port_leads_here_as_long_as_it_is_wanted(self, host, screen):
        """Over the connection that is open, as whoever comes there; afterwards nothing listens any more."""
        with interactive.port(host, "127.0.0.1", screen) as (here, held):
            assert (here != screen, held.poll()) == (True, None)
            assert urllib.request.urlopen(f"http://127.0.0.1:{here}/", timeout=20).status == 200
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{here}/", timeout=5)

    def test_a_program_has_the_terminal(self, host):
        """What is typed reaches it, and its status comes back; sudo asks on the terminal itself."""
        pid, terminal = pty.fork()
        if pid == 0:  # pragma: no cover - the child is another process
            words = ("sh", "-c", "tty; id -u; read x; echo heard $x; exit 3")
            os._exit(interactive.terminal(host, words, by_sudo=True) + 40)
        seen = self.read_to(terminal, b"assword")
        os.write(terminal, f"{PASSWORD}\n".encode())
        seen += self.read_to(terminal, b"0\r\n")
        os.write(terminal, b"me\n")
        seen += self.read_to(terminal, b"heard me")
        assert b"/dev/pts/" in seen
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 43

    @staticmethod
    def read_to(terminal, end):
        """Return what the terminal shows up to these bytes."""
        seen = b""
        while end not in seen:
            seen += os.read(terminal, 4096)
        return seen


def test_a_replay_has_neither():
    """It only answers what it was asked once."""
    host = RecordedHost(find("recordings/testbed"), "08_guests")
    with pytest.raises(Refused, match="no screens and no consoles"):
        interactive.terminal(host, ("true",), by_sudo=False)
    with pytest.raises(Refused, match="no screens and no consoles"), interactive.port(host, "127.0.0.1", 1):
        pass
