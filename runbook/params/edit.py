"""Change a parameter file in place: what is not changed stays to the byte, comments and order too.

ruamel composes the text into nodes that know where they stand, as for reading; a change replaces those
characters or lines and no others. Every function takes a text and returns another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from runbook.params.places import at, is_flow, key_of, known, last_line, root, span
from runbook.params.yaml12 import Where, parse, scalar


def value(text: str, where: Where) -> Any:
    """Return what stands at a place, scalars as text; None when nothing does."""
    return inside(parse(text, Path("the text"))[0], where)


def inside(found: Any, where: Where) -> Any:
    """Return the same from values that were read already.

    >>> inside({"guests": [{"name": "comm"}]}, ("guests", 0, "name")), inside({}, ("guests", 1))
    ('comm', None)
    """
    for key in where:
        below: Any = dict(enumerate(found)) if isinstance(found, list) else found
        found = below.get(key) if isinstance(below, dict) else None
    return found


def put(text: str, where: Where, new: Any) -> str:
    """Return the text with a value at a place; keys on the way that are missing are added.

    >>> put("dom0:\\n  memory_mib: 2048   # enough\\n", ("dom0", "memory_mib"), 4096)
    'dom0:\\n  memory_mib: 4096   # enough\\n'
    >>> put("host: a  # mine\\n", ("dom0", "max_vcpus"), 2)
    'host: a  # mine\\n\\ndom0:\\n  max_vcpus: 2\\n'
    """
    top = root(text)
    count = known(top, where)
    node = at(top, where[:count])
    if count == len(where):
        start, end = span(text, node)
        if start == end:  # nothing stands there yet: behind the key, then
            start = end = text.index(":", key_of(at(top, where[:-1]), where[-1]).end_mark.index) + 1
            return f"{text[:start]} {inline(new)}{text[end:]}"
        return text[:start] + inline(new) + text[end:]
    for key in reversed(where[count + 1 :]):
        new = {key: new}
    return _add_key(text, where[:count], node, str(where[count]), new)


def remove(text: str, where: Where) -> str:
    """Return the text without what stands at a place; a mapping that would be empty goes with it.

    >>> remove("a: 1\\n# about b\\nb: 2\\nc: 3\\n", ("b",))
    'a: 1\\n# about b\\nc: 3\\n'
    """
    top = root(text)
    parent = at(top, where[:-1])
    if len(parent.value) == 1:
        if isinstance(parent, SequenceNode):
            return _emptied(text, parent)
        if len(where) > 1 and isinstance(where[-2], str):
            return remove(text, where[:-1])
    if is_flow(parent):
        return _cut_from_flow(text, parent, where[-1])
    child = at(top, where)
    first = key_of(parent, where[-1]).start_mark if isinstance(parent, MappingNode) else child.start_mark
    lines = text.splitlines(keepends=True)
    dash = lines[first.line][: first.column]
    if isinstance(parent, MappingNode) and "-" in dash:  # the key behind it begins the item then
        second = parent.value[1][0].start_mark
        lines[second.line] = dash + lines[second.line][second.column :]
    return "".join(lines[: first.line] + lines[last_line(child) + 1 :])


def append(text: str, where: Where, item: Any) -> str:
    """Return the text with one more item at the end of a list, which is made when it is missing.

    >>> append("pci: [a]\\n", ("pci",), "b"), append("pci: []  # none\\n", ("pci",), {"a": 1, "b": 2})
    ('pci: [a, b]\\n', 'pci:  # none\\n  - a: 1\\n    b: 2\\n')
    >>> append("pci:\\n  # - a: 2\\nos: linux\\n", ("pci",), {"a": 1})
    'pci:\\n  - a: 1\\n  # - a: 2\\nos: linux\\n'
    """
    return extend(text, where, [item])


def extend(text: str, where: Where, items: list[Any]) -> str:
    """Return the text with more items at the end of a list, all of one kind; as it is for none.

    >>> extend("a: [1]\\n", ("a",), [2, 3]), extend("a: 1\\n", ("b",), [{"c": 1}, {"c": 2}])
    ('a: [1, 2, 3]\\n', 'a: 1\\n\\nb:\\n  - c: 1\\n  - c: 2\\n')
    """
    if not items:
        return text
    top = root(text)
    count = known(top, where)
    node = at(top, where[:count])
    is_block = isinstance(items[0], dict)
    if count < len(where) or not isinstance(node, SequenceNode):
        start, end = span(text, node)
        if count < len(where) or start < end or not is_block:
            return put(text, where, items)
        key = key_of(at(top, where[:-1]), where[-1]).start_mark  # it holds nothing yet but comments, perhaps
        return _insert(text, key.line + 1, _block(items, key.column + 2))
    if not is_flow(node):
        line = last_line(node)
        return _insert(text, line + 1, _block(items, node.start_mark.column))
    start, end = span(text, node)
    if node.value or not is_block:
        before = text[start + 1 : end - 1].rstrip().rstrip(",")
        more = ", ".join(map(inline, items))
        return text[:start] + "[" + before + (", " if node.value else "") + more + "]" + text[end:]
    line, column = node.start_mark.line, key_of(at(top, where[:-1]), where[-1]).start_mark.column
    return _insert(text[:start].rstrip() + text[end:], line + 1, _block(items, column + 2))


def inline(new: Any) -> str:
    """Return a value on one line.

    >>> inline({"name": "comm", "size_gib": 20}), inline([True, "a, b", None])
    ('{name: comm, size_gib: 20}', '[true, "a, b", null]')
    """
    if isinstance(new, dict):
        return "{" + ", ".join(f"{key}: {inline(part)}" for key, part in new.items()) + "}"
    if isinstance(new, list | tuple):
        return "[" + ", ".join(map(inline, new)) + "]"
    if isinstance(new, bool) or new is None:
        return {True: "true", False: "false", None: "null"}[new]
    return scalar(str(new))


def _block(new: Any, column: int) -> list[str]:
    """Return a mapping, or a list of mappings, a line each; what is inside those stands on one line."""
    space = " " * column
    if isinstance(new, dict):
        return [f"{space}{key}: {inline(part)}" for key, part in new.items()]
    lines: list[str] = []
    for item in new:
        inner = _block(item, column + 2) if isinstance(item, dict) and item else [space + "  " + inline(item)]
        lines += [f"{space}- {inner[0].lstrip()}", *inner[1:]]
    return lines


def _add_key(text: str, where: Where, node: Node, key: str, new: Any) -> str:
    is_block = isinstance(new, dict) or (isinstance(new, list) and any(isinstance(i, dict) for i in new))
    if isinstance(node, MappingNode) and is_flow(node):
        start, end = span(text, node)
        inside = ", ".join(filter(None, (text[start + 1 : end - 1].strip(), f"{key}: {inline(new)}")))
        return text[:start] + "{" + inside + "}" + text[end:]
    if isinstance(node, MappingNode):
        column, line = node.start_mark.column, last_line(node) + 1
    else:  # a key without a value: what is added is all that it holds
        key_line = key_of(at(root(text), where[:-1]), where[-1]).start_mark
        column, line = key_line.column + 2, key_line.line + 1
    head = [""] if not where else []
    space = " " * column
    body = [f"{space}{key}:", *_block(new, column + 2)] if is_block else [f"{space}{key}: {inline(new)}"]
    return _insert(text, len(text.splitlines()) if not where else line, [*head, *body])


def _insert(text: str, line: int, new: list[str]) -> str:
    lines = text.splitlines()
    return "\n".join([*lines[:line], *new, *lines[line:]]) + "\n"


def _emptied(text: str, node: Node) -> str:
    """Return the text with an empty list instead of the one with a single item, which stays where it was named."""
    if is_flow(node):
        start, end = span(text, node)
        return text[:start] + "[]" + text[end:]
    lines = text.splitlines(keepends=True)
    above = node.start_mark.line - 1
    while ":" not in lines[above].partition("#")[0]:
        above -= 1
    head, sign, rest = lines[above].partition(":")
    lines[above] = f"{head}{sign} []{rest}"
    return "".join(lines[: node.start_mark.line] + lines[last_line(node) + 1 :])


def _cut_from_flow(text: str, parent: Node, key: str | int) -> str:
    start, end = span(text, parent)
    if isinstance(parent, MappingNode):
        kept = [(k, v) for k, v in parent.value if k.value != key]
        parts = [text[k.start_mark.index : v.end_mark.index] for k, v in kept]
        return text[:start] + "{" + ", ".join(parts) + "}" + text[end:]
    parts = [text[n.start_mark.index : n.end_mark.index] for i, n in enumerate(parent.value) if i != key]
    return text[:start] + "[" + ", ".join(parts) + "]" + text[end:]
