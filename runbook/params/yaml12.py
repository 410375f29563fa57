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
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from runbook.errors import ParamsError
from runbook.params.files import UnfitFile, read_small
from runbook.text.printable import acts, printable, unprintable

Where = tuple[str | int, ...]
_INVALID = "The parameters are not valid YAML"
_KEY = "write `key: value`, the key one word as in params/example.yml"
NULLS = {"", "~", "null", "Null", "NULL"}
LARGEST = 256 * 1024
"""Bytes of a parameter file; most of a large one are comments about a machine with hundreds of devices."""
DEEPEST = 16
"""Lists and mappings inside each other; the parameters themselves need six."""
MOST = 10_000
"""Values of a file, those that an alias repeats counted each time."""


class _Composer(Composer):
    """ruamel's, but it goes no deeper than parameters do, and takes no tag: a tag may name anything."""

    _depth = _count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if getattr(event, "ctag", None) is not None:
            raise _Unfit(
                "it has a tag (a word that begins with `!`)", event.start_mark.line, "write the value alone"
            )
        if self._depth > DEEPEST:
            why = f"more than {DEEPEST} lists and mappings lie inside each other there"
            raise _Unfit(
                why, event.start_mark.line, "start from params/example.yml; nothing in it is so deep"
            )
        self._count += 1
        if self._count > MOST:
            raise _too_many(event.start_mark.line)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


class _Unfit(Exception):
    """YAML, but not of the kind that parameters are written in; `line` counts from 0."""

    def __init__(self, why: str, line: int, do: str, what: str = _INVALID) -> None:
        super().__init__(why)
        self.why, self.line, self.do, self.what = why, line, do, what


def _too_many(line: int) -> _Unfit:
    why = f"it has more than {MOST} values, those that an alias (`*name`) repeats counted each time"
    return _Unfit(why, line, "write less; params/example.yml has 200")


def read(path: Path) -> tuple[dict[str, Any], dict[Where, int]]:
    """Return the file's mapping, all scalars as text (or None), and the line of each key path.

    Raises `ParamsError` when the file is missing, is no file, is too large, is not YAML, or gives a key twice.
    """
    return parse(text_of(path), path)


def text_of(path: Path) -> str:
    """Return the text of a parameter file. Raises `ParamsError` for what is no file of that kind."""
    try:
        return read_small(path, LARGEST)
    except UnfitFile as error:
        raise ParamsError(f"Cannot read the parameters {path}", why=error.why, do=error.do) from None


def parse(text: str, path: Path) -> tuple[dict[str, Any], dict[Where, int]]:
    """Return the same as `read` for a text; `path` is where errors say that it stands."""
    node = compose(text, path)
    taken = _Taken()
    try:
        value = taken.plain(node, ()) if node is not None else {}
    except _Unfit as error:
        raise _wrong(path, error.why, error.line, error.do, error.what) from None
    if not isinstance(value, dict):
        raise ParamsError(
            "The parameters must be a mapping (`key: value` lines)",
            where=f"{path}, line 1",
            why=f"it is a {type(value).__name__}",
            do="start from params/example.yml",
        )
    return value, taken.lines


def compose(text: str, path: Path) -> Node | None:
    """Return a text as nodes that know where they stand, None for an empty one. Raises `ParamsError`."""
    if len(text) > LARGEST:
        raise _wrong(path, f"it is larger than {LARGEST // 1024} KiB", 0, "start from params/example.yml")
    if sign := next(
        (sign for sign in text.removeprefix("\ufeff") if acts(sign) and sign not in "\t\r\n"), ""
    ):
        why = f"it holds the character U+{ord(sign):04X}, which is not printed: what it does cannot be seen"
        raise _wrong(path, why, text[: text.index(sign)].count("\n"), "take that character out")
    yaml = YAML(typ="rt", pure=True)
    yaml.Composer = _Composer
    try:
        node: Node | None = yaml.compose(text)
    except _Unfit as error:
        raise _wrong(path, error.why, error.line, error.do, error.what) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        do = "check the indentation and the quotes on that line and the one above"
        raise _wrong(path, str(error.problem or error.context), mark.line if mark else 0, do) from None
    except Exception as error:  # what the library does not foresee, such as "\\UFFFFFFFF"
        why = str(error).partition("\n")[0] or type(error).__name__
        raise _wrong(path, why, 0, "look for a `\\` or a `%` that is not meant") from None
    return node


def _wrong(path: Path, why: str, line: int, do: str, what: str = _INVALID) -> ParamsError:
    where = f"{path}, line {line + 1}"
    return ParamsError(what, where=where, why=printable(why)[:300], do=do)


class _Taken:
    """What was taken from nodes: the lines of all keys, and how many values there are."""

    def __init__(self) -> None:
        self.lines: dict[Where, int] = {}
        self._count = 0
        self._around: list[Node] = []

    def plain(self, node: Node, where: Where) -> Any:
        """Return a node's value, all scalars as text. Raises `_Unfit` for what parameters are not made of."""
        line = node.start_mark.line
        self.lines.setdefault(where, line + 1)
        self._count += 1
        if self._count > MOST:
            raise _too_many(line)
        if isinstance(node, ScalarNode):
            is_null = node.style is None and node.value in NULLS
            # The library marks where a folded text was folded.
            text = node.value.replace("\a", "") if node.style == ">" else node.value
            return None if is_null else text
        if any(node is other for other in self._around):
            raise _Unfit("an alias (`*name`) stands inside what it names", line, "write the value itself")
        self._around.append(node)
        try:
            if isinstance(node, SequenceNode):
                return [self.plain(item, (*where, i)) for i, item in enumerate(node.value)]
            return self._mapping(node, where)
        finally:
            self._around.pop()

    def _mapping(self, node: Node, where: Where) -> dict[str, Any]:
        assert isinstance(node, MappingNode)
        result: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line
            if not isinstance(key, ScalarNode):
                raise _Unfit("a key is a list or a mapping", line, _KEY)
            if not 0 < len(key.value) <= 100 or unprintable(key.value):
                raise _Unfit("a key is empty, too long or not printable", line, _KEY)
            if key.value in result:
                what = f"The key '{key.value}' is given twice"
                raise _Unfit("one of the two would be lost", line, "delete one", what)
            self.lines[(*where, key.value)] = line + 1
            result[key.value] = self.plain(item, (*where, key.value))
        return result


def scalar(text: str) -> str:
    """Return a text as a YAML value on one line, in quotes only where it needs them.

    >>> scalar("root@victory"), scalar("a: b"), scalar("10.0.0.2/24")
    ('root@victory', '"a: b"', '10.0.0.2/24')
    """
    is_plain = re.fullmatch(r"[A-Za-z0-9/](?:[A-Za-z0-9 ._/@+()=:-]*[A-Za-z0-9_/.)-])?", text)
    if is_plain and ": " not in text and text not in NULLS:
        return text
    return "".join(s if s.isprintable() else f"\\U{ord(s):08x}" for s in json.dumps(text, ensure_ascii=False))
