"""What may come out: HTML in which no attack is more than text, and text of which no character acts."""

from __future__ import annotations

import unicodedata

import html5lib

from tests.text.hostile import MARK

TAGS = {
    "html",
    "head",
    "body",
    "div",
    "span",
    "sup",
    "p",
    "b",
    "i",
    "em",
    "strong",
    "small",
    "br",
    "pre",
    "code",
    "a",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "details",
    "summary",
    "svg",
    "g",
    "rect",
    "text",
    "title",
    "desc",
    "polyline",
    "line",
    "path",
    "section",
    "article",
    "header",
    "footer",
    "nav",
    "main",
    "meta",
    "style",
    "script",
    "form",
    "input",
    "output",
    "label",
    "img",
}
SAYING = {"title", "alt", "data-text", "placeholder"}
"""Attributes that hold a text that people read."""


def inert(html: str, *, is_page: bool = False) -> int:
    """Return how many attacks are in a piece of HTML as texts. Raises `AssertionError` when one is more than that."""
    tree = html5lib.HTMLParser(namespaceHTMLElements=False)
    root = tree.parse(html) if is_page else tree.parseFragment(html)
    seen = 0
    for node in root.iter():
        tag = node.tag if isinstance(node.tag, str) else "comment"
        if tag == "DOCUMENT_FRAGMENT":
            continue
        name = tag.rpartition("}")[2]
        assert name in TAGS, f"an element <{name}> came out"
        assert is_page or name not in ("meta", "script", "link", "input", "form"), f"<{name}> came out"
        for key, value in node.attrib.items():
            key = str(key).rpartition("}")[2]
            assert not key.startswith("on"), f"<{name} {key}={value!r}> came out"
            assert MARK not in key.lower(), f"<{name} {key}> came out"
            assert key in SAYING or MARK not in value, f"<{name} {key}={value!r}> came out"
            if key == "xmlns" and value == "http://www.w3.org/2000/svg":
                continue
            assert not value.strip().lower().startswith(("javascript:", "http:", "//")), (
                f"{key}={value!r} came out"
            )
            plain(value)
            seen += value.count(MARK)
        for text in (node.text or "", node.tail or ""):
            plain(text)
            seen += text.count(MARK)
        assert name not in ("style", "script") or MARK not in (node.text or ""), f"<{name}> holds an attack"
    return seen


def plain(text: str) -> int:
    """Return how many attacks are in a text. Raises `AssertionError` for a character that acts or is not seen."""
    for char in set(text) - {"\n", "\t"}:
        assert unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), f"{char!r} came out"
        assert char not in "\u3164\u115f\u1160\uffa0\u2800\ufe0f", f"{char!r} came out"
    return text.count(MARK)
