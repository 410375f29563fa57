"""The beat of a step: plan, apply, read again, check — and every way it can end."""

import contextlib
import os
import pwd
import signal

import pytest

from runbook.book import Book, open_host
from runbook.controller.signals import watching
from runbook.engine.journal import Journal, read
from runbook.errors import CheckFailed, CommandFailed, ConsentMissing, ParamsError, Refused
from runbook.model.plan import Finding
from runbook.params import digest, load
from tests import toy


@pytest.fixture
def shown(monkeypatch):
    """Return the list of everything that cells displayed."""
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda thing, **_: shown.append(thing))
    return shown


def _end(path):
    return [(e["status"], e["message"]) for e in read(path) if e["event"] == "step-end"]


def test_a_first_run_changes_and_checks(monkeypatch, shown, tmp_path):
    """A plan is carried out, the host is read again, and the step ends as changed."""
    host, journal = toy.ToyHost(), tmp_path / "journal.jsonl"
    book = toy.book(monkeypatch, host=host, journal=journal)
    assert "+on" in book.plan("turn_on").text
    book.apply("turn_on")
    assert (host.files[toy.PATH], host.round_trips) == (toy.WANTED, 2)
    assert _end(journal) == [("changed", "done and checked")]
    assert "changed" in shown[-1].text
    assert "turn_on  changed" in book.summary().text


def test_a_second_run_does_nothing(monkeypatch, shown):
    """On a host that is right nothing is written, and one look is enough."""
    host = toy.ToyHost({toy.PATH: toy.WANTED})
    book = toy.book(monkeypatch, host=host)
    book.apply("turn_on")
    assert (host.written, host.round_trips) == ([], 1)
    assert "unchanged" in shown[-1].text


def test_mode_plan_changes_nothing(monkeypatch, shown):
    """In mode plan the step ends as skipped and the host is as it was, unlocked."""
    host = toy.ToyHost()
    toy.book(monkeypatch, host=host, mode="plan").apply("turn_on")
    assert (host.written, host.locked) == ([], False)
    assert "skipped" in shown[-1].text


def test_auto_is_plan_on_a_real_host(monkeypatch):
    """Nobody changes a real machine without saying apply."""
    assert toy.book(monkeypatch, mode="auto").mode == "plan"


@pytest.mark.parametrize("at", ["before the step", "in its plan", "before its action"])
def test_nothing_begins_after_a_request_that_was_swallowed(monkeypatch, shown, tmp_path, at):
    """Somebody asked to stop, and the exception got lost: the step does not begin, or none of its actions does."""
    host, journal, step = toy.ToyHost(), tmp_path / "j", toy.step()
    sent = []

    def stop():
        with contextlib.suppress(KeyboardInterrupt):
            if not sent:
                sent.append(at)
                os.kill(os.getpid(), signal.SIGINT)

    if at == "in its plan":
        plan = step.plan
        monkeypatch.setattr(step, "plan", lambda *args: (stop(), plan(*args))[1])
    if at == "before its action":
        monkeypatch.setattr("runbook.engine.undo.pack", lambda _: stop())
    book = toy.book(monkeypatch, step, host, journal=journal)
    with watching() as stops, stops.deferred():
        if at == "before the step":
            stop()
        with pytest.raises(KeyboardInterrupt):
            book.apply("turn_on")
    events = [line["event"] for line in read(journal)]
    assert sent
    assert ("step-begin" in events) == (at == "before its action")
    assert "action-begin" not in events
    assert host.written == []


def test_mode_check_fails_on_what_is_still_to_do(monkeypatch):
    """In mode check a host that differs is an error, and stays as it is."""
    host = toy.ToyHost()
    with pytest.raises(CheckFailed, match="write /etc/toy"):
        toy.book(monkeypatch, host=host, mode="check").apply("turn_on")
    assert host.written == []


def test_a_refusal_stops_before_anything_is_done(monkeypatch, tmp_path):
    """A finding of level refuse in the plan ends the step as refused, with the next move."""
    host, journal = toy.ToyHost(), tmp_path / "j"
    with pytest.raises(Refused, match="leave it"):
        toy.book(monkeypatch, toy.step(finding=toy.REFUSAL), host, journal=journal).apply("turn_on")
    assert host.written == []
    assert _end(journal)[0][0] == "refused"


def test_an_action_that_left_no_trace_is_a_failure(monkeypatch, tmp_path):
    """An exit code is not believed: when the second plan is not empty, the step failed."""
    host, journal = toy.ToyHost(), tmp_path / "j"
    host.forgets = True
    with pytest.raises(CheckFailed, match="still not done"):
        toy.book(monkeypatch, host=host, journal=journal).apply("turn_on")
    assert _end(journal)[0][0] == "failed"


def test_a_finding_of_the_check_is_a_failure(monkeypatch):
    """A check that finds something raises it with why and what to do."""
    with pytest.raises(CheckFailed, match="it is off"):
        toy.book(monkeypatch, toy.step(wrong=toy.WRONG)).apply("turn_on")


def test_a_failing_action_is_recorded_as_failed(monkeypatch, tmp_path):
    """What the host said of a failing action reaches the reader and the journal."""
    host, journal = toy.ToyHost(), tmp_path / "j"
    host.fails = True
    with pytest.raises(CommandFailed, match="disk full"):
        toy.book(monkeypatch, host=host, journal=journal).apply("turn_on")
    assert [e["status"] for e in read(journal) if e["event"] == "action-end"] == ["failed"]


def test_a_plan_that_changed_since_it_was_shown_is_refused(monkeypatch):
    """What is applied is what was read: another digest needs another look."""
    host = toy.ToyHost({toy.PATH: toy.WANTED})
    book = toy.book(monkeypatch, host=host)
    book.plan("turn_on")
    host.files[toy.PATH] = "off\n"
    book._look("turn_on")
    with pytest.raises(Refused, match="not the one that was shown"):
        book.apply("turn_on")


@pytest.mark.parametrize(("risk", "line"), [("disruptive", "turn_on"), ("destructive", "turn_on:")])
def test_without_consent_nothing_is_done(monkeypatch, risk, line):
    """Headless, a step that needs consent fails closed and names the line to add."""
    host = toy.ToyHost()
    with pytest.raises(ConsentMissing, match=f"add '{line}"):
        toy.book(monkeypatch, toy.step(risk), host).apply("turn_on")
    assert host.written == []


def test_consent_to_a_destructive_step_ends_when_its_plan_changes(monkeypatch, shown):
    """The digest in the consent must be the digest of the very plan."""
    module = toy.step("destructive")
    digest = module.plan(toy.PARAMS, toy.ToyHost().gather(module.asks(toy.PARAMS))).digest()
    stale = toy.PARAMS.model_copy(update={"consent": ("turn_on:000000000000",)})
    with pytest.raises(ConsentMissing):
        toy.book(monkeypatch, module, params=stale).apply("turn_on")
    toy.book(
        monkeypatch, module, params=toy.PARAMS.model_copy(update={"consent": (f"turn_on:{digest}",)})
    ).apply("turn_on")
    assert "changed" in shown[-1].text


@pytest.mark.parametrize("risk", ["safe", "disruptive"])
def test_a_loss_wants_a_word_of_its_own(monkeypatch, shown, risk):
    """A step's name is no consent to what its plan loses; the plan's digest is, until something else would be lost."""

    def losing(what):
        return toy.step(risk, Finding("loss", what, "the file has it", "write it into the parameters"))

    def applied(module, *consent):
        return toy.book(monkeypatch, module, params=toy.PARAMS.model_copy(update={"consent": consent})).apply(
            "turn_on"
        )

    route, other = losing("the route to 10.8.0.0/24"), losing("the route to 10.9.0.0/24")
    digest = route.plan(toy.PARAMS, toy.ToyHost().gather(route.asks(toy.PARAMS))).digest()
    with pytest.raises(ConsentMissing, match=r"no consent to what would be lost: the route to 10.8"):
        applied(route, "turn_on")
    with pytest.raises(ConsentMissing, match="consent to another plan"):
        applied(other, f"turn_on:{digest}")
    applied(route, f"turn_on:{digest}")
    assert "changed" in shown[-1].text
    assert "lost: a name" in toy.book(monkeypatch, losing("a name"), mode="plan").plan("turn_on").text


def test_a_person_can_consent_with_the_digest(monkeypatch, shown):
    """At a keyboard the beginning of the digest is the consent; anything else is not."""
    module = toy.step("disruptive")
    digest = module.plan(toy.PARAMS, toy.ToyHost().gather(module.asks(toy.PARAMS))).digest()
    monkeypatch.setattr("runbook.engine.consent.at_keyboard", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: "yes")
    with pytest.raises(ConsentMissing):
        toy.book(monkeypatch, module).apply("turn_on")
    monkeypatch.setattr("builtins.input", lambda prompt: digest[:4])
    toy.book(monkeypatch, module).apply("turn_on")
    assert "changed" in shown[-1].text


@pytest.mark.parametrize("how", ["parameter", "digest", "keyboard"])
def test_the_journal_says_how_consent_was_given(monkeypatch, shown, tmp_path, how):
    """Before the first action stands who agreed, in what way, and to which plan; a safe step needs none."""
    module, journal = toy.step("disruptive"), tmp_path / "journal.jsonl"
    digest = module.plan(toy.PARAMS, toy.ToyHost().gather(module.asks(toy.PARAMS))).digest()
    lines = {"parameter": ("turn_on",), "digest": (f"turn_on:{digest}",), "keyboard": ()}
    monkeypatch.setattr("runbook.engine.consent.at_keyboard", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: digest[:4])
    asked = toy.PARAMS.model_copy(update={"consent": lines[how]})
    toy.book(monkeypatch, module, params=asked, journal=journal).apply("turn_on")
    events = [line["event"] for line in read(journal)]
    assert events.index("step-begin") < events.index("consent") < events.index("action-begin")
    (given,) = [line for line in read(journal) if line["event"] == "consent"]
    user = pwd.getpwuid(os.getuid()).pw_name
    assert (given["step"], given["how"], given["digest"], given["who"]) == ("turn_on", how, digest, user)
    assert [line["risk"] for line in read(journal) if line["event"] == "step-begin"] == ["disruptive"]
    toy.book(monkeypatch, journal=tmp_path / "safe").apply("turn_on")
    assert "consent" not in [line["event"] for line in read(tmp_path / "safe")]


def test_a_real_host_is_not_acted_on_without_a_journal(monkeypatch):
    """What would leave no record is refused before anything is done; a replay keeps none and needs none."""
    monkeypatch.setattr("runbook.book.book.steps_of", lambda notebook, release="": {"turn_on": toy.step()})
    host = toy.ToyHost()
    with pytest.raises(Refused, match="nothing would keep a record"):
        Book(toy.PARAMS, "apply", host, "99_toy", Journal(None)).apply("turn_on")
    assert host.written == []
    host.is_real = False
    Book(toy.PARAMS, "apply", host, "99_toy", Journal(None)).apply("turn_on")
    assert host.written == [toy.PATH]


@pytest.mark.parametrize(
    ("answers", "files", "said"),
    [
        ({"id -u": "1000\n"}, {}, "Not root"),
        (
            {},
            {"/etc/os-release": "VERSION_CODENAME=bookworm\nPRETTY_NAME='Debian 12'\n"},
            "Debian 12, not trixie",
        ),
    ],
)
def test_a_host_that_cannot_be_used_is_refused_at_once(monkeypatch, answers, files, said):
    """No root, or another release: refused before any step."""
    with pytest.raises(Refused, match=said):
        toy.book(monkeypatch, host=toy.ToyHost(files, **answers))


def test_an_unknown_step_names_the_known_ones(monkeypatch):
    """A misspelt step says which there are."""
    with pytest.raises(ParamsError, match="it has: turn_on"):
        toy.book(monkeypatch).plan("turn_off")


def test_parameters_that_were_changed_in_mid_run_are_refused(monkeypatch):
    """The report names the parameters that the run began with; a later notebook does not use others."""
    monkeypatch.setenv("RUNBOOK_PARAMS_DIGEST", "0" * 12)
    with pytest.raises(ParamsError, match="changed while the run was under way"):
        open_host("params/example.yml", notebook="00_introduction")
    monkeypatch.setenv("RUNBOOK_PARAMS_DIGEST", digest(load("params/example.yml")))
    open_host("params/example.yml", notebook="00_introduction").host.close()
