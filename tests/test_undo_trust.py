"""`undo` acts only on what verifies: alterations of every kind, generated, and none of them leads to an action."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from runbook.actions import Link, PurgePackages, Reboot, Remove, Run, Switch, WriteFile
from runbook.attestation import dsse, keys
from runbook.attestation.statement import NAME, RUN
from runbook.cli import main
from runbook.engine import undo
from runbook.engine.journal import read
from runbook.errors import ConsentMissing, Refused
from runbook.evidence import abandoned
from runbook.evidence.vouched import journals
from runbook.runner.way_back import go_back
from tests.test_undo import silent, world

__all__ = ["world"]
SEEDS = range(300)
EVIL = {
    "type": "Run",
    "argv": ["sh", "-c", "touch /tmp/never"],
    "why": "",
    "timeout_s": 60,
    "undo": [],
    "again": False,
}


@pytest.fixture
def done(world, monkeypatch, tmp_path):
    """Return the world after two signed runs, with the operator's key, and a list of all that is carried out from now on."""
    keys.make()
    world.file.write_text("host: toy\nconnection: {kind: local}\nconsent: [undo]\n")
    first = world.run("first", WriteFile(str(world.etc / "a"), "1\n", owner="0:0"))
    second = world.run("second", Run(("true",), undo=("true",)))
    carried: list[str] = []
    monkeypatch.setattr(
        "runbook.engine.beat.carry_out", lambda action, host, say: carried.append(action.title) or ""
    )
    return SimpleNamespace(**vars(world), first=first, second=second, carried=carried)


def flip(rng, run):
    """Change one byte of the journal."""
    data = bytearray((run / "journal.jsonl").read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    (run / "journal.jsonl").write_bytes(data)


def edit(rng, run):
    """Change one line's meaning: another way back, step, risk, path, machine, or its place."""
    lines = read(run / "journal.jsonl")
    at = rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            lines.insert(
                at, {"at": "x", "event": "action-begin", "step": "first", "title": "t", "undo": EVIL}
            )
        case 1:
            lines[at] = {
                **lines[at],
                "event": rng.choice(["action-begin", "taken-back", "not-back"]),
                "undo": EVIL,
                "keys": [],
            }
        case 2:
            del lines[at]
        case 3:
            lines[at][rng.choice(["risk", "step", "left", "path", "title", "machine"])] = rng.choice(
                ["safe", "", None, 7, ["x"]]
            )
        case 4:
            lines = [{**line, "undo": EVIL} if "undo" in line else line for line in lines] + [
                {"event": "end"}
            ]
        case _:
            lines.append(lines[at])
    (run / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def cut(rng, run):
    """Cut the journal off somewhere, or make it longer."""
    data = (run / "journal.jsonl").read_bytes()
    (run / "journal.jsonl").write_bytes(
        data[: rng.randrange(len(data))] if rng.random() < 0.7 else data + data
    )


def fit(rng, run):
    """Alter the journal and make its attestation fit again, as far as one can without the key."""
    edit(rng, run)
    envelope = json.loads((run / NAME).read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    for subject in statement["subject"]:
        if subject["name"] == "journal.jsonl":
            subject["digest"]["sha256"] = hashlib.sha256((run / "journal.jsonl").read_bytes()).hexdigest()
    envelope["payload"] = base64.b64encode(json.dumps(statement, separators=(",", ":")).encode()).decode()
    if rng.random() < 0.5:
        envelope["signatures"] = []
    (run / NAME).write_text(json.dumps(envelope, indent=2) + "\n")


def reseal(rng, run):
    """Alter the journal and attest it anew without a signature, or with a key that is nobody's here."""
    edit(rng, run)
    said = dsse.read((run / NAME).read_bytes(), RUN)
    subjects = {
        **said.subjects,
        "journal.jsonl": hashlib.sha256((run / "journal.jsonl").read_bytes()).hexdigest(),
    }
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = keys.SigningKey(Ed25519PrivateKey.generate()) if rng.random() < 0.5 else None
    (run / NAME).write_bytes(b"")
    from runbook.controller.atomic import write_atomic

    write_atomic(run / NAME, dsse.seal(RUN, subjects, said.predicate, key))


def strip(rng, run):
    """Alter the journal and take away what attests it."""
    edit(rng, run)
    (run / NAME).unlink()
    if rng.random() < 0.6:
        content = json.loads((run / "run.json").read_text())
        content["outcome"] = rng.choice(["running", "completed"])
        content.pop("signed_by", None) if rng.random() < 0.5 else None
        (run / "run.json").write_text(json.dumps(content))
    else:
        (run / "run.json").unlink()


def forge(rng, run):
    """Put a folder there that no run made."""
    name = rng.choice(["20991231T235959Z-abcdef", "20200101T000000Z-abcdef", "zzz", ".hidden", "a b"])
    other = run.parent / name
    if rng.random() < 0.5:
        shutil.copytree(run, other)
    else:
        other.mkdir()
    machine = next(line["machine"] for line in read(run / "journal.jsonl") if line["event"] == "open")
    lines = [{"event": "open", "machine": machine},
             {"at": "x", "event": "action-begin", "step": "first", "title": "t", "undo": EVIL}]  # fmt: skip
    (other / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def swap(rng, run):
    """Give one run's journal to the other."""
    other = next(path for path in run.parent.iterdir() if path.is_dir() and path != run)
    mine, theirs = run / "journal.jsonl", other / "journal.jsonl"
    a, b = mine.read_bytes(), theirs.read_bytes()
    mine.write_bytes(b)
    theirs.write_bytes(a)


KINDS = (flip, edit, cut, fit, reseal, strip, forge, swap)


def test_no_alteration_leads_to_an_action(done, tmp_path):
    """300 altered reports of 8 kinds, in mode apply with consent: each is refused with 3, and nothing is carried out."""
    before = tmp_path / "before"
    shutil.copytree(done.reports, before)
    held = dict.fromkeys((kind.__name__ for kind in KINDS), 0)
    for seed in SEEDS:
        rng = random.Random(seed)
        kind = KINDS[seed % len(KINDS)]
        shutil.rmtree(done.reports)
        shutil.copytree(before, done.reports)
        kind(rng, rng.choice((done.first, done.second)))
        with pytest.raises(Refused) as caught:
            go_back(done.file, (), "apply", done.reports, silent)
        assert (caught.value.exit_code, done.carried) == (3, []), (seed, kind.__name__, str(caught.value))
        assert caught.value.do, (seed, kind.__name__)
        held[kind.__name__] += 1
    assert sum(held.values()) == len(SEEDS)
    shutil.rmtree(done.reports)
    shutil.copytree(before, done.reports)
    assert (
        go_back(done.file, (), "apply", done.reports, silent).exit_code == 1
    )  # the file is not back: nothing acted
    assert len(done.carried) == 2


def test_undo_believes_altered_journal(done):
    """The given case: a command put into a journal is refused with 3 by the command, in either mode, and the run is named."""
    lines = (done.second / "journal.jsonl").read_text()
    (done.second / "journal.jsonl").write_text(
        lines.replace(
            '"undo": {"type": "Run", "argv": ["true"]', '"undo": {"type": "Run", "argv": ["sh", "-c", "id"]'
        )
    )
    assert (done.second / "journal.jsonl").read_text() != lines
    for mode in ("plan", "apply"):
        words = ["undo", str(done.file), "--mode", mode, "--reports", str(done.reports)]
        ended = CliRunner().invoke(main, words)
        assert ended.exit_code == 3, ended.output
        assert done.second.name in ended.output
        assert "restore it from a backup" in ended.output
    assert done.carried == []


def killed(done):
    """Make the newest run one whose runner was killed: settled, and never signed."""
    run = json.loads((done.second / "run.json").read_text())
    (done.second / "run.json").write_text(json.dumps({**run, "outcome": "running", "signed_by": None}))
    (done.second / NAME).unlink()
    ledger = done.reports / "ledger.jsonl"  # a killed run never came that far
    ledger.write_text("".join(ledger.read_text().splitlines(keepends=True)[:-1]))
    assert len(abandoned.finish_orphans(done.reports)) == 1


def test_a_killed_run_is_taken_back_at_a_word(done):
    """It is refused and shown; --unsigned RUN is the word, and it is no word for an altered run."""
    killed(done)
    words = ["undo", str(done.file), "--reports", str(done.reports)]
    shown = CliRunner().invoke(main, words)
    assert shown.exit_code == 3
    assert f"add --unsigned {done.second.name}" in shown.output
    assert "back: run true" in shown.output
    with pytest.raises(Refused, match="Nobody vouches for what the run"):
        go_back(done.file, (), "apply", done.reports, silent)
    assert done.carried == []
    assert CliRunner().invoke(main, [*words, "--unsigned", done.second.name]).exit_code == 0
    go_back(done.file, ("second",), "apply", done.reports, silent, (done.second.name,))
    assert done.carried == ["run true"]
    flip(random.Random(1), done.first)
    with pytest.raises(Refused, match="not as they were written"):
        go_back(done.file, (), "apply", done.reports, silent, (done.first.name, done.second.name))
    assert CliRunner().invoke(main, [*words, "--unsigned", "20990101T000000Z-000000"]).exit_code == 2


def test_without_a_key_the_digests_have_to_hold(done, monkeypatch, tmp_path):
    """Who has no key takes unsigned runs back, but no altered ones."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    assert len(go_back(done.file, (), "plan", done.reports, silent).whole.actions) == 2
    assert journals(done.reports / "toy").findings == ()
    edit(random.Random(0), done.first)
    with pytest.raises(Refused, match="not as they were written"):
        go_back(done.file, (), "plan", done.reports, silent)


def test_a_command_from_a_journal_needs_consent(done):
    """However safe its step was, a command on the way back is agreed to by somebody, and the journal says by whom."""
    done.file.write_text("host: toy\nconnection: {kind: local}\nconsent: []\n")
    with pytest.raises(ConsentMissing, match="undo is disruptive"):
        go_back(done.file, ("second",), "apply", done.reports, silent)
    assert done.carried == []
    done.file.write_text("host: toy\nconnection: {kind: local}\nconsent: [undo]\n")
    run = go_back(done.file, ("second",), "apply", done.reports, silent)
    (given,) = [line for line in read(run.folder / "journal.jsonl") if line["event"] == "consent"]
    assert (given["step"], given["how"], given["risk"]) == ("undo", "parameter", "disruptive")
    assert given["who"]


def test_what_a_destructive_step_did_needs_the_digest_of_its_way_back(done):
    """The name of `undo` is not enough to take a destructive step back, though only a file returns."""
    done.run("third", WriteFile(str(done.etc / "c"), "3\n", owner="0:0"), risk="destructive")
    way = go_back(done.file, ("third",), "plan", done.reports, silent)
    assert way.step.RISK == "destructive"
    with pytest.raises(ConsentMissing, match=f"undo:{way.whole.digest()}"):
        go_back(done.file, ("third",), "apply", done.reports, silent)


def hostile(rng):
    """Return what stands where a way back should: another type, another field, a value of another kind."""
    good = rng.choice([Run(("true",)), WriteFile("/etc/a", "x\n"), Remove("/etc/a"), Link("/etc/a", "b"),
                       PurgePackages(("p",)), Reboot("x"), Switch("network", "/etc/a", "x", "true")])  # fmt: skip
    value = json.loads(json.dumps(undo.pack(good)))
    field = rng.choice([name for name in value if name != "type"])
    other = [None, 7, 1.5, [], ["a", 7], [["a"]], {"a": "b"}, "text", True]
    match rng.randrange(4):
        case 0:
            value["type"] = rng.choice(
                ["Deliver", "Action", "SetPassword", "__all__", "commands", "", None, 7, ["Run"]]
            )
        case 1:
            value[rng.choice(["shell", "also", "title", "__class__"])] = "x"
        case 2:
            kind = type(value[field])
            value[field] = rng.choice([o for o in other if type(o) is not kind or o in (["a", 7], [["a"]])])
        case _:
            return rng.choice([o for o in other if o is not None])
    return value


def test_a_way_back_that_no_run_writes_is_refused():
    """500 values of other types and fields: none becomes an action, each is refused with the run's name."""
    for seed in range(500):
        value = hostile(random.Random(seed))
        lines = [{"event": "open", "machine": "m"},
                 {"at": "x", "event": "action-begin", "step": "s", "title": "t", "undo": value}]  # fmt: skip
        with pytest.raises(Refused, match="journal of the run R cannot be taken at its word"):
            undo.history({"R": lines}, "m")
