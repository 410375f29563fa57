"""Modules and functions stay short enough to be read at a sitting."""

import ast
import io
import tokenize
from functools import cache

import pytest

from tests.house.test_layers import ROOT

MODULE, FUNCTION = 200, 40
"""Lines of code: fewer than that."""
SILENT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def code(text: str) -> set[int]:
    """Return the numbers of the lines that hold code: blank lines, comments and docstrings do not.

    >>> sorted(code('\"\"\"What it is.\"\"\"\\n\\n# why\\nx = (\\n    1,\\n)\\n'))
    [4, 5, 6]
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return lines


@cache
def read(name: str) -> tuple[str, frozenset[int]]:
    """Return the text of a module of the package, and its lines of code."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return text, frozenset(code(text))


@pytest.mark.parametrize("name", FILES)
def test_a_module_is_short(name):
    """It has less than 200 lines of code."""
    assert len(read(name)[1]) < MODULE, "split it where two things are told"


def test_every_function_is_short():
    """Each has less than 40 lines of code, its head counted."""
    long = []
    for name in FILES:
        text, lines = read(name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = len(lines & set(range(node.lineno, node.end_lineno + 1)))
                long += [f"{name}:{node.lineno} {node.name} has {count}"] if count >= FUNCTION else []
    assert long == []
