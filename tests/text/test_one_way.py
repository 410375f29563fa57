"""There is one way out of each kind: what goes around a gate is found in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.text.hostile import ROOT

GATES = ("runbook/text/html.py", "runbook/text/terminal.py", "runbook/text/console.py", "runbook/text/csv.py")
CALLS = {
    "html.escape": "runbook.text.html.escape",
    "markupsafe.escape": "runbook.text.html.escape",
    "markupsafe.Markup": "runbook.text.html.escape",
    "xml.sax.saxutils.escape": "runbook.text.html.escape",
    "ipywidgets.HTML": "runbook.text.html.widget",
    "ipywidgets.HTMLMath": "runbook.text.html.widget",
    **{f"IPython.display.{kind}": "runbook.show.pieces.Shown" for kind in (
        "HTML", "Markdown", "SVG", "Latex", "Math", "Javascript", "IFrame", "display_html", "display_markdown")},
    "click.secho": "runbook.text.terminal.say",
    "click.style": "runbook.text.terminal.paint",
    "click.echo_via_pager": "click.echo",
    "rich.console.Console": "runbook.text.console.make_console",
    "rich.live.Live": "runbook.text.console.Live",
    "rich.print": "print",
    "csv.writer": "runbook.text.csv.write",
    "csv.DictWriter": "runbook.text.csv.write",
}  # fmt: skip
"""What goes around a gate by where it comes from, and what to use instead."""
NAMES = {
    **dict.fromkeys(("to_html", "set_table_styles", "to_latex", "to_markdown"), "runbook.text.html.table"),
    **dict.fromkeys(("to_csv", "to_excel", "to_clipboard"), "runbook.text.csv.write"),
    **dict.fromkeys(
        ("_repr_html_", "_repr_markdown_", "_repr_latex_", "_repr_svg_"), "runbook.show.pieces.Shown"
    ),
    **dict.fromkeys(("from_markup", "from_ansi"), "rich.text.Text"),
    **dict.fromkeys(("__stdout__", "__stderr__"), "print"),
    "description_allow_html": "a description, which is text",
}
"""The same by name, whatever it belongs to."""
MAY = {"runbook/redaction/forms.py": "html.escape"}
"""It knows the forms in which a secret may stand, and shows none of them."""


def around(source: str) -> Iterator[tuple[str, str]]:
    """Yield what in a source goes around a gate, and what to use instead."""
    tree = ast.parse(source)
    origins = dict(_imported(tree))
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=func) if (called := _dotted(func, origins)) in CALLS:
                yield called, CALLS[called]
            case ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.keyword(arg=str(name)) if (
                name in NAMES
            ):
                yield name, NAMES[name]


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each imported name with where it comes from."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    alias.asname or alias.name.partition(".")[0],
                    alias.name if alias.asname else alias.name.partition(".")[0],
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _dotted(node: ast.expr, origins: dict[str, str]) -> str:
    """Return what an expression names, by where it comes from; '' for what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, origins)}.{node.attr}"
    return origins.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def sources() -> list[str]:
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / "runbook").rglob("*.py"))]


@pytest.mark.parametrize("name", [name for name in sources() if name not in GATES])
def test_nothing_goes_around_a_gate(name: str) -> None:
    """No module but the gates makes HTML of tables or widgets, sends colours to a terminal, or writes CSV."""
    assert [
        found for found in around((ROOT / name).read_text(encoding="utf-8")) if found[0] != MAY.get(name)
    ] == []


@pytest.mark.parametrize(
    "source",
    [
        "frame.style.to_html()", "frame.to_html()", "from ipywidgets import HTML\nHTML(text)", "import ipywidgets as w\nw.HTML(text)", "from html import escape\nescape(text)",
        "import html\nhtml.escape(text)", "from markupsafe import Markup\nMarkup(text)", "import click\nclick.secho(text, fg='red')",
        "import click\nclick.echo(click.style(text))", "from rich.console import Console as C\nC().print(text)", "frame.to_csv(path)",
        "import csv\ncsv.writer(file)", "def _repr_html_(self): return ''", "from IPython.display import HTML\nHTML(text)",
        "import ipywidgets as widgets\nwidgets.Text(description=text, description_allow_html=True)", "import sys\nsys.__stdout__.write(text)",
    ],
)  # fmt: skip
def test_what_goes_around_is_found(source: str) -> None:
    """Each way around a gate is seen where somebody takes it."""
    assert list(around(source))


def test_templates_vouch_only_for_what_was_made_with_the_gate() -> None:
    """`safe` stands in the templates of pages only behind what our own functions made of escaped parts."""
    vouched = {"style", "script", "body", "timeline", "fact.html"}
    for path in (ROOT / "runbook/evidence/templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        found = {
            part.split("|")[0].strip()
            for part in _expressions(text)
            if "safe" in map(str.strip, part.split("|")[1:])
        }
        assert found <= vouched, path.name
        assert "autoescape" not in text, path.name


def _expressions(text: str) -> list[str]:
    return [part.partition("}}")[0].strip(" -") for part in text.split("{{")[1:]]
