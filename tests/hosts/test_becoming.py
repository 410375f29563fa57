"""Who is root, how the password gets there, and who types: with a stand-in for sudo, on any machine."""

import json
import os
import queue
import re
import subprocess
import sys

import pytest

from runbook.cli import main
from runbook.errors import HostError, ParamsError, Refused
from runbook.fleet.members import members, unattended
from runbook.hosts import keyboard, password
from runbook.hosts.local import LocalHost
from runbook.hosts.ssh import SshHost
from runbook.hosts.streams import Reader
from runbook.hosts.sudo import Sudo, refused
from runbook.model.ask import Ask
from runbook.params import load, loads
from runbook.params.host import Local, Ssh
from runbook.redaction import KNOWN

SECRET = 'it\'s a $ecret "word" ü '
# Asks as sudo does, reads a line byte by byte, and tries three times; `rule` is `free`, or wants the password in `secret`.
SUDO = r"""#!/bin/sh
how= prompt=
while :; do case $1 in
  -n) how=n; shift;; -S) how=S; shift;; -k|-H) shift;; -p) prompt=$2; shift 2;; --) shift; break;;
esac; done
echo "lecture: @@ pgid 1 1" >&2
if [ "$(cat "$PLACE/rule")" != free ]; then
  [ $how = S ] || { echo "sudo: a password is required" >&2; exit 1; }
  for try in 1 2 3; do
    printf '%s' "$prompt" >&2
    IFS= read -r word || { echo "sudo: no password was provided" >&2; exit 1; }
    echo "$word" >>"$PLACE/tries"
    [ "$word" = "$(cat "$PLACE/secret")" ] && try= && break
  done
  [ -z "$try" ] || { echo "sudo: 3 incorrect password attempts" >&2; exit 1; }
fi
unset SSH_CONNECTION
exec "$@"
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Put the stand-in first into the PATH; return a function that sets its rule."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sudo").write_text(SUDO)
    (tmp_path / "bin/sudo").chmod(0o755)
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("PLACE", str(tmp_path))
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 50000 10.0.0.2 22")

    def rule(text):
        (tmp_path / "rule").write_text(text)

    rule("password")
    return rule


@pytest.mark.parametrize(("rule", "word"), [("password", SECRET), ("free", SECRET), ("free", None)])
def test_the_command_has_its_own_input_and_streams(here, rule, word):
    """Also where a password is given and nobody asks for it: it is dropped, and nothing else."""
    here(rule)
    result = LocalHost(sudo=Sudo(word)).run(
        ("sh", "-c", "cat; echo err >&2; exit 3"), stdin=b"\n@@ root\nrest"
    )
    assert (result.status, result.out, result.err) == (3, "\n@@ root\nrest", "err\n")


def test_a_look_knows_how_the_session_came_in(here):
    """sudo drops the variable; the question about it stays the same, and has its answer in one round trip."""
    host, session = LocalHost(sudo=Sudo(SECRET)), Ask.run("printenv", "SSH_CONNECTION")
    assert host.gather([session])[session].out == "10.0.0.9 50000 10.0.0.2 22\n"
    assert host.round_trips == 1


def test_a_wrong_password_is_one_try(here, tmp_path):
    """sudo asks again and gets nothing: neither the password once more nor any of the data."""
    with pytest.raises(HostError, match="was not accepted"):
        LocalHost(sudo=Sudo("wrong wrong")).run(("cat",), stdin=b"data\nmore\n")
    assert (tmp_path / "tries").read_text() == "wrong wrong\n"


def test_a_connection_that_fails_is_no_complaint_of_sudo(monkeypatch, tmp_path):
    """255 before root's shell began is ssh's own, with ssh's own next move."""
    (tmp_path / "ssh").write_text(
        "#!/bin/sh\necho 'ana@box: Permission denied (keyboard-interactive).' >&2; exit 255\n"
    )
    (tmp_path / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(HostError, match="takes your key for ana and wants more") as caught:
        SshHost("ana@box", sudo=Sudo(SECRET)).gather([Ask.run("true")])
    assert "login: keyboard" in caught.value.do


@pytest.mark.parametrize("host", [SshHost("ana@box", sudo=Sudo(SECRET)), LocalHost(sudo=Sudo(SECRET))])
def test_no_argument_has_the_password(host):
    """Whatever is run, sudo is told to read it, to use no memory of it and to fill none."""
    for argv in (host.transport("true"), host.own_transport("true")):
        assert "secret" not in " ".join(argv).lower().replace("sudo", "")
        assert "sudo -S -k -p " in argv[-1]
    assert SECRET not in repr(host._sudo)


def test_what_was_said_before_is_forgotten_only_when_it_begins():
    """A stream without its mark is kept whole, for the error; with it, nothing before it is; a prompt said twice settles it."""
    for data, begun, kept in (
        (b"noise\nopen@@ root 1\n@@ pgid 7 8\nout\n", True, "out\n"),
        (b"noise\n@@ pgid 7 8\n@@ root 2\n", False, "noise\n@@ pgid 7 8\n@@ root 2\n"),
    ):
        read, write = os.pipe()
        os.write(write, data)
        os.close(write)
        ends = queue.SimpleQueue()
        reader = Reader(
            os.fdopen(read, "rb"), None, ends, limit=999, announces=True, marks=(b"@@ root 1\n", b"@@ ask\n")
        )
        ends.get(timeout=5)
        assert (reader.has_begun, reader.text(), reader.pgid) == (begun, kept, 7 if begun else None)
    read, write = os.pipe()
    reader = Reader(
        os.fdopen(read, "rb"), None, queue.SimpleQueue(), limit=999, marks=(b"@@ root 1\n", b"@@ ask\n")
    )
    os.write(write, b"@@ ask\n")
    assert not reader.settled.wait(0.3)
    os.write(write, b"[sudo: @@ ask\n")
    assert reader.settled.wait(5)
    assert not reader.has_begun
    os.close(write)


@pytest.mark.parametrize(
    ("text", "means", "move"),
    [
        ("sudo: a password is required", "wants the password of ana", "become_password"),
        ("sudo-rs: interactive authentication is required", "wants the password of ana", "NOPASSWD"),
        ("Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt", "not accepted", "sudo -k true"),
        ("ana is not in the sudoers file.", "may not become root", "adduser ana sudo"),
        ("sudo-rs: I'm sorry ana. I'm afraid I can't do that", "may not become root", "adduser ana sudo"),
        ("Sorry, user ana is not allowed to execute '/usr/bin/env' as root on box.", "may not become root", "adduser"),
        ("sudo: sorry, you must have a tty to run sudo", "requiretty", "!requiretty"),
        ("env: 'sudo': No such file or directory", "not installed", "apt-get install sudo"),
        ("sudo: account validation failure, is your account locked?", "locked or expired", "chage -l ana"),
        ('sudo: The "no new privileges" flag is set', "nosuid", "the machine itself"),
        ("", "before root's shell began", "`sudo true`"),
    ],
)  # fmt: skip
def test_each_complaint_has_its_move(text, means, move):
    """What sudo says is one error with its meaning and a move for this user, on this machine."""
    error = refused("ana@box", "ana", text)
    assert means in error.why
    assert move in error.do
    assert "{" not in str(error)


@pytest.fixture
def fresh(monkeypatch):
    """Let this process know no password."""
    monkeypatch.setattr(password, "_known", {})
    monkeypatch.delenv(password.HANDED, raising=False)


def test_a_password_is_typed_once(fresh, monkeypatch):
    """The second time, and for each host its own: nobody is asked again; it is masked from then on."""
    asked = []
    monkeypatch.setattr(password, "at_keyboard", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: asked.append(prompt) or f"typed for {prompt[21:]}")
    for to in ("ana@one", "ana@two", "ana@one"):
        got = password.sudo(Ssh(to=to, become="sudo", become_password="ask"))
    assert asked == ["Password for sudo on ana@one: ", "Password for sudo on ana@two: "]
    assert got.password == "typed for ana@one: "
    assert KNOWN.text(f"x {got.password} y") == "x [secret typed:sudo] y"


@pytest.mark.parametrize("typed", ["", "short"])
def test_what_no_report_could_keep_is_not_taken(fresh, monkeypatch, typed):
    """Fewer than eight characters cannot be masked, so nothing begins."""
    monkeypatch.setattr(password, "at_keyboard", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed)
    with pytest.raises(ParamsError, match="shorter than 8"):
        password.sudo(Local(become="sudo", become_password="ask"))


def test_without_a_keyboard_nobody_is_asked(fresh, monkeypatch):
    """Both what sudo and what ssh wants typed are refused, with the move."""
    monkeypatch.setattr(password, "at_keyboard", lambda: False)
    monkeypatch.setattr(keyboard, "at_terminal", lambda: False)
    monkeypatch.delenv(keyboard.ASKED, raising=False)
    with pytest.raises(Refused, match="is to be typed") as caught:
        password.sudo(Ssh(to="ana@box", become="sudo", become_password="ask"))
    assert "env:NAME" in caught.value.do
    with pytest.raises(Refused, match="nobody is at a terminal"):
        keyboard.require(Ssh(to="ana@box", login="keyboard"))


def test_a_password_reaches_a_kernel_by_a_pipe(fresh, monkeypatch, tmp_path):
    """The process that inherits it knows the password exactly; its environment and its arguments do not hold it."""
    (tmp_path / "secret").write_text(f"{SECRET}\nsecond line\n")
    reference = f"file:{tmp_path}/secret"
    way = password.sudo(Ssh(to="ana@box", become="sudo", become_password=reference))
    assert way.password == SECRET
    (tmp_path / "secret").unlink()  # a kernel could not fetch it again
    handle, env = password.lend()
    assert [*env] == [password.HANDED]
    assert re.fullmatch(r"\d+:\d+", env[password.HANDED])
    code = (
        "import os, sys; from runbook.hosts import password; from runbook.params.host import Ssh\n"
        "way = password.sudo(Ssh(to='ana@box', become='sudo', become_password=sys.argv[1]))\n"
        "again = password.sudo(Ssh(to='ana@box', become='sudo', become_password=sys.argv[1]))\n"
        "assert way.password == again.password and password.HANDED not in os.environ\n"
        "print(ascii(way.password))"
    )
    argv = [sys.executable, "-c", code, reference]
    out = subprocess.run(
        argv, env={**os.environ, **env}, pass_fds=(handle,), capture_output=True, text=True, check=True
    )
    os.close(handle)
    assert out.stdout.strip() == ascii(SECRET)
    without = subprocess.run(argv, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert "cannot be had" in without.stderr  # it inherits the variable and not the pipe


def test_what_ssh_asks_comes_to_the_terminal(monkeypatch):
    """Its program brings the question here, whatever it holds, and the answer there; without one it fails."""
    shown = []
    monkeypatch.delenv(keyboard.ASKED, raising=False)
    monkeypatch.setattr(keyboard, "at_terminal", lambda: True)
    monkeypatch.setattr(
        "getpass.getpass", lambda prompt: shown.append(prompt) or ("" if "none" in prompt else SECRET)
    )
    keyboard.require(Ssh(to="ana@box", login="keyboard"))
    monkeypatch.setenv(keyboard.ASKED, os.environ[keyboard.ASKED])
    done = subprocess.run(
        [keyboard.program(), "Code \x1b]0;owned\x07: "], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{SECRET}\n"
    assert shown == ["\nCode \\x1b]0;owned\\x07: "]
    argv = SshHost("ana@box", is_asked=True).transport("true")
    assert argv[:4] == ["env", f"SSH_ASKPASS={keyboard.program()}", "SSH_ASKPASS_REQUIRE=force", "ssh"]
    assert "BatchMode=no" in argv
    assert "BatchMode=yes" in SshHost("ana@box").transport("true")


def params(tmp_path, name, **connection):
    """Write a parameter file, and return its path."""
    path = tmp_path / f"{name}.yml"
    path.write_text(
        f"host: {name}\nconnection: {json.dumps({'kind': 'ssh', 'to': f'ana@{name}', **connection})}\n"
    )
    return str(path)


@pytest.mark.parametrize("way", [{"become": "sudo", "become_password": "ask"}, {"login": "keyboard"}])
def test_a_fleet_has_nobody_who_types(tmp_path, way):
    """It is refused before anything begins, with the file, the parameter and the move; a table of facts is not."""
    paths = [params(tmp_path, "one"), params(tmp_path, "two", **way)]
    with pytest.raises(ParamsError, match="nobody at a keyboard") as caught:
        unattended(paths)
    assert caught.value.where == f"{paths[1]}, connection.{list(way)[-1]}"
    assert [member.host for member in members(paths)] == ["one", "two"]
    assert len(unattended([params(tmp_path, "two", become="sudo", become_password="env:WORD")])) == 1


def test_the_parameters_fit_together(tmp_path):
    """A password without sudo, a secret itself, or another word for becoming root is wrong, with the line."""
    for text, why in (
        ("become_password: 'env:WORD'", "say `become: sudo` too"),
        ("become: sudo\n  become_password: hunter22", "does not belong in a parameter file"),
        ("become: doas", "'none' or 'sudo'"),
        ("become: sudo\n  login: fax", "'key' or 'keyboard'"),
    ):
        with pytest.raises(ParamsError, match=r"box\.yml, line") as caught:
            loads(f"host: box\nconnection:\n  kind: ssh\n  to: ana@box\n  {text}\n", tmp_path / "box.yml")
        assert why in str(caught.value)
        assert "hunter22" not in str(caught.value)


def test_a_new_file_says_how_root_is_had(tmp_path, monkeypatch, here):
    """`runbook new` takes USER@HOST, and writes become and where the password is; what does not fit is refused."""
    from click.testing import CliRunner

    seen = []
    monkeypatch.setattr("runbook.hosts.connect", lambda asked, notebook: seen.append(asked) or 1 / 0)
    for words, to, become in (
        (["ana@victory"], "ana@victory", "none"),
        (["ana@victory.home.arpa", "--become", "sudo"], "ana@victory.home.arpa", "sudo"),
        (["victory", "--to", "ana@10.0.0.2", "--become-password", "env:WORD"], "ana@10.0.0.2", "sudo"),
        (["victory"], "root@victory", "none"),
    ):
        result = CliRunner().invoke(main, ["new", *words, "--out", str(tmp_path / "new.yml")])
        assert isinstance(result.exception, ZeroDivisionError), result.output
        assert (seen[-1].host, seen[-1].connection.to, seen[-1].connection.become) == ("victory", to, become)
    wrong = [
        "new",
        "victory",
        "--become",
        "none",
        "--become-password",
        "env:WORD",
        "--out",
        str(tmp_path / "new.yml"),
    ]
    assert CliRunner().invoke(main, wrong).exit_code == 2


def test_a_host_says_by_whom_it_is_entered(tmp_path):
    """The record of a run has the user and sudo, and no password."""
    from runbook.evidence.provenance import author

    one = load(params(tmp_path, "box", become="sudo", become_password="env:WORD"))
    assert author(one)["login"].endswith(", root by sudo")
    assert not author(load(params(tmp_path, "box")))["login"].endswith("sudo")
