"""One line of what is known: which devices it means, what it says of them, and who says so."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_IDS = re.compile(r"([0-9a-f]{4}):(?:(\*)|([0-9a-f]{4})(?:-([0-9a-f]{4}))?)")
_CLASS = re.compile(r"[0-9a-f]{2}(?:[0-9a-f]{2}){0,2}")
_REVISIONS = re.compile(r"([0-9a-f]{2})-([0-9a-f]{2})")


class Entry(BaseModel):
    """What one line says. Closed and frozen; each field is read from the text of its column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z-]*$")]
    """What follows for a device: for most subjects the kind of a reason (`survey.reasons.RULES`)."""
    ids: tuple[tuple[str, int, int], ...]
    """Vendor, first and last device number; in the file `1002:67c0-67ff`, `1b4b:9172`, `8086:*` for all of a
    vendor's, several with a space between; empty for every vendor's."""
    classes: tuple[str, ...]
    """Beginnings of the class code in hexadecimal, such as `03` or `0c80`; empty for every class."""
    place: Annotated[str, Field(pattern=r"^(root|)$")]
    """`root` for a device without a bridge above it; empty for anywhere."""
    revisions: tuple[int, int] | None
    """First and last revision, `00-21` in the file, in hexadecimal as lspci shows it; empty for each."""
    what: Annotated[str, Field(min_length=4, max_length=160, pattern=r"^[^\s].*[^\s.]$")]
    """What a person reads of it, as the rest of the sentence that the rule begins."""
    source: Annotated[str, Field(min_length=8, max_length=200)]
    """Who says so: a file with its version, a document, a report; looked at, not remembered."""
    date: date
    """When it was looked at."""

    @field_validator("ids", mode="before")
    @classmethod
    def _ids(cls, text: Any) -> Any:
        return tuple(_range(word) for word in text.split())

    @field_validator("classes", mode="before")
    @classmethod
    def _classes(cls, text: Any) -> Any:
        for word in text.split():
            if not _CLASS.fullmatch(word):
                raise ValueError(f"'{word}' is not the beginning of a class code such as 03 or 0c80")
        return tuple(text.split())

    @field_validator("revisions", mode="before")
    @classmethod
    def _revisions(cls, text: Any) -> Any:
        if not text:
            return None
        found = _REVISIONS.fullmatch(text)
        if not found or int(found[1], 16) > int(found[2], 16):
            raise ValueError(f"'{text}' is no range of revisions such as 00-21")
        return int(found[1], 16), int(found[2], 16)

    @model_validator(mode="after")
    def _means_something(self) -> Entry:
        if not self.classes and (not self.ids or any(high - low == 0xFFFF for _, low, high in self.ids)):
            raise ValueError("it means every device of a vendor; name its devices or a class")
        return self

    def means(self, identity: str, code: str, revision: int | None, *, in_root: bool) -> bool:
        """True for a device of that identity, class, revision and place; an unknown revision may be the one."""
        vendor, number = identity[:4], int(identity[5:], 16)
        return (
            (not self.ids or any(v == vendor and low <= number <= high for v, low, high in self.ids))
            and (not self.classes or code.startswith(self.classes))
            and (in_root or self.place != "root")
            and (
                self.revisions is None
                or revision is None
                or self.revisions[0] <= revision <= self.revisions[1]
            )
        )

    def is_sure(self, revision: int | None) -> bool:
        """False where it asks for a revision, and the device's is not known."""
        return self.revisions is None or revision is not None


def _range(word: str) -> tuple[str, int, int]:
    """Return vendor, first and last number of one word of ids.

    >>> _range("1002:67c0-67ff") == ("1002", 0x67C0, 0x67FF), _range("8086:*") == ("8086", 0, 0xFFFF)
    (True, True)
    """
    found = _IDS.fullmatch(word)
    if not found:
        raise ValueError(f"'{word}' is no id such as 1b4b:9172, 1002:67c0-67ff or 8086:* (small letters)")
    vendor, everything, low, high = found.groups()
    first, last = (0, 0xFFFF) if everything else (int(low, 16), int(high or low, 16))
    if first > last:
        raise ValueError(f"'{word}' ends before it begins")
    return vendor, first, last
