"""The report to compare with, and what a check says changed since."""

import json
import re

import pytest
from click.testing import CliRunner

import runbook.steps
from runbook.cli import main
from runbook.drift import kept
from runbook.drift.authors import NOBODY
from runbook.errors import HostError, ParamsError
from runbook.evidence import archive, drift
from runbook.evidence.record import NotebookRecord, RunRecord, StepEnd
from runbook.model.ask import Ask, Facts
from runbook.params import load
from runbook.params.host import Ssh
from runbook.runner.run import run
from tests.drift.recorded import CASES, ROOT, facts
from tests.evidence.toys import beat, fetches, parameterised, project, steps

MADE_WITH = {"source": {"commit": None, "dirty": None}, "python": "3", "controller": "Linux", "packages": {}}
GROWN = json.loads(next(p for p in CASES if p.stem == "volume_grown").read_text())
EDITED = json.loads(next(p for p in CASES if p.stem == "guest_configuration_edited").read_text())


@pytest.fixture
def store(tmp_path):
    """Return a function that archives a run as if it had been made, and returns its record."""

    def make(
        day,
        seen=None,
        *,
        host="testbed",
        mode="check",
        outcome="completed",
        ends="unchanged",
        books="ab",
        **more,
    ):
        names = [f"0{i}_{book}" for i, book in enumerate(books)]
        record = RunRecord(f"2026010{day}T000000Z-000000", host, "trixie", more.pop("connection", "ssh"), mode,
                           {"path": "p", "digest": "d"}, MADE_WITH)  # fmt: skip
        record.started = f"2026-01-0{day}T00:00:00.000Z"
        record.notebooks = [
            NotebookRecord(name, name, outcome, steps=[StepEnd("s", status=ends)]) for name in names
        ]
        record.close(outcome, 0)
        place = archive.create(tmp_path, record, ROOT / "params/example.yml")
        for name in names if seen is not None else ():
            kept.keep(place, name, seen)
        for name in more.pop("last", ()):
            kept.keep(place, kept.LAST, name)
        archive.save(place, record)
        return record

    return make


def test_an_unchanged_host_has_no_lines(store, tmp_path):
    """Two reports of a host on which nothing happened: zero lines, and the first is named."""
    store(1, facts())
    found = drift.keep_changes(tmp_path, store(2, facts()))
    assert (found["since"]["run"], found["changes"]) == ("20260101T000000Z-000000", [])


def test_a_change_is_said_once_with_its_author(store, tmp_path):
    """What changed since the newest good report is a line; the report that says it is the next one's measure."""
    store(1, facts())
    second = store(2, facts(edits=GROWN["edits"]))
    (change,) = drift.keep_changes(tmp_path, second)["changes"]
    assert (change["line"], change["by"]) == (GROWN["lines"][0], NOBODY)
    assert drift.keep_changes(tmp_path, store(3, facts(edits=GROWN["edits"])))["changes"] == []
    assert archive.drift(tmp_path / "testbed" / second.id)["changes"] == [change]


NO_MEASURE = {
    "failed": {"outcome": "failed"},
    "plan": {"mode": "plan"},
    "undo": {"mode": "undo"},
    "replay": {"connection": "recorded"},
    "capture": {"connection": "capture"},
    "one-notebook": {"books": "a"},
    "changed": {"mode": "apply", "ends": "changed"},
    "no-facts": {"seen": None},
    "another-machine": {"seen": Facts({})},
}


@pytest.mark.parametrize("bad", NO_MEASURE.values(), ids=NO_MEASURE.keys())
def test_a_report_that_is_no_measure_is_passed_over(store, tmp_path, bad):
    """Not completed, not of the host's state, a replay, only some notebooks, or without facts: the older one counts."""
    store(1, facts())
    store(2, **{"seen": facts(edits=GROWN["edits"]), **bad})
    found = drift.keep_changes(tmp_path, store(3, facts()))
    assert found["since"]["run"].startswith("20260101")
    assert found["changes"] == []


def test_a_run_that_changed_the_host_is_measured_by_its_last_look(store, tmp_path):
    """What an apply run's first notebooks read, its later ones changed: its last look says how it left the host."""
    store(1, facts(edits=GROWN["edits"]), mode="apply", ends="changed", last=[facts()])
    found = drift.keep_changes(tmp_path, store(2, facts()))
    assert (found["since"]["mode"], found["changes"]) == ("apply", [])


def test_another_installation_is_nothing_to_compare_with(store, tmp_path):
    """A host that was installed anew has no report yet, though its name has."""
    other = [["< /etc/machine-id", facts()[Ask.read("/etc/machine-id")].out.strip(), "a" * 32]]
    store(1, facts(edits=other))
    found = drift.keep_changes(tmp_path, store(2, facts()))
    assert (found["since"], found["changes"]) == (None, [])
    assert drift.keep_changes(tmp_path, store(3, facts(edits=other)))["since"]["run"].startswith("20260101")


def test_two_hosts_are_compared_from_their_reports(store, tmp_path):
    """`runbook report compare A B` says how B differs, with the lines of a file, reaching no machine."""
    store(1, facts(), host="one")
    store(2, facts(edits=EDITED["edits"]), host="other")
    said = CliRunner().invoke(main, ["report", "compare", "one", "other", "--reports", str(tmp_path)])
    assert said.exit_code == 0, said.output
    assert said.output.splitlines()[:3] == [
        "1 thing is different from one/20260101T000000Z-000000 to",
        "other/20260102T000000Z-000000.",
        "  file /etc/xen/comm.cfg: memory changed: 256 → 512",
    ]
    assert "      +memory = 512" in said.output
    same = CliRunner().invoke(main, ["report", "compare", "one", "one", "--json", "--reports", str(tmp_path)])
    assert json.loads(same.output)["changes"] == []
    plain = CliRunner().invoke(main, ["report", "compare", "one", "one", "--reports", str(tmp_path)])
    assert plain.output.startswith("Nothing is different from one/")
    none = CliRunner().invoke(main, ["report", "compare", "one", "two", "--reports", str(tmp_path)])
    assert (none.exit_code, "There is no report of two" in none.output) == (2, True)


def test_facts_from_before_a_runs_own_changes_are_not_compared(store, tmp_path):
    """A host's newest report that shows how it was left is taken; one that is named and does not show it is refused."""
    store(1, facts(), host="one")
    store(2, facts(edits=EDITED["edits"]), host="one", mode="apply", ends="changed")
    name, _, changes = drift.between_hosts((tmp_path, "one"), (tmp_path, "one/20260101T000000Z-000000"))
    assert (name, changes) == ("one/20260101T000000Z-000000", [])
    with pytest.raises(ParamsError, match="before its own last changes"):
        drift.between_hosts((tmp_path, "one/20260102T000000Z-000000"), (tmp_path, "one"))


def test_the_commands_of_the_samples_readme(monkeypatch):
    """What `reports/README.md` says of the sample is what its commands say."""
    monkeypatch.chdir(ROOT)
    text = (ROOT / "reports/README.md").read_text()
    (command,) = re.findall(r"`(runbook report compare [^`]+)`", text)
    said = CliRunner().invoke(main, command.split()[1:]).output
    assert re.match(r"\d+ things are different from alder/\S+ to\sbirch/", said)
    assert "under Xen no → yes" in said
    assert "driver e1000e → pciback" in said


class Machine:
    """A host that answers every question from the recorded answers, and file modes with 0640."""

    def __init__(self, is_there=True):
        self.asked, self.closed, self.is_there = [], False, is_there

    def gather(self, asks):
        from runbook.model.ask import Answer

        if not self.is_there:
            raise HostError("It is off")
        self.asked = list(asks)
        known = facts()
        return Facts({ask: known[ask] if ask in known else Answer(0, _modes(ask)) for ask in self.asked})

    def close(self):
        self.closed = True


def _modes(ask):
    return (
        "".join(f"640 root:root f {path}\n" for path in ask.argv[1:-4])
        if "%m %u:%g %Y %p\\n" in ask.argv
        else ""
    )


@pytest.mark.parametrize(
    "bad", [bad for name, bad in NO_MEASURE.items() if name != "one-notebook"],
    ids=[name for name in NO_MEASURE if name != "one-notebook"],
)  # fmt: skip
def test_the_watch_measures_by_what_a_report_measures_by(store, tmp_path, monkeypatch, bad):
    """What changed is not forgotten because somebody planned, took back or looked at a capture since."""
    monkeypatch.setattr(drift, "asks_of", lambda *_: list(facts()))
    store(1, facts(edits=GROWN["edits"]))
    store(2, **{"seen": facts(), **bad})
    params = load(ROOT / "params/testbed.yml").model_copy(update={"connection": Ssh(kind="ssh", to="root@x")})
    changes, _ = drift.of_now(params, tmp_path, Machine())
    assert [change.name for change in changes] == [_named(GROWN["lines"][0])]


def _named(line):
    """Return the name of what a line of a change is about."""
    return re.match(r"\S+ (\S+):", line)[1]


@pytest.fixture
def machine(monkeypatch):
    """Stand in for the real host, and say that the parameters lead there."""
    host = Machine()
    monkeypatch.setattr(drift, "connect", lambda *_: host)
    monkeypatch.delenv("RUNBOOK_RECORD", raising=False)
    return host


REAL = load(ROOT / "params/example.yml").model_copy(update={"connection": Ssh(kind="ssh", to="root@nowhere")})


def test_the_last_look_asks_a_real_host_for_the_modes_of_all_watched_files(store, tmp_path, machine):
    """One gather: the modes of files and /etc/default/grub; a mode that changes later is then found."""
    place = tmp_path / "testbed" / store(1, facts()).id
    drift.last_look(REAL, place, everything=False)
    assert machine.closed
    assert len(machine.asked) == 3
    seen = kept.load(place)
    later = Facts({**seen, **{ask: type(seen[ask])(0, seen[ask].out.replace("640 root:root f /etc/xen/comm.cfg", "666 root:root f /etc/xen/comm.cfg"))
                              for ask in seen if "/etc/xen/comm.cfg" in ask.argv and ask.argv[0] == "find"}})  # fmt: skip
    assert [str(change) for change in drift.compare(seen, later)] == [
        "file /etc/xen/comm.cfg: mode 0640 → 0666"
    ]


def test_after_changes_the_last_look_asks_everything_anew(store, tmp_path, machine):
    """What the notebooks asked is asked once more when a step changed something."""
    record = store(1, facts(), books="x")
    place = tmp_path / "testbed" / record.id
    kept.keep(place, "08_guests", facts())
    (place / "facts" / "00_x.json").unlink()
    drift.last_look(REAL, place, everything=True)
    asked = {ask.key for ask in machine.asked}
    assert {"xl list", "grep -Hs '' /etc/xen/*.cfg; true"} <= {
        key.removeprefix("sh -c ") for key in asked
    } | {ask.argv[-1] for ask in machine.asked}


@pytest.mark.parametrize("reason", ["replay", "recording", "nothing seen"])
def test_no_look_where_it_would_do_harm(store, tmp_path, machine, monkeypatch, reason):
    """A replay has nobody to ask, a recording must hold the notebooks' questions alone, and unseen stays unseen."""
    place = tmp_path / "testbed" / store(1, None if reason == "nothing seen" else facts()).id
    if reason == "recording":
        monkeypatch.setenv("RUNBOOK_RECORD", str(tmp_path / "rec"))
    drift.last_look(load(ROOT / "params/example.yml") if reason == "replay" else REAL, place, everything=True)
    assert machine.asked == []


KEEP = (
    "from runbook.drift import kept\nfrom tests.drift.recorded import facts\nimport json\n"
    "kept.keep(Path(os.environ['RUNBOOK_RUN_DIR']), name, facts(edits=json.loads({edits!r})))"
)
FAIL = "from runbook.errors import CheckFailed\nraise CheckFailed('it is not right')"


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Return a function that checks a toy host whose notebooks see the recorded facts, with edits made to them."""
    monkeypatch.setattr(runbook.steps, "notebooks", lambda: steps(n00_a=["first"], n01_b=["second"]))
    monkeypatch.setattr(drift, "connect", lambda *_: Machine(is_there=False))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    times = iter(range(9))

    def go(edits=(), first=(), **options):
        look = KEEP.format(edits=json.dumps(list(edits)))
        books = {
            "n00_a": parameterised(look, beat("first", "failed" if first else "unchanged"), *first),
            "n01_b": parameterised(look, beat("second", "unchanged")),
        }
        place = project(tmp_path / f"p{next(times)}", **books)
        return run(
            place / "params/toy.yml",
            "check",
            reports=tmp_path / "reports",
            notebooks=place / "notebooks",
            **options,
        )

    return go


def test_a_check_says_what_changed(check, caplog):
    """The second check finds the change, ends with 0, and shows it in its folder and on its page."""
    assert archive.drift(check().folder)["since"] is None
    assert "the last look at the host failed: It is off" in caplog.text
    done = check(EDITED["edits"])
    (change,) = archive.drift(done.folder)["changes"]
    assert (done.exit_code, change["line"]) == (0, EDITED["lines"][0])
    page = done.index.read_text()
    assert EDITED["lines"][0] in page
    assert "+memory = 512" in page
    assert fetches(page) == []


def test_a_look_back_that_cannot_be_written_fails_the_run(check, monkeypatch, tmp_path):
    """When what changed cannot be kept the caller hears why, and the report does not say that all went well."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drift, "keep_changes", full)
    with pytest.raises(OSError, match="No space"):
        check()
    newest = archive.newest_first(tmp_path / "reports")[0]
    assert (newest["outcome"], newest["exit_code"]) == ("failed", 1)
    assert "No space left" in newest["failure"]["message"]


def test_with_strict_a_change_fails_until_it_is_accepted(check):
    """A strict check fails on a change, and so does the next one; a plain check accepts it."""
    check()
    for _ in range(2):
        done = check(EDITED["edits"], strict=True)
        assert (done.exit_code, done.outcome, done.record.failure.name) == (1, "failed", "Drifted")
        assert "1 thing changed" in done.message
    assert check(EDITED["edits"]).exit_code == 0
    assert check(EDITED["edits"], strict=True).exit_code == 0


def test_a_check_goes_on_after_what_it_found_first(check):
    """A failed check of one notebook hides neither the next one's nor what changed; the first is the exit code."""
    check()
    done = check(EDITED["edits"], [FAIL])
    assert (done.exit_code, done.outcome) == (1, "failed")
    assert done.steps == {"first": "failed", "second": "unchanged"}
    assert [book.status for book in done.record.notebooks] == ["failed", "completed"]
    assert "it is not right" in done.message
    assert len(archive.drift(done.folder)["changes"]) == 1


def test_a_check_that_lost_its_host_does_not_go_on(check):
    """Where the host cannot be used at all, the other notebooks are not tried."""
    done = check((), ["from runbook.errors import HostError\nraise HostError('gone')"])
    assert (done.exit_code, done.steps["second"]) == (5, "never-run")
    assert archive.drift(done.folder) is None
