"""The rooms of `runbook/` lie above each other: whoever imports is above what it imports, wherever the import stands."""

import ast
import re
from collections.abc import Iterator, Mapping, Set
from functools import cache
from pathlib import Path

import pytest

import runbook

ROOT = Path(runbook.__file__).parent
LOOSE = {"__init__", "errors"}
"""What lies in no room: what a cell may import, and the errors that every room raises."""


@cache
def modules() -> Mapping[str, ast.Module]:
    """Return every module of the package by its full name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = ("runbook", *path.relative_to(ROOT).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(tree: ast.AST, known: Set[str]) -> Iterator[str]:
    """Yield the modules that one imports: at its top, in functions, and for types alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name their module in full"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & known
            if names - known and node.module in known:
                yield str(node.module)


def room(module: str) -> str:
    """Return the room that a module lies in: the folder below `runbook/`, or itself."""
    return module.split(".")[1] if "." in module else module


def upward(trees: Mapping[str, ast.Module], rooms: list[str]) -> list[str]:
    """Return each import that leads to a room which stands below the importer's own, as `module imports module`."""
    place = {name: number for number, name in enumerate([*rooms, "runbook"])}
    return [
        f"{name} imports {used}"
        for name, tree in trees.items()
        for used in imports(tree, trees.keys())
        if place[room(used)] > place[room(name)]
    ]


def table() -> list[str]:
    """Return the rooms of `docs/rooms.md`, from the first row to the last."""
    return re.findall(
        r"^\| `(\w+)` \|", (ROOT.parent / "docs" / "rooms.md").read_text(encoding="utf-8"), re.M
    )


def test_no_room_imports_one_that_stands_below_it():
    """The rooms have the order of their page, which has each of them once: so none goes round to itself."""
    rooms = table()
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert sorted(rooms) == sorted({*folders, "errors"})
    assert upward(modules(), rooms) == []


@pytest.mark.parametrize(
    "line",
    [
        "from runbook.cli import main",
        "def late():\n    import runbook.runner.run",
        "if TYPE_CHECKING:\n    from runbook import book",
    ],
)
def test_an_import_is_seen_wherever_it_stands(line):
    """At the top, in a function, for types alone: what leads up is named."""
    found = upward({**modules(), "runbook.facts.planted": ast.parse(line)}, table())
    assert [said.split()[0] for said in found] == ["runbook.facts.planted"]


def test_every_module_lies_in_a_room():
    """At the top of the package lies nothing but what a cell imports, and the errors."""
    assert {path.stem for path in ROOT.glob("*.py")} == LOOSE


def chapters_used(name: str, tree: ast.Module, known: Set[str]) -> set[str]:
    """Return the chapters of steps other than its own that a module of `runbook/steps` imports."""
    own = name.split(".")[2] if name.count(".") > 1 else ""
    used = {module.split(".")[2] for module in imports(tree, known) if module.startswith("runbook.steps.")}
    return used - {own, "shared"}


def test_chapters_do_not_import_chapters():
    """What two chapters share lies in `steps/shared`, which imports no chapter itself."""
    trees = modules()
    used = {
        name: found
        for name, tree in trees.items()
        if name.startswith("runbook.steps.") and (found := chapters_used(name, tree, trees.keys()))
    }
    assert used == {}
    planted = ast.parse("from runbook.steps.kernel import build_kernel")
    assert chapters_used("runbook.steps.guests.planted", planted, trees.keys()) == {"kernel"}


def test_a_module_in_a_chapter_is_a_step():
    """The folder of a chapter holds its steps, all of them in its list, and nothing else."""
    from runbook import steps

    listed = {step.__name__ for found in steps.notebooks().values() for step in found}
    chapters = [ROOT / "steps" / name for name in steps.CHAPTERS]
    there = {
        f"runbook.steps.{folder.name}.{path.stem}" for folder in chapters for path in folder.glob("[!_]*.py")
    }
    assert there == listed
