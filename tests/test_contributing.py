"""The examples of CONTRIBUTING.md, taken from the page and done: a fact, a step, its recording, and a notebook."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)
RECORD = """
from pathlib import Path
from runbook.book import Book
from runbook.hosts.recorder import Recorder
from runbook.engine.journal import Journal
from runbook.params import load
from tests.toy import ToyHost

toy, params = ToyHost({"/etc/motd": "The programs included are free software.\\n"}), load("params/example.yml")
for time in ("first", "second"):
    place = Path("recordings/testbed" if time == "first" else "again")
    book = Book(params, "apply", Recorder(toy, place, "12_greeting"), "12_greeting", Journal(Path("journal")))
    print(book.plan("write_greeting"))
    book.apply("write_greeting")
    print(book.summary())
"""


STEP = """
from pathlib import Path
from runbook.book import Book
from runbook.engine.journal import Journal
from runbook.hosts import recording as files
from runbook.hosts.base import Result
from runbook.hosts.recorder import Recorder
from runbook.params import load
from runbook.steps import steps_of
from runbook.testbed import merging
from runbook.testbed.returning import WayBack
from tests.toy import ToyHost

NAME, NOTEBOOK, params = "limit_swapping", "06_xen_configuration", load("params/example.yml")
step = steps_of(NOTEBOOK)[NAME]


class Kernel(ToyHost):
    def run(self, argv, **_):
        self.files.pop(argv[-1], None) if argv[0] == "rm" else self.set(*argv)
        return Result(argv, 0, "", "")

    def set(self, *argv):
        value = argv[-1].partition("=")[2] or self.files.get(argv[-1], "").partition("= ")[2].strip()
        if value:
            self.answers["sysctl -n vm.swappiness"] = value + "\\n"


def opened(host, is_recorded=True):
    Path("journal").unlink(missing_ok=True)
    host = Recorder(host, Path("scratch"), NOTEBOOK) if is_recorded else host
    return Book(params, "apply", host, NOTEBOOK, Journal(Path("journal")))


toy = Kernel(**{"sysctl -n vm.swappiness": "60\\n"})
way_back = WayBack(toy, step.asks(params))
opened(toy).apply(NAME)
said = files.load(Path("scratch"), NOTEBOOK)
way_back.prove(NAME, Path("journal"))
merging.first(Path("recordings/testbed", NOTEBOOK), NAME, step, said, params)
for is_recorded in (False, True):
    opened(toy, is_recorded).apply(NAME)
said = files.load(Path("scratch"), NOTEBOOK)
merging.again(Path("recordings/testbed-again", NOTEBOOK), NAME, step, said, params)
"""


def blocks(kind: str) -> list[str]:
    return [text for language, text in BLOCKS if language == kind]


def apply_diff(tree: Path, text: str) -> None:
    """Do what a diff with one hunk says; its lines must be there, once."""
    head, _, hunk = text.partition("\n")
    file = tree / head.removeprefix("--- ")
    lines = hunk.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    before = file.read_text(encoding="utf-8")
    assert before.count(old) == 1, text
    file.write_text(before.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Return a copy of the project in which the page's blocks are written where they say, and its environment."""
    place = tmp_path_factory.mktemp("contributed")
    shutil.copytree(ROOT / "runbook", place / "runbook", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("notebooks", "params"):
        (place / folder).mkdir(parents=True)
    shutil.copytree(ROOT / "recordings", place / "recordings")
    shutil.copy(ROOT / "params/example.yml", place / "params")
    shutil.copy(ROOT / "notebooks/06_xen_configuration.ipynb", place / "notebooks")
    shutil.copy(ROOT / "pyproject.toml", place)
    for text in blocks("python"):
        file = place / text.splitlines()[0].removeprefix("# ")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.partition("\n")[2], encoding="utf-8")
    for text in blocks("diff"):
        apply_diff(place, text)
    return place


def do(tree: Path, *argv: str) -> str:
    """Return what a command says in the copy, where the copy's package is the one that is found."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {
        **os.environ,
        "PYTHONPATH": f"{tree}:{ROOT}",
        "PATH": path,
        "XDG_CONFIG_HOME": str(tree / "config"),
    }
    done = subprocess.run(argv, cwd=tree, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_has_one_example_of_each():
    """A step with its fact and its beat, and a notebook with its own: nothing else is on the page."""
    files = [text.splitlines()[0] for text in blocks("python")]
    assert files == [
        "# runbook/facts/swapping.py",
        "# runbook/steps/xen_configuration/limit_swapping.py",
        "# add_beat.py",
        "# runbook/facts/greeting.py",
        "# runbook/steps/greeting/write_greeting.py",
        "# runbook/steps/greeting/__init__.py",
        "# write_12.py",
    ]
    assert (len(blocks("diff")), len(blocks("sh")), len(BLOCKS)) == (3, 2, 12)


@pytest.mark.parametrize("fact", ["swapping", "greeting"])
def test_the_facts_parse(tree, fact):
    """The line in its docstring gives the value beside it."""
    said = do(tree, "python", "-m", "doctest", "-v", f"runbook/facts/{fact}.py")
    assert re.search(r"[12] passed", said)


def test_the_code_is_clean(tree):
    """ruff has nothing against the examples, and would write them the same."""
    files = [
        "runbook/facts/swapping.py", "runbook/steps/xen_configuration", "add_beat.py",
        "runbook/facts/greeting.py", "runbook/steps/greeting", "write_12.py",
    ]  # fmt: skip
    do(tree, "ruff", "check", "--no-cache", *files)
    do(tree, "ruff", "format", "--no-cache", "--check", *files)


def test_a_step_joins_a_chapter(tree):
    """It is not recorded and says so; then it is, by a machine of its own, and no other file of the recording changed."""
    before = content(tree / "recordings")
    *_, beat, lint = (line.split() for line in blocks("sh")[0].splitlines() if "make" not in line)
    do(tree, *blocks("sh")[0].splitlines()[0].split())
    do(tree, *beat)
    assert "not recorded yet: make record STEP=limit_swapping" in played(tree)
    do(tree, "python", "-c", STEP)
    do(tree, *beat)
    assert "+vm.swappiness = 10" in played(tree)
    assert " not recorded" not in played(tree)
    assert do(tree, *lint).endswith("every rule is kept.\n")
    after = content(tree / "recordings")
    opening = [f"{name}/06_xen_configuration/opening.jsonl" for name in ("testbed", "testbed-again")]
    own = [f"{name}/06_xen_configuration/limit_swapping.jsonl" for name in ("testbed", "testbed-again")]
    assert sorted(name for name in after if after[name] != before.get(name)) == sorted([*opening, *own])
    for name in opening:
        assert set(before[name].splitlines()) < set(after[name].splitlines())


@pytest.mark.parametrize(("old", "new"), [("undo=undo", "again=True"), (", undo=undo", "")])
def test_a_wrong_way_back_is_found(tree, old, new):
    """A command that is run once more, or none, does not return the value: the recording is refused, and says what stayed."""
    file = tree / "runbook/steps/xen_configuration/limit_swapping.py"
    right = file.read_text(encoding="utf-8")
    try:
        file.write_text(right.replace(old, new), encoding="utf-8")
        with pytest.raises(AssertionError, match=r"(?s)way back of limit_swapping.*was '60', is '10'"):
            do(tree, "python", "-c", STEP)
    finally:
        file.write_text(right, encoding="utf-8")


def content(folder: Path) -> dict[str, str]:
    """Return every file below a folder by its name."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


def played(tree: Path) -> str:
    """Return what the notebook of the step shows."""
    return (tree / "notebooks/06_xen_configuration.ipynb").read_text(encoding="utf-8")


def test_the_notebook_works(tree):
    """The step writes once and plans nothing again; the notebook runs headless, keeps every rule, and is archived."""
    said = {}
    for line in blocks("sh")[1].splitlines():
        argv = ("python", "-c", RECORD) if line.startswith("make record") else tuple(line.split())
        said[line] = do(tree, *argv)
    recorded = said["make record STEP=write_greeting"]
    assert "+testbed is kept by a runbook." in recorded
    assert re.findall(r"write_greeting +(\w+)", recorded) == ["changed", "unchanged"]
    assert "12_greeting.ipynb: changed\n" in said["runbook notebooks"]
    assert said["runbook lint"] == "2 notebooks: every rule is kept.\n"
    assert "  write_greeting: changed in " in said["runbook run --only 12_greeting"]
