"""The rooms of `runbook/` lie above each other: whoever imports is above what it imports, wherever the import stands."""

import ast
from collections.abc import Iterator, Mapping, Set
from functools import cache
from graphlib import CycleError, TopologicalSorter
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


def order(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return the rooms from the lowest to the highest. Raises `CycleError` with those that go round."""
    above: dict[str, set[str]] = {}
    for name, tree in trees.items():
        above.setdefault(room(name), set()).update(map(room, imports(tree, trees.keys())))
    return list(TopologicalSorter({place: used - {place} for place, used in above.items()}).static_order())


def test_no_room_imports_by_any_way_round_one_that_imports_it():
    """The rooms have an order; errors are below all that raise them, the command line is above what it calls."""
    rooms = order(modules())
    lowest_first = ("text", "model", "facts", "steps", "engine", "evidence", "runner", "cli")
    assert [place for place in rooms if place in lowest_first] == list(lowest_first)


def test_a_circle_is_seen_in_a_function_and_under_type_checking():
    """An import that closes a circle is found wherever it is written."""
    for line in ("from runbook.cli import main", "def late():\n    import runbook.runner.run"):
        with pytest.raises(CycleError):
            order({**modules(), "runbook.facts.planted": ast.parse(line)})


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
