"""`docs/decisions/README.md`: a line for each decision, made from the pages beside it."""

from __future__ import annotations

import re
from pathlib import Path

PLACE = Path("docs/decisions")
PAGE = PLACE / "README.md"
HEAD = """\
# Decisions

Why things are as they are: a short page each, with what was weighed and what it costs.
A new one takes the next number, says in its title what was decided, and is listed here by `make decisions`; a test compares it.

"""


def page(place: Path = PLACE) -> str:
    """Return the list as Markdown. Raises `ValueError` for a page without a title or a first sentence."""
    return HEAD + "".join(map(_line, sorted(place.glob("[0-9]*.md"))))


def _line(path: Path) -> str:
    match = re.match(r"# (?:(\d+)[.:]? )?(.+)\n\n(?s:(.*?[.?])(?=\s))", path.read_text(encoding="utf-8"))
    if not match:
        raise ValueError(f"{path.name} does not begin with a title and a sentence")
    first = " ".join(match[3].split())
    return f"- [{path.name[:4]} {match[2]}]({path.name}): {first}\n"


def main() -> None:
    """Write the list."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
