"""What a person has seen in the firmware's menus, where the running system cannot tell."""

from __future__ import annotations

from typing import Literal

from runbook.params.types import Closed

Unreadable = Literal["above-4g-decoding", "primary-display", "usb-legacy", "resizable-bar", "raid-mode"]


class Confirmed(Closed):
    """One setting that a person looked at, and when."""

    setting: Unreadable
    value: str
    """What the menu showed, such as "disabled"."""
    on: str = ""
    """The day, such as 2026-11-22."""


class Firmware(Closed):
    """The firmware settings that only eyes can check."""

    board: Literal["other", "asrock", "asus", "gigabyte", "msi", "supermicro", "dell", "hp", "lenovo"] = "other"
    """Whose names of the settings the notebook shows first."""
    confirmed: tuple[Confirmed, ...] = ()
