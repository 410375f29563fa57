"""The way out into CSV: a spreadsheet takes what begins like a formula for one, and a cell can be a program's call."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING

from runbook.text.visible import visible

if TYPE_CHECKING:
    import pandas as pd

# A spreadsheet that takes another separator than the comma finds the beginning of a cell inside of ours.
# A carriage return is visible by then.
_FORMULA = re.compile(r"^(?=[=+\-@\t＝＋－＠])|(?<=[;\t\n])(?=[=+\-@＝＋－＠])")


def cell(text: str) -> str:
    r"""Return a text that no spreadsheet takes for a formula: before what begins like one stands an apostrophe.

    Source: OWASP, CSV Injection.

    >>> cell("=cmd|' /C calc'!A0"), cell("a;=1+1"), cell("10.0.2.15/24"), cell("a-b")
    ("'=cmd|' /C calc'!A0", "a;'=1+1", '10.0.2.15/24', 'a-b')
    """
    return _FORMULA.sub("'", visible(text))


def text(frame: pd.DataFrame) -> str:
    """Return a frame as CSV, every cell quoted, without its index."""
    texts = frame.map(lambda value: cell(value) if isinstance(value, str) else value).rename(columns=cell)
    return str(texts.to_csv(index=False, quoting=csv.QUOTE_ALL))


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame into a file, as `text` has it."""
    path.write_text(text(frame), encoding="utf-8", newline="")
