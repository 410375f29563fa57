"""The index of the full-text search: a script, since a browser fetches nothing for a page that is a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html.parser import HTMLParser

HEADINGS = ("h1", "h2", "h3")
BREAKS = ("p", "li", "tr", "td", "th", "pre", "div", "br", "details", "summary", "dt", "dd", *HEADINGS)
Section = dict[str, str]


def index(pages: Iterable[tuple[str, str, str]]) -> str:
    """Return the script that holds the text of all sections; a page is its place, its title and its HTML."""
    found = [section for place, title, html in pages for section in sections(place, title, html)]
    return f"window.RUNBOOK_INDEX = {json.dumps(found, ensure_ascii=False, indent=0)};\n"


def sections(place: str, title: str, html: str) -> list[Section]:
    """Return the sections of a page: `to`, where it is; `page` and `title`, what they are called; and `text`."""
    reader = _Reader(place, title)
    reader.feed(html)
    for section in reader.found:
        section["text"] = " ".join(section["text"].split())
    return [section for section in reader.found if section["text"]]


class _Reader(HTMLParser):
    """Cuts a page at its headings."""

    def __init__(self, place: str, title: str) -> None:
        super().__init__()
        self._place, self._page = place, title
        self._in_heading = False
        self.found: list[Section] = []
        self._begin("")

    def _begin(self, id_: str) -> None:
        to = f"{self._place}#{id_}" if id_ else self._place
        self.found.append({"to": to, "page": self._page, "title": "", "text": ""})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in HEADINGS and (id_ := dict(attrs).get("id")):
            self._begin(id_)
            self._in_heading = True
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._in_heading = self._in_heading and tag not in HEADINGS
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in BREAKS:
            self.found[-1]["text"] += "\n"

    def handle_data(self, data: str) -> None:
        section = self.found[-1]
        section["title" if self._in_heading else "text"] += data
