"""The command line: clear words, true exit codes, nothing else."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from rich.console import Console

import runbook.steps
import runbook.testbed
from runbook.cli import main
from runbook.cli.progress import Live, last_lines
from runbook.errors import RunbookError
from runbook.params import load
from runbook.testbed import TestbedError
from tests.evidence.attested import alone
from tests.evidence.toys import INTERRUPT, beat, begin, end, parameterised, project, steps

REFUSE = f"""{begin("two")}
{end("two", "refused", "no")}
from runbook.errors import Refused
raise Refused("Would hide the disk", where="toy", do="leave it")"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Return a function that makes a toy project of one notebook a step, and stands in its folder."""

    alone(monkeypatch, tmp_path / "config")

    def make(**sources):
        names = {f"n05_{name}": [name] for name in sources}
        monkeypatch.setattr(runbook.steps, "notebooks", lambda: steps(**names))
        books = {
            f"n05_{name}": parameterised(*([source] if isinstance(source, str) else source))
            for name, source in sources.items()
        }
        place = project(tmp_path / "project", **books)
        monkeypatch.chdir(place)
        return place

    return make


def call(*words):
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


COMMANDS = [
    [], ["validate"], ["plan"], ["run"], ["check"], ["schema"], ["notebooks"], ["explain"], ["lint"], ["fleet"], ["facts"], ["new"], ["doctor"],
    ["report"], ["report", "list"], ["report", "open"], ["report", "key"], ["report", "verify"], ["report", "prune"], ["report", "export"],
    ["testbed"], ["testbed", "up"], ["testbed", "down"], ["testbed", "ssh"],
    ["testbed", "status"], ["testbed", "test"],
]  # fmt: skip


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(words):
    """`--help` of every command says more than its name."""
    done = call(*words, "--help")
    assert done.exit_code == 0
    assert len(done.output) > 100


def test_help_documents_every_exit_code():
    """`runbook --help` gives each exit code that the runbook's errors have, and an example."""
    text = call("--help").output
    family: list[type[RunbookError]] = [RunbookError, *RunbookError.__subclasses__()]
    codes = {0, 4, 130, 138} | {kind.exit_code for kind in family}
    listed = text.split("Exit codes:")[1]
    for code in codes:
        assert f" {code}  " in listed
    assert "runbook run params/myhost.yml --mode apply" in text


def test_help_imports_nothing_heavy():
    """`runbook --help` answers at once: none of the big packages is loaded for it."""
    code = (
        "import sys\nfrom runbook.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'pydantic', 'papermill', 'nbclient', 'nbconvert', 'pandas', 'rich', 'IPython', 'cryptography'}\n"
        "sys.stderr.write(' '.join(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "Usage:" in done.stdout


def test_a_good_parameter_file_is_one_sentence(toy):
    """validate names the host, what it has and the digest."""
    toy(one=beat("one"))
    devices = len(load("params/toy.yml").passthrough.devices)
    done = call("validate", "params/toy.yml")
    assert done.exit_code == 0
    shown = " ".join(done.stdout.split())
    assert f"right. testbed (trixie, ssh, {devices} passthrough devices, 4 guests), digest" in shown


def test_notebooks_that_were_never_reached_take_one_line_each(toy):
    """A run that stopped early shows what it did, not a screen of what it did not."""
    toy(two=REFUSE, zero=beat("zero"))
    done = call("run", "params/toy.yml", "--mode", "apply")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("05_zero")]
    assert line.split() == ["05_zero", "1", "step", "never-run"]
    assert "two" in done.stdout


@pytest.mark.parametrize("words", [["validate"], ["plan"], ["run", "--mode", "apply"], ["check"]])
def test_bad_parameters_end_with_2_and_start_nothing(toy, words):
    """A wrong key is shown with file, line and the nearest known key; there is no report and no stack."""
    place = toy(one=beat("one"))
    file = place / "params" / "toy.yml"
    file.write_text(file.read_text().replace("watchdog:", "watchdgo:"))
    done = call(words[0], "params/toy.yml", *words[1:])
    assert done.exit_code == 2
    assert "did you mean 'watchdog'?" in done.stderr
    assert "toy.yml, line" in done.stderr
    assert "Traceback" not in done.output
    assert not (place / "reports").exists()


def test_validate_goes_on_after_a_bad_file(toy):
    """Every file is looked at, and one bad one is enough for exit code 2."""
    toy(one=beat("one"))
    done = call("validate", "params/none.yml", "params/toy.yml")
    assert done.exit_code == 2
    assert "There is no params/none.yml" in done.stderr
    assert "params/toy.yml: right" in done.stdout


def test_validate_names_every_mistake(toy):
    """Each wrong value of a file is shown with its own line and next move, and with one way to more about it."""
    file = toy(one=beat("one")) / "params" / "toy.yml"
    file.write_text(
        file.read_text().replace("watchdog:", "watchdgo:").replace("memory_mib: 2048", "memory_mib: 2")
    )
    done = call("validate", "params/toy.yml")
    assert done.exit_code == 2
    assert re.findall(r"The parameter '(.+)' is wrong", done.stderr) == [
        "services.watchdgo",
        "dom0.memory_mib",
    ]
    assert len(set(re.findall(r"toy.yml, line (\d+)", done.stderr))) == done.stderr.count("  do: ") == 2
    assert done.stderr.count("runbook explain R202") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "params/toy.yml", "--only", "77"], "There is no notebook '77'"),
        (["run", "params/toy.yml", "--only", "05", "--from", "05"], "exclude each other"),
        (["run", "params/toy.yml", "--mode", "try"], "'try' is not one of"),
        (["report", "list"], "There is no report yet"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_usage_ends_with_2(toy, words, message):
    """A wrong word on the command line is named, and nothing is started."""
    toy(one=beat("one"))
    done = call(*words)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_run_off_a_terminal_prints_plain_lines(toy):
    """One line a step, one at the start and the end of each notebook, a table, and the report's path last."""
    place = toy(one=beat("one"), two=beat("two", "unchanged"))
    done = call("run", "params/toy.yml")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    begins = (
        "1/2 05_one: A toy",
        "  one: changed in ",
        "1/2 05_one: completed in ",
        "2/2 05_two: A toy",
    )
    for line, start in zip(lines, begins, strict=False):
        assert line.startswith(start)
    assert "\x1b" not in done.output
    assert lines[-1] == str(next((place / "reports" / "testbed" / "plans").glob("*/index.html")))
    assert lines[-2] == "Every notebook completed. Of 2 steps: 1 changed, 1 unchanged."
    assert done.stderr == (
        "NOT SIGNED: nobody vouches for this report. A key is made by: runbook report key\n"
    )


def test_a_refused_run_says_why_and_ends_with_3(toy):
    """The reason is on standard error with notebook and cell, without a stack; exit code as documented."""
    toy(one=beat("one"), two=REFUSE)
    done = call("run", "params/toy.yml", "--quiet")
    assert done.exit_code == 3
    assert "05_two, cell c0: Refused\nWould hide the disk\n  where: toy\n  do: leave it" in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout.count("\n") == 1
    assert done.stdout.endswith("/index.html\n")


def test_json_is_all_there_is_on_standard_output(toy):
    """--json prints run.json and nothing else there; progress goes to standard error."""
    place = toy(one=beat("one"))
    done = call("run", "params/toy.yml", "--json", "--only", "05_one")
    (file,) = (place / "reports" / "testbed" / "plans").glob("*/run.json")
    assert json.loads(done.stdout) == json.loads(file.read_text())
    assert "one: changed" in done.stderr


def test_an_interrupted_run_says_where_it_stands(toy):
    """Ctrl-C ends with 130 and tells what was done, what was running, and that it can be run again."""
    toy(one=beat("one"), two=f"{begin('two')}\n{INTERRUPT}")
    done = call("run", "params/toy.yml")
    assert done.exit_code == 130
    assert "Interrupting:" in done.stdout
    assert "Ended well before: one." in done.stderr
    assert "Running when it stopped: two" in done.stderr
    assert "Run it again" in done.stderr


def test_plan_prints_the_plan_of_one_step(toy):
    """`plan --only STEP` runs its notebook in mode plan and shows what that step would do."""
    plan = "class book:\n    plan = staticmethod(lambda step: print('would write', step, mode))"
    book = f"{plan}\n{beat('two', 'skipped')}"
    toy(one=beat("one"), two=(book, 'book.plan("two")', 'book.plan("other")'))
    done = call("plan", "params/toy.yml", "--only", "two")
    assert done.exit_code == 0
    assert "would write two plan" in done.stdout
    assert "would write other" not in done.stdout
    assert "05_one" not in done.stdout


def test_the_key_that_is_made_signs_the_next_run(toy, monkeypatch):
    """`report key` makes one key and shows it again; a run is signed with it; a key that is wrong starts none."""
    place = toy(one=beat("one"))
    made, again = call("report", "key").stdout, call("report", "key").stdout
    assert made.startswith(f"made: {place.parent}/config/xen-host-runbook/signing-key\nfingerprint: SHA256:")
    assert again.splitlines()[1:] == made.splitlines()[1:]
    assert call("run", "params/toy.yml", "-q").stderr == ""
    done = call("report", "verify")
    assert done.exit_code == 0
    assert "Nothing speaks against 1 run: 1 good." in done.stdout
    monkeypatch.setenv("RUNBOOK_SIGNING_KEY", "/nowhere")
    assert call("run", "params/toy.yml", "-q").exit_code == 2
    assert len(list((place / "reports" / "testbed" / "plans").glob("2*"))) == 1


def test_a_plan_that_nobody_may_approve_says_so(toy):
    """The key stands in the parameters before the plan is made: else it is made, approved, and refused at the end."""
    toy(one=beat("one"))
    done = call("plan", "params/toy.yml", "--save", "plan.json")
    assert "name their key (`consent: {by: KEY}`), and plan again" in " ".join(done.stderr.split())


def test_reports_are_listed_and_opened(toy, monkeypatch):
    """list shows each run in one line, open prints the newest page, and of a host without any says so."""
    place = toy(one=beat("one"))
    call("run", "params/toy.yml")
    listed = call("report", "list")
    assert re.fullmatch(r"testbed/\S+  auto   completed  1 of 1 step changed\n", listed.stdout)
    monkeypatch.setattr("runbook.cli.reports.has_display", lambda: False)
    opened = call("report", "open", "testbed")
    assert opened.stdout.strip() == str(next((place / "reports").glob("testbed/plans/*/index.html")))
    other = call("report", "open", "victory")
    assert other.exit_code == 2
    assert "there are reports of: testbed" in other.stderr


def test_schema_is_json_with_every_parameter():
    """The schema is the model's own."""
    done = call("schema")
    assert json.loads(done.stdout)["properties"]["host"]


def test_a_full_disk_is_said_plainly(toy, monkeypatch):
    """An error of the operating system ends with one line and exit code 1."""
    toy(one=beat("one"))

    def full(*_, **__):
        raise OSError(28, "No space left on device", "reports/x")

    monkeypatch.setattr("runbook.cli.running.run", full)
    done = call("run", "params/toy.yml")
    assert done.exit_code == 1
    assert done.stderr == "Error: Operating system error: reports/x No space left on device\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["up", "--fresh"], ("up", {"fresh": True, "release": "trixie"})),
        (["up", "--release", "bookworm"], ("up", {"fresh": False, "release": "bookworm"})),
        (["down"], ("down", {"release": "trixie"})),
    ],
)
def test_testbed_commands_delegate(monkeypatch, words, expected):
    """up and down hand over to the testbed's own functions."""
    calls = []
    for name in ("up", "down"):
        monkeypatch.setattr(runbook.testbed, name, lambda _name=name, **kw: calls.append((_name, kw)))
    assert call("testbed", *words).exit_code == 0
    assert calls == [expected]


def test_testbed_test_ends_as_the_acceptance_does(monkeypatch, tmp_path):
    """The exit code is the acceptance's own; the folder of a recording and the release are handed on."""
    calls = []

    def acceptance(record, release, keep, backups, ends, returns, only_prove, resume):
        calls.append((record, release, keep, backups, returns, only_prove, resume))
        return 1

    monkeypatch.setitem(sys.modules, "runbook.testbed.acceptance", SimpleNamespace(main=acceptance))
    monkeypatch.setattr(runbook.testbed, "acceptance", SimpleNamespace(main=acceptance), raising=False)
    words = ("--record", str(tmp_path), "--release", "bookworm")
    assert call("testbed", "test", *words).exit_code == 1
    assert call("testbed", "test", "--returns", "--only-prove").exit_code == 1
    assert call("testbed", "test", "--resume", "--backups").exit_code == 1
    assert calls == [
        (tmp_path, "bookworm", False, False, False, False, False),
        (None, "trixie", False, False, True, True, False),
        (None, "trixie", False, True, False, False, True),
    ]


def test_a_finished_machine_has_nothing_to_go_on_with():
    """To run what is left and to run nothing cannot be asked for together."""
    done = call("testbed", "test", "--resume", "--backups", "--only-prove")
    assert done.exit_code == 2
    assert "--only-prove runs nothing" in done.stderr


def test_a_step_is_recorded_by_its_name(monkeypatch, tmp_path):
    """The recording that is meant when none is named is the recorded host's; the exit code is handed on."""
    from runbook.testbed import one_step

    calls = []
    monkeypatch.setattr(one_step, "main", lambda *words, **more: calls.append((words, more)) or 1)
    assert call("testbed", "record", "trim_disks").exit_code == 1
    assert call("testbed", "record", "trim_disks", "--into", str(tmp_path), "--keep").exit_code == 1
    assert calls == [
        (("trim_disks", Path("recordings/testbed")), {"release": "trixie", "keep": False}),
        (("trim_disks", tmp_path), {"release": "trixie", "keep": True}),
    ]


def test_a_machine_is_booted_at_a_checkpoint(monkeypatch, tmp_path):
    """`up --at` puts it back first; a checkpoint that is not there is said, and nothing is thrown away."""
    from runbook.testbed import checkpoints

    calls = []
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path))
    monkeypatch.setattr(runbook.testbed, "up", lambda **more: calls.append(more))
    monkeypatch.setattr(checkpoints, "restore", lambda machine, checkpoint: calls.append(checkpoint.name))
    (tmp_path / "checkpoint-05_xen_installation").mkdir()
    missing = call("testbed", "up", "--at", "05")
    assert (missing.exit_code, calls) == (5, [])
    assert "there is no checkpoint 05" in missing.stderr
    (tmp_path / "checkpoint-05_xen_installation/made_of.json").write_text("{}")
    assert call("testbed", "up", "--at", "05").exit_code == 0
    assert calls == ["05_xen_installation", {"fresh": False, "release": "trixie"}]
    assert call("testbed", "up", "--at", "05", "--fresh").exit_code == 2


@pytest.mark.parametrize("more", [[], ["--returns", "--record", "x"]])
def test_only_prove_needs_something_to_prove(more):
    """Nothing that was looked at must not end as if all held."""
    done = call("testbed", "test", "--only-prove", *more)
    assert done.exit_code == 2
    assert "--only-prove goes on with" in done.stderr


def test_an_error_of_the_testbed_is_said_clearly(monkeypatch):
    """What failed, where, why and the next move; exit code 5."""

    def fail(**_):
        raise TestbedError(
            "the virtual PC did not start", where="qemu.log", why="no memory", next_move="free some"
        )

    monkeypatch.setattr(runbook.testbed, "up", fail)
    done = call("testbed", "up")
    assert done.exit_code == 5
    assert "the virtual PC did not start\n  where: qemu.log\n  why: no memory\n  do: free some" in done.stderr


def test_ssh_without_a_machine_says_how_to_make_one(monkeypatch, tmp_path):
    """ssh to a testbed that is not there ends with 5 and the next move."""
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path))
    done = call("testbed", "ssh", "uptime")
    assert done.exit_code == 5
    assert "runbook testbed up" in done.stderr


def test_a_terminal_shows_what_is_running():
    """On a terminal: ended steps stay, and the running step shows its action and its last line."""
    console = Console(force_terminal=True, width=100, record=True, file=io.StringIO())
    live = Live(console)
    live.event({"event": "notebook-begin", "notebook": "05_x", "title": "Install", "place": "1/2"})
    live.event({"event": "step-begin", "notebook": "05_x", "step": "packages"})
    live.event({"event": "action-begin", "step": "packages", "title": "install 4 packages"})
    live.event({"event": "output", "text": "Get:1\nUnpacking xen\n"})
    console.print(live._view())
    live.event(
        {"event": "step-end", "step": "packages", "status": "changed", "seconds": 3.0, "message": "done"}
    )
    shown = console.export_text()
    assert "1/2 05_x › packages › install 4 packages" in shown
    assert "Unpacking xen" in shown
    assert "changed packages 3.0 s (done)" in shown


def test_the_last_lines_are_free_of_control_codes():
    """Progress of apt and dpkg is shown as text, whatever it does to a terminal."""
    assert last_lines("10%\r\x1b[2K\x1b[32m 20% [Working]\x1b[0m\r\n") == ["20% [Working]"]
    assert last_lines("\n") == []
