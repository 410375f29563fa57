"""What a person has seen in the firmware's menus, where the running system cannot tell."""

from __future__ import annotations

from typing import Literal

from runbook.params.types import Closed

Unreadable = Literal[
    "interrupt-remapping", "primary-display", "usb-legacy", "above-4g", "resizable-bar", "power-loss"
]
Board = Literal["auto", "other", "asrock", "asus", "gigabyte", "msi", "supermicro", "dell", "hp", "lenovo"]


class Confirmed(Closed):
    """One setting that a person looked at, and when."""

    setting: Unreadable
    """Which one; notebook 01 says where the menu has it and what it should be."""
    value: str
    """What the menu showed, such as "disabled"."""
    on: str = ""
    """The day, such as 2026-11-22."""


class Firmware(Closed):
    """The firmware settings that only eyes can check."""

    board: Board = "auto"
    """Whose names of the settings are shown; `auto` takes the maker that the board names."""
    confirmed: tuple[Confirmed, ...] = ()
    """Settings that you have looked at in the menus; the report keeps them."""
