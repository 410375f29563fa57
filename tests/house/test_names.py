"""What a function is called is what it does, and what a variable is called is what it holds: one word a thing."""

import ast
import re
from collections.abc import Iterator

from runbook import errors
from tests.house.test_layers import ROOT, modules, room

QUESTION = re.compile(r"_?(is|has|can)_\w+")
LOOK = re.compile(r"_?(find|read|index|look)(_\w+)?")
ERRORS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
}
WRITERS = {
    "write_text", "write_bytes", "write_atomic", "write_whole", "mkdir", "rmdir", "unlink", "rmtree", "rename", "touch",
    "symlink_to", "hardlink_to", "copy2", "copyfile", "copytree", "move", "chmod", "truncate",
}  # fmt: skip
Function = ast.FunctionDef | ast.AsyncFunctionDef
SEVERAL = {"asked", "said", "there"}
"""Each of these was several things: parameters, a section, a message's id; a result, a text, a line; what exists, a file's text."""
ONE = {"now": r"(monotonic|datetime\.now|time\.time)\(", "words": r"split\("}
"""These are one thing each, which what is assigned shows: a moment of a clock, and the words of a line."""
KEPT = {("runbook.evidence.fleets.record", "asked")}
"""Attributes that are keys of a file: fleet.json."""
LATER = {"engine", "facts", "hosts", "params", "proposal", "steps", "testbed"}
"""Rooms in which they still stand. A room that is done goes from here."""


def functions(pattern: re.Pattern[str]) -> Iterator[tuple[str, Function]]:
    """Yield every function of the package whose name is of a kind, with the module that it is in."""
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, Function) and pattern.fullmatch(node.name):
                yield module, node


def called(node: ast.AST) -> str:
    """Return the last name of what is called or raised."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def test_a_question_answers_yes_or_no():
    """What is named is_, has_ or can_ returns a bool, and says so; a rule of notebooks yields where it does not hold."""
    wrong = [
        f"{module}.{node.name}"
        for module, node in functions(QUESTION)
        if node.returns is None
        or not re.match(r"bool$|TypeGuard\[|Iterator\[Wrong\]$", ast.unparse(node.returns))
    ]
    assert wrong == []


def test_a_question_raises_no_error_of_ours():
    """What raises an error that a person meets is named require_ or refuse_, and is no question."""
    wrong = [
        f"{module}.{node.name}"
        for module, node in functions(QUESTION)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Raise) and inner.exc is not None and called(inner.exc) in ERRORS
    ]
    assert wrong == []


def test_what_looks_writes_nothing():
    """What is named find, read, index or look, or begins so, writes, makes, moves and removes no file itself."""
    wrong = [
        f"{module}.{node.name} calls {called(inner)}"
        for module, node in functions(LOOK)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Call) and (called(inner) in WRITERS or _opens_to_write(inner))
    ]
    assert wrong == []


def _opens_to_write(call: ast.Call) -> bool:
    words = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return called(call) in ("open", "fdopen") and any(re.fullmatch(r"[rbt+]*[wax+][rbt+]*", w) for w in words)


def bound(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name of a variable, argument, attribute, function or class, with what is assigned to it, or its source."""
    values = {
        id(inner): ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for inner in ast.walk(target)
    }
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name, ast.unparse(node)
        elif isinstance(node, ast.arg):
            yield node.arg, ""
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr, values.get(id(node), "")


def mixed(tree: ast.AST, module: str) -> list[str]:
    """Return the names in a module that say what was done with a thing, or where it is, and not what it is."""
    found = {(name, value, name.strip("_")) for name, value in bound(tree)}
    return sorted(
        f"{module}: {name}"
        for name, value, word in found
        if (word in SEVERAL and (module, name) not in KEPT)
        or (word in ONE and not re.search(ONE[word], value))
    )


def test_a_name_says_what_it_holds():
    """No room that is done names a thing asked, said or there; now is a clock's, and words are those of a line."""
    benchmarks = {
        path.stem: ast.parse(path.read_text()) for path in (ROOT.parent / "benchmarks").glob("*.py")
    }
    done = benchmarks | {name: tree for name, tree in modules().items() if room(name) not in LATER}
    assert [line for name, tree in done.items() for line in mixed(tree, name)] == []


def test_a_room_that_is_done_is_no_longer_left_out():
    """What is left out has something left to be done."""
    left = {room(name) for name, tree in modules().items() if mixed(tree, name)}
    assert left == LATER
