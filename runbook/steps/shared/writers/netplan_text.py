"""A file of netplan changed in place: lines move word for word with the comments above them, and all others stay."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node

from runbook.params import edit
from runbook.params.places import at, is_flow, key_of, known, last_line, root
from runbook.params.yaml12 import Where, parse

_NETWORK: Where = ("network",)


def moved(text: str, where: Where, keys: Collection[str], bridge: str, more: dict[str, Any]) -> str:
    """Return the text with some keys of a definition moved to a bridge, which has `more` besides.

    Raises `ParamsError` for a text that cannot be read.

    >>> print(moved("network:\\n  ethernets:\\n    eno1:\\n      # leased\\n      dhcp4: true\\n", ("network", "ethernets", "eno1"),
    ...             ("dhcp4",), "br0", {"interfaces": ["eno1"]}), end="")
    network:
      ethernets:
        eno1: {}
      bridges:
        br0:
          interfaces: [eno1]
          # leased
          dhcp4: true
    """
    definition = at(root(text), where)
    if not isinstance(definition, MappingNode) or is_flow(definition) or is_flow(at(root(text), _NETWORK)):
        return _by_value(text, where, keys, bridge, more)
    text, lines = _cut(text, where, definition, keys)
    head = [f"{key}: {edit.inline(value)}" for key, value in more.items()]
    return added(text, bridge, [*head, *lines])


def added(text: str, bridge: str, lines: list[str]) -> str:
    """Return the text with lines at the end of a bridge's definition, which is made where there is none."""
    top = root(text)
    count = known(top, ("network", "bridges", bridge))
    parent = at(top, ("network", "bridges", bridge)[:count])
    if is_flow(parent) or not isinstance(parent, MappingNode):
        values = parse("\n".join(lines), Path("lines"))[0]
        return edit.put(text, ("network", "bridges", bridge), values)
    column = parent.start_mark.column
    new: list[str] = []
    for key in ("bridges", bridge)[count - 1 :]:
        new.append(f"{' ' * column}{key}:")
        column += 2
    new += [f"{' ' * column}{line}" if line else "" for line in lines]
    every = text.splitlines()
    line = last_line(parent) + 1
    return "\n".join([*every[:line], *new, *every[line:]]) + "\n"


def as_told(text: str) -> Any:
    """Return what a text says below `network`. Raises `ParamsError` for a text that cannot be read."""
    return parse(text, Path("the text"))[0].get("network") or {}


def besides(text: str, *definitions: tuple[str, str]) -> Any:
    """Return what a text says besides some definitions, each by its kind and name; headings with nothing left are none.

    >>> besides("network:\\n  ethernets: {eno1: {}, eno2: {mtu: 9000}}\\n  bridges: {br0: {}}\\n", ("ethernets", "eno1"), ("bridges", "br0"))
    {'ethernets': {'eno2': {'mtu': '9000'}}}
    """
    kept = {
        kind: {name: one for name, one in value.items() if (kind, name) not in definitions}
        if isinstance(value, dict)
        else value
        for kind, value in as_told(text).items()
    }
    return {kind: value for kind, value in kept.items() if value != {}}


def _cut(text: str, where: Where, definition: Node, keys: Collection[str]) -> tuple[str, list[str]]:
    """Return the text without some keys, and their lines with the comments above, without indentation."""
    every = text.splitlines()
    column, taken, previous = (
        definition.start_mark.column,
        set[int](),
        key_of(at(root(text), where[:-1]), where[-1]),
    )
    last = previous.start_mark.line
    lines: list[str] = []
    for key, value in definition.value:
        first, end = key.start_mark.line, last_line(value)
        while first - 1 > last and every[first - 1].strip().startswith("#"):
            first -= 1
        if key.value in keys:
            taken |= set(range(first, end + 1))
            lines += [re.sub(rf"^ {{0,{column}}}", "", line) for line in every[first : end + 1]]
        last = end
    if all(key.value in keys for key, _ in definition.value):
        head = previous.start_mark.line
        every[head] = re.sub(r":(\s*(?:#.*)?)$", r": {}\1", every[head])
    kept = [line for number, line in enumerate(every) if number not in taken]
    return "\n".join(kept) + "\n", lines


def _by_value(text: str, where: Where, keys: Collection[str], bridge: str, more: dict[str, Any]) -> str:
    """Return the same for what is written in brackets."""
    has = edit.value(text, where) or {}
    goes = more | {key: value for key, value in has.items() if key in keys}
    text = edit.put(text, where, {key: value for key, value in has.items() if key not in keys})
    return edit.put(text, ("network", "bridges", bridge), goes)
