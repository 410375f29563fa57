"""What a person sees of a run: how far it is, how long it may take, and what state things are in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from io import StringIO

import pytest
from rich.console import Console

from runbook.cli.course import Course
from runbook.cli.progress import Live, make_progress
from runbook.evidence.timings import LastTime, last_time
from tests.evidence.toys import ROOT, beat, begin, end, parameterised, project

SPAWN = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
TOY = """import sys
import runbook.steps
from tests.evidence.toys import steps
runbook.steps.notebooks = lambda: steps(n05_one=["one"], n06_two=["two", "three"])
from runbook.cli import main
main(sys.argv[1:], prog_name="runbook")"""
ACTION = 'journal.write("action-begin", notebook=name, step="two", title="install 4 packages")'
SLOW = f"""{begin("two")}
{ACTION}
print("Get:1", flush=True)
print("Unpacking xen", flush=True)
time.sleep(2)
{end("two")}"""
HANGS = SLOW.replace("time.sleep(2)", "time.sleep(60)")


@pytest.fixture
def place(tmp_path):
    """Return a function that makes a project whose second notebook takes its time."""

    def make(slow: str = SLOW):
        books = {"n05_one": parameterised(beat("one")), "n06_two": parameterised(slow, beat("three"))}
        return project(tmp_path / "project", **books)

    return make


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "110", "LINES": "40",
            "XDG_CONFIG_HOME": "/nonexistent", **more}  # fmt: skip


def on_terminal(folder, *words: str, ctrl_c_at: str = "", **env: str) -> tuple[int, str]:
    """Return exit code and all that a command writes to a terminal; Ctrl-C is typed when a text has appeared."""
    argv = [sys.executable, "-c", SPAWN, sys.executable, "-c", TOY, *words]
    with subprocess.Popen(
        argv, cwd=folder, env=environment(**env), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as spawned:
        shown = b""
        while chunk := os.read(spawned.stdout.fileno(), 65536):
            shown += chunk
            if ctrl_c_at and ctrl_c_at in shown.decode(errors="replace"):
                ctrl_c_at = ""
                time.sleep(0.5)
                spawned.stdin.write(b"\x03")
                spawned.stdin.flush()
        return spawned.wait(), shown.decode(errors="replace")


def plain(shown: str) -> str:
    """Return what a terminal was sent, without its control codes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "")


def test_a_terminal_shows_where_a_run_is_and_how_long_it_may_take(place):
    """Notebook, step, action, the command's last lines, elapsed; the second time also what the first one took."""
    folder = place()
    code, shown = on_terminal(folder, "run", "params/toy.yml")
    first = plain(shown)
    assert code == 0, first
    assert re.search(r"1\.\d s  2/2 06_two › two 1/2 › install 4 packages", first)
    assert re.search(r"│ Get:1\s+│ Unpacking xen", first)
    assert re.search(r"1 of 3 steps · \d+\.\d s\s", first)
    assert "left" not in first
    assert "\x1b[34mchanged" in shown
    assert re.search(r"in all +3 of 3 steps +completed +3 +\d+\.\d s", first)
    assert first.rstrip().endswith("/index.html")

    code, shown = on_terminal(folder, "run", "params/toy.yml", NO_COLOR="1")
    second = plain(shown)
    assert code == 0
    assert re.search(r"\d\.\d s of about 2 s  2/2 06_two › two 1/2", second)
    assert re.search(r"1 of 3 steps · \d+\.\d s · about \d+ s left", second)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", shown)


def test_the_last_three_lines_of_the_command_are_shown():
    """More lines push the older ones out, in whatever pieces they come; the next action begins without any."""
    console = Console(file=StringIO(), force_terminal=True, width=60)
    live = Live(console)
    live.event({"event": "action-begin", "title": "unpack"})
    for text in (
        "one\ntwo\n",
        "\x1b[32mthree\x1b[0m\r\n\n",
        "four and much more than there is room for on so narrow a line\n",
    ):
        live.event({"event": "output", "text": text})

    def shown():
        with console.capture() as taken:
            console.print(live._view())
        return [line.rstrip() for line in plain(taken.get()).splitlines() if "│" in line]

    assert shown() == [
        "  │ two",
        "  │ three",
        "  │ four and much more than there is room for on so narrow …",
    ]
    live.event({"event": "action-begin", "title": "configure"})
    assert shown() == []


@pytest.mark.parametrize(("term", "live"), [("xterm", True), ("dumb", False), ("unknown", False)])
def test_what_cannot_move_its_cursor_gets_plain_lines(monkeypatch, term, live):
    """One that cannot move its cursor is not asked to, by a run and by a fleet alike."""
    monkeypatch.setenv("TERM", term)
    console = Console(file=StringIO(), force_terminal=True)
    assert make_progress(console, sys.stdout, lambda _: True, lambda _: False) is live


def test_ctrl_c_on_a_terminal_says_what_state_things_are_in(place):
    """It says at once that it is ending, then what ended well, what was running, and what to do; cursor restored."""
    code, shown = on_terminal(place(HANGS), "run", "params/toy.yml", ctrl_c_at="Unpacking xen")
    said = plain(shown)
    assert code == 130, said
    assert "Interrupting: the step may tidy up" in said
    assert "Ended well before: one." in said
    assert "Running when it stopped: two (06_two), last begun: install 4 packages." in said
    assert re.search(r"two +killed", said)
    assert re.search(r"three +never-run", said)
    assert "more: runbook explain R800" in said
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_off_a_terminal_there_are_no_control_codes(place):
    """In a pipe there are plain lines; a long run says beforehand how long it took the last time."""
    folder = place()
    argv = [sys.executable, "-c", TOY, "run", "params/toy.yml"]
    env = environment()
    runs = [subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True) for _ in "12"]
    for done in runs:
        assert done.returncode == 0
        assert "\x1b" not in done.stdout + done.stderr
    assert runs[0].stdout.startswith("1/2 05_one: A toy\n")
    assert runs[1].stdout.startswith("1/2 05_one: A toy\n")
    assert re.match(r"It took about \d+ s the last time\.\n", runs[1].stderr)


def test_a_dumb_terminal_gets_plain_lines(place):
    """A terminal that cannot move its cursor is sent lines only."""
    code, shown = on_terminal(place(), "run", "params/toy.yml", "--only", "05_one", TERM="dumb")
    assert code == 0
    assert "1/1 05_one: completed in " in shown
    assert "\x1b[?25l" not in shown


def test_quiet_on_a_terminal_is_the_path_alone(place):
    """--quiet shows no progress and no table."""
    code, shown = on_terminal(place(), "run", "params/toy.yml", "--only", "05_one", "--quiet")
    lines = plain(shown).strip().splitlines()
    assert code == 0
    assert lines[0].startswith("NOT SIGNED")
    assert len(lines) == 2
    assert lines[1].endswith("/index.html")


def run_json(folder, name, mode="apply", status="completed", seconds=60.0, step=("hide", "changed", 50.0)):
    (folder / name).mkdir(parents=True)
    step = dict(zip(("step", "status", "seconds"), step, strict=True))
    book = {"name": "06_x", "status": status, "seconds": seconds, "steps": [step]}
    (folder / name / "run.json").write_text(json.dumps({"mode": mode, "notebooks": [book]}))


def test_the_last_time_is_that_of_the_newest_good_run(tmp_path):
    """Of the same mode only, without what failed, without the run at hand, and whatever else lies there.

    A step that found nothing to change says little of the time on which it will.
    """
    run_json(tmp_path, "20260101T000000Z-a", seconds=10.0, step=("hide", "changed", 9.0))
    run_json(tmp_path, "20260102T000000Z-b")
    run_json(tmp_path, "20260103T000000Z-c", status="failed", seconds=1.0, step=("hide", "failed", 1.0))
    run_json(tmp_path, "20260104T000000Z-d", mode="plan", seconds=2.0, step=("hide", "skipped", 2.0))
    run_json(tmp_path, "20260105T000000Z-e", seconds=3.0)
    (tmp_path / "20260106T000000Z-f").mkdir()
    (tmp_path / "20260106T000000Z-f" / "run.json").write_text("{")
    found = last_time(tmp_path, "apply", "20260105T000000Z-e")
    assert found == LastTime({"06_x": 60.0}, {("06_x", "hide"): 50.0})
    assert last_time(tmp_path, "check") == LastTime()
    run_json(tmp_path, "20260107T000000Z-g", step=("hide", "unchanged", 0.1))
    run_json(tmp_path, "20260108T000000Z-h", step=("name", "unchanged", 0.2))
    found = last_time(tmp_path, "apply", "20260105T000000Z-e")
    assert found.steps == {("06_x", "hide"): 50.0, ("06_x", "name"): 0.2}


def test_time_left_is_counted_down_and_never_negative(tmp_path):
    """The rest of this notebook and all of the next; unknown as soon as one of them is."""
    run_json(tmp_path, "20260101T000000Z-a")
    now = [0.0]
    course = Course(lambda: now[0])
    assert course.left_s is None
    plan = {"06_x": ["hide", "show"]}
    course.event({"event": "run-begin", "mode": "apply", "folder": str(tmp_path / "now"), "steps": plan})
    assert (course.left_s, course.steps_in_all) == (60.0, 2)
    course.event({"event": "notebook-begin", "notebook": "06_x"})
    course.event({"event": "step-begin", "step": "hide"})
    now[0] = 20.0
    assert (course.left_s, course.place, course.expected_s) == (40.0, "1/2", 50.0)
    assert course.of_step() == "20.0 s of about 50 s"
    course.event({"event": "step-end", "step": "hide"})
    now[0] = 90.0
    assert (course.left_s, course.place, course.steps_ended) == (0.0, "", 1)
    course.event({"event": "notebook-end", "notebook": "06_x"})
    assert course.of_run() == "1 of 2 steps · 1 min 30 s · about 1 s left"

    plan["07_y"] = ["other"]
    course.event({"event": "run-begin", "mode": "apply", "folder": str(tmp_path / "now"), "steps": plan})
    assert course.left_s is None
