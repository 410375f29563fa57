"""Which files of the project are pages of the site, in which order, and under which heading."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from runbook.controller.project import PATTERN
from runbook.evidence.files import read_notebook, title_of
from runbook.runner.selection import FLEET

DECISIONS = "Decisions"
"""The group of pages that say why the project is as it is; who only reads the guide needs none of them."""
GROUPS = (
    ("", ("README.md",)),
    ("The guide", (f"notebooks/{PATTERN}", f"notebooks/{FLEET}")),
    ("To look things up", ("docs/*.md",)),
    ("The project", ("CHANGELOG.md", "CONTRIBUTING.md")),
    (DECISIONS, ("docs/decisions/README.md", "docs/decisions/[0-9]*.md")),
)


@dataclass(frozen=True)
class Page:
    """A file that is a page: its place in the project, its place on the site, its title, and its group's name."""

    source: PurePosixPath
    place: PurePosixPath
    title: str
    group: str


def pages(root: Path) -> list[Page]:
    """Return the pages in the order in which they are read, the first page first."""
    found = []
    for group, patterns in GROUPS:
        for path in (path for pattern in patterns for path in sorted(root.glob(pattern))):
            source = PurePosixPath(path.relative_to(root).as_posix())
            is_first = source == PurePosixPath("README.md")
            place = PurePosixPath("index.html") if is_first else source.with_suffix(".html")
            found.append(Page(source, place, "Start here" if is_first else _title(path), group))
    return found


def _title(path: Path) -> str:
    if path.suffix == ".ipynb":
        title = title_of(read_notebook(path), path.stem)
        return title if path.name == FLEET else f"{path.name[:2]} {title}"
    match = re.search(r"^# +(.+)$", path.read_text(encoding="utf-8"), re.M)
    return match[1].replace("`", "") if match else path.stem
