"""A notebook as HTML: for the page of a report, and for a chapter of the site."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import DictLoader, pass_context
from jinja2.runtime import Context
from nbformat import NotebookNode

from runbook.evidence import layout
from runbook.hosts.streams import is_whole
from runbook.text.addresses import parts_of
from runbook.text.html import escape
from runbook.text.visible import visible

if TYPE_CHECKING:
    from nbconvert.exporters import HTMLExporter

    from runbook.evidence.prose import Heading

SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]
FOLD = 30
"""Lines; longer output is folded."""
LONG = 32_000
"""Characters; of longer output the page has the first half of as many, and the last."""
BAD = ("failed", "timed-out", "killed")
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
Json = dict[str, Any]


def notebook_page(nb: NotebookNode, book: Json) -> str:
    """Return an executed notebook as a page of a report.

    `book` has `name`, `title`, `host`, `status`, `when`, `failure` (None or `name`, `cell`, `message`) and
    `home`, which leads to the folder of the host, and
    `siblings`, the notebooks of the run in their order: name, title, and the page or None while there is none.
    """
    names = [name for name, _, _ in book["siblings"]]
    at = names.index(book["name"])
    pages = {name: f"{name}.html" for name in names}
    file = f"{book['name']}.ipynb"
    html, headings = body(nb, file, lambda to: _sibling(to, pages), pages)
    # The next one is written after this page, those beyond it perhaps never: the run's own page knows.
    known = {name: page for name, _, page in book["siblings"][:at] if page} | {book["name"]: ""}
    is_going_on = book["status"] == "completed" and at + 1 < len(names)
    known |= {names[at + 1]: pages[names[at + 1]]} if is_going_on else {}
    chapters = [(title, known.get(name, f"index.html#{name}")) for name, title, _ in book["siblings"]]
    return layout.render(
        "reading.html", scripts=("read.js",), **book, body=html, headings=headings[1:], file=file,
        crumbs=(("Reports", f"{book['home']}../index.html"), (book["host"], f"{book['home']}index.html"), (book["when"], "index.html")),
        groups=(("Notebooks of this run", chapters),),
        previous=next((link for link in reversed(chapters[:at]) if "#" not in link[1]), None),
        next=chapters[at + 1] if is_going_on else None,
    )  # fmt: skip


def body(
    nb: NotebookNode, file: str, resolve: Callable[[str], str], named: dict[str, str]
) -> tuple[str, list[Heading]]:
    """Return the cells of a notebook as HTML, and its headings.

    `file` is where the page leads for what it leaves out; `resolve` and `named` are as in `Prose`.
    """
    from IPython.lib.lexers import IPython3Lexer
    from nbconvert.exporters import TemplateExporter
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    from runbook.evidence.prose import Prose, jupyter_slug

    prose = Prose(jupyter_slug, resolve, named)

    @pass_context
    def markdown(context: Context, source: str) -> str:
        return prose.html(source, context["cell"].get("attachments", {}))

    def lines(text: str, status: str = "", kind: str = "") -> str:
        return _lines(text, file, is_open=status in BAD, kind=kind)

    # nbconvert's own filter makes a lexer and a formatter for each cell.
    lexer, formatter = IPython3Lexer(), HtmlFormatter(cssclass=" highlight hl-ipython3")

    def code(source: str, **_: Any) -> str:
        return str(highlight(source or " ", lexer, formatter))

    exporter = get_exporter()
    filters = {
        "highlight_code": code,
        "markdown2html": markdown,
        "lines": lines,
        "coloured": _coloured,
        "text": escape,
    }
    for name, function in filters.items():
        exporter.register_filter(name, function)  # type: ignore[no-untyped-call]
    # HTMLExporter's own would read the whole page once more, for images without a text; that takes half the time.
    html, _ = TemplateExporter.from_notebook_node(exporter, nb)
    return html, prose.headings


def warm_up() -> None:
    """Make the page of an empty notebook: the next one finds everything imported and compiled."""
    from nbformat.v4 import new_notebook

    with suppress(Exception):  # what is wrong will be said of the page that it spoils
        body(new_notebook(), "", str, {})  # type: ignore[no-untyped-call]


@cache
def get_exporter() -> HTMLExporter:
    """Return what makes all pages of a process: it compiles its templates once."""
    from nbconvert.exporters import HTMLExporter
    from traitlets.config import Config

    # None of the preprocessors changes our notebooks, and after each one the whole notebook is validated.
    options = {
        "NbConvertBase": {"display_data_priority": SHOWN},
        "HTMLExporter": {"default_preprocessors": []},
    }
    return HTMLExporter(  # type: ignore[no-untyped-call]
        config=Config(options),
        template_name="basic",
        template_file="notebook.html",
        extra_loaders=[DictLoader({"notebook.html": layout.file("notebook.html")})],
    )


def _coloured(text: str) -> str:
    """Return what a cell wrote as HTML, with its colours; whatever else in it would act, or be unseen, is shown."""
    from nbconvert.filters import ansi2html

    parts = _COLOUR.split(text)
    parts[::2] = map(visible, parts[::2])
    return str(ansi2html("".join(parts)))  # type: ignore[no-untyped-call]


def _lines(text: str, file: str, *, is_open: bool, kind: str) -> str:
    """Return lines of output: folded when many, and without their middle when very many."""
    count, whole = text.count("\n") + (not text.endswith("\n")), is_whole(text)
    head, tail = (text, "") if len(text) <= LONG else (text[: LONG // 2], text[-LONG // 2 :])
    if tail:
        head, tail = head[: head.rfind("\n") + 1] or head, tail[tail.find("\n") + 1 :]
    pre = f'<pre class="{kind}">' if kind else "<pre>"
    html = f"{pre}{_coloured(head)}</pre>"
    if tail:
        kept = head.count("\n") + tail.count("\n") + (not tail.endswith("\n"))
        what = f"{count - kept:,} lines are" if count > kept else "The middle of it is"
        has = "has all of it" if whole else "has more, as far as it was kept: its beginning and its end"
        html += (
            f'<p class="muted left-out">… {what} left out on this page; <a href="{escape(file)}">{escape(file)}</a> '
            f"{has} …</p>{pre}{_coloured(tail)}</pre>"
        )
    if count <= FOLD:
        return html
    summary = f"Output of {'' if whole else 'at least '}{count:,} lines"
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>{html}</details>"


def _sibling(to: str, pages: dict[str, str]) -> str:
    """Return where a link leads in a report: to the page of a notebook of the same run, or where it led.

    What lies beside the notebooks' folder, such as docs/, is not beside a report, nor is a notebook that the run
    left out: '' for either.
    """
    path, hash_, anchor = to.removeprefix("./").partition("#")
    page = pages.get(path.removesuffix(".ipynb")) if path.endswith(".ipynb") else None
    if page:
        return f"{page}{hash_}{anchor}"
    parts = parts_of(to)
    within = parts is not None and not parts.scheme
    return "" if within and (path.startswith("../") or path.endswith(".ipynb")) else to
