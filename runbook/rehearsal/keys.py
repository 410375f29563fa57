"""Which parameters each notebook reads, so that a rehearsal after a change begins at the first notebook that it touches.

Read from the source of the steps, and of what they import: a field of the parameters that is named anywhere there counts. That
is more than is read in any one run, and never less.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from runbook.model.plan import canonical
from runbook.params import HostParams
from runbook.steps import CHAPTERS
from runbook.testbed.made_of import notebook_digest

_TOP = Path(__file__).parents[1]
_SEARCHED = ("steps", "guests", "backups", "builds", "guide", "survey", "show", "releases")
"""Rooms whose functions take parameters; facts take none, and what shows and runs is the same for all."""
_NOT_COUNTED = frozenset({"connection", "consent", "approvers", "notify", "host"})
"""What decides how a host is reached and who agrees: never how its disks come out."""
_MEANT = {"memory_needed_mib": ("dom0", "guests"), "device_of": ("passthrough",), "is_by_sudo": ()}
"""What a property of the parameters reads."""


@cache
def read_by(notebook: str) -> frozenset[str]:
    """Return the fields of the parameters that a notebook's steps can read: in their functions, and in all that those call."""
    chapter = next(
        module for name in CHAPTERS if notebook == (module := import_module(f"runbook.steps.{name}")).NOTEBOOK
    )
    files = sorted(Path(str(chapter.__file__)).parent.rglob("*.py"))
    todo = [(file, name) for file in files for name in _module(file)]
    seen: set[tuple[Path, str]] = set()
    found: set[str] = set()
    while todo:
        place = todo.pop()
        if place in seen:
            continue
        seen.add(place)
        node, known = _module(place[0]).get(place[1]), _imports(place[0])
        if node is not None:
            names, calls = _of(node, place[0], known)
            found |= names
            todo += calls
    return frozenset(found) - _NOT_COUNTED


@cache
def _module(file: Path) -> dict[str, ast.stmt]:
    """Return each function, class and constant of a module, by name; what stands beside them is called ''."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


@cache
def _imports(file: Path) -> dict[str, tuple[Path, str]]:
    """Return what each name of a module stands for that comes from one of those rooms: a module ('' behind it), or what is in it."""
    found = {}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("runbook."):
            module = str(node.module).removeprefix("runbook.").replace(".", "/")
            for one in node.names if module.startswith(_SEARCHED) else ():
                whole, part = _TOP / f"{module}/{one.name}.py", _TOP / f"{module}.py"
                found[one.asname or one.name] = (whole, "") if whole.is_file() else (part, one.name)
                if not whole.is_file() and not part.is_file():
                    found[one.asname or one.name] = (_TOP / f"{module}/__init__.py", one.name)
    return found


def _of(
    node: ast.stmt, file: Path, imports: Mapping[str, tuple[Path, str]]
) -> tuple[set[str], list[tuple[Path, str]]]:
    """Return the fields that something of a module names, and all that it may call."""
    known, own = set(HostParams.model_fields), _module(file)
    names, calls = set[str](), list[tuple[Path, str]]()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            base = imports.get(part.value.id) if isinstance(part.value, ast.Name) else None
            if base and not base[1]:
                calls.append((base[0], part.attr))
            else:
                names |= ({part.attr} & known) | {*_MEANT.get(part.attr, ())}
        elif isinstance(part, ast.Name):
            if part.id in own:
                calls.append((file, part.id))
            elif (base := imports.get(part.id)) and base[1]:
                calls.append(base if base[0].name != "__init__.py" else _passed_on(*base))
    return names, calls


def _passed_on(file: Path, name: str) -> tuple[Path, str]:
    """Return where something is defined that a room's first module only passes on."""
    return _imports(file).get(name, (file, name)) if file.is_file() else (file, name)


def made_of(params: HostParams, ids: Mapping[str, str], until: str) -> dict[str, str]:
    """Return what decides how the machine comes out behind all notebooks until one: of each its cells, its steps, its parameters.

    `ids` are those of the machine itself, such as its base disk.
    """
    found = dict(ids)
    for name in CHAPTERS:
        notebook = import_module(f"runbook.steps.{name}").NOTEBOOK
        if notebook <= until:
            values = canonical(tuple(sorted((field, _value(params, field)) for field in read_by(notebook))))
            read = hashlib.sha256(values.encode()).hexdigest()[:12]
            found[notebook] = f"{notebook_digest(notebook)} {read}"
    return found


def _value(params: HostParams, field: str) -> str:
    value = getattr(params, field)
    return repr(value.model_dump(mode="json") if hasattr(value, "model_dump") else [
        one.model_dump(mode="json") if hasattr(one, "model_dump") else one for one in value
    ] if isinstance(value, tuple) else value)  # fmt: skip


def first_touched(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return the first name whose value is another, in the order of the names; '' for none."""
    return next((name for name in sorted({*before, *after}) if before.get(name) != after.get(name)), "")
