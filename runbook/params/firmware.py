"""What a person has seen in the firmware's menus, where the running system cannot tell."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from runbook.params.types import Closed, Sentence

Unreadable = Literal[
    "interrupt-remapping", "primary-display", "usb-legacy", "above-4g", "resizable-bar", "power-loss"
]
Board = Literal["auto", "other", "asrock", "asus", "gigabyte", "msi", "supermicro", "dell", "hp", "lenovo"]


def day(text: str) -> str:
    """Return a day of the calendar, or nothing. Raises `ValueError` for anything else."""
    try:
        found = not text or (re.fullmatch(r"\d{4}-\d\d-\d\d", text) and datetime.date.fromisoformat(text))
    except ValueError:
        found = None
    if not found:
        raise ValueError(f"'{text}' is not a day; write it like 2026-11-22")
    return text


Day = Annotated[str, AfterValidator(day)]


class Confirmed(Closed):
    """One setting that a person looked at, and when."""

    setting: Unreadable
    """Which one; notebook 01 says where the menu has it and what it should be."""
    value: Sentence
    """What the menu showed, such as "disabled"."""
    on: Day = ""
    """The day, such as 2026-11-22."""


class Firmware(Closed):
    """The firmware settings that only eyes can check."""

    board: Board = "auto"
    """Whose names of the settings are shown; `auto` takes the maker that the board names."""
    confirmed: tuple[Confirmed, ...] = ()
    """Settings that you have looked at in the menus; the report keeps them."""
