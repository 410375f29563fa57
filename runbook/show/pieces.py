"""Small pieces of HTML that read well in light and dark, and without a style sheet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from runbook.model.plan import Finding
from runbook.show.canvas import AMBER, BLUE, GREEN, GREY, RED
from runbook.text import html
from runbook.text.html import escape
from runbook.text.visible import visible

TINT = {
    "safe": GREEN,
    "unchanged": GREEN,
    "now": BLUE,
    "changed": BLUE,
    "skipped": GREY,
    "info": GREY,
    "warn": AMBER,
    "disruptive": AMBER,
    "wait": AMBER,
    "loss": RED,
    "destructive": RED,
    "refused": RED,
    "refuse": RED,
    "fail": RED,
    "failed": RED,
    "timed-out": RED,
    "killed": RED,
    "may be passed": GREEN,
    "needs care": AMBER,
}
_PRE = "margin:.3em 0 .6em;padding:.5em .8em;overflow-x:auto;border-radius:6px;background:rgba(128,128,128,.1);line-height:1.4"
WORDS = {
    "loss": "lost", "wait": "not yet", "refuse": "refused", "fail": "wrong", "warn": "take care", "info": "note",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """Something a cell displays: the same content as HTML and as plain text, in which nothing acts."""

    html: str
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", visible(self.text))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": html.output(self.html), "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def badge(word: str, kind: str = "") -> str:
    """Return a word on a ground tinted for its kind, or itself; the word says all, the colour only helps."""
    tint = TINT.get(kind or word, "128,128,128")
    return (
        f'<span style="background:rgba({tint},.18);border:1px solid rgba({tint},.5);border-radius:1em;'
        f'padding:.05em .6em;font-size:.85em">{escape(word)}</span>'
    )


def code(text: str) -> str:
    """Return preformatted text; lines of a diff are tinted by their first character, a stretch of them at once.

    >>> code("+one\\n+two\\n three").count("<span")
    1
    """
    stretches = []
    for tint, lines in groupby(text.rstrip("\n").split("\n"), key=_tint):
        shown = escape("\n".join(lines))
        stretches.append(f'<span style="background:rgba({tint},.15)">{shown}</span>' if tint else shown)
    return f'<pre style="{_PRE}"><code style="background:none">' + "\n".join(stretches) + "</code></pre>"


def _tint(line: str) -> str:
    if line.startswith(("+++", "---")):
        return ""
    return {"+": "46,160,67", "-": "248,81,73"}.get(line[:1], "")


def folded(title: str, text: str, *, is_open: bool = False) -> str:
    """Return a block that opens on a click; everything is in the page either way."""
    return f"<details{' open' if is_open else ''}><summary>{escape(title)}</summary>{code(text)}</details>"


def findings_html(findings: Iterable[Finding]) -> str:
    """Return findings as a list: what, why, what to do, and where the rule comes from."""
    items = []
    for f in findings:
        more = [escape(f.why)] if f.why else []
        more += [f"<b>Next move:</b> {escape(f.do)}"] if f.do else []
        more += [f"<small>({escape(f.source)})</small>"] if f.source else []
        items.append(f"<li>{badge(WORDS[f.level], f.level)} <b>{escape(f.what)}</b><br>{' '.join(more)}</li>")
    return f"<ul>{''.join(items)}</ul>" if items else ""


def findings_text(findings: Iterable[Finding]) -> str:
    """Return findings as lines of text."""
    lines = []
    for f in findings:
        lines.append(f"  {WORDS[f.level]}: {f.what}" + (f" ({f.source})" if f.source else ""))
        lines += [f"    why: {f.why}"] if f.why else []
        lines += [f"    do:  {f.do}"] if f.do else []
    return "\n".join(lines)


def indent(text: str, by: str = "     ") -> str:
    """Return the text with every line moved right."""
    return "\n".join(by + line if line else line for line in text.rstrip("\n").split("\n"))
