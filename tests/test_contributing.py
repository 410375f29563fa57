"""The examples of CONTRIBUTING.md, taken from the page and done: a fact, a step and a notebook."""

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
    book = Book(params, "apply", Recorder(toy, place, "11_greeting"), "11_greeting", Journal(Path("journal")))
    print(book.plan("write_greeting"))
    book.apply("write_greeting")
    print(book.summary())
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
    for folder in ("notebooks", "params", "recordings/testbed"):
        (place / folder).mkdir(parents=True)
    shutil.copy(ROOT / "params/example.yml", place / "params")
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
    """A fact, a step with its chapter, a notebook, and the commands: nothing else is on the page."""
    files = [text.splitlines()[0] for text in blocks("python")]
    assert files == [
        "# runbook/facts/greeting.py",
        "# runbook/steps/greeting/write_greeting.py",
        "# runbook/steps/greeting/__init__.py",
        "# write_11.py",
    ]
    assert (len(blocks("diff")), len(blocks("sh")), len(BLOCKS)) == (1, 1, 6)


def test_the_fact_parses(tree):
    """The line in its docstring gives the value beside it."""
    said = do(tree, "python", "-m", "doctest", "-v", "runbook/facts/greeting.py")
    assert "1 passed" in said


def test_the_code_is_clean(tree):
    """ruff has nothing against the examples, and would write them the same."""
    files = ["runbook/facts/greeting.py", "runbook/steps/greeting", "write_11.py"]
    do(tree, "ruff", "check", "--no-cache", *files)
    do(tree, "ruff", "format", "--no-cache", "--check", *files)


def test_the_step_and_the_notebook_work(tree):
    """The step writes once and plans nothing again; the notebook runs headless, keeps every rule, and is archived."""
    said = {}
    for line in blocks("sh")[0].splitlines():
        argv = ("python", "-c", RECORD) if line == "make record" else tuple(line.split())
        said[line] = do(tree, *argv)
    recorded = said["make record"]
    assert "+testbed is kept by a runbook." in recorded
    assert re.findall(r"write_greeting +(\w+)", recorded) == ["changed", "unchanged"]
    assert said["runbook notebooks"] == "11_greeting.ipynb: changed\n"
    assert said["runbook lint"] == "1 notebook: every rule is kept.\n"
    assert "  write_greeting: changed in " in said["runbook run --only 11_greeting"]
