"""One widget for one field: a box, a tick, a choice or a list of words, with its help beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from runbook.params.yaml12 import Where
from runbook.show.form import looks
from runbook.show.form.fields import Field
from runbook.show.form.looks import Shared

Change = Callable[[Where, Any], None]


class Input:
    """A field on the screen. `control` holds the value, `box` is that with help and what is `wrong` with it."""

    def __init__(
        self, field: Field, value: Any, change: Change, shared: Shared, *, is_told: bool = False
    ) -> None:
        self.field = field
        self.control = _control(field, value, shared)
        self.wrong, self._shared = "", shared
        self._note: Any = None  # a widget for what most fields never need is a message to the page too many
        # The first item of a list tells what each field means; in the others the pointer does.
        beside = () if is_told else (shared.html(looks.note(field.help), shared.beside),)
        self.control.tooltip = field.help if is_told else None
        self.box = shared.across(self.control, *beside)
        self.control.observe(lambda seen: change(field.where, self.meant(seen["new"])), names="value")

    def meant(self, shown: Any) -> Any:
        """Return what a control's value means in the file; None for nothing said."""
        kind = self.field.kind
        if kind == "words":
            lines = [line.strip() for line in str(shown).splitlines() if line.strip()]
            return lines or None
        if kind == "flag":
            return bool(shown)
        text = str(shown or "").strip()
        if kind == "number" and text.isdecimal() and text == str(int(text)):
            return int(text)
        return text or None

    def say(self, why: str) -> None:
        """Show what is wrong with this field; '' for nothing."""
        self.wrong = looks.wrong(why)
        if self._note is None and why:
            self._note = self._shared.html("", self._shared.below)
            self.box.children = (*self.box.children, self._note)
        if self._note is not None:
            self._note.value = self.wrong


def _control(field: Field, value: Any, shared: Shared) -> Any:
    effective = value if value is not None else field.default
    if field.kind == "flag":
        is_on = str(effective).lower() == "true"
        return shared.made(widgets.Checkbox, is_on, field.name, indent=True)
    if field.kind == "words":
        items = value if isinstance(value, list) else []
        hint = "one per line" + (f"; of {', '.join(field.choices)}" if field.choices else "")
        text = "\n".join(map(str, items))
        return shared.made(widgets.Textarea, text, field.name, placeholder=hint, rows=max(1, len(items)))
    if field.kind == "choice":
        text = "" if effective is None else str(effective)
        options = tuple(dict.fromkeys((*field.choices, text)))
        return shared.made(widgets.Dropdown, text, field.name, options=options)
    hint = "required" if field.is_required else "" if field.default is None else str(field.default)
    return shared.made(widgets.Text, "" if value is None else str(value), field.name, placeholder=hint)
