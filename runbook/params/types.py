"""The values that parameters are made of, checked and written one way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from runbook.text.printable import unprintable

_HALF = re.compile("[\ud800-\udfff]")
UNPRINTABLE = "unprintable"
"""The kind of error of such a text, in pydantic's words; its input is never shown: it could be a secret."""


class Closed(BaseModel):
    """A frozen model in which an unknown key is an error, never a silent default.

    Each text in it is one line of printable characters, whatever else its type asks for: it may land in
    a file that is read line by line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _texts_can_be_said(cls, given: Any) -> Any:
        # Half a character would break even the message that refuses it.
        _refuse(
            cls, given.items() if isinstance(given, dict) else (), lambda text: _HALF.search(text) is not None
        )
        return given

    @model_validator(mode="after")
    def _texts_are_one_line(self) -> Self:
        _refuse(type(self), ((key, getattr(self, key)) for key in type(self).model_fields), bool)
        return self


def _refuse(model: type, values: Iterable[tuple[str, Any]], asks: Callable[[str], bool]) -> None:
    """Raise `ValidationError` for each text that `asks` is about and that is not one printable line."""
    found = []
    for key, value in values:
        items = enumerate(value) if isinstance(value, tuple | list) else ((None, value),)
        for index, text in items:
            if isinstance(text, str) and asks(text) and (why := unprintable(text)):
                kind = PydanticCustomError(UNPRINTABLE, "{why}", {"why": why})
                at = (key,) if index is None else (key, index)
                found.append(InitErrorDetails(type=kind, loc=at, input=None))
    if found:
        raise ValidationError.from_exception_data(model.__name__, found)


def bdf(text: str) -> str:
    """Return a PCI address in its full form, lower case.

    >>> bdf("07:00.0")
    '0000:07:00.0'

    Raises `ValueError` for anything that is not `[DDDD:]BB:SS.F` (hexadecimal; slot to 1f, function to 7), and says
    why of one in a longer domain.
    """
    match = re.fullmatch(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])", text.strip().lower())
    if re.fullmatch(r"[0-9a-f]{5,}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", text.strip().lower()):
        raise ValueError(
            f"'{text}' is in a PCI domain beyond ffff, which neither Xen nor xl can name; Intel VMD makes such domains: "
            "turn VMD off in the firmware, and the device has an address like 0000:07:00.0"
        )
    if not match:
        raise ValueError(
            f"'{text}' is not a PCI address; write [DDDD:]BB:SS.F as `lspci -D` shows it, like 0000:07:00.0"
        )
    return f"{match[1] or '0000'}:{match[2]}:{match[3]}.{match[4]}"


def pci_id(text: str) -> str:
    """Return `vendor:device` in lower case. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{4}", text.strip()):
        raise ValueError(
            f"'{text}' is not a PCI id; write vendor:device as `lspci -n` shows it, like 8086:10d3"
        )
    return text.strip().lower()


def name_of(kind: str, pattern: str, rule: str):  # type: ignore[no-untyped-def]
    """Return a validator for names of one kind; `rule` is said when `pattern` does not match."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"'{text}' cannot be the name of a {kind}: {rule}")
        return text

    check.__doc__ = f"Return the name of a {kind}: {rule}.\n\nRaises `ValueError` for anything else."
    return check


Bdf = Annotated[str, AfterValidator(bdf)]
PciId = Annotated[str, AfterValidator(pci_id)]
Sentence = Annotated[str, Field(max_length=500)]
"""What a person says in their own words; only people read it."""
Mib = Annotated[int, Field(ge=64, le=16 * 1024 * 1024)]
Gib = Annotated[int, Field(ge=1, le=64 * 1024)]
