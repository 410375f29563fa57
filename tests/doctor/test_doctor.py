"""`runbook doctor`: each check is right about a good machine, and about one that was broken for it."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from runbook import doctor
from runbook.attestation import keys
from runbook.cli import main
from runbook.doctor import LACKS, OK, WRONG, Check, environment, machine, ssh
from runbook.errors import RunbookError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that puts fake programs on a PATH that has nothing else but a shell's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(**scripts):
        for name, script in scripts.items():
            path = folder / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)

    return make


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a home with an empty `.ssh`, and no agent."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def test_python(monkeypatch):
    """An interpreter older than the least is wrong."""
    assert environment.python().state == OK
    monkeypatch.setattr(environment, "LEAST", (9, 0))
    assert (environment.python().state, "Python 9.0" in environment.python().do) == (WRONG, True)


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        (["click>=99"], "click is "),
        (["click<1,>=0.1"], "not <1,>=0.1"),
        (["no-such-package>=1"], "no-such-package is missing"),
    ],
)
def test_packages(monkeypatch, needs, said):
    """A package that is missing, or of another version than the pinned range, is named."""
    monkeypatch.setattr(metadata, "requires", lambda _: needs)
    check = environment.packages()
    assert check.state == WRONG
    assert said in check.says


def test_packages_that_are_right(monkeypatch):
    """Packages in their ranges are right, and those of extras are not asked for."""
    monkeypatch.setattr(metadata, "requires", lambda _: ["click >=1,<99", 'nothing>=1; extra == "test"'])
    assert environment.packages() == Check("packages", OK, "1 packages, each in the range that it must be in")


def test_packages_of_a_runbook_that_is_not_installed(monkeypatch):
    """A source tree without an installation is wrong."""

    def none(_):
        raise metadata.PackageNotFoundError("x")

    monkeypatch.setattr(metadata, "requires", none)
    assert environment.packages().state == WRONG


def test_every_range_of_the_project_is_understood():
    """Each pinned range of pyproject.toml is of the form that the check knows, and holds no version beyond it."""
    for need in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        ranges = need[need.index(">") :]
        assert environment.within(ranges.partition(",")[0].removeprefix(">="), ranges)
        assert not environment.within("9999", ranges)


def test_a_kernel_of_another_python(tmp_path, monkeypatch):
    """A kernel python3 that a user has installed for a Python without the runbook is wrong, and named."""
    assert environment.kernel() == Check("jupyter", OK, f"the kernel python3 is {sys.executable}")
    other, spec = tmp_path / "python", tmp_path / "kernels/python3/kernel.json"
    other.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'runbook'\" >&2; exit 1\n")
    other.chmod(0o755)
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": [str(other)], "display_name": "P", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    check = environment.kernel()
    assert check.state == WRONG
    assert "No module named 'runbook'" in check.says
    assert str(spec.parent) in check.do


def test_no_kernel_at_all(monkeypatch):
    """Without a kernel no notebook can run."""
    from jupyter_client import kernelspec

    def none(self, name):
        raise kernelspec.NoSuchKernel(name)

    monkeypatch.setattr(kernelspec.KernelSpecManager, "get_kernel_spec", none)
    assert environment.kernel().state == WRONG


def test_papermill_without_the_engine(monkeypatch):
    """An installation whose entry points are not there is wrong."""
    assert environment.engine().state == OK
    monkeypatch.setattr(metadata, "entry_points", lambda group: ())
    assert environment.engine().state == WRONG


def test_reports_that_cannot_be_written(tmp_path, monkeypatch):
    """A folder of reports that is none, or that is another's, is wrong; so is no project."""
    monkeypatch.setattr(machine, "project", lambda: tmp_path)
    assert machine.project_folder().state == OK
    (tmp_path / "reports").write_text("")
    assert machine.project_folder().state == WRONG
    (tmp_path / "reports").unlink()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert machine.project_folder().state == WRONG
    monkeypatch.setattr(machine, "project", _no_project)
    assert machine.project_folder().says.startswith("There are no notebooks")
    assert machine.disk().state == OK  # of the folder that somebody is in


def _no_project():
    raise RunbookError("There are no notebooks")


def test_a_full_disk(monkeypatch):
    """Less room than the least is wrong, for either place."""
    assert machine.disk().state == OK
    full = shutil._ntuple_diskusage(100, 100, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert (machine.disk().state, "0 MiB free for reports" in machine.disk().says) == (WRONG, True)


def test_a_locale_that_is_not_there(monkeypatch):
    """Settings that name a locale which the machine lacks, or one without UTF-8, are wrong."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert machine.locale() == Check("locale", OK, "UTF-8")
    monkeypatch.setattr(machine.locales, "getpreferredencoding", lambda _: "ISO-8859-1")
    assert machine.locale().says == "text is written as ISO-8859-1, not UTF-8"
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    assert machine.locale() == Check(
        "locale", WRONG, "this machine has no locale xx_YY.UTF-8", "export LC_ALL=C.UTF-8"
    )


def test_no_ssh(programs):
    """Without OpenSSH's client, or with another ssh under its name, no machine can be reached."""
    assert ssh.client().state == WRONG
    programs(ssh="echo Dropbear v2022")
    assert ssh.client().state == WRONG
    programs(ssh="echo OpenSSH_10.0p2 >&2")
    assert ssh.client() == Check("ssh", OK, "OpenSSH_10.0p2")


def test_keys_of_an_agent(home, programs):
    """An agent with a key is enough."""
    programs(ssh_add="echo 256 SHA256:x a; echo 256 SHA256:y b")
    assert ssh.keys() == Check("ssh keys", OK, "the agent has 2 keys")


@pytest.mark.parametrize(("passphrase", "state"), [("", OK), ("correct horse", LACKS)])
def test_key_files(home, passphrase, state):
    """A key file without passphrase is enough; one with is not, as nobody is there to type it."""
    assert (ssh.keys().state, "ssh-copy-id" in ssh.keys().do) == (LACKS, True)
    path = home / ".ssh/id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True)
    check = ssh.keys()
    assert check.state == state
    assert str(path) in check.says


def test_the_signing_key(tmp_path, monkeypatch):
    """No key lacks; one that others can read is wrong; a good one is shown with its fingerprint."""
    monkeypatch.delenv(keys.ENV, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert (machine.signing_key().state, machine.signing_key().do) == (LACKS, "runbook report key")
    path = keys.make()
    assert machine.signing_key() == Check("signing key", OK, f"{path}, {keys.load(path).public.fingerprint}")
    path.chmod(0o644)
    assert (machine.signing_key().state, "others can read it" in machine.signing_key().says) == (WRONG, True)


def test_the_tools_of_the_testbed(programs):
    """A package that is not whole is named; a system without dpkg lacks them all."""
    assert "no Debian" in machine.testbed_tools().says
    whole = 'shift 3; for p; do [ $p = ovmf ] && [ ! -e "$0.all" ] && echo "rc |$p" || echo "ii |$p"; done'
    programs(dpkg_query=whole)
    assert machine.testbed_tools() == Check(
        "testbed", LACKS, "not installed: ovmf", "make testbed-deps (as root)"
    )
    programs(dpkg_query=whole, **{"dpkg_query.all": ":"})
    assert machine.testbed_tools().state == OK


@pytest.mark.parametrize(("state", "code"), [(OK, 0), (LACKS, 0), (WRONG, 1)])
def test_the_exit_code(monkeypatch, state, code):
    """Only what is wrong makes the command fail; the next move stands below the line, and in the JSON."""
    monkeypatch.setattr(doctor, "CHECKS", (lambda: Check("disk", state, "it is so", "do that"),))
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == code
    assert [line.split() for line in done.output.splitlines()] == [
        [state, "disk", "it", "is", "so"],
        ["do:", "do", "that"],
    ]
    done = CliRunner().invoke(main, ["doctor", "--json"])
    assert done.exit_code == code
    assert json.loads(done.output) == [{"name": "disk", "state": state, "says": "it is so", "do": "do that"}]
