"""What holds for every command, those of tomorrow too: the whole tree is walked."""

import csv
import json
import re

import click
import pytest
from click.testing import CliRunner

from runbook.cli import main
from tests.evidence.attested import alone, archived
from tests.evidence.toys import ROOT

LISTS = {
    "validate": ["params/example.yml"], "doctor": [], "explain": [], "lint": ["notebooks/10_references.ipynb"],
    "report list": [], "report verify": [], "report audit": [], "report compare": ["toy", "toy"],
    "guest list": ["params/example.yml"], "volume list": ["params/example.yml"], "backup list": ["params/example.yml"],
    "facts": ["params/toy.yml"],
}  # fmt: skip
"""Commands that list something, with what they need to do it here."""
RUNS = {"plan", "run", "check", "fleet", "approve", "upgrade", "watch"}
"""Commands with `--json` that are tried elsewhere: they take a kernel, a plan that was sent, or a host that is looked at."""
PATHS = {"params": "PARAMS"}


def walk(command, path=()):
    yield path, command
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            yield from walk(below, (*path, name))


TREE = dict(walk(main))
NAMES = [" ".join(path) or "runbook" for path in TREE]


def call(*words, **options):
    return CliRunner().invoke(main, list(words), catch_exceptions=False, **options)


def options(command):
    return {opt for param in command.params for opt in param.opts if opt.startswith("--")}


@pytest.mark.parametrize("path", TREE, ids=NAMES)
def test_every_help_fits_and_teaches(path):
    """No line is wider than 80 columns; there is an example of the command itself, and more than its name."""
    done = call(*path, "--help", terminal_width=80)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    start = " ".join(("runbook", *path))
    examples = [line for line in lines[1:] if line.strip().startswith(start)]
    assert examples, f"no example of {start}"
    assert not lines[0].strip().endswith("[OPTIONS]") or len(lines) > 4


@pytest.mark.parametrize("path", [path for path, command in TREE.items() if isinstance(command, click.Group)],
                         ids=lambda path: " ".join(path) or "runbook")  # fmt: skip
def test_what_a_command_is_for_is_said_to_the_end(path):
    """In the lists of commands that a newcomer sees no sentence is cut off."""
    listed = call(*path, "--help", terminal_width=80).stdout.partition("Commands:\n")[2].partition("\n\n")[0]
    assert len(listed.splitlines()) >= len(TREE[path].commands)
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


def test_a_new_folder_is_told_of_in_lines_that_fit(tmp_path, monkeypatch):
    """With the two commands that come next, and a copy of the recorded host in it, too."""
    monkeypatch.chdir(tmp_path)
    made = call("init", "xen-host")
    assert "cd xen-host, then: runbook run\n" in made.stdout
    monkeypatch.chdir(tmp_path / "xen-host")
    copied = call("new", "demo", "--like", "params/example.yml", "--out", "params/demo.yml")
    lines = [*made.output.splitlines(), *copied.output.splitlines()]
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("path", [path for path, command in TREE.items() if not isinstance(command, click.Group)],
                         ids=" ".join)  # fmt: skip
def test_every_example_is_understood(path):
    """Each option that an example shows exists, and its command does."""
    text = call(*path, "--help", terminal_width=80).stdout
    for line in re.findall(r"^ +(runbook .+?)(?:  +.*)?$", text, re.M):
        words = line.split()[1:]
        found, command = [], main
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            found.append(words[0])
            command = command.commands[words.pop(0)]
        assert not isinstance(command, click.Group), line
        if command.context_settings.get("ignore_unknown_options"):
            continue  # They are those of another program, such as JupyterLab.
        known = options(command)
        assert {word for word in words if word.startswith("--")} <= known, line


@pytest.mark.parametrize("path", TREE, ids=NAMES)
def test_every_list_has_json(path):
    """A command called `list`, and whatever prints rows, can print them for programs."""
    command, name = TREE[path], " ".join(path)
    has_json = "--json" in options(command)
    assert has_json == (name in LISTS or name in RUNS), name
    if path[-1:] == ("list",):
        assert has_json


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """Return a folder of reports with one run of the host toy; the current folder is the project."""
    alone(monkeypatch, tmp_path / "config")
    archived(tmp_path / "reports", 1)
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))
    return tmp_path / "reports"


@pytest.mark.parametrize("name", sorted(LISTS))
def test_the_json_of_every_list_parses(name, reports):
    """It is all there is on standard output, also where nothing is listed."""
    if name in ("report compare", "facts"):
        pytest.skip("needs facts of a host: tests/evidence/test_drift.py, tests/fleet")
    done = call(*name.split(), *LISTS[name], "--json")
    assert isinstance(json.loads(done.stdout), list | dict), done.output
    assert done.exit_code in (0, 1, 3)


@pytest.mark.parametrize("path", [path for path in TREE if path], ids=" ".join)
def test_arguments_that_mean_the_same_are_called_the_same(path):
    """A parameter file is PARAMS and runs are HOST|PATH|URL, whatever command takes them."""
    for param in TREE[path].params:
        if isinstance(param, click.Argument) and param.name in PATHS:
            shown = (param.metavar or param.name.upper()).strip("[]. ")
            assert shown.rstrip(".]") in (PATHS[param.name], f"[{PATHS[param.name]}"), path


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["pln"], "plan"), (["report", "lst"], "list"), (["guest", "stat"], "start"),
        (["validate", "params/exmaple.yml"], "params/example.yml"), (["validate", "exampel"], "params/example.yml"),
        (["plan", "--step", "hide_device"], "hide_devices"), (["run", "--only", "xen_instalation"], "xen_installation"),
        (["report", "list", "tyo"], "toy"), (["backup", "list", "params/example.yml", "ipfir"], "ipfire"),
        (["volume", "unmount", "params/example.yml", "ipfir"], "ipfire"),
        (["guest", "rename", "params/example.yml", "ipfir", "x"], "ipfire"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_misspelt_name_is_asked_about(words, meant, reports):
    """Commands, files, hosts, notebooks, steps and guests alike; nothing is started."""
    done = call(*words)
    assert (done.exit_code, f"did you mean '{meant}'?" in done.stderr) == (2, True), done.output


@pytest.fixture
def things(reports, tmp_path, monkeypatch):
    """A folder with a plan, an approval and a capture in it, beside what is none."""
    for name in (
        "plans/plan.json",
        "plans/plan.approved.json",
        "captures/mine/capture.json",
        "captures/mime/x",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    monkeypatch.setenv("RUNBOOK_REPORTS", str(reports))
    (tmp_path / "params").symlink_to(ROOT / "params")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["approve", "plans/paln.json"], "plans/plan.json"), (["approve", "plnas/plan.json"], "plans/plan.json"),
        (["run", "params/victory.yml", "--mode", "apply", "--approval", "plans/plan.aproved.json"], "plans/plan.approved.json"),
        (["survey", "--capture", "captures/mimes"], "captures/mine"), (["plan", "--capture", "captures/min"], "captures/mine"),
        (["validate", "parms/example.yml"], "params/example.yml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_mistyped_file_or_folder_is_asked_about(words, meant, things):
    """A plan, an approval, a capture and a parameter file alike, also where a folder's name is wrong; nothing is started."""
    done = call(*words)
    text = " ".join(done.stderr.split())
    assert (done.exit_code, f"did you mean '{meant}'?" in text) == (2, True), done.output


@pytest.mark.parametrize(
    "path", [("approve",), ("run",), ("plan",), ("survey",), ("report",), ()], ids=" ".join
)
def test_the_help_says_that_a_mistyped_name_is_asked_about(path):
    """Where a plan, an approval, a capture or a report is named, and above all commands."""
    assert 'did you mean …?"' in " ".join(call(*path, "--help", terminal_width=80).stdout.split())


def test_a_host_is_its_parameter_file(reports):
    """PARAMS takes the name of a host whose file is params/NAME.yml."""
    by_name, by_path = call("validate", "example"), call("validate", "params/example.yml")
    assert by_name.exit_code == by_path.exit_code == 0
    assert by_name.stdout.partition(":")[2].split() == by_path.stdout.partition(":")[2].split()


NARROW = [
    *([*name.split(), *args] for name, args in LISTS.items() if name not in ("report compare", "facts")),
    ["survey"], ["explain", "R702"], ["explain", "nothing that is known"], ["report", "head"], ["report", "list", "tyo"],
    ["run", "--only", "xen_instalation"], ["check", "--only", "77"], ["plan", "--only", "0"], ["undo", "params/example.yml"],
    ["validate", "nosuch"], ["survey", "--html", "-"], ["new", "x", "--out", "-"],
]  # fmt: skip


@pytest.mark.parametrize("words", NARROW, ids=" ".join)
def test_what_is_piped_fits(words, reports):
    """No line is wider than 80 columns but for one word, such as a path, and for what a plan writes or runs."""
    lines = call(*words).output.splitlines()
    assert lines
    wide = [line for line in lines if len(line) > 80 and " " in line.strip().removeprefix("where: ")]
    assert [line for line in wide if not (words[0] == "plan" and line.startswith(" " * 5))] == []


@pytest.mark.parametrize(
    "words", [["survey", "--html"], ["new", "x", "--out"], ["plan", "--save"], ["watch", "--textfile"],
              ["installer", "params/example.yml", "--out"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_no_file_is_called_like_standard_output(words, reports):
    """A command that cannot write there refuses `-`, and names the option."""
    done = call(*words, "-")
    assert (done.exit_code, "name a file; standard output is not taken" in done.stderr) == (2, True)
    assert f"'{words[-1]}'" in done.stderr


def test_an_audit_goes_to_standard_output_alone(reports, tmp_path, monkeypatch):
    """With `-` the table or the page is all that is there, and no file is called so; two of them are refused."""
    monkeypatch.chdir(tmp_path)
    table, page = call("report", "audit", "--csv", "-"), call("report", "audit", "--html", "-")
    rows = list(csv.DictReader(table.stdout.splitlines()))
    assert [row["host"] for row in rows if row["run"]] == ["toy"]
    assert page.stdout.startswith("<!doctype html>")
    assert page.stdout.rstrip().endswith("</html>")
    both = call("report", "audit", "--csv", "-", "--json")
    assert (both.exit_code, both.stdout) == (2, "")
    assert not (tmp_path / "-").exists()
