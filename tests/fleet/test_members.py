"""Who may take part: one parameter file a host, and one a machine."""

import pytest

from runbook.errors import ParamsError
from runbook.fleet.members import machine_of, members
from runbook.params import load
from runbook.programs.ssh_config import would_run
from tests.word import give

CONFIG = """Host a
  HostName 192.0.2.7
Host b
  HostName 192.0.2.7
  User root
Host c
  HostName 192.0.2.7
  Port 2222
Host d
  HostName 192.0.2.7
  ProxyJump gate.example
Host e
  HostName LOCALHOST
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a parameter file and returns its path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNBOOK_RECORD", raising=False)
    (tmp_path / "ssh_config").write_text(CONFIG)
    (tmp_path / "recordings/testbed").mkdir(parents=True)
    lines = "\n".join(would_run(tmp_path / "ssh_config"))
    give(monkeypatch, tmp_path / "config", ("connection.config", lines))

    def make(name: str, connection: str, host: str = "") -> str:
        (tmp_path / f"{name}.yml").write_text(f"host: {host or name}\nconnection: {connection}\n")
        return f"{name}.yml"

    return make


def ssh(to: str) -> str:
    return f"{{kind: ssh, to: {to}, config: ssh_config}}"


def test_each_file_is_a_member_in_its_order(write):
    """Hosts that differ in name and machine take part as they were given; a port or a jump makes another machine."""
    paths = [write("x", ssh("a")), write("m", ssh("c")), write("f", ssh("d")), write("q", "{kind: local}")]
    assert [member.host for member in members(paths)] == ["x", "m", "f", "q"]
    assert [member.params for member in members(paths)] == paths


REPLAY = "{kind: recorded, recording: recordings/testbed}"
DOUBLES = {
    "one name": ((REPLAY, "same"), (REPLAY, "same"), "are of the host same"),
    "one address": ((ssh("a"), ""), (ssh("root@192.0.2.7"), ""), "one machine: 192.0.2.7 port 22"),
    "two aliases": ((ssh("a"), ""), (ssh("b"), ""), "one machine: 192.0.2.7 port 22"),
    "itself twice": (("{kind: local}", ""), ("{kind: local}", ""), "one machine: this machine"),
    "itself by ssh": (("{kind: local}", ""), (ssh("e"), ""), "one machine: this machine"),
}


@pytest.mark.parametrize("case", DOUBLES.values(), ids=list(DOUBLES))
def test_doubles_are_refused_with_both_files(write, case):
    """Two files with one name, or that lead to one machine, are refused before anything starts."""
    (one, name), (other, other_name), said = case
    with pytest.raises(ParamsError) as caught:
        members([write("one", one, name), write("other", other, other_name)])
    assert said in str(caught.value)
    assert "one.yml and other.yml" in str(caught.value)
    assert caught.value.exit_code == 2


def test_many_replay_one_recording(write):
    """A recording is no machine: any number of hosts replay it."""
    assert len(members([write("one", REPLAY), write("two", REPLAY)])) == 2
    assert machine_of(load("one.yml")) == ""


def test_a_fleet_makes_no_recording_and_needs_hosts(write, monkeypatch):
    """No hosts, a host with the name of the fleets' folder, and a recording under way are refused."""
    with pytest.raises(ParamsError, match="no host to run"):
        members([])
    with pytest.raises(ParamsError, match="'fleet' cannot be the name of a host"):
        members([write("fleet", REPLAY)])
    monkeypatch.setenv("RUNBOOK_RECORD", "somewhere")
    with pytest.raises(ParamsError, match="recording is made of one host"):
        members([write("one", REPLAY)])
