"""`runbook volume`: the plan without --apply, the deed with it, and clear words for what does not fit."""

import json

import pytest
from click.testing import CliRunner

from runbook.actions import WriteFile
from runbook.attestation.verify import verify_run
from runbook.cli import main
from runbook.engine.journal import read
from runbook.facts import identity, system
from runbook.hosts.base import Result
from runbook.model.ask import Answer, Facts
from runbook.model.plan import Plan
from runbook.steps import management
from runbook.steps.shared import single
from tests.evidence.attested import alone
from tests.steps.volumes_host import Host, params

SYSTEM = {
    "< /etc/os-release": "VERSION_CODENAME=trixie\n", "id -u": "0\n", "uname -n": "testbed\n", "uname -r": "6.12\n",
}  # fmt: skip


class Machine:
    """The host of the steps' tests behind the face that a book sees."""

    describe, is_real = "a test", True

    def __init__(self, host):
        self.host, self.asked, self.closed = host, params(), False

    def gather(self, asks):
        return Facts({ask: self._answer(ask) for ask in asks})

    def _answer(self, ask):
        if ask in (*system.COMMANDS, *identity.COMMANDS):
            return Answer(0, SYSTEM[ask.key]) if ask.key in SYSTEM else Answer(44)
        return self.host._answer(ask, self.asked)

    def run(self, argv, *, stdin=b"", timeout_s=None, on_line=None):
        self.host._run(argv)
        return Result(argv, 0, "", "")

    def write(self, path, data, *, mode, owner, check=()):
        self.host.apply(Plan((WriteFile(path, data.decode()),)))

    def lock(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def host(monkeypatch, tmp_path):
    """Return a host that the command line reaches, in a chapter without the steps about backups."""
    alone(monkeypatch, tmp_path / "config")
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))
    machine = Machine(Host())

    def connect(asked, notebook):
        machine.asked = asked
        return machine

    monkeypatch.setattr("runbook.hosts.connect", connect)
    monkeypatch.setattr(management, "STEPS", management.STEPS[:7])
    yield machine.host
    assert machine.closed


def call(*words):
    """Run `runbook volume` and return its exit code and what it printed."""
    done = CliRunner().invoke(main, ["volume", *words])
    return done.exit_code, done.output


def test_list_shows_what_the_disks_hold(host):
    """The picture's text and the table are printed, and nothing is done."""
    code, said = call("list", "params/testbed.yml")
    assert code == 0
    assert "3: ntfs “Win: C”, 40.0 MiB" in said
    assert host.done == []


def test_mount_plans_and_then_mounts(host):
    """Without --apply only the plan is shown; with it the partition is mounted, read-only."""
    words = ("mount", "params/testbed.yml", "comm", "1", "/mnt/comm")
    code, said = call(*words)
    assert (code, host.mounts) == (0, []), said
    assert "-o ro,noload," in said
    assert "the same with --apply" in said
    code, said = call(*words, "--apply")
    assert (code, host.mounts) == (0, [("comm", "/mnt/comm", "ro", 1048576)])


def test_what_it_does_is_a_run_among_the_reports(host, tmp_path):
    """Without --apply nothing is kept; with it the one step is journalled with its way back, archived and attested."""
    words = ("mount", "params/testbed.yml", "comm", "1", "/mnt/comm")
    call(*words)
    assert not (tmp_path / "reports").exists()
    _, said = call(*words, "--apply")
    (place,) = (path for path in (tmp_path / "reports/testbed").iterdir() if path.is_dir())
    assert f"{place}/index.html" in said
    record = json.loads((place / "run.json").read_text())
    assert (record["outcome"], record["mode"]) == ("completed", "apply")
    (end,) = record["notebooks"][0]["steps"]
    assert (end["step"], end["status"]) == ("mount_partitions", "changed")
    begun = [line for line in read(place / "journal.jsonl") if line["event"] == "action-begin"]
    assert any(line["undo"] for line in begun)
    assert verify_run(place, ()).status == "unsigned"


def test_unmount_takes_away_one_guests_mounts(host):
    """What is mounted of another guest stays."""
    call("mount", "params/testbed.yml", "comm", "1", "/mnt/comm", "--apply")
    call("mount", "params/testbed.yml", "windows", "3", "/mnt/windows", "--apply")
    assert len(host.mounts) == 2
    code, _ = call("unmount", "params/testbed.yml", "comm", "--apply")
    assert (code, [m[1] for m in host.mounts]) == (0, ["/mnt/windows"])


def test_grow_and_snapshot(host):
    """One volume grows and no other; a snapshot is taken, and can then be mounted beside its running guest."""
    assert call("grow", "params/testbed.yml", "comm", "2", "--apply")[0] == 0
    assert host.disks["comm"].size == 2 * 1024**3
    assert call("snapshot", "params/testbed.yml", "comm", "comm-monday", "1", "--apply")[0] == 0
    host.running = {"comm": "comm"}
    words = ("mount", "params/testbed.yml", "comm", "1", "/mnt/comm", "--snapshot", "comm-monday", "--apply")
    code, said = call(*words)
    assert code == 0, said
    assert host.mounts == [("comm-monday", "/mnt/comm", "ro", 1048576)]


def test_a_running_guest_is_refused_with_3(host):
    """The refusal of the step is the command's, with its exit code."""
    host.running = {"comm": "comm"}
    code, said = call("mount", "params/testbed.yml", "comm", "1", "/mnt/comm", "--apply")
    assert code == 3
    assert "is the disk of the guest 'comm', which is running" in said
    assert host.mounts == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda p: single.mounted(p, _mount("nobody", "/mnt/x")), "there is no guest 'nobody'"),
        (lambda p: single.mounted(p, _mount("comm", "/etc")), "is not a folder to mount on"),
        (
            lambda p: single.frozen(p, {"guest": "comm", "name": "nginx", "size_gib": 1}),
            "the disk of 'nginx'",
        ),
        (lambda p: single.grown(p, "nobody", 3), "There is no guest 'nobody'"),
    ],
)
def test_what_does_not_fit_the_parameters(change, word):
    """An unknown guest, a folder of the system and a taken name are refused before the host is reached."""
    with pytest.raises(single.ParamsError, match=word):
        change(params())


def _mount(guest, at):
    return {"guest": guest, "partition": 1, "at": at, "writable": False, "snapshot": None}
