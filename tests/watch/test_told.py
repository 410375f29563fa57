"""From a host to those who are told, over loopback: each once, in the form that they asked for, and later if not now."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from runbook import programs
from runbook.cli import main
from runbook.controller import allowed
from runbook.errors import ConsentMissing, HostError
from runbook.evidence import notices, standing
from runbook.facts import fullness
from runbook.model.ask import Answer, Facts
from runbook.params import HostParams
from runbook.steps import name_of, notebooks
from runbook.watch import kept, textfile
from runbook.watch.look import Seen, watch
from tests.watch.test_topics import DF, PARAMS, running, well

NOW = 1795380000


class Hook(BaseHTTPRequestHandler):
    """Takes what is posted, unless it is told to refuse it."""

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        self.server.calls.append((self.path, dict(self.headers), data))
        self.send_response(self.server.answers.get(self.path, 200))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.calls, server.answers = [], {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Machine:
    """What is reached in the place of a host: a test says what it answers."""

    def __init__(self) -> None:
        self.facts: Facts | HostError = well()
        self.asked = 0

    def gather(self, asks: object) -> Facts:
        self.asked += 1
        if isinstance(self.facts, HostError):
            raise self.facts
        return self.facts

    def close(self) -> None:
        pass


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    found = Machine()
    monkeypatch.setattr("runbook.engine.finished.connect", lambda params, name: found)
    monkeypatch.setattr("runbook.watch.guests.SKEW_S", 10**9)  # its clock stands still
    return found


def params(hook, *told: dict[str, object], **watched: object) -> HostParams:
    address = f"http://127.0.0.1:{hook.server_address[1]}"
    words = PARAMS.model_dump() | {
        "connection": {"kind": "local"},
        "notify": [{key: value.format(address) if isinstance(value, str) else value for key, value in one.items()} for one in told],
        "watch": {"drift_h": 0} | {k: v.format(address) if isinstance(v, str) else v for k, v in watched.items()},
    }  # fmt: skip
    return HostParams.model_validate(words)


HOOK = {"webhook": "{}/hook"}


def test_each_change_is_told_once(hook, machine: Machine, tmp_path: Path) -> None:
    """Well, down, down, well: two calls, the first with what and the next move, the second that it is well."""
    asked = params(hook, HOOK)
    for number, answers in enumerate(
        (well(), well(list=running("comm")), well(list=running("comm")), well())
    ):
        machine.facts = answers
        seen = watch(asked, tmp_path, NOW + number * 900)
    assert seen.is_well
    first, second = (json.loads(data) for _, _, data in hook.calls)
    assert (first["subject"], first["well"]) == ("testbed: The guest 'comm' does not run", False)
    assert first["came"][0]["do"].startswith("`runbook guest start PARAMS comm`")
    assert (second["subject"], second["well"]) == ("testbed: well again", True)


def test_ntfy_gets_words_and_a_title(hook, machine: Machine, tmp_path: Path) -> None:
    """The lines of a mail as the body, the subject as its title in plain letters."""
    machine.facts = well(list=running("comm"))
    watch(params(hook, {"webhook": "{}/topic", "form": "ntfy"}), tmp_path, NOW)
    ((path, headers, data),) = hook.calls
    assert (path, headers["Title"]) == ("/topic", "testbed: The guest 'comm' does not run")
    assert data.splitlines()[0].startswith("The guest 'comm' does not run. Next: ")


def test_who_cannot_be_told_is_told_later_and_nobody_twice(hook, machine: Machine, tmp_path: Path) -> None:
    """One of two refuses: the other has it at once, the first gets all of it in order when it takes it."""
    asked = params(hook, {"webhook": "{}/good"}, {"webhook": "{}/bad"})
    hook.answers["/bad"] = 500
    machine.facts = well(list=running("comm"))
    seen = watch(asked, tmp_path, NOW)
    assert [why for why in seen.untold if "/bad): it answered 500" in why]
    machine.facts = well()
    watch(asked, tmp_path, NOW + 900)
    hook.answers.clear()
    machine.facts = well()
    assert watch(asked, tmp_path, NOW + 1800).untold == ()
    told = [(path, json.loads(data)["subject"]) for path, _, data in hook.calls]
    good = [subject for path, subject in told if path == "/good"]
    assert good == ["testbed: The guest 'comm' does not run", "testbed: well again"]
    assert [subject for path, subject in told if path == "/bad"] == [good[0], good[0], *good]


def test_the_other_side_hears_when_the_watch_is_silent(hook, machine: Machine, tmp_path: Path) -> None:
    """The heartbeat is called after each look that was told, and not after one that nobody could be told of."""
    asked = params(hook, HOOK, heartbeat="{}/beat")
    watch(asked, tmp_path, NOW)
    machine.facts = well(list=running("comm"))
    hook.answers["/hook"] = 500
    watch(asked, tmp_path, NOW + 900)
    assert [path for path, _, _ in hook.calls] == ["/beat", "/hook"]
    hook.answers = {"/beat": 500}
    assert watch(asked, tmp_path, NOW + 1800).untold == ("the heartbeat was not taken: it answered 500",)


def test_a_host_that_is_silent_is_told_and_its_guests_are_not(hook, machine: Machine, tmp_path: Path) -> None:
    """Unreached, it is one message; when it is back, another."""
    asked = params(hook, HOOK)
    machine.facts = HostError("No answer from testbed", do="look at its power")
    watch(asked, tmp_path, NOW)
    machine.facts = well()
    watch(asked, tmp_path, NOW + 900)
    assert [json.loads(data)["subject"] for _, _, data in hook.calls] == [
        "testbed: The host cannot be looked at: No answer from testbed", "testbed: well again",
    ]  # fmt: skip


def test_whom_a_file_would_call_needs_the_operators_word(hook, monkeypatch, tmp_path: Path) -> None:
    """A heartbeat leaves this machine as a notice does: without the word for it nothing is asked and nothing called."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    asked = params(hook, heartbeat="{}/beat")
    assert [p.place for p in programs.of(asked)] == ["watch.heartbeat"]
    with pytest.raises(ConsentMissing):
        watch(asked, tmp_path, NOW)
    assert hook.calls == []
    for program in programs.of(asked):
        allowed.allow(program)
    programs.require(asked)


def test_runs_and_the_watch_may_have_each_their_own(hook, machine: Machine, tmp_path: Path) -> None:
    """`about` says of which somebody wants to know."""
    asked = params(hook, {"webhook": "{}/runs", "about": "runs"}, {"webhook": "{}/watch", "about": "watch"})
    machine.facts = well(list=running("comm"))
    watch(asked, tmp_path, NOW)
    assert [path for path, _, _ in hook.calls] == ["/watch"]
    run = {"outcome": "failed", "notebooks": [], "mode": "apply"}
    assert [notices.is_due(one, run) for one in asked.notify] == [True, False]


def test_the_whole_host_is_compared_once_in_a_while(hook, machine: Machine, tmp_path: Path) -> None:
    """What takes longer is asked every drift_h hours; in between it stays as it was known."""
    asked = params(hook, HOOK, drift_h=24)
    waits = "Inst curl [1] (2 Debian-Security:13/stable-security [amd64])\n"
    machine.facts = well(waiting=waits)
    assert not watch(asked, tmp_path, NOW).is_well
    machine.facts = well()
    assert not watch(asked, tmp_path, NOW + 900).is_well
    assert not watch(asked, tmp_path, NOW + 86399).is_well
    assert watch(asked, tmp_path, NOW + 86400).is_well
    assert len(hook.calls) == 2


def test_drift_that_cannot_be_understood_hides_nothing_else(
    hook, machine: Machine, tmp_path: Path, monkeypatch
) -> None:
    """An answer that no check can read, or a report that cannot be read, is told as not known; what else is amiss is told."""
    asked = params(hook, HOOK, drift_h=1)
    machine.facts = well(list=running("comm"))

    def broken(_params, _reports, host) -> None:
        facts = host.gather(())
        int(facts[fullness.COMMANDS[0]].out)

    def unread(*_: object) -> None:
        raise PermissionError("run.json")

    for number, way in enumerate((broken, unread)):
        monkeypatch.setattr("runbook.watch.drifting.conditions", way)
        seen = watch(asked, tmp_path, NOW + 7200 * number)
        assert [topic for topic, _ in seen.look.unknown] == ["drift"]
        assert [one.condition.key for one in seen.state.active] == ["down:comm"]


def test_a_folder_that_cannot_be_written_ends_one_look_only(
    monkeypatch, machine: Machine, tmp_path: Path
) -> None:
    """What cannot be kept here is said with its next move, and ends the command with 1, not with a stack."""
    path = tmp_path / "testbed.yml"
    path.write_text(json.dumps(PARAMS.model_dump() | {"connection": {"kind": "local"}}, default=str))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "testbed").write_text("a file")
    words = ["watch", str(path), "--no-drift", "--reports", str(tmp_path)]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 1
    assert "cannot be written" in done.output


# the text file and the host's page


def test_the_text_file_is_prometheus_own_form(hook, machine: Machine, tmp_path: Path) -> None:
    """Each name once with help and type, labels quoted, the moment of the look as a number."""
    machine.facts = well(df='Use% IUse% Avail Mounted on\n 95% 5% 9 /mnt/a "b"\\c\n')
    seen = watch(params(hook), tmp_path, NOW)
    text = textfile.render([(seen.state, seen.look.gauges)])
    assert f'xen_runbook_looked_seconds{{host="testbed"}} {NOW}\n' in text
    assert 'xen_runbook_filesystem_used_percent{host="testbed",mount="/mnt/a \\"b\\"\\\\c"} 95\n' in text
    assert 'xen_runbook_up{host="testbed"} 1\n' in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    values = [line for line in text.splitlines() if not line.startswith("#")]
    assert {line.partition("{")[0] for line in values} == set(names)


def looked(mode: str = "check", outcome: str = "completed", at: str = "2026-01-01T00:01:00Z", **more: object):
    """Return the record of a run that found every step right."""
    books = [
        {"name": book, "steps": [{"step": name_of(step), "status": "unchanged"} for step in of]}
        for book, of in notebooks().items()
    ]
    return {"id": at, "mode": mode, "outcome": outcome, "connection": "ssh", "started": at, "ended": at,
            "notebooks": books} | more  # fmt: skip


def part(book: str, *statuses: str, **more: object):
    """Return the record of a run of one notebook, whose first steps ended so."""
    run = looked(**more)
    mine = next(one for one in run["notebooks"] if one["name"] == book)
    for step, status in zip(mine["steps"], statuses, strict=False):
        step["status"] = status
    return run | {"notebooks": [mine]}


LATER, LAST = "2027-01-01T00:01:00Z", "2027-01-02T00:01:00Z"


def test_the_hosts_page_begins_with_how_it_stands(hook, machine: Machine, tmp_path: Path) -> None:
    """What was seen last counts: the watch after a run, a run after the watch; without either nobody knows."""
    run = looked()
    place = tmp_path / "testbed"
    assert standing.of(place, []).is_well is None
    assert standing.of(place, [run]).is_well is True
    machine.facts = well(list=running("comm"), df=DF.format(99))
    watch(params(hook), tmp_path, NOW)
    seen = standing.of(place, [run])
    assert (seen.is_well, seen.more) == (False, ("/ has used nearly all of its room",))
    assert seen.what.endswith("The guest 'comm' does not run")
    assert seen.do.startswith("`runbook guest start")
    failed = looked(
        outcome="failed", at=LATER, failure={"message": "Xen does not run\n  where: testbed\n  do: start it"}
    )
    assert standing.of(place, [failed, run]) == standing.Standing(
        False, "Not well, as the last run found on 1 Jan 2027, 00:01 UTC: Xen does not run", "start it"
    )
    machine.facts = well()
    watch(params(hook), tmp_path, NOW)
    assert standing.of(place, [run]).what == "Well, as the watch found on 22 Nov 2026, 20:40 UTC"


def test_a_part_is_not_the_whole(tmp_path: Path) -> None:
    """A run of one notebook says nothing of the others; what an older run found wrong stands until a run looks there again."""
    seen = standing.of(tmp_path, [part("08_guests")])
    assert seen.is_well is None
    assert "no run has looked at all of 10 notebooks" in seen.what
    assert standing.of(tmp_path, [part("08_guests", at=LATER), looked()]).is_well is True
    assert standing.of(tmp_path, [part("08_guests", at=LATER), part("08_guests", "failed")]).is_well is None
    bad = part("06_xen_configuration", "failed", outcome="failed", at=LATER)
    seen = standing.of(tmp_path, [part("08_guests", at=LAST), bad, looked()])
    assert seen.is_well is False
    step = bad["notebooks"][0]["steps"][0]["step"]
    assert (
        f"the run of 1 Jan 2027, 00:01 UTC found: {step} failed, and no run has looked at it since"
        in seen.what
    )
    waits = looked()
    next(book for book in waits["notebooks"] if book["name"] == "07_first_boot")["steps"][0]["status"] = (
        "skipped"
    )
    seen = standing.of(tmp_path, [waits])
    assert (seen.is_well, seen.what.rpartition(" ")[2]) == (None, "07_first_boot")


@pytest.mark.parametrize(
    ("runs", "what"),
    [
        ([looked("plan")], "No run has looked yet"),
        ([looked(connection="capture")], "No run has looked yet"),
        ([looked("apply", "running", LATER), looked()], "A run in mode apply began"),
        ([looked("undo", at=LATER), looked("apply")], "What was done was taken back"),
        ([part("08_guests", at=LAST), looked("undo", at=LATER), looked("apply")], "no run has looked at all"),
    ],
)
def test_nobody_says_well_of_what_no_run_looked_at(
    tmp_path: Path, runs: list[dict[str, object]], what: str
) -> None:
    """Plans and captures are no look at the host, a run under way has found nothing, and an undo leaves it unlooked at."""
    seen = standing.of(tmp_path, runs)
    assert seen.is_well is None
    assert what in seen.what


def test_a_quiet_watch_heals_nothing(hook, machine: Machine, tmp_path: Path) -> None:
    """It looks at less than a run: a failed run stays the last word, and where no run looked nobody knows."""
    watch(params(hook), tmp_path, NOW)
    place = tmp_path / "testbed"
    failed = looked("apply", "failed", failure={"message": "Xen does not run"})
    seen = standing.of(place, [failed])
    assert seen.is_well is False
    assert seen.what.endswith(
        "Xen does not run; the watch of 22 Nov 2026, 20:40 UTC found nothing amiss, and looks at less"
    )
    seen = standing.of(place, [])
    assert seen.is_well is None
    assert seen.what.startswith("No run has looked yet whether it is well; the watch of")


def test_what_the_watch_found_stays_after_a_run_that_does_not_look_there(
    hook, machine: Machine, tmp_path: Path
) -> None:
    """A check looks at no disk's room; that the host answers again it does see."""
    machine.facts = well(df=DF.format(99))
    watch(params(hook), tmp_path, NOW)
    place = tmp_path / "testbed"
    assert standing.of(place, [looked(at=LATER)]).what.endswith("/ has used nearly all of its room")
    machine.facts = HostError("no answer")
    watch(params(hook), tmp_path / "silent", NOW)
    place = tmp_path / "silent" / "testbed"
    assert standing.of(place, [looked()]).is_well is False
    assert standing.of(place, [looked(at=LATER)]).is_well is True


def test_what_cannot_be_read_is_not_well(hook, machine: Machine, tmp_path: Path) -> None:
    """A topic without an answer, a watch's damaged file, a newest run whose record is damaged: nobody knows."""
    machine.facts = well(smart=Answer(127, "", "no such command"))
    watch(params(hook), tmp_path, NOW)
    place = tmp_path / "testbed"
    seen = standing.of(place, [looked()])
    assert seen.is_well is None
    assert "could not look at all of it: disks (smartctl is not installed" in seen.what
    (place / kept.NAME).write_text("{half")
    assert standing.of(place, [looked()]).what == "What the watch found cannot be read"
    (place / kept.NAME).unlink()
    (place / "20270101T000000Z-00000a").mkdir()
    assert standing.of(place, [looked()]).what == "The newest run cannot be read"
    (place / "20270101T000000Z-00000a" / "pruned.json").write_text("{}")
    assert standing.of(place, [looked()]).is_well is True


def test_messages_that_wait_are_said(hook, machine: Machine, tmp_path: Path) -> None:
    """The page says that somebody was not told."""
    hook.answers["/hook"] = 500
    machine.facts = well(list=running("comm"))
    watch(params(hook, HOOK), tmp_path, NOW)
    seen = standing.of(tmp_path / "testbed", [looked()])
    assert seen.more == ("1 message of the watch could not be told to whom it is for",)


def test_the_command_says_it_and_ends_accordingly(monkeypatch, machine: Machine, tmp_path: Path) -> None:
    """One line for a host that is well, and 0; what is not well with its next move, and 1; the text file beside."""
    path = tmp_path / "testbed.yml"
    path.write_text(json.dumps(PARAMS.model_dump() | {"connection": {"kind": "local"}}, default=str))
    monkeypatch.chdir(tmp_path)
    words = [
        "watch",
        str(path),
        "--no-drift",
        "--reports",
        str(tmp_path / "r"),
        "--textfile",
        str(tmp_path / "x.prom"),
    ]
    clock = SimpleNamespace(time=lambda: NOW)
    monkeypatch.setattr("time.time", clock.time)
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert (done.exit_code, done.output) == (0, "testbed: well\n")
    machine.facts = well(list=running("comm"))
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 1
    assert "testbed: The guest 'comm' does not run (new)\n  next: " in done.output
    assert f'xen_runbook_looked_seconds{{host="testbed"}} {NOW}' in (tmp_path / "x.prom").read_text()


def test_a_timer_is_written_and_switched_on_by_its_owner(monkeypatch, tmp_path: Path) -> None:
    """Two units below the home; the words that switch it on are said; a time that is none is refused."""
    monkeypatch.setenv("HOME", str(tmp_path))
    done = CliRunner().invoke(
        main, ["watch", "params/example.yml", "--timer", "*:0/15"], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert "systemctl --user enable --now xen-runbook-watch.timer" in done.output
    units = tmp_path / ".config/systemd/user"
    assert "OnCalendar=*:0/15\n" in (units / "xen-runbook-watch.timer").read_text()
    assert " watch " in (units / "xen-runbook-watch.service").read_text()
    bad = CliRunner().invoke(main, ["watch", "params/example.yml", "--timer", "soon"], catch_exceptions=False)
    assert bad.exit_code == 2


def test_a_timer_says_all_that_was_said_and_nothing_stands_for_anything_else(
    monkeypatch, tmp_path: Path
) -> None:
    """--no-drift is in it, and a % in the folder is two, for systemd takes one for something of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    params = str(Path("params/example.yml").absolute())
    (tmp_path / "100%n").mkdir()
    monkeypatch.chdir(tmp_path / "100%n")
    done = CliRunner().invoke(
        main, ["watch", params, "--no-drift", "--timer", "daily"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    text = (tmp_path / ".config/systemd/user/xen-runbook-watch.service").read_text()
    assert f"WorkingDirectory={tmp_path}/100%%n\n" in text
    assert " --no-drift\n" in text


def test_a_unit_that_somebody_else_wrote_stays(monkeypatch, tmp_path: Path) -> None:
    """Neither unit is written then; those of ours are written anew."""
    monkeypatch.setenv("HOME", str(tmp_path))
    units = tmp_path / ".config/systemd/user"
    units.mkdir(parents=True)
    (units / "xen-runbook-watch.timer").write_text("[Timer]\nOnCalendar=weekly\n")
    words = ["watch", "params/example.yml", "--timer", "daily"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert (done.exit_code, "was not written by the runbook" in done.output) == (2, True)
    assert [p.name for p in units.iterdir()] == ["xen-runbook-watch.timer"]
    (units / "xen-runbook-watch.timer").unlink()
    assert CliRunner().invoke(main, words, catch_exceptions=False).exit_code == 0
    assert CliRunner().invoke(main, words, catch_exceptions=False).exit_code == 0


def test_a_replay_is_looked_at_and_nothing_is_kept_or_told(tmp_path: Path) -> None:
    """The recorded host as its last notebook left it; no state, no message."""
    from runbook.params import load

    seen: Seen = watch(load("params/example.yml"), tmp_path, NOW)
    assert "guests" in seen.look.known
    assert list(tmp_path.iterdir()) == []


def test_a_look_costs_few_questions(machine: Machine, hook, tmp_path: Path) -> None:
    """All of a look travels in one round trip."""
    watch(params(hook), tmp_path, NOW)
    assert machine.asked == 1
    assert Answer(0) != well()[fullness.COMMANDS[0]]
