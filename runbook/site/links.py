"""Where the links of a source lead on the site, and whether every link and anchor of the site is there."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from runbook.site.sources import Page
from runbook.text.addresses import parts_of


@dataclass
class Links:
    """Resolves the links of one page, and gathers the files that have to be on the site because of them."""

    root: Path
    page: Page
    places: dict[PurePosixPath, PurePosixPath]
    """Of each source that is a page, its place on the site."""
    files: set[PurePosixPath] = field(default_factory=set)

    def resolve(self, to: str) -> str:
        """Return where a link of the source leads on the site; a link out of the project stays as it is."""
        parts = parts_of(to)
        if parts is None or parts.scheme or parts.netloc or not parts.path:
            return to
        target = PurePosixPath(posixpath.normpath(self.page.source.parent / unquote(parts.path)))
        place = self.places.get(target)
        if place is None and (self.root / target).is_file() and ".." not in target.parts:
            self.files.add(place := target)
        anchor = f"#{parts.fragment}" if parts.fragment else ""
        return self.to(place) + anchor if place else to

    def to(self, place: PurePosixPath) -> str:
        """Return the address of a place on the site, as seen from this page."""
        return posixpath.relpath(place, self.page.place.parent)


def broken(site: Path) -> list[str]:
    """Return a line for each link or picture of the site that leads to no file of it, or to no anchor there."""
    seen = {path: _read(path) for path in sorted(site.rglob("*.html"))}
    return [
        f"{path.relative_to(site)}: {link}" for path in seen for link in _broken(path, seen[path].links, seen)
    ]


class _Anchors(HTMLParser):
    """Gathers the ids of a page, and all that leads from it to another file or place."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = {""}
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            elif name in ("href", "src", "data-index") and value is not None:
                self.links.append(value)


def _read(path: Path) -> _Anchors:
    anchors = _Anchors()
    anchors.feed(path.read_text(encoding="utf-8"))
    return anchors


def _broken(page: Path, links: Iterable[str], seen: dict[Path, _Anchors]) -> Iterator[str]:
    for link in links:
        parts = parts_of(link)
        if parts is None:
            yield link
            continue
        if parts.scheme or parts.netloc:
            continue
        target = Path(posixpath.normpath(page.parent / unquote(parts.path))) if parts.path else page
        if not target.is_file() or (target in seen and unquote(parts.fragment) not in seen[target].ids):
            yield link
