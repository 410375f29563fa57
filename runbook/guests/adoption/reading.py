"""A configuration on its way into the parameters: what is left of it, and what became of the rest."""

from __future__ import annotations

import re
from typing import Any

from runbook.guests.adoption.words import SizeOf
from runbook.guests.refusals import kind_of
from runbook.guests.syntax import Config, Value, number_of
from runbook.guests.validate import known_keys

Fields = dict[str, Any]
PASSWORD = "env:VNC_PASSWORD_"
"""Where the password of a screen is to be looked for; the guest's name follows, in capitals."""


class Unadoptable(ValueError):
    """No parameters can say this configuration; the text says why, and what to do about it."""


class Reading:
    """One configuration, its keys taken out one after the other, and the guest that they make."""

    def __init__(self, config: Config, group: str, bridge: str, size_gib: SizeOf, release: str) -> None:
        self.kind = kind_of(config)
        self.rest: dict[str, Value] = dict(config.values)
        self.group, self.bridge, self.size_gib = group, bridge, size_gib
        known = known_keys(release)
        self.skipped = {key: self.rest.pop(key) for key in config.values if known and key not in known}
        self.guest: Fields = {}
        self.devices: dict[str, Fields] = {}
        self.secrets: dict[str, str] = {}
        self.origin: dict[str, dict[str, Value]] = {}
        """The keys that each field of the guest was made of, so that they can stand under `extra` instead."""

    def pop(self, field: str, *keys: str) -> dict[str, Value]:
        """Take keys out of the file for a field of the guest."""
        taken = {key: self.rest.pop(key) for key in keys if key in self.rest}
        self.origin[field] = self.origin.get(field, {}) | taken
        return taken

    def put(self, field: str, value: Any, usual: Any = None) -> None:
        """Give the guest a field unless it has that value by itself."""
        if value != usual:
            self.guest[field] = value

    def number(self, field: str, key: str) -> int | None:
        """Take a key that is a number; anything else stays where it is."""
        value = number_of(self.rest[key]) if key in self.rest else None
        if value is not None:
            self.pop(field, key)
        return value

    def text(self, field: str, key: str) -> str | None:
        """Take a key that is one text, not an empty one; anything else stays where it is."""
        value = self.rest.get(key)
        if isinstance(value, tuple) or value in (None, ""):
            return None
        self.pop(field, key)
        return str(value)

    def listed(self, key: str) -> tuple[str, ...]:
        """Return a list of texts as xl goes through it: to the first member that is none."""
        value = self.rest.get(key, ())
        found: list[str] = []
        for item in value if isinstance(value, tuple) else ():
            if isinstance(item, tuple):
                break
            found.append(str(item))
        return tuple(found)

    def atom(self, key: str) -> str | None:
        """Return a single value as text, None for none."""
        value = self.rest.get(key)
        return None if value is None or isinstance(value, tuple) else str(value)

    def secret(self, password: str) -> str:
        """Return the reference that stands for a password in the parameters, and keep what belongs there."""
        name = re.sub(r"\W", "_", str(self.guest["name"])).upper()
        reference = f"{PASSWORD}{name}{'_' + str(len(self.secrets) + 1) if self.secrets else ''}"
        self.secrets[reference] = password
        return reference

    def atoms(self, *keys: str) -> dict[str, str]:
        """Return those of some keys that are single values."""
        found = ((key, self.atom(key)) for key in keys)
        return {key: value for key, value in found if value is not None}
