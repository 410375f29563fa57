"""The lines of an xl.cfg as they are written: keys with values, comments before them (xl.cfg(5), SYNTAX)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Value = str | int | tuple["Value", ...]


@dataclass(frozen=True)
class Line:
    """One assignment. `notes` are the comments that stand before it, each without its `#`."""

    key: str
    value: Value
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The line, or the lines of a list, with a line end."""
        notes = "".join(f"# {note}\n" for note in self.notes)
        return f"{notes}{self.key} = {_listed(self.value)}\n"


def section(lines: Iterable[Line]) -> str:
    """Return the lines one after the other."""
    return "".join(line.text for line in lines)


def _listed(value: Value) -> str:
    """Return a value; a list of devices stands a line each.

    >>> print(_listed(("a=b, c=d", "e")), _listed(("tablet",)), _listed((4, 5)))
    [
        "a=b, c=d",
        "e",
    ] [ "tablet" ] [ 4, 5 ]
    """
    if isinstance(value, tuple) and any(isinstance(v, str) and re.search("[=/:]", v) for v in value):
        return "[\n" + "".join(f"    {written(item)},\n" for item in value) + "]"
    return written(value)


def written(value: Value) -> str:
    r"""Return a value as xl reads it; digits alone need no quotes.

    >>> print(written("pty"), written("512"), written(16), written('say "\\"'), written(("a", ("b",))), written(()))
    "pty" 512 16 "say \"\\\"" [ "a", [ "b" ] ] [ ]
    """
    if isinstance(value, tuple):
        return (
            "[ "
            + "".join(f"{written(item)}, " for item in value).removesuffix(", ")
            + (" ]" if value else "]")
        )
    text = str(value)
    if re.fullmatch(r"0|[1-9][0-9]{0,17}", text):
        return text
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'
