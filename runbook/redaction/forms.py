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
    """Return a value as it may stand in a text: plain, percent-encoded, in JSON, HTML, repr, hexadecimal, quoted.

    JSON, HTML and the shell's quotes also around the others, as a report holds what a program had encoded already.

    >>> {"pass%2Fw%26rd", "pass%2fw%26rd", "pass/w&amp;rd", "cGFzcy93JnJk"} <= forms("pass/w&rd")
    True
    """
    once = {value, *(encode(value) for encode in _ENCODINGS), *base64_forms(value)}
    once |= {quote(form, safe="") for form in base64_forms(value)} | quoted(value)
    once |= {re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), form) for form in once if "%" in form}
    around = {encode(form) for form in once for encode in _AROUND}
    return once | around | {quote_(form) for form in once for quote_ in _SINGLE}


def quoted(value: str) -> set[str]:
    """Return a value as it stands between or without quotes in a shell, systemd, GRUB, YAML, SQL, CSV or C.

    What is around it, such as the quotes themselves, is not part of it.

    >>> {r"it\\'s", "it''s", "it'\\"'\\"'s", r"it'\\''s"} <= quoted("it's")
    True
    """
    found = {"".join(f"\\{c}" if c in special else c for c in value) for special in _BACKSLASHED}
    found |= {"".join(c * 2 if c in special else c for c in value) for special in _DOUBLED}
    found |= {
        "".join(f"\\{c}" if c in '"\\' else c * 2 if c in special else c for c in value) for special in _UNITS
    }
    found |= {_BASH_WORD.sub(r"\\\g<0>", value), re.escape(value)}
    found |= {single(value) for single in _SINGLE} | {_octal(value, '"\\'), _octal(value, "'\\")}
    return found


def _octal(value: str, special: str) -> str:
    """Return a value in a C string that is plain ASCII: letters beyond it by the octal numbers of their bytes."""
    return "".join(
        f"\\{c}" if c in special else c if c.isascii() else "".join(f"\\{byte:03o}" for byte in c.encode())
        for c in value
    )


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


#: Letters that get a backslash: in a shell's and GRUB's double quotes, in other languages' quotes, in a crontab.
_BACKSLASHED = ("$", "$`", '"', '"\\', '"\\$', '"\\$`', '"\\$`!', "'", "'\\", "`", "!", "%", "\\/&")
#: Letters that are doubled: systemd's and make's $, a specifier's %, YAML's and SQL's ', CSV's ".
_DOUBLED = ("$", "%", "$%", "'", '"', "\\")
#: The same of systemd, inside double quotes.
_UNITS = ("$", "%", "$%")
_BASH_WORD = re.compile(r"""[ !"$&'()*,;<>?[\\\]^`{|}]|^[#~]|(?<=[:=])~""")
"""What bash's `printf %q` sets a backslash before; it leaves the rest of a word as it is."""
#: How a shell's single quotes are left for a quote: shlex.quote and dash, bash, and many scripts.
_SINGLE: tuple[Callable[[str], str], ...] = (
    lambda text: text.replace("'", "'\"'\"'"),
    lambda text: text.replace("'", r"'\''"),
    lambda text: re.sub("'+", lambda m: f"'\"{m[0]}\"'", text),
)
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
