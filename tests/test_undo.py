"""The way back: originals kept, newest first, and nothing thrown away that somebody else wrote."""

import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from runbook.actions import InstallPackages, Link, PurgePackages, Reboot, Remove, Run, WriteFile
from runbook.attestation.verify import verify_run
from runbook.book import Book
from runbook.engine import undo, undo_files
from runbook.engine.beat import Beat
from runbook.engine.journal import Journal, of_machine, read
from runbook.errors import CommandFailed, ConsentMissing, HostError, ParamsError, Refused
from runbook.evidence import session
from runbook.evidence.outcomes import StepEnd
from runbook.evidence.record import NotebookRecord
from runbook.hosts.local import LocalHost
from runbook.model.ask import Answer, Ask, Facts
from runbook.model.plan import Plan
from runbook.params import load
from runbook.redaction import learn
from runbook.runner import way_back
from runbook.runner.way_back import go_back
from tests.evidence.attested import alone


def silent(line):
    """Say nothing."""


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Return a host that is this machine, with one folder of its own, and a way to run steps on it."""
    monkeypatch.setattr("runbook.hosts.local.LocalHost.lock", lambda self: None, raising=False)
    monkeypatch.setattr("runbook.engine.gates.require_usable", lambda *host, plans_only: None)
    file = tmp_path / "params.yml"
    file.write_text("host: toy\nconnection: {kind: local}\nconsent: [undo]\n")
    etc, reports = tmp_path / "etc", tmp_path / "reports"
    etc.mkdir()
    alone(monkeypatch, tmp_path / "config")

    def carry_out(name, *planned, risk="safe"):
        """Run one step with these actions as a run of its own."""
        entry = NotebookRecord("03_x", "X", steps=[StepEnd(name, name)])
        run = session.begin(load(file), file, entry, reports)
        asks = tuple(Ask.read(a.path) for a in planned if hasattr(a, "path"))
        left = list(planned)
        step = SimpleNamespace(
            __name__=name, TITLE=name, RISK=risk, asks=lambda p: asks, check=lambda p, f: [],
            plan=lambda p, f: Plan(tuple(left)),
        )  # fmt: skip
        monkeypatch.setattr("runbook.book.book.steps_of", lambda notebook, release="": {name: step})
        consent = {"consent": (name, f"{name}:{Plan(planned).digest()}")}
        book = Book(load(file).model_copy(update=consent), "apply", LocalHost(), "03_x", run.journal)
        book._look = lambda *steps: left.clear() or book.facts
        error = None
        try:
            book.apply(name)
        except Exception as raised:
            error = raised
            raise
        finally:
            run.close(error)
        return run.place

    return SimpleNamespace(file=file, etc=etc, reports=reports, run=carry_out)


def test_going_back_restores_every_file_and_is_done_once(world):
    """After two runs over the same files, the way back leaves exactly what was there before the first."""
    old, new, link = world.etc / "old", world.etc / "new", world.etc / "link"
    old.write_text("theirs\n")
    world.run("first", WriteFile(str(old), "one\n", owner="0:0"), WriteFile(str(new), "n\n", owner="0:0"))
    world.run("second", WriteFile(str(old), "two\n", owner="0:0"), Link(str(link), "old"))
    done = go_back(world.file, (), "apply", world.reports, silent)
    assert (done.outcome, done.exit_code) == ("completed", 0)
    assert verify_run(done.folder, ()).status in ("unsigned", "unknown key")  # attested as any run
    assert done.steps == {"second": "changed", "first": "changed"}
    assert old.read_text() == "theirs\n"
    assert not new.exists()
    assert not link.is_symlink()
    assert go_back(world.file, (), "plan", world.reports, silent).parts == ()


def test_one_step_alone_can_be_taken_back(world):
    """With a step's name only its files return; a step that did nothing is an error that names the others."""
    a, b = world.etc / "a", world.etc / "b"
    world.run("first", WriteFile(str(a), "1\n", owner="0:0"))
    world.run("second", WriteFile(str(b), "2\n", owner="0:0"))
    go_back(world.file, ("first",), "apply", world.reports, silent)
    assert (a.exists(), b.exists()) == (False, True)
    with pytest.raises(ParamsError, match="first") as caught:
        go_back(world.file, ("first",), "plan", world.reports, silent)
    assert "second" in caught.value.do


def test_a_file_that_somebody_changed_since_is_refused(world):
    """What another hand wrote after the step is not thrown away: nothing at all is done."""
    a, b = world.etc / "a", world.etc / "b"
    world.run("first", WriteFile(str(a), "1\n", owner="0:0"), WriteFile(str(b), "2\n", owner="0:0"))
    a.write_text("by hand\n")
    with pytest.raises(Refused, match="changed since first"):
        go_back(world.file, (), "apply", world.reports, silent)
    assert (a.read_text(), b.read_text()) == ("by hand\n", "2\n")


def test_a_file_that_held_a_secret_is_refused(world):
    """A journal keeps no secret, so what it has of such a file is never written over the true one."""
    learn("env:UNDONE", "undone-canary")
    old = world.etc / "old"
    old.write_text("password = undone-canary\n")
    world.run("first", WriteFile(str(old), "one\n", owner="0:0"))
    journal = next(world.reports.glob("toy/*/journal.jsonl")).read_text()
    assert "undone-canary" not in journal
    assert "[secret env:UNDONE]" in journal
    with pytest.raises(Refused, match="held a secret before first wrote it"):
        go_back(world.file, (), "apply", world.reports, silent)
    assert old.read_text() == "one\n"


def test_a_way_back_that_fails_half_way_goes_on_from_there(world):
    """What was taken back before a failure is not taken back again; the rest is, once the cause is gone."""
    a, flag = world.etc / "a", world.etc / "flag"
    world.run("first", WriteFile(str(a), "1\n", owner="0:0"))
    world.run("second", Run(("true",), undo=("test", "-e", str(flag))))
    world.run("third", Run(("true",), undo=("sh", "-c", f"echo x >> {world.etc}/count")))
    failed = go_back(world.file, (), "apply", world.reports, silent)
    assert (failed.exit_code, failed.steps) == (
        1,
        {"third": "changed", "second": "failed", "first": "never-run"},
    )
    assert a.exists()
    flag.touch()
    done = go_back(world.file, (), "apply", world.reports, silent)
    assert (done.exit_code, done.steps) == (0, {"second": "changed", "first": "changed"})
    assert (world.etc / "count").read_text() == "x\n"
    assert not a.exists()


def test_a_file_that_does_not_come_back_fails_its_own_step(world):
    """The step whose file is wrong has failed, and is still there to be taken back; the others are done."""
    a = world.etc / "a"
    world.run("first", Run(("true",), undo=("sh", "-c", f"echo theirs > {a}")))
    world.run("second", WriteFile(str(a), "1\n", owner="0:0"))
    done = go_back(world.file, (), "apply", world.reports, silent)
    assert (done.exit_code, done.steps) == (1, {"second": "failed", "first": "changed"})
    assert f"{a} is not as it was before" in done.message
    assert [name for name, _ in go_back(world.file, (), "plan", world.reports, silent).parts] == ["second"]
    a.write_text("1\n")
    assert go_back(world.file, (), "apply", world.reports, silent).steps == {"second": "changed"}
    assert go_back(world.file, (), "plan", world.reports, silent).parts == ()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_with_its_report_written(world, sent):
    """The command on the host ends, the report says where it stood, and the next way back goes on from there."""
    here, a = world.etc / "here", world.etc / "a"
    world.run("first", WriteFile(str(a), "1\n", owner="0:0"))
    world.run("second", Run(("true",), undo=("sh", "-c", f"echo $$ > {here}; [ -e {here}.go ] || sleep 60")))

    def strike():
        while not (here.exists() and here.read_text().strip()):
            time.sleep(0.02)
        time.sleep(0.3)  # the command runs, and this process waits for it
        os.kill(os.getpid(), sent)

    striker = threading.Thread(target=strike)
    striker.start()
    done = go_back(world.file, (), "apply", world.reports, silent)
    striker.join()
    assert (done.outcome, done.exit_code) == ("killed", 130)
    assert done.steps["first"] == "never-run"
    assert verify_run(done.folder, ()).status in ("unsigned", "unknown key")
    assert not Path(f"/proc/{here.read_text().strip()}").exists()
    (world.etc / "here.go").touch()
    assert go_back(world.file, (), "apply", world.reports, silent).exit_code == 0
    assert not a.exists()


def test_a_secret_of_the_parameters_is_not_said(world, monkeypatch):
    """What the host says while it goes back is masked as in any run, though nobody has used the secret yet."""
    monkeypatch.setenv("UNDO_CANARY", "canary-of-undo")
    monkeypatch.setattr(
        way_back, "mask_known_secrets", lambda params: learn("env:UNDO_CANARY", "canary-of-undo")
    )
    world.run("first", Run(("true",), undo=("echo", "it is canary-of-undo")))
    said = []
    go_back(world.file, (), "apply", world.reports, said.append)
    assert any("it is [secret env:UNDO_CANARY]" in line for line in said), said
    assert "canary-of-undo" not in "".join(said)


def test_what_has_no_way_back_is_said_to_stay(world):
    """A step whose actions cannot be taken back is skipped, with what stays of it, and not called unchanged."""
    world.run("first", Run(("true",)))
    done = go_back(world.file, (), "apply", world.reports, silent)
    assert done.steps == {"first": "skipped"}
    assert "stays" in (done.folder / "run.json").read_text()


def test_the_plan_changes_nothing(world):
    """Mode plan shows the way back and leaves files and reports as they are."""
    a = world.etc / "a"
    world.run("first", WriteFile(str(a), "1\n", owner="0:0"))
    way = go_back(world.file, (), "plan", world.reports, silent)
    assert [action.title for action in way.whole.actions] == [f"remove {a}"]
    assert a.exists()
    assert len([path for path in (world.reports / "toy").iterdir() if path.is_dir()]) == 1


def test_a_restart_on_the_way_back_needs_consent(world):
    """A way back that restarts the host is disruptive: without `undo` in the consent nothing is done."""
    a = world.etc / "a"
    world.file.write_text("host: toy\nconnection: {kind: local}\nconsent: []\n")
    world.run("first", WriteFile(str(a), "1\n", owner="0:0"))
    with pytest.raises(HostError):
        world.run("boot", Reboot("x"))
    with pytest.raises(ConsentMissing, match="undo is disruptive"):
        go_back(world.file, (), "apply", world.reports, silent)
    assert a.exists()


def test_what_another_installation_did_is_not_taken_back(world, monkeypatch):
    """Runs of a host before it was installed anew are left alone: their files are not this machine's."""
    a = world.etc / "a"
    world.run("first", WriteFile(str(a), "1\n", owner="0:0"))
    monkeypatch.setattr("runbook.facts.identity.parse", lambda facts: "another")
    assert go_back(world.file, (), "plan", world.reports, silent).parts == ()


def done(back, at="1", step="s", **more):
    return undo.Done("r", at, step, "t", back, **more)


def test_what_is_made_from_files_is_made_once_more_at_the_end():
    """The boot menu is renewed once, after every file it is made from, and before a restart."""
    grub = Run(("update-grub",), again=True)
    way = undo.plan(
        [done(Reboot("x")), done(grub), done(Remove("/etc/a")), done(grub), done(Remove("/b"))], Facts({})
    )
    assert way.actions == (Reboot("x"), Remove("/etc/a"), Remove("/b"), grub)
    before = undo.plan([done(grub), done(Remove("/etc/a")), done(Reboot("x"))], Facts({}))
    assert before.actions == (Remove("/etc/a"), grub, Reboot("x"))


@pytest.mark.parametrize(
    ("back", "risk"),
    [
        (Remove("/b"), "safe"),
        (Run(("true",)), "disruptive"),
        (Reboot("x"), "disruptive"),
        (Run(("lvremove", "--yes", "g/v")), "destructive"),
        (Run(("sh", "-c", "lvremove --yes g/v")), "destructive"),
    ],
)
def test_the_risk_is_that_of_the_strongest_action(back, risk):
    """A volume that goes makes the way back destructive, a restart and a command disruptive, whatever the step was."""
    assert undo.risk([done(Remove("/a"), risk="safe"), done(back, risk="safe")], {}) == risk


@pytest.mark.parametrize(
    ("noted", "known", "risk"),
    [("", {}, "disruptive"), ("safe", {}, "safe"), ("safe", {"s": "destructive"}, "destructive"),
     ("disruptive", {"s": "safe"}, "disruptive"), ("none at all", {}, "disruptive")],
)  # fmt: skip
def test_the_risk_is_at_least_that_of_the_step(noted, known, risk):
    """What the run noted cannot make less of a step than it is; one that nobody knows is not safe."""
    assert undo.risk([done(Remove("/a"), risk=noted)], known) == risk
    assert undo.risk([done(None, risk="destructive")], known) == "safe"


def test_the_check_sees_a_file_that_did_not_return():
    """A way back that left a file as it was is found out."""
    planned = Plan((WriteFile("/etc/a", "before\n"), Remove("/etc/b")))
    facts = Facts({Ask.read("/etc/a"): Answer(0, "after\n"), Ask.read("/etc/b"): Answer(44)})
    assert [f.what for f in undo_files.check(planned, facts).values()] == ["/etc/a is not as it was before"]


def test_a_file_that_went_with_its_package_is_right():
    """What the purge of a package took along is no failure; without a purge behind it, it is one."""
    gone = Facts({Ask.read("/etc/default/xendomains"): Answer(44)})
    write = WriteFile("/etc/default/xendomains", "theirs\n")
    purge = InstallPackages(("xen",), ("xen 4.20",)).inverse(Facts({}))
    assert undo_files.check(Plan((write, purge)), gone) == {}
    assert [f.level for f in undo_files.check(Plan((purge, write)), gone).values()] == ["fail"]


def test_a_file_that_is_gone_and_would_go_stops_nothing(world):
    """A file in /run that a restart took away is where the way back leads; one with an original is refused."""
    mark, kept = world.etc / "mark", world.etc / "kept"
    kept.write_text("theirs\n")
    world.run("first", WriteFile(str(mark), "1\n", owner="0:0"), WriteFile(str(mark), "2\n", owner="0:0"))
    mark.unlink()
    assert go_back(world.file, (), "apply", world.reports, silent).exit_code == 0
    world.run("second", WriteFile(str(kept), "ours\n", owner="0:0"))
    kept.unlink()
    with pytest.raises(Refused, match="was removed since second"):
        go_back(world.file, (), "apply", world.reports, silent)


def test_of_a_steps_restarts_the_oldest_is_taken():
    """Two boots of one step need one restart on the way back, two steps' one each."""
    boots = [
        undo.Done("r", str(at), step, "reboot", Reboot(f"{step} {at}"))
        for at, step in ((3, "xen"), (2, "xen"), (1, "kernel"))
    ]
    assert [a.into for a in undo.plan(boots, Facts({})).actions] == ["xen 2", "kernel 1"]


def test_the_same_way_back_of_two_actions_is_gone_twice(world):
    """An entry that was made the default twice is so again twice: what lies between needs both."""
    log = world.etc / "log"
    linux, xen = (Run(("true",), undo=("sh", "-c", f"echo {name} >>{log}")) for name in ("linux", "xen"))
    for name, action in (("first", linux), ("second", xen), ("third", linux)):
        world.run(name, action)
    go_back(world.file, (), "apply", world.reports, silent)
    assert log.read_text() == "linux\nxen\nlinux\n"


def test_each_action_of_the_way_back_stands_for_what_it_takes_back():
    """A menu that was renewed before and after a restart is renewed twice on the way back, and each time noted."""
    grub = Run(("update-grub",), again=True)
    names = [("menu", grub), ("boot", Reboot("x")), ("menu", grub), ("boot", Reboot("x")), ("menu", grub)]
    left = [undo.Done("r", str(9 - at), step, "t", back) for at, (step, back) in enumerate(names)]
    assert undo.plan(left, Facts({})).actions == (grub, Reboot("x"), grub)
    stood = [[d.key for d in same] for _, same in undo.order(left)]
    assert stood == [["r 9", "r 7"], ["r 8", "r 6"], ["r 5"]]


def test_an_upgraded_package_is_not_purged():
    """Only what was new goes; a package that was there before stays, in whatever version."""
    back = InstallPackages(("xen",), ("xen 4.20", "lvm2 2.03.31 (2.03.16 before)")).inverse(Facts({}))
    assert back == PurgePackages(("xen",))
    assert InstallPackages(("lvm2",), ("lvm2 2.03.31 (2.03.16 before)",)).inverse(Facts({})) is None


def test_a_link_leads_again_where_it_led():
    """A link that was replaced or removed comes back with its target, also through a journal."""
    replaced, removed = Link("/etc/a", "../new", before="../old"), Remove("/etc/a", link="../old")
    for action in (replaced, removed):
        assert undo.unpack(undo.pack(action.inverse(Facts({})))) == Link("/etc/a", "../old")
    assert Link("/etc/a", "../new").inverse(Facts({})) == Remove("/etc/a")


def test_each_steps_restart_is_taken_back_by_its_own(tmp_path, monkeypatch):
    """Restarts of two steps are alike; each is carried out, and noted for all boots of its own step."""
    carried = []
    monkeypatch.setattr("runbook.engine.beat.carry_out", lambda action, host, say: carried.append(action))
    boots = tuple(
        done(Reboot("x"), str(at), step=step) for at, step in ((3, "xen"), (2, "xen"), (1, "kernel"))
    )
    whole = undo.plan(list(boots), Facts({}))
    way = way_back.WayBack((("xen", boots[:2]), ("kernel", boots[2:])), whole, Facts({}), "machine")
    journal = Journal(tmp_path / "journal.jsonl")
    host = SimpleNamespace(gather=lambda asks: Facts({}), is_real=True)
    asked = SimpleNamespace(host="toy", consent=("undo",))
    way_back._take_back(asked, way, Beat(host, journal, undo.NOTEBOOK), silent)
    keys = [line["keys"] for line in read(journal.path) if line["event"] == "taken-back"]
    assert (len(carried), keys[:2]) == (2, [["r 3", "r 2"], ["r 1"]])


def test_what_was_done_under_another_system_is_not_taken_back():
    """One run may install a system from a live one, and go on in it: only the latter part is this host's."""

    def of(machine, title):
        return [{"event": "open", "machine": machine}, {"event": "action-begin", "title": title}]

    lines = [*of("live", "a"), *of("here", "b"), *of("live", "c"), *of("here", "d")]
    assert [line["title"] for line in of_machine(lines, "here") if "title" in line] == ["b", "d"]


def test_a_file_comes_back_with_its_mode(world):
    """What a step wrote over, removed or wrote with another mode has its own mode again."""
    old, gone = world.etc / "old", world.etc / "gone"
    for file, mode in ((old, 0o755), (gone, 0o600)):
        file.write_text("theirs\n")
        file.chmod(mode)
    world.run("first", WriteFile(str(old), "one\n", "0640", "0:0"), Remove(str(gone)))
    assert (old.stat().st_mode & 0o777, gone.exists()) == (0o640, False)
    assert go_back(world.file, (), "apply", world.reports, silent).exit_code == 0
    assert [file.stat().st_mode & 0o777 for file in (old, gone)] == [0o755, 0o600]
    assert [file.read_text() for file in (old, gone)] == ["theirs\n", "theirs\n"]


def test_the_check_sees_a_mode_that_did_not_return():
    """A file with its old text and another mode is not as it was."""
    facts = Facts({Ask.read("/etc/a"): Answer(0, "before\n", "0644 root:root")})
    found = undo_files.check(Plan((WriteFile("/etc/a", "before\n", "0755"),)), facts)
    assert [f.what for f in found.values()] == ["/etc/a has mode 0644, and had 0755 before"]


def test_what_somebody_changed_between_two_runs_is_refused(world):
    """The way back to before the first run would throw away what was written by hand after it."""
    a = world.etc / "a"
    one = world.run("first", WriteFile(str(a), "1\n", owner="0:0"))
    a.write_text("by hand\n")
    two = world.run("second", WriteFile(str(a), "2\n", owner="0:0"))
    with pytest.raises(
        Refused, match=f"changed between first in run {one.name} and second in run {two.name}"
    ):
        go_back(world.file, (), "apply", world.reports, silent)
    assert a.read_text() == "2\n"
    assert go_back(world.file, ("second",), "apply", world.reports, silent).exit_code == 0
    assert a.read_text() == "by hand\n"


@pytest.mark.parametrize("what", ["a file in place of a link", "a link elsewhere", "a file again"])
def test_what_somebody_put_in_a_links_or_a_removed_files_place_is_refused(world, what):
    """A link that was replaced, and a file that came again, are somebody else's: nothing is done."""
    link, gone = world.etc / "link", world.etc / "gone"
    gone.write_text("theirs\n")
    world.run("first", Link(str(link), "nowhere"), Remove(str(gone)))
    if what == "a file again":
        gone.write_text("new\n")
    else:
        link.unlink()
        link.write_text("x\n") if "file" in what else link.symlink_to("else")
    with pytest.raises(Refused, match="changed since first"):
        go_back(world.file, (), "apply", world.reports, silent)
    assert gone.exists() == (what == "a file again")


def test_an_action_that_failed_half_way_is_taken_back(world):
    """A command that did its work and then failed has left something: the way back removes it."""
    mark = world.etc / "mark"
    make = Run(("sh", "-c", f"touch {mark}; false"), undo=("rm", "-f", str(mark)))
    with pytest.raises(CommandFailed):
        world.run("first", make)
    assert mark.exists()
    assert go_back(world.file, (), "apply", world.reports, silent).exit_code == 0
    assert not mark.exists()


def test_a_write_that_failed_leaves_the_way_free(world):
    """A file that could not be written is as it was before: no reason to refuse the way back."""
    a, b = world.etc / "a", world.etc / "b"
    b.write_text("theirs\n")
    world.run("first", WriteFile(str(a), "1\n", owner="0:0"))
    with pytest.raises(CommandFailed):
        world.run("second", WriteFile(str(b), "2\n", owner="0:0", check=("false",)))
    assert go_back(world.file, (), "apply", world.reports, silent).exit_code == 0
    assert (a.exists(), b.read_text()) == (False, "theirs\n")


def test_the_way_back_of_what_failed_may_fail_and_is_said(world):
    """What never came to be cannot be taken away: the rest returns, and it stays in the plan."""
    a, said = world.etc / "a", []
    world.run("first", WriteFile(str(a), "1\n", owner="0:0"))
    with pytest.raises(CommandFailed):
        world.run("second", Run(("false",), undo=("false",)))
    done = go_back(world.file, (), "apply", world.reports, said.append)
    assert (done.exit_code, a.exists()) == (0, False)
    assert done.steps == {"second": "skipped", "first": "changed"}
    assert any("had failed itself" in line for line in said)
    assert [name for name, _ in go_back(world.file, (), "plan", world.reports, silent).parts] == ["second"]
