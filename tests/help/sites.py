"""What the package can say: the text of every error and finding, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import runbook

ROOT = Path(runbook.__file__).parent
FINDINGS = {"refuse": "Refused", "wait": "Refused", "fail": "CheckFailed"}


@dataclass(frozen=True)
class Site:
    """One place where something is raised or found. In `text` `…` stands for what is filled in."""

    error: str
    level: str
    text: str
    place: str


def sites(errors: set[str]) -> list[Site]:
    """Return every place of the package that makes an error of these names, or a finding."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                place = f"{path.relative_to(ROOT.parent)}:{node.lineno}"
                found += [Site(*said, place) for said in _said(node, errors)]
    return found


def _said(node: ast.Call, errors: set[str]) -> Iterator[tuple[str, str, str]]:
    name = getattr(node.func, "id", "")
    args = [*node.args, *(k.value for k in node.keywords)]
    if name in errors and args:
        lines = [_texts(arg) for arg in args if not isinstance(arg, ast.Constant) or arg.value]
        yield from ((name, "", "\n".join(text)) for text in product(*lines))
    elif name == "Finding" and len(args) > 1:
        for level in _texts(args[0]):
            yield from ((FINDINGS[level], level, text) for text in _texts(args[1]) if level in FINDINGS)
    elif name in ("_refuse", "_lost") and args:
        yield from (("Refused", "refuse", text) for text in _texts(args[0]))


def _texts(node: ast.expr) -> list[str]:
    """Return what an expression can be, with `…` where only a run can tell."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    if isinstance(node, ast.JoinedStr):
        parts = [_texts(v.value if isinstance(v, ast.FormattedValue) else v) for v in node.values]
        return ["".join(chosen) for chosen in product(*parts)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return ["".join(chosen) for chosen in product(_texts(node.left), _texts(node.right))]
    return ["…"]
