"""The way out into HTML: pages, outputs of cells, widgets. Whatever is put between tags passes `escape`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape as _escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runbook.text.visible import visible

if TYPE_CHECKING:
    import pandas as pd


_MANY = 4
"""A table of so many columns is stacked where there is little room."""
_COLUMN_REM = 7.2
"""A column needs so much room, on average."""
_WORD = re.compile(r"[^\w ,()%-]")
"""What a head loses where it stands in a style sheet."""
_CODE = re.compile("`([^`]+)`")


def escape(text: object) -> str:
    """Return a text as it may stand between tags and in a quoted attribute, with what nobody would see shown.

    >>> escape("<b> \\u202e \\"'&")
    '&lt;b&gt; \\\\u202e &quot;&#x27;&amp;'
    """
    return _escape(visible(str(text)))


def output(markup: str) -> str:
    """Return the HTML of a cell's output; JupyterLab sets no formulas in it, which may link and place what they like."""
    return f'<div class="mathjax_ignore">{markup}</div>' if markup else ""


def table(name: str, frame: pd.DataFrame, tints: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Return a frame as a table whose cells, heads and index are text.

    `name` is one of ours and makes the ids; `tints` has for a column the ground of each of its values,
    and under '' that of all others.
    """
    from pandas.io.formats.style import Styler

    heads, wide = [str(column) for column in frame.columns], len(frame.columns) >= _MANY
    shown = frame.map(_cell).rename(index=_cell, columns=_cell)
    # What the rows are called stands above them, and not in a line of its own.
    above = None if frame.index.name is None else str(frame.index.name)
    shown = shown.rename_axis(index=None, columns=above)
    left = [{"selector": "th, td", "props": "text-align: left; vertical-align: top"}]
    # Only a cell with a ground of its own needs an id; of hundreds they would be half of the page.
    style = Styler(shown, uuid=name, cell_ids=False).set_table_styles(left)  # type: ignore[arg-type]
    for column, grounds in (tints or {}).items():
        if column in shown:
            style = style.map(_ground, subset=[column], grounds=grounds)
    # pandas escapes nothing by itself, and each of the three parts only when it is asked.
    style = style.format(_literal, escape="html")
    style = style.format_index(escape="html", axis=0).format_index(escape="html", axis=1)
    made = str(style.to_html())
    return f'<div style="container-type:inline-size">{_stacked(name, heads)}{made}</div>' if wide else made


def rows(heads: Sequence[str], cells: Iterable[Iterable[str]]) -> str:
    """Return a small table; its heads are text, and each cell is markup that was made with `escape`, such as a `link`."""
    left = ' style="text-align:left"'
    head = "".join(f"<th{left}>{escape(word)}</th>" for word in heads)
    body = "".join(f"<tr>{''.join(f'<td{left}>{cell}</td>' for cell in row)}</tr>" for row in cells)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def link(text: str, leads: str) -> str:
    """Return a text that leads to a file beside the page, '' for nowhere."""
    return f'<a href="{escape(quote(leads))}">{escape(text)}</a>' if leads else escape(text)


def _stacked(name: str, heads: list[str]) -> str:
    """Return the style by which a wide table in little room has a row's cells below each other, each with its head.

    The last cell, which mostly says why, has the whole width.
    """
    at = f"#T_{name}"
    rules = [
        f"{at},{at} tbody,{at} th.row_heading{{display:block;width:auto}}{at} thead{{display:none}}",
        f"{at} tr{{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr));gap:0 1.5rem;"
        "padding:.5em 0;background:none}",
        f"{at} td{{display:grid;grid-template-columns:7em minmax(0,1fr);gap:.6em;border:0;padding:.1em 0;min-width:0}}",
        f"{at} td:empty{{display:none}}{at} :is(th.row_heading,td:last-child){{grid-column:1/-1}}",
        f"{at} td::before{{font-size:.9em;opacity:.75}}{at} th.row_heading{{border:0;padding:.1em 0}}",
        *(f'{at} td.col{n}::before{{content:"{_WORD.sub("", head)}"}}' for n, head in enumerate(heads)),
    ]
    return f"<style>@container (max-width:{len(heads) * _COLUMN_REM:g}rem){{{''.join(rules)}}}</style>"


def _literal(value: Any) -> Any:
    """Return a cell, which was escaped before, with what stands in backticks as code."""
    return _CODE.sub(r"<code>\1</code>", value) if isinstance(value, str) else value


def widget(markup: str = "", **options: Any) -> Any:
    """Return a widget that shows HTML; what is put into it, here or later, was made with `escape`."""
    import ipywidgets

    return ipywidgets.HTML(markup, **options)


def _cell(value: Any) -> Any:
    return visible(value) if isinstance(value, str) else value


def _ground(value: object, grounds: Mapping[str, str]) -> str:
    return f"background-color: rgba({grounds.get(str(value), grounds[''])},.2)"
