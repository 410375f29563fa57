"""Changes of text files that have the same result when they are made twice (H312)."""

from __future__ import annotations

import re

_BEGIN, _END = "# xen-runbook begin", "# xen-runbook end"


def lines_of(text: str) -> list[str]:
    """Return the lines of a file as the programs that read it part them: at line feeds alone.

    `str.splitlines` parts at a form feed too, and what stood behind one in a comment would be in force.

    >>> lines_of("# a\\x0cb=1\\nc=2\\n"), lines_of("")
    (['# a\\x0cb=1', 'c=2'], [])
    """
    return text.removesuffix("\n").split("\n") if text else []


def with_line(text: str, pattern: str, line: str) -> str:
    """Return the text with one line in place of all those that match, or at its end when none does.

    >>> with_line("a=1\\n#b=2\\nb=3\\n", r"\\s*b=.*", "b=4")
    'a=1\\n#b=2\\nb=4\\n'
    >>> with_line("a=1", r"\\s*b=.*", "b=4")
    'a=1\\nb=4\\n'
    """
    lines = lines_of(text)
    places = [i for i, old in enumerate(lines) if re.fullmatch(pattern, old)]
    if places:
        lines[places[0]] = line
        kept = [old for i, old in enumerate(lines) if i not in places[1:]]
    else:
        kept = [*lines, line]
    return "\n".join(kept) + "\n"


def with_section(text: str, section: str) -> str:
    """Return the text with one marked section, in its place or at the end; without it when it is ''.

    >>> once = with_section("a\\n", "b\\n")
    >>> once
    'a\\n# xen-runbook begin\\nb\\n# xen-runbook end\\n'
    >>> with_section(once, "b\\n") == once, with_section(once, "")
    (True, 'a\\n')
    """
    old = re.compile(rf"(?ms)^{_BEGIN}\n.*?^{_END}\n")
    new = f"{_BEGIN}\n{section}{_END}\n" if section else ""
    if old.search(text):
        return old.sub(lambda _: new, text, count=1)
    return text + ("" if not new or not text or text.endswith("\n") else "\n") + new
