"""A parameter file that is being changed: the text as it would be saved, and whether that is right."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runbook import params as parameters
from runbook.controller.atomic import write_atomic
from runbook.errors import ParamsError
from runbook.params import HostParams, edit
from runbook.params.yaml12 import Where, parse, text_of


@dataclass(frozen=True)
class Draft:
    """A file as it was read, and as it is now. Nothing is written before `save`."""

    path: Path
    saved: str
    text: str
    emptied: tuple[Where, str] | None = field(default=None, compare=False)
    """The place that was just emptied, with the text before: who empties a box to type anew keeps line and comment."""

    @classmethod
    def open(cls, path: Path) -> Draft:
        """Return the draft of a file that nobody has changed yet. Raises `ParamsError` when it is no YAML."""
        text = text_of(path)
        parse(text, path)
        return cls(path, text, text)

    def values(self) -> dict[str, Any]:
        """Return all that stands in it, scalars as text."""
        return parse(self.text, self.path)[0]

    def check(self) -> HostParams | ParamsError:
        """Return the parameters that it makes, or what is wrong with it."""
        try:
            return parameters.loads(self.text, self.path)
        except ParamsError as error:
            return error

    def put(self, where: Where, new: Any) -> Draft:
        """Return the draft with a value at a place; None takes away what is there."""
        old = edit.value(self.text, where)
        if new == old or (old is not None and str(new) == old):
            return self
        if new is None:
            return replace(self, text=edit.remove(self.text, where), emptied=(where, self.text))
        if self.is_emptied(where) and self.emptied:
            return replace(self, text=self.emptied[1], emptied=None).put(where, new)
        if isinstance(new, list) and isinstance(old, list):
            return self._put_words(where, old, new)
        return self._turned(edit.put(self.text, where, new))

    def is_emptied(self, where: Where) -> bool:
        """Return whether the last thing done was to take away what was at a place."""
        return self.emptied is not None and self.emptied[0] == where

    def add(self, where: Where, item: Any) -> Draft:
        """Return the draft with one more item in a list."""
        return self._turned(edit.append(self.text, where, item))

    def drop(self, where: Where) -> Draft:
        """Return the draft without an item of a list."""
        return self._turned(edit.remove(self.text, where))

    def diff(self) -> str:
        """Return what `save` would change, as a unified diff; '' for nothing."""
        lines = difflib.unified_diff(
            self.saved.splitlines(), self.text.splitlines(), str(self.path), "to be saved", lineterm=""
        )
        return "\n".join(lines)

    def save(self) -> Draft:
        """Write the file, and return the draft of it.

        Raises `ParamsError`, and writes nothing, when it is not right or the file was changed meanwhile.
        """
        if isinstance(wrong := self.check(), ParamsError):
            raise wrong
        if self.path.read_text(encoding="utf-8") != self.saved:
            raise ParamsError(
                "The file was changed while the form was open",
                where=str(self.path),
                why="what somebody wrote into it would be lost",
                do="open the form anew",
            )
        write_atomic(self.path, self.text, self.path.stat().st_mode & 0o7777)
        return replace(self, saved=self.text)

    def _put_words(self, where: Where, old: list[Any], new: list[Any]) -> Draft:
        """Return the draft with another list, item by item where that does it: comments between them stay."""
        kept = [word for word in old if word in new]
        if new[: len(kept)] != kept or len(set(old)) != len(old):
            return self._turned(edit.put(self.text, where, new))
        draft = self
        for index in reversed([i for i, word in enumerate(old) if word not in new]):
            draft = draft.drop((*where, index))
        for word in new[len(kept) :]:
            draft = draft.add(where, word)
        return draft

    def _turned(self, text: str) -> Draft:
        return replace(self, text=text, emptied=None)
