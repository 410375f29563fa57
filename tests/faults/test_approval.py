"""A plan is made, sent, signed by somebody else and applied: by the commands themselves, on the toy machine."""

import json
import os
from unittest import mock

import pytest

from runbook.attestation import keys
from tests.faults.world import PATIENCE_S

RISKY = {"first": "disruptive", "third": "destructive"}


@pytest.fixture
def ana(world):
    """Return what runs a command as Ana, whose key the parameters name, and let two steps need consent."""
    world.wish(risk=RISKY)
    file = world.place / "home" / "ana"
    with mock.patch.dict(os.environ, world.env):
        keys.make(file)
    text = (world.place / "project/params/toy.yml").read_text()
    text = text.replace("consent: []", f"consent: {{by: {keys.load(file).public.line} Ana}}")
    (world.place / "project/params/toy.yml").write_text(text)
    return file


def command(world, *words, reports=True):
    process = world.command(*words, *(["--reports", str(world.place / "reports")] if reports else []))
    status = process.wait(PATIENCE_S)
    return status, process.out(), process.err()


def approved(world, ana):
    """Plan, read, sign; return the approval's file."""
    plan, out = world.place / "plan.json", world.place / "approved.json"
    status, _, err = command(world, "plan", "params/toy.yml", "--save", str(plan), "--change", "CHG-17")
    assert status == 0, err
    digest = err.partition("the plan, digest ")[2].partition(".")[0]
    status, said, err = command(
        world, "approve", str(plan), "--key", str(ana), "--consent", digest, "--out", str(out), reports=False
    )
    assert (status, said.strip()) == (0, str(out)), err
    return out


def run(world, file):
    return command(world, "run", "params/toy.yml", "--mode", "apply", "--approval", str(file))


def log(world):
    marks = world.place / "machine/log"
    return marks.read_text().split() if marks.exists() else []


def test_what_somebody_else_approved_runs_unattended(world, ana):
    """Without it nothing disruptive is done; with it all is, and the report names who planned, approved and ran."""
    status, _, err = command(world, "run", "params/toy.yml", "--mode", "apply")
    assert (status, log(world)) == (4, []), err
    file = approved(world, ana)
    status, _, err = run(world, file)
    assert (status, len(log(world))) == (0, 6), err
    folder = world.folders()[-1]
    record = json.loads((folder / "run.json").read_text())
    assert (record["change"], record["approval"]["by"].split()[0]) == ("CHG-17", "Ana")
    assert record["approval"]["plan"]["run"] == world.folders()[1].name
    ends = {end["step"]: end["consent"] for book in record["notebooks"] for end in book["steps"]}
    assert ends == {"first": "approval", "second": "", "third": "approval", "later": ""}
    assert (folder / "approval.json").read_bytes() == file.read_bytes()
    status, said, err = command(world, "report", "verify", reports=True)
    assert status == 0, said + err
    status, _, err = run(world, file)
    assert status == 0, f"what is done already is no other plan: {err}"


def test_a_host_that_changed_since_is_left_alone(world, ana):
    """One step is not as it was approved: the run ends before the first of all, with one error, and is kept."""
    file = approved(world, ana)
    (world.place / "machine/log").write_text("first.1\n")
    status, _, err = run(world, file)
    assert (status, log(world)) == (4, ["first.1"])
    assert "The approval does not hold, and nothing was done" in err
    assert "what would be done is not what Ana" in err
    record = json.loads((world.folders()[-1] / "run.json").read_text())
    assert {book["status"] for book in record["notebooks"]} == {"never-run"}
    assert (record["outcome"], record["exit_code"]) == ("refused", 4)


def test_other_parameters_than_those_that_were_approved_start_nothing(world, ana):
    """There is no run at all."""
    file = approved(world, ana)
    params = world.place / "project/params/toy.yml"
    params.write_text(params.read_text() + "ram_mib: 65536\n")
    before = world.folders()
    status, _, err = run(world, file)
    assert (status, world.folders() == before, log(world)) == (4, True, [])
    assert "the parameters were" in err
