"""Sentences in lines of 80 columns: what is read through a pipe, in a mail or in a log has nobody who folds it."""

from __future__ import annotations

import re
import textwrap

WIDTH = 80
_KEPT = re.compile(r"`[^`\n]*`")
_PLACE = re.compile(r" *where: ")
"""Where an error is, such as a file and its line, is looked for in one piece."""
_BLANK = "\x00"
"""What stands for a blank inside of a command while lines are broken; no text that is shown holds it."""


def folded(text: str, hang: int = 2) -> str:
    r"""Return a text whose lines have at most 80 columns, `hang` blanks before what goes on of one.

    Only blanks break, and not those between backticks where the command fits in a line: what cannot be broken,
    such as a path or a digest, may be wider.

    >>> print(folded("  do: " + "word " * 14 + "then `runbook run --only 6`, and look", hang=4))
      do: word word word word word word word word word word word word word word then
          `runbook run --only 6`, and look
    """
    return "\n".join(_folded(line, hang) for line in text.split("\n"))


def _folded(line: str, hang: int) -> str:
    if len(line) <= WIDTH or _PLACE.match(line):
        return line
    further = " " * (len(line) - len(line.lstrip()) + hang)
    room = WIDTH - len(further)
    kept = _KEPT.sub(lambda match: match[0].replace(" ", _BLANK) if len(match[0]) <= room else match[0], line)
    lines = textwrap.wrap(
        kept, WIDTH, subsequent_indent=further, break_long_words=False, break_on_hyphens=False,
        replace_whitespace=False, expand_tabs=False,
    )  # fmt: skip
    return "\n".join(lines).replace(_BLANK, " ") or line
