"""Consent: a headless run ends before anything of the step is done; a person sees the plan and types its digest."""

import os
import pty
import re
import subprocess
import sys

import pytest
from jupyter_client.manager import start_new_kernel

from tests.faults import toy
from tests.faults.test_controller import prove
from tests.faults.world import MARKS


@pytest.mark.fault("consent")
def test_without_consent_a_run_ends_before_anything_is_done(world, row):
    """Exit 4 and the line to add; the line works; it does not when the plan has changed since."""
    world.wish(risk={"second": "destructive"})
    done = world.run()
    prove(world, done, row)
    assert world.log == ["first.1", "first.2"]
    (line,) = re.findall(r"add '(second:[0-9a-f]{12})' to `consent`", done.err)
    assert line.endswith(done.record["notebooks"][0]["steps"][1]["digest"])

    world.params(consent=["second", line])
    with world.see("machine/log").open("a") as log:
        log.write("second.1\n")
    stale = world.run()
    assert stale.status == 4
    assert f"'{line}' was the consent to another plan" in stale.err
    assert world.log == ["first.1", "first.2", "second.1"]

    (line,) = re.findall(r"add '(second:[0-9a-f]{12})' to `consent`", stale.err)
    world.params(consent=[line])
    assert world.run().status == 0
    assert world.log == MARKS


@pytest.mark.fault("consent-disruptive")
def test_a_disruptive_step_takes_its_name_or_its_digest(world, row):
    """The message gives both; either lets the step run."""
    world.wish(risk={"second": "disruptive"})
    done = world.run()
    prove(world, done, row)
    digest = done.record["notebooks"][0]["steps"][1]["digest"]
    assert f"add 'second' (or 'second:{digest}', for this very plan alone)" in done.err
    world.params(consent=[f"second:{digest}"])
    assert world.run().status == 0
    assert world.log == MARKS


@pytest.mark.parametrize(("answer", "is_done"), [("the digest's beginning", True), ("yes", False)])
def test_a_person_sees_the_plan_and_types_the_digest(world, answer, is_done):
    """In a front end with a keyboard the plan is shown before the question; only its digest is an answer."""
    world.wish(risk={"first": "destructive"})
    shown, asked = [], []
    manager, client = start_new_kernel(cwd=str(world.place / "project"))

    def reply(message):
        asked.append(message["content"]["prompt"])
        client.input(re.search(r"Type (\w{4})", asked[0])[1] if is_done else answer)

    def show(message):
        shown.append(message["content"].get("data", {}).get("text/plain", ""))

    code = (
        f"import sys; sys.path.insert(0, {str(toy.ROOT)!r})\nfrom pathlib import Path\n"
        f"from tests.faults import toy\ntoy.install(Path({str(world.place)!r}))\n"
        "from runbook import open_host\n"
        'book = open_host("params/toy.yml", "apply", notebook="05_work")\nbook.apply("first")'
    )
    try:
        said = client.execute_interactive(
            code, allow_stdin=True, stdin_hook=reply, output_hook=show, timeout=120
        )
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert len(asked) == 1
    plan = next(text for text in shown if "risk destructive" in text)
    assert re.search(r"digest (\w{4})", plan)[1] in asked[0]
    assert "echo first.1" in plan
    assert said["content"]["status"] == ("ok" if is_done else "error")
    assert world.log == (["first.1", "first.2"] if is_done else [])
    assert is_done or "what was typed is not the digest's beginning" in said["content"]["evalue"]


def test_a_pipe_is_no_keyboard():
    """What a script feeds in is nobody's consent; a terminal can be somebody's."""
    argv = [sys.executable, "-c", "from runbook.engine.consent import at_keyboard; print(at_keyboard())"]
    env = {**os.environ, "PYTHONPATH": str(toy.ROOT)}
    piped = subprocess.run(argv, input="abcd\n", capture_output=True, text=True, check=True, env=env)
    ours, theirs = pty.openpty()
    typed = subprocess.run(argv, stdin=theirs, capture_output=True, text=True, check=True, env=env)
    os.close(ours)
    os.close(theirs)
    assert (piped.stdout, typed.stdout) == ("False\n", "True\n")
