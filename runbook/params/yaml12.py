"""Read YAML without changing what the person wrote.

YAML 1.1 readers turn `01:00.0` into 60.0, a MAC of digits into an integer, `0123` into 83
and `on` into true. YAML 1.2 still turns `4.20` into 4.2. Here every plain value stays the
text that stands in the file; the parameter models, which know what is wanted, convert it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from runbook.errors import ParamsError

Where = tuple[str | int, ...]
NULLS = {"", "~", "null", "Null", "NULL"}


def read(path: Path) -> tuple[dict[str, Any], dict[Where, int]]:
    """Return the file's mapping, all scalars as text (or None), and the line of each key path.

    Raises `ParamsError` when the file is missing, is not YAML, or gives a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(
            f"Cannot read the parameters {path}",
            why=str(error),
            do="give the path of a file like params/example.yml",
        ) from error
    return parse(text, path)


def parse(text: str, path: Path) -> tuple[dict[str, Any], dict[Where, int]]:
    """Return the same as `read` for a text; `path` is where errors say that it stands."""
    node = compose(text, path)
    lines: dict[Where, int] = {}
    value = _plain(node, (), lines, path) if node is not None else {}
    if not isinstance(value, dict):
        raise ParamsError(
            "The parameters must be a mapping (`key: value` lines)",
            where=f"{path}, line 1",
            why=f"it is a {type(value).__name__}",
            do="start from params/example.yml",
        )
    return value, lines


def compose(text: str, path: Path) -> Node | None:
    """Return a text as nodes that know where they stand, None for an empty one. Raises `ParamsError`."""
    try:
        node: Node | None = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else "?"
        raise ParamsError(
            "The parameters are not valid YAML",
            where=f"{path}, line {line}",
            why=str(error.problem or error.context),
            do="check the indentation and the quotes on that line and the one above",
        ) from error
    return node


def scalar(text: str) -> str:
    """Return a text as a YAML value on one line, in quotes only where it needs them.

    >>> scalar("root@victory"), scalar("a: b"), scalar("10.0.0.2/24")
    ('root@victory', '"a: b"', '10.0.0.2/24')
    """
    is_plain = re.fullmatch(r"[A-Za-z0-9/](?:[A-Za-z0-9 ._/@+()=:-]*[A-Za-z0-9_/.)-])?", text)
    return (
        text if is_plain and ": " not in text and text not in NULLS else json.dumps(text, ensure_ascii=False)
    )


def _plain(node: Node, where: Where, lines: dict[Where, int], path: Path) -> Any:
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, ScalarNode):
        is_null = node.style is None and node.value in NULLS
        return None if is_null else node.value
    if isinstance(node, SequenceNode):
        return [_plain(item, (*where, i), lines, path) for i, item in enumerate(node.value)]
    assert isinstance(node, MappingNode)
    result: dict[str, Any] = {}
    for key, item in node.value:
        line = key.start_mark.line + 1
        if key.value in result:
            raise ParamsError(
                f"The key '{key.value}' is given twice",
                where=f"{path}, line {line}",
                why="one of the two would be lost",
                do="delete one",
            )
        lines[(*where, key.value)] = line
        result[key.value] = _plain(item, (*where, key.value), lines, path)
    return result
