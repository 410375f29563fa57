"""The values that parameters are made of, checked and written one way."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

LONGEST = 4096
"""The most characters of one text: Linux takes no longer path (PATH_MAX)."""
UNPRINTABLE = "unprintable"
"""The kind of error of such a text, in pydantic's words; its input is never shown: it could be a secret."""
_JOINERS = "\u00ad\u200c\u200d"
"""Format characters that scripts and pictures are written with; they neither hide nor turn anything."""


def acts(sign: str) -> bool:
    """True for a character that begins a new line or acts on a screen instead of being seen.

    >>> [acts(sign) for sign in ("a", "\\n", "\\x85", "\\x1b", "\\u202e", "ü", "\\u200d")]
    [False, True, True, True, True, False, False]
    """
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") and sign not in _JOINERS


def unprintable(text: str) -> str:
    """Return why a text is not one line of printable characters, '' when it is. The text is not repeated."""
    if len(text) > LONGEST:
        return f"it has {len(text)} characters; no more than {LONGEST} are taken"
    for place, sign in enumerate(text, 1):
        if acts(sign):
            return (
                f"character {place} is U+{ord(sign):04X}, which is not printed: it would begin a new line, or act "
                "on a screen; write one line of printable characters"
            )
    return ""


def printable(text: str) -> str:
    """Return a text as one line in which nothing acts: what would is shown by its number.

    >>> printable("a\\nb\\x1b[31m")
    'a\\\\u000ab\\\\u001b[31m'
    """
    return "".join(f"\\u{ord(sign):04x}" if acts(sign) else sign for sign in text)


class Closed(BaseModel):
    """A frozen model in which an unknown key is an error, never a silent default.

    Each text in it is one line of printable characters, whatever else its type asks for: it may land in
    a file that is read line by line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="after")
    def _texts_are_one_line(self) -> Self:
        found = []
        for key in type(self).model_fields:
            value = getattr(self, key)
            items = enumerate(value) if isinstance(value, tuple) else ((None, value),)
            for index, text in items:
                if isinstance(text, str) and (why := unprintable(text)):
                    kind = PydanticCustomError(UNPRINTABLE, "{why}", {"why": why})
                    found.append(
                        InitErrorDetails(type=kind, loc=(key,) if index is None else (key, index), input=None)
                    )
        if found:
            raise ValidationError.from_exception_data(type(self).__name__, found)
        return self


def bdf(text: str) -> str:
    """Return a PCI address in its full form, lower case.

    >>> bdf("07:00.0")
    '0000:07:00.0'

    Raises `ValueError` for anything that is not `[DDDD:]BB:SS.F` (hexadecimal; slot to 1f, function to 7).
    """
    match = re.fullmatch(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])", text.strip().lower())
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

    return check


Bdf = Annotated[str, AfterValidator(bdf)]
PciId = Annotated[str, AfterValidator(pci_id)]
Sentence = Annotated[str, Field(max_length=500)]
"""What a person says in their own words; only people read it."""
Mib = Annotated[int, Field(ge=64, le=16 * 1024 * 1024)]
Gib = Annotated[int, Field(ge=1, le=64 * 1024)]
