"""Where the parts of a YAML text stand: the nodes that ruamel composes, and the characters they take."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from runbook.errors import ParamsError
from runbook.params.yaml12 import Where, compose


def root(text: str) -> Node:
    """Return the whole text as a node. Raises `ParamsError` when it is no YAML, or empty."""
    node = compose(text, Path("the text"))
    if node is None:
        raise ParamsError("An empty file cannot be changed", do="write it with `runbook new`")
    return node


def known(root: Node, where: Where) -> int:
    """Return how many keys of a place are there; one with an empty value is, what is below it is not."""
    for count in range(len(where), 0, -1):
        try:
            at(root, where[:count])
        except KeyError:
            continue
        return count
    return 0


def at(node: Node, where: Where) -> Node:
    """Return the node at a place. Raises `KeyError` when there is none."""
    for key in where:
        below: dict[str | int, Node] = dict(enumerate(node.value)) if isinstance(node, SequenceNode) else {}
        if isinstance(node, MappingNode):
            below = {k.value: v for k, v in node.value}
        node = below[key]
    return node


def key_of(parent: Node, key: str | int) -> Node:
    """Return the node of a mapping's key itself."""
    found: Node = next(k for k, _ in parent.value if k.value == key)
    return found


def is_flow(node: Node) -> bool:
    """True for what is written in brackets."""
    return bool(getattr(node, "flow_style", False))


def span(text: str, node: Node) -> tuple[int, int]:
    """Return where a node's own characters begin and end, without the comments and lines behind them."""
    if isinstance(node, ScalarNode) and node.style is None and node.value == "":
        return node.start_mark.index, node.start_mark.index
    if isinstance(node, ScalarNode) or is_flow(node):
        return node.start_mark.index, node.end_mark.index
    lines = text.splitlines(keepends=True)
    end = sum(map(len, lines[: last_line(node) + 1]))
    return node.start_mark.index, end - (1 if text[end - 1 : end] == "\n" else 0)


def last_line(node: Node) -> int:
    """Return the last line, counted from 0, on which something of a node stands."""
    if isinstance(node, ScalarNode) or is_flow(node) or not node.value:
        mark = node.end_mark
        is_next = mark.column == 0 and mark.line > node.start_mark.line
        return int(mark.line) - int(is_next)
    if isinstance(node, MappingNode):
        key, last = node.value[-1]
        return max(int(key.start_mark.line), last_line(last))
    return last_line(node.value[-1])
