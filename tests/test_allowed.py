"""Programs of a parameter file: shown, and run only with the operator's word for exactly them."""

import os
import random
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from runbook import hosts, programs
from runbook.book.opening import open_host
from runbook.cli import main
from runbook.controller import allowed
from runbook.errors import ConsentMissing, ParamsError
from runbook.fleet.members import members
from runbook.params import load
from runbook.params.secrets import resolve
from runbook.programs import ssh_config
from runbook.runner.run import run
from runbook.testbed.hardware import write_ssh_config

SHIPPED = Path(__file__).parents[1] / "params"
HARMLESS = """\
# Match exec "touch no"
Host victory *.lan !old
  HostName = 192.0.2.7
\tPort 2222
  User root
  IdentityFile "~/.ssh/my keys/id_ed25519"
  UserKnownHostsFile ~/.ssh/known_hosts_of_victory
  StrictHostKeyChecking accept-new
  Ciphers ^aes256-gcm@openssh.com
"""
RUNS = (
    'ProxyCommand sh -c "touch {mark}"', "proxycommand=touch {mark}", '"ProxyCommand" touch {mark}',
    'Match exec "touch {mark}"', 'Match host x exec "touch {mark}"', "LocalCommand touch {mark}",
    "PermitLocalCommand yes", "KnownHostsCommand /bin/touch {mark}", "RemoteCommand touch {mark}",
    "PKCS11Provider /tmp/x.so", "SecurityKeyProvider /tmp/x.so", "XAuthLocation /tmp/x", "ProxyJump gate",
    "ProxyUseFdpass yes", "ControlPath /tmp/x", "ControlMaster auto", "ForwardAgent yes", "ForwardX11 yes",
    "LocalForward 1 a:2", "RemoteForward 1 a:2", "DynamicForward 1", "Tunnel yes", "IdentityAgent /tmp/x",
    "CanonicalizeHostname yes", "SetEnv A=b", "SendEnv *", "NoSuchKeyword x", "Match final", "Match all",
    "User $(touch {mark})", "User `touch {mark}`", "HostName a;touch {mark}", "HostKeyAlias x;touch",
    "UserKnownHostsFile ~/.bashrc", "UserKnownHostsFile ~/.ssh/known_hosts ~/.profile",
    "UserKnownHostsFile ~/known_hosts/../.bashrc", "GlobalKnownHostsFile /etc/cron.d/x", "Port\x0b22\x0bProxyCommand touch",
    "User x\x0cProxyCommand touch {mark}", "User\x85x", "Port 22\x00", "=ProxyCommand touch {mark}", "ProxyCommand",
)  # fmt: skip


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that writes parameters with an ssh configuration, in a folder without anybody's word."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNBOOK_RECORD", raising=False)

    def write(config=HARMLESS, more=""):
        (tmp_path / "ssh_config").write_bytes(config.encode("latin-1"))
        (tmp_path / "box.yml").write_text(
            f"host: box\nconnection: {{kind: ssh, to: root@box, config: ssh_config}}\n{more}"
        )
        return "box.yml"

    return write


def call(*words):
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def test_a_harmless_configuration_needs_no_word(make):
    """A configuration that only says where the host is and how it is known runs nothing."""
    params = load(make())
    assert programs.of(params) == ()
    programs.require(params)


def test_the_testbeds_own_configuration_needs_no_word(tmp_path):
    """What the testbed writes for its machine is harmless, so that it goes on unattended."""
    (tmp_path / "disks").mkdir()
    (tmp_path / "disks/base").write_text("base\n")
    write_ssh_config(tmp_path / "disks", 2222)
    assert "HostKeyAlias" in (tmp_path / "ssh_config").read_text()
    assert ssh_config.would_run(tmp_path / "ssh_config") == []


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yml")), ids=lambda path: path.stem)
def test_the_projects_own_parameters_need_no_word(file, monkeypatch, tmp_path):
    """Every parameter file of the project runs nothing here."""
    monkeypatch.chdir(tmp_path)
    assert programs.of(load(file, is_kept=True)) == ()


@pytest.mark.parametrize("line", RUNS)
def test_all_that_is_not_known_to_be_harmless_is_shown(make, tmp_path, line):
    """A keyword that runs something, is not known, or has a value that a shell could take apart, is named."""
    mark = tmp_path / "ran"
    params = load(make(f"{HARMLESS}{line.format(mark=mark)}\n"))
    (program,) = programs.of(params)
    assert program.place == "connection.config"
    assert f"line {HARMLESS.count(chr(10)) + 1}:" in program.text
    with pytest.raises(ConsentMissing, match="you did not agree"):
        hosts.connect(params, "00_introduction")
    assert not mark.exists()


def test_proxycommand_in_params(make, tmp_path):
    """Nothing that reads, plans, runs, compares or asks runs a foreign program; each says the next move."""
    mark = tmp_path / "ran"
    text = f'{HARMLESS}Match exec "touch {mark}"\n  ProxyCommand sh -c "touch {mark}"\n'
    path = make(text, f"installation: {{root_password_hash: 'command:touch {mark}'}}\n")
    shown = call("validate", path)
    assert shown.exit_code == 0
    for part in ("ProxyCommand sh -c", "Match exec", "sh -c: touch", f"runbook allow {path}"):
        assert part in shown.output
    refusals = [
        lambda: open_host(path, "plan", notebook="00_introduction"),
        lambda: run(path, reports=tmp_path / "reports"),
        lambda: hosts.connect(load(path), "00_introduction"),
        lambda: resolve(f"command:touch {mark}"),
    ]
    for refused in refusals:
        with pytest.raises(ConsentMissing) as caught:
            refused()
        assert "runbook allow" in caught.value.do
    assert [member.host for member in members([path])] == ["box"]
    for words in (("plan",), ("run",), ("check",), ("undo",), ("fleet",)):
        done = call(*words, path)
        assert done.exit_code == 4, words
    assert not mark.exists()
    assert not (tmp_path / "reports").exists()


def test_a_word_is_for_exactly_what_was_read(make, tmp_path):
    """Allowed, all of it may run; any change of a program needs a new word, a change of something else none."""
    path = make(f"{HARMLESS}ProxyCommand nc %h %p\n", "ram_mib: 8192\n")
    assert call("allow", path).exit_code == 0
    assert "you allowed that" in call("validate", path).output
    programs.require(load(path))
    make(f"{HARMLESS}ProxyCommand nc %h %p\n", "ram_mib: 16384\n")
    programs.require(load(path))
    make(f"{HARMLESS}ProxyCommand nc %h %p; id\n")
    with pytest.raises(ConsentMissing):
        programs.require(load(path))
    make(f"{HARMLESS}ProxyCommand nc %h %p\n")
    assert call("allow", "--take-back", path).exit_code == 0
    with pytest.raises(ConsentMissing):
        programs.require(load(path))


def test_an_included_file_is_part_of_the_program(make, tmp_path):
    """A change of a file that is included, at any depth, needs a new word; what cannot be followed is an error."""
    (tmp_path / "a").write_text(f"Include {tmp_path}/b\n")
    (tmp_path / "b").write_text("Port 22\n")
    path = make(f"Include {tmp_path}/a\n")
    assert call("allow", path).exit_code == 0
    programs.require(load(path))
    (tmp_path / "b").write_text("ProxyCommand id\n")
    with pytest.raises(ConsentMissing):
        programs.require(load(path))
    for pattern in ("${HOME}/x", "%d/x", '"/tmp/x y"'):
        with pytest.raises(ParamsError, match="cannot be followed"):
            programs.of(load(make(f"Include {pattern}\n")))
    (tmp_path / "c").write_text(f"Include {tmp_path}/c\n")
    with pytest.raises(ParamsError, match="cannot be followed"):
        programs.of(load(make(f"Include {tmp_path}/c\n")))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ParamsError, match="a pipe"):
        programs.of(load(make(f"Include {tmp_path}/pipe\n")))


def test_builds_from_outside_debian_need_a_word(make):
    """A git repository and an archive of one's own are named with all that says what is built."""
    sums, commit = "a" * 64, "c" * 40
    path = make(
        more=f"xen: {{source: git, repository: 'https://evil.example/xen.git', branch: stable-4.20,"
        f" commit: {commit}}}\n"
        f"kernel: {{tarball: {{path: /srv/linux.tar.xz, sha256: {sums}}}}}\n"
    )
    texts = [(program.place, program.text) for program in programs.of(load(path))]
    assert texts[0] == ("kernel.tarball", f"build /srv/linux.tar.xz, SHA-256 {sums}")
    assert texts[1][0] == "xen.source"
    assert "https://evil.example/xen.git" in texts[1][1]
    assert "stable-4.20" in texts[1][1]
    assert commit in texts[1][1]
    done = call("build", "xen", path)
    assert done.exit_code == 4, done.output


def test_a_note_of_somebody_else_is_no_word(make, tmp_path):
    """A note in a folder that others can write, a link and another person's file count for nothing."""
    program = allowed.Program("connection.config", "ProxyCommand id")
    allowed.allow(program)
    assert allowed.is_allowed(program)
    folder = tmp_path / "config/xen-host-runbook/allowed"
    folder.chmod(0o777)
    assert not allowed.is_allowed(program)
    with pytest.raises(ParamsError, match="others can write"):
        allowed.allow(program)
    folder.chmod(0o700)
    note = folder / program.digest
    note.rename(folder / "x")
    note.symlink_to(folder / "x")
    assert not allowed.is_allowed(program)


def test_what_ssh_itself_would_run_is_never_taken_for_harmless(make, tmp_path):
    """Of 1000 configurations by chance, ssh's own reading (`ssh -G`) of those called harmless names no command."""
    chance, tried = random.Random(13), 0
    keys = (
        "Host",
        "HostName",
        "User",
        "Port",
        "IdentityFile",
        "ProxyCommand",
        "LocalCommand",
        "KnownHostsCommand",
    )
    signs = (" ", "  ", "\t", "=", " = ", "\x0b", "\x0c", "\n", "\r", "#", '"', "\\", "\u00a0", "\u0085")
    words = ("box", "root", "22", "touch", "*", "a.b")
    for _ in range(1000):
        parts = [chance.choice((keys, signs, words, signs)[n % 4]) for n in range(chance.randint(2, 14))]
        (tmp_path / "ssh_config").write_bytes("".join(parts).encode("latin-1"))
        if ssh_config.would_run(tmp_path / "ssh_config"):
            continue
        tried += 1
        said = subprocess.run(
            ["ssh", "-G", "-F", str(tmp_path / "ssh_config"), "box"],
            capture_output=True,
            check=False,
            timeout=10,
        ).stdout.lower()
        for key in (b"proxycommand", b"localcommand", b"knownhostscommand"):
            found = [
                line
                for line in said.splitlines()
                if line.startswith(key + b" ") and not line.endswith(b" none")
            ]
            assert not found, (parts, found)
    assert tried > 40
