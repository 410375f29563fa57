"""A switch and its way back, carried out by a shell on this machine; systemd is a stand-in that notes and obeys."""

import os
import subprocess
from pathlib import Path

import pytest

from runbook.actions import Switch
from runbook.engine.apply import carry_out
from runbook.errors import CommandFailed
from runbook.hosts import script
from runbook.hosts.local import LocalHost

OWNER = f"{os.getuid()}:{os.getgid()}"
SYSTEMD_RUN = """#!/bin/sh
when=now
while :; do case $1 in
  --on-active=*) when=later; shift;;
  --unit=*) unit=${1#--unit=}; shift;;
  -*) shift;;
  *) break;;
esac; done
[ ! -e "$PLACE/refuse-$unit" ] || exit 1
echo "$when $unit" >>"$PLACE/calls"
[ $when = later ] && echo "$3" >"$PLACE/$unit.timer" && exit 0
(sleep 0.2; sh -c "$3") >/dev/null 2>&1 &
"""
SYSTEMCTL = """#!/bin/sh
for timer; do :; done
[ -e "$PLACE/$timer" ] || exit 5
echo "stop $timer" >>"$PLACE/calls"
rm "$PLACE/$timer"
"""
pytestmark = pytest.mark.skipif(not os.access("/run", os.W_OK), reason="the mark of a switch is in /run")


class Toy(LocalHost):
    """This machine; files belong to whoever runs the tests. `is_cut`: no new connection gets in."""

    is_cut = False

    def write(self, path, data, *, mode, owner, check=()):
        super().write(path, data, mode=mode, owner=OWNER, check=check)

    def fresh(self, argv, timeout_s=None):
        return None if self.is_cut else super().fresh(argv, timeout_s)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Return this machine with a stand-in for systemd."""
    for name, text in (("systemd-run", SYSTEMD_RUN), ("systemctl", SYSTEMCTL)):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setattr(script, "ENVIRONMENT", f"export PLACE={tmp_path} PATH={tmp_path}/bin:/usr/bin:/bin")
    yield Toy()
    Path("/run/xen-runbook-toy-switched").unlink(missing_ok=True)


@pytest.fixture
def switch(tmp_path):
    """Return a switch of a file whose content is put in force by copying it."""
    (tmp_path / "file").write_text("old\n")
    return Switch(
        "toy", str(tmp_path / "file"), "new\n", enter=f"cp {tmp_path}/file {tmp_path}/in-force", revert_s=20
    )


def calls(tmp_path):
    """Return what systemd was asked for."""
    file = tmp_path / "calls"
    return file.read_text().splitlines() if file.exists() else []


def left(tmp_path):
    """Return the copies beside the file."""
    return sorted(path.name for path in tmp_path.glob("file.*"))


def test_a_switch_is_made_at_once_and_stays(toy, switch, tmp_path):
    """The way back is armed before it, and disarmed when a new connection saw the new state; no copy is left."""
    carry_out(switch, toy, print)
    assert calls(tmp_path) == [
        "later xen-runbook-toy-revert",
        "now xen-runbook-toy-switch",
        "stop xen-runbook-toy-revert.timer",
    ]
    assert (tmp_path / "in-force").read_text() == "new\n"
    assert left(tmp_path) == []


def test_a_switch_that_cuts_lets_the_answer_out_first(toy, switch, tmp_path):
    """What cuts an open connection is left to a timer of the host: the way back's comes first here too."""
    cuts = Switch("toy", switch.path, "new\n", enter="true", pause_s=1, revert_s=16)
    with pytest.raises(CommandFailed, match="cut the connection"):
        carry_out(cuts, toy, print)  # the stand-in's timers never run out
    assert calls(tmp_path)[:2] == ["later xen-runbook-toy-revert", "later xen-runbook-toy-switch"]


@pytest.mark.parametrize("unit", ["revert", "switch"])
def test_without_a_way_back_nothing_is_switched(toy, switch, tmp_path, unit):
    """A part of it that fails is a failed switch: the old file stays in force, and its copy says that nothing is confirmed."""
    (tmp_path / f"refuse-xen-runbook-toy-{unit}").touch()
    with pytest.raises(CommandFailed):
        carry_out(switch, toy, print)
    assert (tmp_path / "file").read_text() == "old\n"
    assert not (tmp_path / "in-force").exists()
    assert "file.xen-runbook-old" in left(tmp_path)
    assert calls(tmp_path) == (["later xen-runbook-toy-revert"] if unit == "switch" else [])


def test_an_old_file_that_cannot_be_kept_is_not_replaced(toy, switch, tmp_path):
    """Nothing is armed and nothing switched."""
    (tmp_path / "file.xen-runbook-old.part").mkdir()
    (tmp_path / "file.xen-runbook-old.part/file").mkdir()
    with pytest.raises(CommandFailed):
        carry_out(switch, toy, print)
    assert calls(tmp_path) == []
    assert (tmp_path / "file").read_text() == "old\n"


def test_when_nobody_gets_in_the_old_file_is_back(toy, switch, tmp_path, monkeypatch):
    """The timer on the host does it; the failure says so, and nothing is left of the try."""
    toy.is_cut, waited = True, toy.reconnect

    def reconnect(proof, wait_s, on_line=None):
        if proof[0] == "test":
            waited(proof, 1, on_line)
        toy.is_cut = False
        subprocess.run(["sh", str(tmp_path / "xen-runbook-toy-revert.timer")], check=True)
        waited(proof, 5, on_line)

    monkeypatch.setattr(toy, "reconnect", reconnect)
    with pytest.raises(CommandFailed, match="cut the connection"):
        carry_out(switch, toy, print)
    assert (tmp_path / "file").read_text() == (tmp_path / "in-force").read_text() == "old\n"
    assert left(tmp_path) == []


def test_a_switch_that_was_cut_off_keeps_the_true_old_file(toy, switch, tmp_path):
    """The copy of an earlier try is not overwritten with what that try had put there, and its timer is stopped."""
    (tmp_path / "file.xen-runbook-old").write_text("true old\n")
    (tmp_path / "xen-runbook-toy-revert.timer").touch()
    (tmp_path / "refuse-xen-runbook-toy-switch").touch()
    with pytest.raises(CommandFailed):
        carry_out(switch, toy, print)
    assert (tmp_path / "file.xen-runbook-old").read_text() == "true old\n"
    assert calls(tmp_path)[0] == "stop xen-runbook-toy-revert.timer"
