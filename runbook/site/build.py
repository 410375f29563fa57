"""The site: every page, the files that they lead to, and the search index; the same to the byte each time."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from runbook.controller.locks import locked
from runbook.controller.signals import watching
from runbook.errors import ParamsError, RunbookError
from runbook.evidence import layout, notebook_html
from runbook.evidence.files import read_notebook
from runbook.site import search
from runbook.site.links import Links, broken
from runbook.site.sources import DECISIONS, GROUPS, Page, pages

if TYPE_CHECKING:
    from runbook.evidence.prose import Heading

HOME = "The Xen host runbook"
WORKSHOP = ".site-"
INDEX = PurePosixPath("search-index.js")
NOTE = "its outputs are those of the recorded host, a virtual PC that really booted"


def build(root: Path, out: Path) -> Path:
    """Make the site of the project in `root` and put it in place of `out`; return its first page.

    Raises `ParamsError` when `out` holds something else than a site, and `RunbookError` when a link leads
    nowhere; what was there before then stays.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / INDEX).is_file())):
        raise ParamsError(
            "The site is not written there", where=str(out), why="it holds something else", do="name a new folder"
        )  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    with watching() as stops, _workshop(out.parent) as workshop:
        made = workshop / "site"
        write(root, made)
        if wrong := broken(made):
            raise RunbookError(
                "The site has links that lead nowhere", where="; ".join(wrong), do="correct the links"
            )
        stops.go_on()
        with stops.deferred():  # the old site or the new one, never none
            if out.exists():
                shutil.rmtree(out)
            made.rename(out)
    return out / "index.html"


@contextmanager
def _workshop(parent: Path) -> Iterator[Path]:
    """Lend a folder that goes afterwards; one that a killed build left behind goes now."""
    with ExitStack() as stack:
        with locked(parent):  # until it is held, nobody may take it for one that was left behind
            for left in parent.glob(f"{WORKSHOP}*"):
                with locked(left, wait=False) as is_mine:
                    if is_mine and not left.is_symlink():
                        shutil.rmtree(left, ignore_errors=True)
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix=WORKSHOP, dir=parent))
            stack.enter_context(locked(Path(name)))
        yield Path(name)


def write(root: Path, out: Path) -> None:
    """Write all files of the site into a new folder."""
    every = pages(root)
    places = {page.source: page.place for page in every}
    texts, files = [], set()
    for number, page in enumerate(every):
        links = Links(root, page, places)
        body, headings = _body(root / page.source, links)
        texts.append((str(page.place), page.title, body))
        files |= links.files
        _write(out / page.place, _page(every, number, links, body, headings))
    for file in sorted(files):
        (out / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, out / file)
    _write(out / INDEX, search.index(texts))


def _body(path: Path, links: Links) -> tuple[str, list[Heading]]:
    from runbook.evidence.prose import Prose, forge_slug

    if path.suffix == ".ipynb":
        links.files.add(links.page.source)
        named = _named(links) | {
            source.stem: links.to(place)
            for source, place in links.places.items()
            if source.suffix == ".ipynb"
        }
        return notebook_html.body(read_notebook(path), path.name, links.resolve, named)
    prose = Prose(forge_slug, links.resolve, _named(links))
    return f'<div class="text">{prose.html(path.read_text(encoding="utf-8"))}</div>', prose.headings


def _named(links: Links) -> dict[str, str]:
    """Return the words that are links where they stand in code: the files that are pages."""
    return {
        str(source): links.to(place) for source, place in links.places.items() if source != links.page.source
    }


def listed(every: list[Page], page: Page) -> list[Page]:
    """Return the pages that the contents of one have: each decision only beside other decisions; their list leads to all."""
    return [
        other
        for other in every
        if other.group != DECISIONS or page.group == DECISIONS or other.source.stem == "README"
    ]


def _page(every: list[Page], number: int, links: Links, body: str, headings: list[Heading]) -> str:
    page = every[number]

    def entry(other: Page) -> tuple[str, str]:
        return other.title, "" if other is page else links.to(other.place)

    groups = [
        (name, [entry(other) for other in listed(every, page) if other.group == name]) for name, _ in GROUPS
    ]
    is_notebook = page.source.suffix == ".ipynb"
    name = page.title if number else HOME
    return layout.render(
        "reading.html", scripts=("read.js", "find.js"), title=f"{page.title} · {HOME}" if number else HOME, name=name,
        crumbs=((HOME, links.to(PurePosixPath("index.html"))),) if number else (), body=body,
        headings=[heading for heading in headings if heading.level > 1], groups=groups,
        file=page.source.name if is_notebook else None, note=NOTE if is_notebook else None,
        previous=entry(every[number - 1]) if number else None,
        next=entry(every[number + 1]) if number + 1 < len(every) else None,
        index=links.to(INDEX), root=links.to(PurePosixPath(".")),
    )  # fmt: skip


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
