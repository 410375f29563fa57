"""How the parts of the form look: whether it is right, and the devices of a group as a tree."""

from __future__ import annotations

import re
from typing import Any

import ipywidgets as widgets

from runbook.errors import ParamsError
from runbook.params import HostParams
from runbook.show.form import words
from runbook.show.form.picker import Row
from runbook.show.pieces import TINT, badge
from runbook.survey.machine import Machine
from runbook.text.html import escape, widget
from runbook.text.plural import plural

_TIGHT = "line-height:1.45"
CLASS = "runbook-form"
"""The class of a form's outermost box on the page, for its style."""


class Shared:
    """What all widgets of one form have in common, made once.

    Every layout and every style is a message to the page of its own, and of a burst of some thousand messages
    ZeroMQ drops what the server does not fetch in time: the form then stays empty.
    """

    def __init__(self) -> None:
        self.plain = widgets.Layout()
        #: A row of a control and what is said about it, which goes below it where the page is narrow.
        self.row = widgets.Layout(flex_flow="row wrap")
        self.control = widgets.Layout(flex="0 1 32em", min_width="0")
        self.beside = widgets.Layout(flex="1 1 20em")
        self.below = widgets.Layout(flex="1 1 100%")
        #: What is inside of a section stands further in, behind a line.
        self.inner = widgets.Layout(
            margin="0 0 .8em .4em", padding="0 0 0 .9em", border_left="2px solid rgba(128,128,128,.35)"
        )
        self.button = widgets.Button.style.klass()
        self._html = widgets.HTML.style.klass()
        self._wide = {
            kind: kind.style.klass(description_width="12em")
            for kind in (widgets.Text, widgets.Textarea, widgets.Dropdown, widgets.Checkbox)
        }

    def html(self, text: str = "", layout: Any = None) -> Any:
        return widget(text, layout=layout or self.plain, style=self._html)

    def column(self, children: Any = (), layout: Any = None) -> Any:
        return widgets.VBox(children, layout=layout or self.plain)

    def across(self, *children: Any) -> Any:
        return widgets.HBox(children, layout=self.row)

    def made(self, kind: Any, value: Any, label: str, **options: Any) -> Any:
        """Return a control of a kind, with its label before it."""
        return kind(value=value, description=label, style=self._wide[kind], layout=self.control, **options)


def heads() -> str:
    """Return the style of the heads of sections: plain text on a plain ground, as what can be clicked, and not grey."""
    head = f".{CLASS} .jupyter-widget-Collapse-header"
    return (
        f"<style>{head} {{ color: var(--jp-ui-font-color0); background: var(--jp-layout-color1); font-weight: 600; "
        f"border-left: 4px solid rgba({TINT['now']},.8) }} {head}:hover {{ background: rgba({TINT['now']},.12) }}</style>"
    )


def title(text: str) -> str:
    """Return the head of a part of a section, or of the form."""
    return f'<b style="font-size:1.05em">{escape(text)}</b>'


def state(checked: HostParams | ParamsError, machine: Machine | None) -> str:
    """Return whether the parameters are right, on a ground that says the same."""
    text = words.state(checked, machine)
    word = "fail" if isinstance(checked, ParamsError) else "warn" if "too much" in text else "safe"
    return (
        f'<pre style="margin:.2em 0 .6em;padding:.3em .8em;white-space:pre-wrap;border-left:4px solid rgba({TINT[word]},.8);'
        f'background:rgba({TINT[word]},.1);{_TIGHT}">{escape(text)}</pre>'
    )


def note(text: str) -> str:
    """Return the help of a field, small, with its literal words as such; '' for none."""
    literal = re.sub("`([^`]*)`", r'<code style="background:none;font-size:1em">\1</code>', escape(text))
    return f'<div style="{_TIGHT}"><small>{literal}</small></div>' if text else ""


def wrong(why: str) -> str:
    """Return what is wrong with a field, to stand below its box; '' for nothing."""
    if not why:
        return ""
    style = f"margin:0 0 .6em min(12.6em,20%);padding:0 .6em;border-left:3px solid rgba({TINT['fail']},.8);{_TIGHT}"
    return f'<div style="{style}"><b>wrong:</b> {escape(why)}</div>'


def group(row: Row) -> str:
    """Return the devices of a group below the bridges that lead to them, and what may be done with them."""
    lines, seen = [], set[str]()
    for member in row.group.members:
        for depth, bridge in enumerate(member.device.path):
            if bridge not in seen:
                lines.append(_branch(depth, bridge, "bridge"))
                seen.add(bridge)
        device = member.device
        lines.append(_branch(len(device.path), device.bdf, f"{device.class_name}, {device.name}"))
    why = f" <small>{escape(row.group.why)}</small>" if row.group.why else ""
    return f'<div style="{_TIGHT};padding-bottom:.7em">{"".join(lines)}{badge(row.group.verdict)}{why}</div>'


def folded(found: tuple[Row, ...]) -> str:
    """Return the devices that have no picker, a line a reason, behind a line that opens on a click; '' for none."""
    count = sum(len(row.group.members) for row in found if row.is_folded)
    if not count:
        return ""
    split = ((*text.partition(": ")[::2], who) for text, who in words.not_offered(found))
    items = (
        f"<li>{badge(verdict)} {escape(why)}: <small>{escape(who)}</small></li>"
        for verdict, why, who in split
    )
    head = f"{plural(count, 'device')} that must stay with dom0, or {'is' if count == 1 else 'are'} of no use to a guest"
    return f'<details style="{_TIGHT};padding-bottom:.7em"><summary>{head}</summary><ul>{"".join(items)}</ul></details>'


def _branch(depth: int, bdf: str, what: str) -> str:
    lead = "└&nbsp;" if depth else ""
    return (
        f'<div style="margin-left:{max(depth - 1, 0) * 1.4:g}em">{lead}<code style="background:none">{escape(bdf)}</code> '
        f"{escape(what)}</div>"
    )


def close(shown: Any, *kept: Any) -> None:
    """Let a widget go that is shown no more, with all that is in it but the kept: kernel and page both hold it."""
    for child in getattr(shown, "children", ()):
        close(child, *kept)
    if shown not in kept:
        shown.close()
