"""`docs/errors.md`: every code with its text, made from the files beside this one."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

from runbook.help import PAGE, Entry, entries

_HEAD = """\
# What errors mean

Each error of the runbook, and each known message of Xen, libxl and the kernel: what you see, what it means, what to do.
An error names its code; `runbook explain CODE` prints its entry, and `runbook explain "a message"` finds the entry of a message.
In the messages `…` stands for anything.

This page is written by `make errors` from `runbook/help/`; a test compares it.
"""


_ROLES = {
    "cause": "",
    "consequence": "It follows from another line.",
    "remark": "It is a remark, and no cause.",
}
"""What an entry says of its place in a log."""


def page() -> str:
    """Return the whole page as Markdown; each code is a heading of its own, so that links to it stay."""
    parts = [_HEAD]
    for section, group in groupby(entries(), key=lambda entry: entry.section):
        parts += [f"## {section}\n", *(_shown(entry) for entry in group)]
    return "\n".join(parts)


def plain(entry: Entry) -> str:
    """Return an entry for a terminal."""
    messages = "".join(f"\n  {line}" for line in entry.says)
    head = f"{entry.code}  {entry.title}" + (f"  [{entry.error}]" if entry.error else "")
    if _ROLES[entry.role]:
        messages += f"\n  ({_ROLES[entry.role]})"
    parts = (head + messages, f"What you see\n{_indented(entry.see)}", f"What it means\n{_indented(entry.means)}",
             f"What to do\n{_indented(entry.do)}")  # fmt: skip
    return "\n\n".join(parts)


def _shown(entry: Entry) -> str:
    messages = "".join(f"- `{line}`\n" for line in entry.says)
    kind = f" ({entry.error})" if entry.error else ""
    kind += f" {_ROLES[entry.role]}" if _ROLES[entry.role] else ""
    return (
        f"### {entry.code}\n\n**{entry.title}**{kind}\n\n{messages}{chr(10) if messages else ''}"
        f"*What you see.* {entry.see}\n\n*What it means.* {entry.means}\n\n*What to do.* {entry.do}\n"
    )


def _indented(text: str) -> str:
    """Return lines moved right, with the address of a link after its words.

    >>> _indented("[What goes wrong](faults.md) has more.")
    '  What goes wrong (docs/faults.md) has more.'
    """
    told = re.sub(r"\[([^]]+)\]\(([^)]+)\)", r"\1 (docs/\2)", text)
    return "\n".join(f"  {line}" for line in told.splitlines())


def main() -> None:
    """Write the page."""
    Path(PAGE).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
