"""What a function is called is what it does: a question answers yes or no, and what only looks changes nothing."""

import ast
import re
from collections.abc import Iterator

from runbook import errors
from tests.house.test_layers import modules

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
