"""`runbook backup`: the same steps, from a terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from runbook.actions import Run
from runbook.attestation.verify import verify_run
from runbook.backups import schedule
from runbook.book.acts.bring_backups_back import FetchBackup, RestoreBeside
from runbook.cli import backup, main
from runbook.engine.journal import read
from runbook.facts import backups, identity
from runbook.facts.storage import asks as storage
from runbook.hosts.base import Result as Ran
from runbook.model.ask import Answer, Ask, Facts
from tests.evidence.attested import alone
from tests.steps import backups_host
from tests.steps.backups_host import SAMPLE, Host, Kept

PARAMS = "params/testbed.yml"


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the reports of these commands lie."""
    alone(monkeypatch, tmp_path / "config")
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))
    return tmp_path / "reports/testbed"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, reports: Path) -> Host:
    """A host with one backup, reached instead of the testbed."""
    fake = Host(kept=[Kept(SAMPLE)])

    def run(argv, **options) -> Ran:
        fake._run(argv)
        return Ran(argv, 0, "restoring: 50 % of 1024 MiB, 210 MiB/s, 2 s left\n", "")

    def connect(asked, notebook) -> SimpleNamespace:
        return SimpleNamespace(
            gather=lambda asks: Facts({ask: answer(ask, asked) for ask in asks}),
            run=run,
            lock=lambda: None,
            close=lambda: None,
            is_real=True,
            describe="a test",
        )

    def answer(ask, asked) -> Answer:
        return Answer(44) if ask in identity.COMMANDS else fake._answer(ask, asked)

    monkeypatch.setattr("runbook.hosts.connect", connect)
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


def test_list_says_which_backup_started_its_guest(host: Host) -> None:
    """What the host saw when it started a guest from a backup stands behind it, and in the JSON."""
    host.trials = f"{SAMPLE}.booted:yes 20261123T040000Z it asked for a login after 31 s\n"
    line = run("list", PARAMS).output
    assert "on trial: yes (2026-11-23 04:00:00 UTC: it asked for a login after 31 s)" in line
    assert json.loads(run("list", PARAMS, "--json").output)[0]["booted"]["is_up"] == "yes"


def test_a_backup_is_restored_beside_the_original(host: Host) -> None:
    """Without --apply the plan is shown; a volume that is there, and a backup that is none, are refused."""
    shown = run("beside", PARAMS, SAMPLE, "then")
    assert shown.exit_code == 0
    assert "lvcreate" in shown.output
    assert f"beside /srv/backups {SAMPLE} /dev/guests/then" in shown.output
    assert run("beside", PARAMS, SAMPLE, "nginx").exit_code == 3
    assert run("beside", PARAMS, "comm-20200101T000000Z", "then").exit_code == 3
    assert run("beside", PARAMS, "comm", "then").exit_code == 2


def test_fetch_needs_a_second_place(host: Host) -> None:
    """Where the host knows none, the step that tells it is named; what is there already is not fetched."""
    ended = run("fetch", PARAMS, "comm-20200101T000000Z")
    assert (ended.exit_code, "schedule_backups" in ended.output) == (3, True)
    assert run("fetch", PARAMS, SAMPLE).exit_code == 0


def test_fetch_needs_the_same_second_place_and_nothing_more() -> None:
    """Another guest on the list changes nothing about where a copy lies; another place, or another folder, does."""
    step = FetchBackup("comm-20200101T000000Z")
    far = backups_host.params(backups={"guests": ["comm"], "schedule": "daily", "second": {"repository": "/mnt/nas/xen"}})  # fmt: skip
    assert len(step.asks(far)) == 2

    def planned(text: str):
        answers = {
            backups.look("/srv/backups"): Answer(0, Host()._look()),
            Ask.read(schedule.CONFIG): Answer(0, text),
        }
        return step.plan(far, Facts(answers))

    told = json.loads(schedule.config(far))
    assert len(planned(json.dumps(told | {"guests": []})).actions) == 1
    for changes in ({"second": None}, {"folder": "/elsewhere"}, {"second": {"repository": "/mnt/other"}}):
        assert planned(json.dumps(told | changes)).stops
    assert planned("{half").stops


def test_beside_goes_into_the_pool_of_its_guest() -> None:
    """A guest whose volume is thin gets a thin one beside it; what is looked at is the room of the pool."""
    asked = backups_host.params(backups={"guests": ["comm"]})
    guest = next(g for g in asked.guests if g.name == "comm")
    thin = guest.model_copy(update={"volume": guest.own_volumes[0].model_copy(update={"thin_pool": "pool"})})
    asked = asked.model_copy(update={"guests": tuple(thin if g.name == "comm" else g for g in asked.guests)})
    step, host = RestoreBeside(SAMPLE, "then"), Host(kept=[Kept(SAMPLE)])

    def planned(percent: str):
        facts = dict(host.facts(step, asked))
        ask = storage.LVM
        report = json.loads(facts[ask].out)
        rows = next(
            part["lv"] for part in report["report"] if any(r["lv_name"] == "comm" for r in part.get("lv", []))
        )
        rows.append(rows[0] | {"lv_name": "pool", "lv_full_name": "guests/pool", "lv_path": "", "lv_uuid": "p", "lv_layout": "thin,pool", "lv_size": "21474836480", "data_percent": percent, "metadata_percent": "1.00"})  # fmt: skip
        facts[ask] = Answer(0, json.dumps(report))
        return step.plan(asked, Facts(facts))

    (create,) = [a.argv for a in planned("10.00").actions if isinstance(a, Run) and a.argv[0] == "lvcreate"]
    assert create[create.index("--thinpool") + 1] == "pool"
    assert "--virtualsize" in create
    assert planned("99.99").stops[0].what == "The volume then has no room in the thin pool guests/pool"


def test_make_makes_a_new_one_and_verifies_it(host: Host) -> None:
    """However young the last backup is, a new one is made, and it is verified; the old one stays."""
    assert run("make", PARAMS, "comm").exit_code == 0
    assert [k.name for k in host.kept] == [SAMPLE, "comm-20261122T210000Z"]
    assert list(host.notes) == ["comm-20261122T210000Z.verified"]


def test_make_refuses_a_running_guest(host: Host) -> None:
    """A running guest is refused with status 3, and --snapshot is the way on."""
    host.running = {"comm": "comm"}
    ended = run("make", PARAMS, "comm")
    assert (ended.exit_code, "which is running" in " ".join(ended.output.split())) == (3, True)
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
    """`runbook backup --help` shows the six things it can do."""
    assert {"list", "make", "verify", "restore", "beside", "fetch"} == set(backup.commands)


def record_of(reports: Path) -> dict:
    """Return the newest run, which has to be closed and whole."""
    place = sorted(path for path in reports.iterdir() if path.is_dir())[-1]
    assert verify_run(place, ()).status == "unsigned"
    return json.loads((place / "run.json").read_text()) | {"lines": read(place / "journal.jsonl")}


def test_what_it_does_is_a_run_among_the_reports(host: Host, reports: Path) -> None:
    """A backup, and a restore with its consent, are journalled step by step, archived and attested; a look is not."""
    run("list", PARAMS)
    digest = re.search(r"--consent ([0-9a-f]{12})", run("restore", PARAMS, "comm", SAMPLE).output)[1]
    assert not reports.exists()
    run("make", PARAMS, "comm")
    made = record_of(reports)
    assert (made["outcome"], made["exit_code"], made["mode"]) == ("completed", 0, "apply")
    ends = [(end["step"], end["status"]) for book in made["notebooks"] for end in book["steps"]]
    assert ends == [("back_up_volumes", "changed"), ("verify_backups", "changed")]
    run("restore", PARAMS, "comm", SAMPLE, "--apply", "--consent", digest)
    restored = record_of(reports)
    assert restored["outcome"] == "completed"
    (given,) = [line for line in restored["lines"] if line["event"] == "consent"]
    assert (given["step"], given["how"], given["digest"]) == ("restore_volumes", "digest", digest)
    begun = [line["title"] for line in restored["lines"] if line["event"] == "action-begin"]
    assert any("restore" in title for title in begun)


def test_a_refused_restore_is_kept_as_refused(host: Host, reports: Path) -> None:
    """Without the digest of the very plan the command ends with 4, and so does its report."""
    assert run("restore", PARAMS, "comm", SAMPLE, "--apply", "--consent", "0" * 12).exit_code == 4
    kept = record_of(reports)
    assert (kept["outcome"], kept["exit_code"], kept["failure"]["name"]) == ("refused", 4, "ConsentMissing")
    assert not [line for line in kept["lines"] if line["event"] in ("consent", "action-begin")]


def test_a_restore_that_leaves_no_trace_has_failed(host: Host, reports: Path, monkeypatch) -> None:
    """Its plan is made again afterwards: what is still to do was not done, whatever the command said."""
    digest = re.search(r"--consent ([0-9a-f]{12})", run("restore", PARAMS, "comm", SAMPLE).output)[1]
    monkeypatch.setattr(host, "_run", lambda argv: None)
    ended = run("restore", PARAMS, "comm", SAMPLE, "--apply", "--consent", digest)
    assert ended.exit_code == 1
    assert record_of(reports)["outcome"] == "failed"
