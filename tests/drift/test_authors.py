"""Who made a change, as far as the journals tell."""

import hashlib

import pytest

from runbook.drift import authors
from runbook.drift.compare import Change
from runbook.engine.journal import Journal

MINE = "as the runbook wrote it\n"
FILE = Change("file", "/etc/a", "x changed", text=MINE)


@pytest.fixture
def done(tmp_path):
    """Return what the runs did: two things, two that failed, and one on another machine."""

    def act(run, title, status="done", machine="m1", **more):
        (tmp_path / run).mkdir(exist_ok=True)
        journal = Journal(tmp_path / run / "journal.jsonl")
        journal.write("open", machine=machine)
        journal.write("action-begin", step="s", title=title, **more)
        journal.write("action-end", step="s", title=title, status=status)

    act("r1", "Write /etc/a", path="/etc/a", left=hashlib.sha256(MINE.encode()).hexdigest())
    act("r1", "Install sudo, lvm2")
    act("r2", "Write /etc/b", "failed", path="/etc/b", left="0")
    act("r2", "Install gdm3", "failed")
    act("r3", "Write /etc/c", machine="m2", path="/etc/c", left="0")
    return authors.deeds(sorted(tmp_path.iterdir()), "m1")


def test_an_action_on_another_machine_is_no_deed(done):
    """Only what was done, or tried, on this installation counts."""
    found = [(deed.title, deed.failed) for deed in done]
    assert found[:2] == [("Write /etc/a", False), ("Install sudo, lvm2", False)]
    assert found[2:] == [("Write /etc/b", True), ("Install gdm3", True)]


@pytest.mark.parametrize(
    ("change", "who"),
    [
        (FILE, "the runbook: s in run r1"),
        (
            Change("file", "/etc/a", "x", text="by hand\n"),
            "not the runbook: somebody else, after s in run r1 wrote it",
        ),
        (Change("file", "/etc/a", "x", text="hidden-1\n"), "perhaps the runbook: s in run r1 wrote it"),
        (Change("file", "/etc/a", "mode 0440 → 0666"), "perhaps the runbook: s in run r1 wrote it"),
        (Change("package", "sudo", "1 → 2"), "the runbook: s in run r1"),
        (Change("package", "sudo-ldap", "1 → 2"), "not known: the runbook did 4 things since, in r1, r2"),
        (Change("", "kernel", "1 → 2"), "not known: the runbook did 4 things since, in r1, r2"),
        (Change("account", "sudo", "new"), "perhaps the runbook: s in run r1"),
        (Change("package", "gdm3", "new"), "perhaps the runbook: s in run r2, which failed"),
        (
            Change("file", "/etc/b", "x", text="by hand\n"),
            "perhaps the runbook: s in run r2, which failed",
        ),
    ],
)
def test_the_runbook_or_somebody_else(done, change, who):
    """A file that is as an action left it was the runbook's, any other content is somebody else's; no guess."""
    assert authors.of(change, done) == who


def test_without_a_later_run_it_was_not_the_runbook():
    """When no run of the runbook came in between, everything is somebody else's."""
    assert authors.of(FILE, []) == "not the runbook"
