"""Markdown as HTML for a page: with its headings, its links resolved, and names of notebooks as links."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html import unescape
from types import MappingProxyType
from typing import Any, NamedTuple

from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from runbook.guide.faults import faults
from runbook.text.html import escape

_NOWHERE: Mapping[str, str] = MappingProxyType({})
_FAULT = re.compile(r"H\d{3}")
_FAULTS = re.compile(r'\s?\(((?:<(a|span) class="fault"[^>]*>H\d{3}</\2>(?:, )?)+)\)')


class Heading(NamedTuple):
    """A heading of a page: its level from 1, its id, unique on the page, and its text."""

    level: int
    id: str
    text: str


class Prose(IPythonRenderer):
    """Renders the Markdown of one page, piece by piece, and gathers its `headings`.

    `slug` makes an id of a heading's text, `resolve` the address of a link's or picture's ('' for none), and `named` has the
    words that are links where they stand in code: names of notebooks.
    """

    def __init__(
        self,
        slug: Callable[[str], str],
        resolve: Callable[[str], str] = str,
        named: Mapping[str, str] = _NOWHERE,
    ) -> None:
        super().__init__(escape=False)
        self.headings: list[Heading] = []
        self._slug, self._resolve, self._named = slug, resolve, named

    def html(self, source: str, attachments: Mapping[str, Any] = _NOWHERE) -> str:
        """Return a piece of Markdown as HTML; `attachments` are the pictures of its cell."""
        self.attachments = dict(attachments)
        html = _FAULTS.sub(r'<sup class="faults">\1</sup>', MarkdownWithMath(renderer=self).render(source))
        return html.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """Return a heading with an id that no other on the page has."""
        plain = unescape(re.sub(r"<[^>]+>", "", text))
        base = self._slug(plain)
        same = sum(found.id == base or found.id.startswith(f"{base}-again-") for found in self.headings)
        id_ = f"{base}-again-{same}" if same else base
        self.headings.append(Heading(level, id_, plain))
        return f'<h{level} id="{escape(id_)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """Return a link with its address resolved, its text alone without one; a link within the text gives way.

        The number of a fault of the guide is quiet like a footnote's, and says what it stands for.
        """
        to = self._resolve(url)
        if _FAULT.fullmatch(text) and text in faults():
            says = escape(faults()[text].replace("`", ""))
            tag, leads = ("a", f' href="{escape(to)}"') if to else ("span", "")
            return f'<{tag} class="fault"{leads} title="{says}">{text}</{tag}>'
        return str(super().link(re.sub(r"</?a\b[^>]*>", "", text), to, title)) if to else text

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Return a picture with its address resolved."""
        return str(super().image(text, self._resolve(url), title))

    def codespan(self, text: str) -> str:
        """Return a word of code, as a link if it is a name that leads somewhere."""
        html = str(super().codespan(text))
        to = self._named.get(unescape(text))
        return f'<a href="{escape(to)}">{html}</a>' if to else html


def jupyter_slug(text: str) -> str:
    """Return the id that Jupyter gives a heading.

    >>> jupyter_slug("What is next")
    'What-is-next'
    """
    return text.strip().replace(" ", "-")


def forge_slug(text: str) -> str:
    """Return the id that a forge gives a heading of a Markdown file.

    >>> forge_slug("Stop, then: `run` it again")
    'stop-then-run-it-again'
    """
    return re.sub(r"[^\w -]", "", text.strip().lower()).replace(" ", "-")
