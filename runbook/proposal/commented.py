"""A mapping with comments, written by the YAML library: what is said beside a key can never become one."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.tokens import CommentToken

from runbook.text.printable import printable
from runbook.text.visible import visible

WIDTH = 108
_LONGEST = 600
"""Characters of a machine's own words that are repeated; what is longer tells a person nothing more."""


def clean(text: str) -> str:
    """Return what a machine said as one line on which nothing acts or is unseen, cut where it is endless.

    >>> clean("/boot/efi\\nconsent: [all]")
    '/boot/efi\\\\u000aconsent: [all]'
    """
    return visible(printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"))


def folded(text: str, indent: int = 0, sign: str = "#", hang: int = 0) -> list[str]:
    """Return a text as lines of comment, folded; all but the first begin further right by `hang`.

    With the sign `##` it is still a comment where an editor takes away the comment signs of a whole block.
    """
    start = f"{' ' * indent}{sign} "
    return textwrap.wrap(
        clean(text), WIDTH, initial_indent=start, subsequent_indent=start + " " * hang, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def above(node: CommentedMap | CommentedSeq, key: str | int, lines: Iterable[str]) -> None:
    """Put lines, each a comment with its indentation or empty, above a key or an item."""
    tokens = [_token(f"{line.lstrip()}\n", len(line) - len(line.lstrip())) for line in map(clean, lines)]
    node.ca.items.setdefault(key, [None, None, None, None])[1] = tokens


def beside(node: CommentedMap, key: str, comment: str, below: Iterable[str] = ()) -> None:
    """Put a comment behind a value, '' for none, and whole lines of comment below it."""
    first = f" # {clean(comment)}\n" if comment else "\n"
    lines = "".join(f"{clean(line)}\n" for line in below)
    if comment or lines:
        node.ca.items.setdefault(key, [None, None, None, None])[2] = _token(first + lines, 0)


def quoted(text: str) -> str:
    """Return a text that is written in quotes, as people know it."""
    found: str = DoubleQuotedScalarString(text)
    return found


def flow(items: Iterable[Any]) -> CommentedSeq:
    """Return a list that is written in brackets."""
    found = CommentedSeq(items)
    found.fa.set_flow_style()
    return found


def flow_map(values: dict[str, Any]) -> CommentedMap:
    """Return a mapping that is written in braces."""
    found = CommentedMap(values)
    found.fa.set_flow_style()
    return found


def dump(values: Any) -> str:
    """Return values as YAML, with their comments."""
    yaml = YAML(typ="rt", pure=True)
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 1_000_000
    stream = io.StringIO()
    yaml.dump(values, stream)
    return stream.getvalue()


def commented(values: Any, indent: int) -> list[str]:
    """Return values as YAML behind comment signs: without them they are what they were."""
    lines = dump(values).splitlines()
    least = min(len(line) - len(line.lstrip()) for line in lines)
    return [f"{' ' * indent}# {line[least:]}" for line in lines]


def _token(text: str, column: int) -> CommentToken:
    return CommentToken(text, CommentMark(column), None)
