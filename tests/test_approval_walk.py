"""From a new working folder to a run by another person's word, by the commands that the documents name."""

import json
import os
import re
import subprocess
import sys

import pytest

STEP = "make_xen_default"
"""A disruptive step that waits for none."""


@pytest.fixture
def as_person(tmp_path):
    """Return a function that runs a command in the working folder as somebody with a home of their own; it returns status and output."""
    folder = tmp_path / "work"
    clean = {key: text for key, text in os.environ.items() if not key.startswith(("RUNBOOK_", "XDG_"))}

    def run(who, *words):
        (tmp_path / who).mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", "from runbook.cli import main; main()", *words], cwd=folder if folder.exists() else tmp_path,
            env=clean | {"HOME": str(tmp_path / who)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    assert run("otto", "init", "work")[0] == 0
    return run


def test_a_plan_is_sent_approved_and_run(as_person, tmp_path):
    """Otto plans, Ana signs, Otto runs: the recorded host, with nobody at a keyboard; without Ana's word it stops."""
    folder = tmp_path / "work"
    assert as_person("otto", "report", "key")[0] == 0
    line = as_person("ana", "report", "key")[1].splitlines()[-1]
    assert as_person("otto", "new", "demo", "--like", "params/example.yml")[0] == 0
    file = folder / "params/demo.yml"
    file.write_text(re.sub(r"(?m)^consent: .*$", f"consent: {{by: {line} Ana}}", file.read_text()))
    part = ["params/demo.yml", "--step", STEP, "-q"]
    status, _, err = as_person("otto", "run", *part, "--mode", "apply")
    assert (status, "no approval was given with --approval" in " ".join(err.split())) == (4, True), err
    status, _, err = as_person("otto", "plan", *part, "--save", "plan.json")
    assert (status, "`runbook approve plan.json`" in err) == (0, True), err
    status, out, err = as_person("ana", "approve", "plan.json", "--html", "plan.html")
    assert (status, f"run unattended by an approval: {STEP}\n" in out) == (0, True), err
    consent = re.search(r"--consent (\w+)$", out)
    assert as_person("ana", "approve", "plan.json", *consent[0].split())[:2] == (0, "plan.approved.json\n")
    status, out, err = as_person("otto", "run", *part, "--mode", "apply", "--approval", "plan.approved.json")
    assert status == 0, err
    record = json.loads((folder / out.strip()).with_name("run.json").read_text())
    assert record["approval"]["by"].startswith("Ana (SHA256:")
    assert [s["consent"] for book in record["notebooks"] for s in book["steps"]] == ["approval"]
