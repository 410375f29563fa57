"""Secrets are referred to, fetched where they are used, and shown nowhere."""

from __future__ import annotations

import pytest

from runbook import params
from runbook.errors import ParamsError
from runbook.params.secrets import password_hash, resolve
from tests.word import give

# `openssl passwd -6 -salt abc example`
HASH = "$6$abc$Bm/WxjOOY7pqF14DdI5basdPqaurWAwtKqWmcwfM3kd6nLBhfw.QGF3AswJsR65h9ZFunepRF0kpROlYKcal60"


def test_a_secret_comes_from_the_environment_a_file_or_a_command(tmp_path, monkeypatch):
    """Each kind of reference gives the first line of what is there."""
    monkeypatch.setenv("ROOT_HASH", HASH)
    (tmp_path / "hash").write_text(f"{HASH}\nsecond line\n")
    assert resolve("env:ROOT_HASH") == HASH
    assert resolve(f"file:{tmp_path / 'hash'}") == HASH
    give(monkeypatch, tmp_path / "config", ("a secret", f"sh -c: cat {tmp_path / 'hash'} | head -1"))
    assert resolve(f"command:cat {tmp_path / 'hash'} | head -1") == HASH


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("env:NOT_THERE", "no such variable"),
        ("file:/not/there", "No such file"),
        ("command:exit 3", "ended with 3"),
        ("command:true", "it is empty"),
        ("plain", "not given as a reference"),
    ],
)
def test_a_secret_that_is_not_there_is_said_by_its_reference(reference, why, tmp_path, monkeypatch):
    """The message names the place and the reason."""
    give(monkeypatch, tmp_path, *(("a secret", f"sh -c: {command}") for command in ("exit 3", "true")))
    with pytest.raises(ParamsError, match=why):
        resolve(reference)


def test_a_strong_hash_is_taken(monkeypatch):
    """What crypt(5) makes today is a password's hash."""
    monkeypatch.setenv("ROOT_HASH", HASH)
    assert password_hash("env:ROOT_HASH") == HASH


@pytest.mark.parametrize(
    "value", ["hunter2", "$1$ab$qXqEO9zSKLcjuLwJ0Nffh/", "$6$short", f"{HASH} x", f"{HASH};x"]
)
def test_what_is_no_strong_hash_is_refused_and_not_shown(monkeypatch, value):
    """A plain password, an MD5 hash or a mangled one is refused, and the message does not hold it."""
    monkeypatch.setenv("ROOT_HASH", value)
    with pytest.raises(ParamsError) as caught:
        password_hash("env:ROOT_HASH")
    assert value not in str(caught.value)
    assert "env:ROOT_HASH does not hold the hash" in str(caught.value)


def test_a_password_in_a_parameter_file_is_not_repeated(tmp_path):
    """Loading says file and line, and not what stands there: it may be the password."""
    file = tmp_path / "host.yml"
    file.write_text("host: a\nconnection: {kind: local}\ninstallation:\n  root_password_hash: hunter2\n")
    with pytest.raises(ParamsError) as caught:
        params.load(file)
    assert "hunter2" not in str(caught.value)
    assert "line 4" in str(caught.value)
