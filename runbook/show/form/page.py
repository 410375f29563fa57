"""The whole form: sections, picker, budget, and the way to the file: first the changes, then save."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from runbook.errors import ParamsError, RunbookError
from runbook.params import HostParams
from runbook.params.edit import inside
from runbook.params.yaml12 import Where
from runbook.show.form import looks, sums, words
from runbook.show.form.draft import Draft
from runbook.show.form.fields import Section, sections
from runbook.show.form.inputs import Input
from runbook.show.form.looks import Shared, close
from runbook.show.form.picker import Row, give, rows, shape
from runbook.show.live import is_live
from runbook.show.pieces import code
from runbook.survey.groups import Group
from runbook.survey.machine import Machine
from runbook.text.html import escape

WIDGET = "application/vnd.jupyter.widget-view+json"


class Form:
    """A form over one draft. `widget` is what a notebook shows; `draft` is what would be saved."""

    def __init__(self, draft: Draft, machine: Machine | None, why: str) -> None:
        self.draft, self.machine, self._why = draft, machine, why
        self._seen: Draft | None = None
        self._rows: tuple[Row, ...] = ()
        self._parts: dict[Where, Section] = {}
        """The parts of the accordion by their place; each has its fields when it was opened."""
        self.inputs: dict[Where, Input] = {}
        self.heads: dict[Where, Any] = {}
        self.pickers: dict[str, Any] = {}
        self.buttons: dict[Where, Any] = {}
        self._is_showing = False
        self._shared = shared = Shared()
        self._later = shared.html("The fields come when no other cell runs.")
        self.state, self.changes, self.sums = shared.html(), shared.html(), shared.html()
        self.fields = widgets.Accordion()
        self.fields.observe(lambda seen: self._open(seen["new"]), names="selected_index")
        self.devices, self.held = shared.column(), shared.html()
        self.show_changes = widgets.Button(
            description="Show the changes", icon="search", layout={"width": "auto"}
        )
        self.save = widgets.Button(description="Save", icon="save", button_style="warning", disabled=True)
        self.show_changes.on_click(lambda _: self._show_changes())
        self.save.on_click(lambda _: self._save())
        self.widget = shared.column(
            [
                shared.html(looks.heads() + looks.title(str(draft.path))), self.state,
                shared.html(looks.title("Devices: who gets which")), self.devices, self.held, self.sums,
                shared.html(looks.title("All parameters")), self.fields,
                shared.across(self.show_changes, self.save), self.changes,
            ]
        )  # fmt: skip
        self.widget.add_class(looks.CLASS)
        self._rebuild()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        bundle: dict[str, Any] = words.picture(self.draft, self.machine, self._why)._repr_mimebundle_()
        if is_live():
            bundle[WIDGET] = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return bundle

    def __repr__(self) -> str:
        return words.picture(self.draft, self.machine, self._why).text

    def _turn_to(self, draft: Draft, *, is_new_shape: bool = False) -> None:
        """Go on with another draft; what was seen of the changes is no longer all of them."""
        if draft == self.draft:
            return
        self.draft, self._seen = draft, None
        self.save.disabled, self.changes.value = True, ""
        if is_new_shape:
            self._rebuild()
        else:
            self._refresh()

    def _change(self, where: Where, new: Any) -> None:
        if where not in self.inputs:  # a late key in a box that is there no more
            return
        known = self.inputs[where].field
        is_said = self.draft.is_emptied(where) or inside(self.draft.values(), where) is not None
        if not is_said and (new is None or str(new) == str(known.default)):
            return
        self._turn_to(self.draft.put(where, new))

    def _rebuild(self) -> None:
        self.inputs, self.buttons, self.heads = {}, {}, {}
        top = sections(self.draft.values())
        parts = [Section((), top.help, top.fields), *top.sections]
        self._parts = {part.where: part for part in parts}
        if len(parts) != len(self.fields.children):
            self.fields.children = [self._shared.column([self._later]) for _ in parts]
        # The boxes themselves stay: where an accordion's children are replaced, the page unfolds another one.
        for box in self.fields.children:
            old, box.children = box.children, [self._later]
            for child in old:
                close(child, self._later)
        self._fill(self.fields.selected_index)
        self._refresh()

    def open(self, where: Where) -> None:
        """Unfold the part of the form that has a field, as a click on its head does."""
        parts = [*self._parts]
        self.fields.selected_index = parts.index(where[:1] if where[:1] in parts else ())

    def _open(self, index: int | None) -> None:
        if self._fill(index):
            self._mark(self.draft.check())

    def _fill(self, index: int | None) -> bool:
        """Make the fields of the part that is unfolded; return whether they were not there."""
        if index is None or self.fields.children[index].children != (self._later,):
            return False
        part = [*self._parts.values()][index]
        self.fields.children[index].children = self._section(part, self.draft.values())
        return True

    def _section(self, section: Section, values: Any, told: tuple[str, ...] = ()) -> list[Any]:
        """Return what is in a section; `told` are helps that stand above it already."""
        shared, is_told = self._shared, any(isinstance(part, int) and part for part in section.where)
        says = section.help if section.help not in told and not is_told else ""
        children: list[Any] = [shared.html(looks.note(says))] if says else []
        for field in section.fields:
            made = Input(field, inside(values, field.where), self._change, shared, is_told=is_told)
            self.inputs[field.where] = made
            children.append(made.box)
        for inner in section.sections:
            head = self.heads[inner.where] = shared.html(looks.title(inner.title(values)))
            children += [
                head,
                shared.column(self._section(inner, values, (*told, section.help)), shared.inner),
            ]
            if section.is_list:
                name = inner.title(values)
                children.append(self._button(inner.where, f"Remove {name}", lambda w: self.draft.drop(w)))
        if section.is_list:
            children.append(self._button(section.where, "Add one", lambda w: self.draft.add(w, {})))
        return children

    def _button(self, where: Where, text: str, change: Any) -> Any:
        tooltip = f"{text}: {'.'.join(map(str, where))}"
        shared = self._shared
        button = widgets.Button(description=text, tooltip=tooltip, layout=shared.plain, style=shared.button)
        button.on_click(lambda _: self._turn_to(change(where), is_new_shape=True))
        self.buttons[where] = button
        return button

    def _refresh(self) -> None:
        """Say anew what is right and wrong, who has which device, and what it all adds up to."""
        checked = self.draft.check()
        self.state.value = looks.state(checked, self.machine)
        self._mark(checked)
        self.sums.value = sums.html(self.draft.values(), self.machine)
        self._refresh_devices()

    def _mark(self, checked: HostParams | ParamsError) -> None:
        """Say below each field what is wrong with it, and on each section how much of it is."""
        errors = checked.all if isinstance(checked, ParamsError) else ()
        for where, made in self.inputs.items():
            made.say("; ".join(error.why for error in errors if error.at[: len(where)] == where))
        tops = [error.at[:1] if error.at[:1] in self._parts else () for error in errors if error.at]
        values = self.draft.values()
        self.fields.titles = [
            part.counted(values) + (f" · {tops.count(where)} wrong" if where in tops else "")
            for where, part in self._parts.items()
        ]
        for where, head in self.heads.items():
            head.value = looks.title(Section(where, "").title(values))

    def _refresh_devices(self) -> None:
        if self.machine is None:
            self.devices.children = [self._shared.html(f"<pre>{escape(self._why)}</pre>")]
            return
        before, self._rows = self._rows, rows(self.draft.values(), self.machine)
        if self._rows == before:
            return
        self.held.value = looks.folded(self._rows)
        if shape(before) == shape(self._rows):
            self._show_owners()
            return
        old, self.pickers = self.devices.children, {}
        self.devices.children = [self._picker(row) for row in self._rows if not row.is_folded]
        for picker in old:
            close(picker)

    def _show_owners(self) -> None:
        """Say anew who has which group, in the pickers that are there: one that is being used stays under the keys."""
        self._is_showing = True
        shown = (row for row in self._rows if not row.is_folded)
        for row, picker in zip(shown, self.devices.children, strict=True):
            control, about = picker.children
            if control.options != row.choices:
                control.options = row.choices
            control.value = row.owner
            about.value = looks.group(row)
        self._is_showing = False

    def _pick(self, group: Group, owner: str) -> None:
        if not self._is_showing:
            self._turn_to(give(self.draft, group, owner), is_new_shape=True)

    def _picker(self, row: Row) -> Any:
        control = self._shared.made(widgets.Dropdown, row.owner, words.place(row), options=row.choices)
        control.observe(lambda seen: self._pick(row.group, seen["new"]), names="value")
        self.pickers.update(dict.fromkeys(row.group.bdfs, control))
        return self._shared.across(control, self._shared.html(looks.group(row), self._shared.beside))

    def _show_changes(self) -> None:
        difference = self.draft.diff()
        self.changes.value = code(difference) if difference else "Nothing has changed."
        is_right = isinstance(self.draft.check(), HostParams)
        self._seen = self.draft if difference and is_right else None
        self.save.disabled = self._seen is None
        if difference and not is_right:
            self.changes.value += "It can be saved when it is right."

    def _save(self) -> None:
        if self._seen != self.draft:
            self.changes.value = "Look at the changes first."
            return
        try:
            self.draft = self.draft.save()
        except (RunbookError, OSError) as error:
            self.changes.value = f"<pre>{escape(str(error))}</pre>"
            return
        self._seen, self.save.disabled = None, True
        self.changes.value = f"Saved to {escape(str(self.draft.path))}."
