"""A plan is approved by another person's key, for one host, one set of parameters, one time, and exactly as it is."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from runbook.attestation import approval, keys
from runbook.engine import consent
from runbook.engine.consent import Approval, require, require_same_machine
from runbook.errors import ConsentMissing, ParamsError
from runbook.evidence import plan_file
from runbook.evidence.pages import run_page
from runbook.model.ask import Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams, digest
from tests import toy
from tests.evidence.attested import alone, record
from tests.evidence.toys import fetches
from tests.test_cli import call
from tests.toy import ToyHost

DAY = timedelta(days=1)


def later(days):
    return (datetime.now(UTC) + days * DAY).isoformat(timespec="seconds")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder with the runner's key in use, and another person's in `ana`."""
    alone(monkeypatch, tmp_path / "config")
    keys.make()
    keys.make(tmp_path / "ana")
    return tmp_path


def params_of(place, key="ana", **more):
    line = keys.load(place / key).public.line
    return HostParams.model_validate(
        {"host": "toy", "connection": {"kind": "local"}, "consent": {"by": f"{line} Ana"}, **more}
    )


def step_of(name="turn_on", planned="0" * 12, after=()):
    return {
        "notebook": "05_work", "step": name, "title": "Turn it on", "risk": "disruptive", "digest": planned,
        "actions": 1, "message": "", "stops": [], "after": list(after), "text": f"Turn it on: 1 action, digest {planned}",
    }  # fmt: skip


def plan_of(place, params, *steps, until=7, host="toy"):
    """Write a plan that was sent, and return its file."""
    plan = {
        "host": host, "release": "trixie", "connection": "local", "machine": "00eaea0f29a6",
        "params": {"path": "params/toy.yml", "digest": digest(params), "sha256": "0" * 64},
        "run": "20260131T101500Z-1a2b3c", "made": later(0), "until": later(until), "change": "CHG-17",
        "by": {"user": "otto", "controller": "desk"}, "source": {"commit": None}, "steps": list(steps),
    }  # fmt: skip
    file = place / "plan.json"
    file.write_text(approval.seal_plan(plan, keys.operator()))
    return file


def approved(place, file, key="ana", until=7):
    """Sign a plan, and return the approval's file."""
    text = approval.seal_approval(file.read_bytes(), later(0), later(until), "go on", keys.load(place / key))
    out = place / "approved.json"
    out.write_text(text)
    return out


def given(place, params, *steps, **options):
    """Return what an approval agrees to that was made just so."""
    key = options.pop("key", "ana")
    file = approved(place, plan_of(place, params, *steps, **options), key)
    return approval.require(file, params, digest(params), keys.own())


def test_an_approval_agrees_to_each_step_by_its_digest(place):
    """Who gave it is named by the parameters' own words for the key, and what the record says names all three."""
    params = params_of(place)
    found, agreed = given(place, params, step_of())
    ana = keys.load(place / "ana").public.fingerprint
    assert (agreed.digests, agreed.by) == ({"turn_on": "0" * 12}, f"Ana ({ana})")
    told = approval.told(found, agreed.by)
    assert told["plan"]["by"]["user"] == "otto"
    assert told["plan"]["key"] == keys.own()[0].fingerprint
    assert (told["key"], told["comment"], told["plan"]["digest"]) == (ana, "go on", found.sent.digest)


def test_one_error_for_each_reason_for_which_it_does_not_hold(place):
    """Another host's, another's parameters, a key that is not allowed, one's own, and one whose time is past."""
    params, mine = params_of(place), keys.own()[0].line
    keys.make(place / "eve")
    cases = {
        "it is for other": lambda: given(place, params, host="other"),
        "is none of the keys": lambda: given(place, params, key="eve"),
        "it held until": lambda: given(place, params, until=-1),
        "the parameters were": lambda: approval.require(
            approved(place, plan_of(place, params)), params, "d" * 12, keys.own()
        ),
    }
    own = params.model_copy(update={"approvers": (f"{mine} Otto",)})
    cases["is the key of whoever runs it"] = lambda: given(place, own, key=str(keys.place()))
    cases["who runs it has no key"] = lambda: approval.require(
        approved(place, plan_of(place, params)), params, digest(params), []
    )
    for why, attempt in cases.items():
        with pytest.raises(ConsentMissing, match="The approval does not hold, and nothing was done") as error:
            attempt()
        assert why in error.value.why
        assert error.value.do


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "json", "resigned", "unsigned"])
def test_what_is_not_as_it_was_signed_is_refused(place, damage):
    """A cut, an altered byte, another file, a signature of another key: nothing of it counts."""
    params = params_of(place)
    file = plan_of(place, params, step_of())
    good = approved(place, file)
    data = good.read_bytes()
    keys.make(place / "eve")
    envelope = json.loads(data)
    eve = approval.seal_approval(file.read_bytes(), later(0), later(7), "", keys.load(place / "eve"))
    unsigned = {"plan": file.read_text(), "at": later(0), "until": later(7), "comment": ""}
    bad = {
        "cut": data[: len(data) // 2],
        "flipped": data.replace(
            envelope["payload"][40:60].encode(), envelope["payload"][40:60][::-1].encode()
        ),
        "empty": b"",
        "json": b"{}",
        "resigned": (
            json.dumps(envelope | {"signatures": json.loads(eve)["signatures"]}, indent=2) + "\n"
        ).encode(),
        "unsigned": approval.dsse.seal(
            approval.APPROVAL,
            {"plan": hashlib.sha256(file.read_bytes()).hexdigest()},
            {"approval": unsigned},
            None,
        ).encode(),
    }
    assert approval.require(good, params, digest(params), keys.own())
    good.write_bytes(bad[damage])
    with pytest.raises(ConsentMissing, match="cut, altered, or is another file"):
        approval.require(good, params, digest(params), keys.own())


def test_the_plan_in_place_of_its_approval_is_sent_to_be_signed(place):
    """Who gives the wrong one of the two files is told which one it is, and the command that makes the other."""
    params = params_of(place)
    file = plan_of(place, params, step_of())
    with pytest.raises(ConsentMissing, match="it is the plan itself") as error:
        approval.require(file, params, digest(params), keys.own())
    assert f"`runbook approve {file}`" in error.value.do


def test_a_plan_in_which_a_digest_was_exchanged_is_no_longer_what_was_signed(place):
    """The approval holds the plan's own bytes; another plan put in their place is found."""
    params = params_of(place)
    file = approved(place, plan_of(place, params, step_of()))
    envelope = json.loads(file.read_text())
    said = json.loads(base64.b64decode(envelope["payload"]))
    said["predicate"]["approval"]["plan"] = plan_of(place, params, step_of(planned="f" * 12)).read_text()
    payload = base64.b64encode(json.dumps(said, separators=(",", ":")).encode()).decode()
    file.write_text(json.dumps(envelope | {"payload": payload}, indent=2) + "\n")
    with pytest.raises(ConsentMissing, match="signature does not fit"):
        approval.require(file, params, digest(params), keys.own())


@pytest.fixture
def alone_there(monkeypatch):
    """Let nobody be at a keyboard."""
    monkeypatch.setattr(consent, "at_keyboard", lambda: False)


def test_a_step_runs_unattended_exactly_as_it_was_approved(place, alone_there):
    """The plan's digest now is the approved one, whatever its risk; another plan, or one that was only foreseen, is not."""
    params, planned = params_of(place), Plan((), (Finding("loss", "a route goes"),))
    step = SimpleNamespace(RISK="destructive", TITLE="x", __name__="x.turn_on")

    def ask(agreed):
        return require("turn_on", step, planned, params, Facts({}), agreed)

    found = ask(Approval("Ana", {"turn_on": planned.digest()}))
    assert (found.how, found.by, found.digest) == ("approval", "Ana", planned.digest())
    for agreed, why in [
        (Approval("Ana", {"turn_on": "f" * 12}), "Ana approved another plan of it, ffffffffffff"),
        (
            Approval("Ana", {"turn_on": "f" * 12}, frozenset({"turn_on"})),
            "Ana approved what was foreseen of it",
        ),
        (Approval("Ana", {}), "the plan that Ana approved does not have it"),
        (None, "no approval was given"),
    ]:
        with pytest.raises(ConsentMissing) as error:
            ask(agreed)
        assert why in error.value.why
        assert "runbook approve" in error.value.do


def test_on_a_replay_a_foreseen_step_is_led_on_by_its_name(place, alone_there):
    """Each plan of a recorded host is of its beginning: planned anew, the step would only be foreseen again."""
    step, planned = SimpleNamespace(RISK="disruptive", TITLE="x", __name__="x.turn_on"), Plan(())
    agreed = Approval("Ana", {"turn_on": "f" * 12}, frozenset({"turn_on"}))
    moves = {}
    for kind, more in [("local", {}), ("recorded", {"recording": "."})]:
        params = params_of(place, connection={"kind": kind, **more})
        with pytest.raises(ConsentMissing) as error:
            require("turn_on", step, planned, params, Facts({}), agreed)
        moves[kind] = error.value.do
    assert "steps: [turn_on]" in moves["recorded"]
    assert "steps:" not in moves["local"]


def test_whoever_reads_a_plan_sees_first_what_their_word_is_for(place):
    """Above all steps: which ones run by an approval, and which are only foreseen; no sentence is wider than 80."""
    steps = [step_of(f"step_{n}", after=["step_0"] if n > 5 else []) for n in range(12)]
    steps[3]["text"] = "Turn on " + "very " * 30 + "much: 1 action"
    file = plan_of(place, params_of(place), *steps)
    page = place / "plan.html"
    shown = call("approve", str(file), "--html", str(page)).stdout
    head = " ".join(shown.partition("\n\n")[0].split())
    assert (
        "run unattended by an approval: step_0, step_1, step_2, step_3, step_4, step_5 only foreseen" in head
    )
    assert "not approved with it: step_6, step_7, step_8, step_9, step_10, step_11" in head
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert page.read_text().count(f">{'0' * 12}<") == 6


def test_who_signs_their_own_plan_is_told_so(place):
    """It may be another person's run, so it is signed; that their own key does not let them run it is said at once."""
    file = plan_of(place, params_of(place), step_of())
    digest = approval.read_plan(file).digest
    own = call("approve", str(file), "--consent", digest)
    assert (own.exit_code, "This key signed the plan as well" in own.stderr) == (0, True)
    other = call("approve", str(file), "--consent", digest, "--key", str(place / "ana"))
    assert (other.exit_code, "as well" in other.stderr) == (0, False)


def test_an_approval_is_for_one_installation(place):
    """A machine that was installed anew, or another of the same name, is not the one that was planned for."""
    host = ToyHost()
    require_same_machine(Approval("Ana", {}, machine="00eaea0f29a6"), "00eaea0f29a6", host)
    for machine in ("ffffffffffff", ""):
        with pytest.raises(ConsentMissing, match="installation 00eaea0f29a6"):
            require_same_machine(Approval("Ana", {}, machine="00eaea0f29a6"), machine, host)


def test_the_journal_says_who_approved(place, monkeypatch, tmp_path):
    """The event `consent` of an approved step names its way, its digest, who ran it and who approved it."""
    module = toy.step("disruptive")
    book = toy.book(monkeypatch, module, journal=tmp_path / "journal.jsonl")
    planned = module.plan(toy.PARAMS, book.facts)
    book._beat.approval = Approval("Ana (SHA256:x)", {"turn_on": planned.digest()})
    book.apply("turn_on")
    lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    (said,) = [line for line in lines if line["event"] == "consent"]
    assert (said["how"], said["by"], said["digest"]) == ("approval", "Ana (SHA256:x)", planned.digest())


def test_consent_by_is_the_same_as_approvers(place):
    """`consent: {by: KEY}`, with names beside it or without, and a list of keys, are the parameters' approvers."""
    line = keys.load(place / "ana").public.line
    for said, steps in [({"by": line}, ()), ({"by": [line], "steps": ["set_boot_menu"]}, ("set_boot_menu",))]:
        params = HostParams.model_validate({"host": "a", "connection": {"kind": "local"}, "consent": said})
        assert (params.approvers, params.consent) == ((line,), steps)
    for said, why in [({"bye": line}, "has no 'bye'"), ({"by": "ssh-ed25519 AAAA"}, "no Ed25519 public key")]:
        with pytest.raises(ValueError, match=why):
            HostParams.model_validate({"host": "a", "connection": {"kind": "local"}, "consent": said})


def test_who_is_to_approve_reads_it_and_signs_what_they_read(place, monkeypatch):
    """`approve` shows the plan and signs nothing; with another digest it refuses; with its own it writes the approval."""
    params = params_of(place)
    file = plan_of(place, params, step_of(), step_of("later", "f" * 12, ["turn_on"]))
    page = place / "plan.html"
    shown = call("approve", str(file), "--html", str(page))
    sent = approval.read_plan(file)
    assert f"add: --consent {sent.digest}" in shown.stdout
    assert "Turn it on: 1 action" in shown.stdout
    html = page.read_text()
    assert not fetches(html)
    assert all(word in html for word in ("otto", "CHG-17", sent.digest, "foreseen, after turn_on"))
    assert json.loads(call("approve", str(file), "--json").stdout)["digest"] == sent.digest
    alone = call("approve", str(file), "--html", "-")
    assert (alone.stdout.strip(), "Nothing was signed" in alone.stderr) == (html.strip(), True)
    assert call("approve", str(file), "--html", "-", "--json").exit_code == 2
    wrong = call("approve", str(file), "--consent", "0" * 12)
    assert (wrong.exit_code, (place / "plan.approved.json").exists()) == (4, False)
    monkeypatch.setenv(keys.ENV, str(place / "ana"))
    done = call("approve", str(file), "--consent", sent.digest, "--comment", "fine")
    assert done.exit_code == 0, done.output
    out = place / "plan.approved.json"
    assert done.stdout.strip() == str(out)
    assert f"runbook run PARAMS --mode apply --approval {out}" in " ".join(done.stderr.split())
    assert keys.load(place / "ana").public.line in done.stderr
    monkeypatch.delenv(keys.ENV)
    found, agreed = approval.require(out, params, digest(params), keys.own())
    assert (found.comment, agreed.foreseen) == ("fine", {"later"})
    again = call("approve", str(out))
    assert (again.exit_code, "no plan that could be approved" in again.stderr) == (2, True)


def test_a_plan_that_is_past_is_not_signed(place):
    """Nobody approves what could not be applied any more."""
    file = plan_of(place, params_of(place), step_of(), until=-1)
    done = call(
        "approve", str(file), "--key", str(place / "ana"), "--consent", approval.read_plan(file).digest
    )
    assert (done.exit_code, "The plan is past" in done.stderr) == (4, True)


def test_a_hostile_plan_is_text(place):
    """What a plan says of itself does not act, on its page and on the terminal."""
    evil = "<script>alert(1)</script>\x1b]0;x\x07"
    file = plan_of(place, params_of(place), step_of() | {"text": evil, "title": evil})
    assert "\x1b" not in call("approve", str(file)).output
    html = plan_file.page(approval.read_plan(file).plan, digest="d", signer="")
    assert "<script>alert" not in html
    assert "\x1b" not in html


def test_the_page_of_a_run_names_who_planned_who_approved_and_the_change(place):
    """All of it stands in the record, too."""
    found, agreed = given(place, params_of(place), step_of())
    run = record(1)
    run.change, run.approval = "CHG-17", approval.told(found, agreed.by)
    html = run_page(run.as_dict())
    assert all(word in html for word in ("CHG-17", "otto", "Ana (", agreed.by, found.sent.digest, "go on"))
    assert type(run).from_dict(run.as_dict()).approval == run.approval


def test_a_file_that_is_not_there_is_named(place):
    """A wrong path ends before anything is started."""
    with pytest.raises(ParamsError, match="cannot be read"):
        approval.require(place / "none.json", params_of(place), "d" * 12, keys.own())
