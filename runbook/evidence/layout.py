"""What all pages share: the templates, the style, and a policy that lets no script run but their own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader

from runbook.text.moments import spent, when
from runbook.text.visible import visible


def render(template: str, *, scripts: tuple[str, ...] = (), **values: Any) -> str:
    """Return a page. Of its scripts, files of `templates/`, the digest stands in the page's security policy."""
    script = "\n".join(map(file, scripts))
    page = environment().get_template(template)
    return page.render(style=style(), script=script, script_hash=_digest(script), **values)


def file(name: str) -> str:
    """Return the text of a file of `templates/`."""
    return _files()[name]


@cache
def style() -> str:
    """Return the style sheet of every page, with the colours of code in light and dark."""
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}"
    return "\n".join((light, dark, file("style.css")))


@cache
def environment() -> Environment:
    """Return the templates, with `when` and `spent` as filters; whatever they are given is escaped, and visible."""
    templates = Environment(loader=PackageLoader("runbook.evidence"), autoescape=True, finalize=_shown)
    templates.filters.update(when=when, spent=spent)
    return templates


def _shown(value: Any) -> Any:
    """Return what a template puts on a page: a text visible, HTML that the template vouches for as it is."""
    return visible(value) if type(value) is str else value


@cache
def _files() -> Mapping[str, str]:
    folder = files("runbook.evidence") / "templates"
    return {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.is_file()}


def _digest(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() if script else ""
