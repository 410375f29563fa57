"""`runbook backup`: the same steps, from a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from runbook.ask import Facts
from runbook.cli import backup, main
from runbook.hosts.base import Result as Ran
from tests.steps.backups_host import SAMPLE, Host, Kept

PARAMS = "params/testbed.yml"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host with one backup, reached instead of the testbed."""
    fake = Host(kept=[Kept(SAMPLE)])

    def run(argv, **options) -> Ran:
        fake._run(argv)
        return Ran(argv, 0, "restoring: 50 % of 1024 MiB, 210 MiB/s, 2 s left\n", "")

    @contextmanager
    def reached(asked) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(
            gather=lambda asks: Facts({ask: fake._answer(ask, asked) for ask in asks}),
            run=run,
            lock=lambda: None,
        )

    monkeypatch.setattr("runbook.cli.backups._reached", reached)
    return fake


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["backup", *words], catch_exceptions=False)


def test_list_shows_what_there_is(host: Host) -> None:
    """Each backup is one line: its name, when, what, how large, and whether it was verified."""
    line = run("list", PARAMS).output
    assert line.startswith(f"{SAMPLE}  2026-11-22 20:41:55 UTC  used-blocks, off, 1.0 GiB in 21.5 MiB")
    assert "not verified yet" in line
    host.kept[0].bytes = 5
    assert "DAMAGED: its blocks.zst is truncated" in run("list", PARAMS, "comm").output
    assert "holds no backup of nginx" in run("list", PARAMS, "nginx").output


def test_make_makes_a_new_one_and_verifies_it(host: Host) -> None:
    """However young the last backup is, a new one is made, and it is verified; the old one stays."""
    assert run("make", PARAMS, "comm").exit_code == 0
    assert [k.name for k in host.kept] == [SAMPLE, "comm-20261122T210000Z"]
    assert list(host.notes) == ["comm-20261122T210000Z.verified"]


def test_make_refuses_a_running_guest(host: Host) -> None:
    """A running guest is refused with status 3, and --snapshot is the way on."""
    host.running = {"comm": "comm"}
    ended = run("make", PARAMS, "comm")
    assert (ended.exit_code, "which is running" in ended.output) == (3, True)
    assert run("make", PARAMS, "comm", "--snapshot").exit_code == 0


def test_verify_reads_what_is_named(host: Host) -> None:
    """A guest stands for all of its backups; an unknown name is wrong usage."""
    assert run("verify", PARAMS, "comm").exit_code == 0
    assert list(host.notes) == [f"{SAMPLE}.verified"]
    assert run("verify", PARAMS, "comm-20200101T000000Z").exit_code == 2
    assert run("verify", PARAMS, "nobody").exit_code == 2


def test_restore_shows_first_and_needs_the_digest(host: Host) -> None:
    """Without --apply nothing is done; with a wrong digest neither; with the one that was shown it is."""
    shown = run("restore", PARAMS, "comm", SAMPLE)
    assert shown.exit_code == 0
    assert "All that is on guests/comm now is lost" in shown.output
    digest = re.search(r"--apply --consent ([0-9a-f]{12})", shown.output)[1]
    assert run("restore", PARAMS, "comm", SAMPLE, "--apply", "--consent", "0" * 12).exit_code == 4
    assert host.notes == {}
    done = run("restore", PARAMS, "comm", SAMPLE, "--apply", "--consent", digest)
    assert done.exit_code == 0, done.output
    assert host.notes["comm.restored"].split()[2] == "0"


def test_a_second_restore_is_another_consent(host: Host) -> None:
    """Restoring the same backup again is possible, by the digest of that plan."""
    host.notes["comm.restored"] = f"{SAMPLE} {'6a1da40b' * 8} 0 Zx1-comm 20261122T211000Z"
    shown = run("restore", PARAMS, "comm", SAMPLE)
    digest = re.search(r"--consent ([0-9a-f]{12})", shown.output)[1]
    assert run("restore", PARAMS, "comm", SAMPLE, "--apply", "--consent", digest).exit_code == 0
    assert host.notes["comm.restored"].split()[2] == "1"


def test_a_restore_that_is_refused_says_why(host: Host) -> None:
    """A mounted volume is refused with status 3 before any digest is shown; a wrong name with 2."""
    host.mounts = [("comm", "/mnt/comm", "ro", 1048576)]
    ended = run("restore", PARAMS, "comm", SAMPLE)
    assert (ended.exit_code, "is mounted at /mnt/comm" in ended.output, "--consent" in ended.output) == (
        3,
        True,
        False,
    )
    assert run("restore", PARAMS, "comm", "comm").exit_code == 2


def test_the_help_names_each_verb() -> None:
    """`runbook backup --help` shows the four things it can do."""
    assert {"list", "make", "verify", "restore"} == set(backup.commands)
