"""Completion and the manual page come from the commands themselves, and are put where shells and man(1) look."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from runbook.cli import main
from runbook.cli.completion import MANUAL, PLACES, VARIABLE, script
from runbook.cli.manual import page

ROOT = Path(__file__).parents[1]


def _commands(group, before="runbook"):
    for name, command in group.commands.items():
        path = f"{before} {name}"
        yield from _commands(command, path) if isinstance(command, click.Group) else [(path, command)]


def test_one_command_puts_all_files_below_the_users_own_folder(tmp_path, monkeypatch):
    """bash-completion, zsh, fish and man each have their file, and nothing else is written."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    said = CliRunner().invoke(main, ["completion"], catch_exceptions=False).output
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {*PLACES.values(), MANUAL}
    assert f"fpath=({tmp_path}/zsh/site-functions $fpath)" in said
    for shell, place in PLACES.items():
        assert (tmp_path / place).read_text() == script(main, shell)


@pytest.mark.parametrize("shell", PLACES)
def test_a_script_is_one_that_its_shell_takes(shell, tmp_path):
    """Where the shell is there, it finds no fault with the script."""
    assert VARIABLE in script(main, shell)
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed here")
    path = tmp_path / "script"
    path.write_text(script(main, shell))
    assert subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, check=False).stderr == ""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("runbook compl", "plain,completion"),
        ("runbook plan par", "file,par"),
        ("runbook new x --like par", "file,par"),
        ("runbook run --only 06", "plain,06_xen_configuration"),
        ("runbook run --only hide_d", "plain,hide_devices"),
        ("runbook undo params/example.yml --step set_um", "plain,set_umask"),
    ],
)
def test_what_is_typed_is_completed(typed, offered):
    """The real process answers as bash asks it: commands, files, notebooks and steps."""
    words = typed.split()
    env = {**os.environ, VARIABLE: "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    call = [sys.executable, "-c", "import sys; from runbook.cli import main; main(prog_name='runbook')"]
    done = subprocess.run(call, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert (done.stdout.split("\n")[0], done.stderr) == (offered, "")


def test_the_manual_has_every_command_and_option():
    """What `--help` knows stands in runbook(1) too."""
    text = page(main).replace("\\-", "-")
    for path, command in _commands(main):
        assert f'.SS "{path}"' in text
        for option in (o for p in command.params if isinstance(p, click.Option) for o in p.opts):
            assert option in text, f"{path} {option}"


def test_the_manual_is_plain_roff():
    """Every line that begins with a full stop is a request of ours, and troff has nothing to say against the page."""
    text = page(main)
    assert {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))} <= {
        ".TH", ".SH", ".SS", ".B", ".PP", ".TP", ".nf", ".fi",
    }  # fmt: skip
    assert text.isascii()
    assert not re.search(r"\\(?![e\-&(\[])", text)
    if not shutil.which("groff"):
        pytest.skip("groff is not installed here")
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8"], input=text, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert "EXAMPLES AND EXIT STATUS" in re.sub(".\b", "", done.stdout)
