"""What a command writes on a terminal, as a picture: at its end, or at a moment in the middle."""

from __future__ import annotations

import os
import pty
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.browser.pages import ROOT

COLUMNS, LINES = 100, 60
_CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\r|\n")


def typed(*words: str, cwd: Path = ROOT) -> list[str]:
    """Return all that a command writes on a terminal, control characters and all, piece by piece as it came."""
    chunks = []

    def keep(descriptor: int) -> bytes:
        chunks.append(os.read(descriptor, 4096))
        return chunks[-1]  # pty.spawn shows it here, too

    os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES=str(LINES), PYTHONPATH=str(ROOT))
    before = Path.cwd()
    os.chdir(cwd)
    pty.spawn(words, keep)
    os.chdir(before)
    return [chunk.decode(errors="replace") for chunk in chunks]


def moment(said: Sequence[str], pattern: str) -> list[str]:
    """Return the lines of the first screen on which a pattern is found."""
    for end in range(1, len(said) + 1):
        lines = screen("".join(said[:end]))
        if re.search(pattern, Text.from_ansi("\n".join(lines)).plain):
            return lines
    raise SystemExit("The moment for the picture did not come; try again on a machine that does less else.")


def as_html(page: Path, said: str) -> Path:
    """Write a terminal's screen as a page."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(said))
    frame = (
        "<body style='background:#14171a;color:#e3e6e8;margin:0;padding:14px;font-size:13px'>"
        "<pre style='margin:0;font-family:monospace;line-height:1.35'>{code}</pre></body>"
    )
    page.write_text(console.export_html(theme=MONOKAI, inline_styles=True, code_format=frame))
    return page


def screen(said: str) -> list[str]:
    """Return the lines that stand on a terminal in the end: what was erased and written over is gone.

    >>> screen("one\\r\\ntwo\\r\\n\\x1b[1A\\x1b[2Ksix\\r\\n")
    ['one', 'six', '']
    """
    lines, row, at = [""], 0, 0
    for found in _CONTROL.finditer(said + "\n"):
        if text := said[at : found.start()]:
            lines[row] += text
        at = found.end()
        if found[0] == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif found[2] == "A":
            row = max(row - int(found[1] or 1), 0)
        elif found[2] == "K":
            lines[row] = ""
        elif found[2] == "m":
            lines[row] += found[0]
    return lines[:-1]
