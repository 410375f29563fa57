"""The forms in which one value may stand in a text."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

from runbook.text.visible import visible


def forms(value: str) -> set[str]:
    """Return a value as it may stand in a text: plain, percent-encoded, in JSON, HTML, repr, hexadecimal.

    JSON and HTML also around the others, as a report holds what a program had encoded already.

    >>> {"pass%2Fw%26rd", "pass%2fw%26rd", "pass/w&amp;rd", "cGFzcy93JnJk"} <= forms("pass/w&rd")
    True
    """
    once = {value, *(encode(value) for encode in _ENCODINGS), *base64_forms(value)}
    once |= {quote(form, safe="") for form in base64_forms(value)}
    once |= {re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), form) for form in once if "%" in form}
    return once | {encode(form) for form in once for encode in _AROUND}


def base64_forms(value: str) -> set[str]:
    """Return a value in both alphabets of base64, alone and wherever it stands in a longer text."""
    return {
        form for alphabet in (base64.b64encode, base64.urlsafe_b64encode) for form in _cuts(alphabet, value)
    }


def _cuts(alphabet: Callable[[bytes], bytes], value: str) -> Iterator[str]:
    """Yield a value in base64 alone, and what is the same of it wherever it stands in a longer text."""
    raw = value.encode()
    yield alphabet(raw).decode()
    for before in range(3):
        whole = (before + len(raw)) * 8 // 6
        yield alphabet(bytes(before) + raw).decode()[(0, 2, 3)[before] : whole]


def _html_by_number(text: str) -> str:
    return html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _json_unicode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


_AROUND: tuple[Callable[[str], str], ...] = (
    _json,
    _json_unicode,
    html.escape,
    lambda text: html.escape(text, quote=False),
    _html_by_number,
)
_ENCODINGS: tuple[Callable[[str], str], ...] = (
    *_AROUND,
    lambda text: _json(text).replace("/", "\\/"),
    lambda text: repr(text)[1:-1],
    visible,
    lambda text: repr(text.encode())[2:-1],
    lambda text: quote(text, safe=""),
    lambda text: quote(text),
    quote_plus,
    lambda text: text.encode().hex(),
    lambda text: text.encode().hex().upper(),
)
