"""An action as a value for a journal, and back: what is read must be what an inverse can be, and nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from functools import cache
from typing import Any

from runbook import actions as kinds
from runbook.actions import Action

_BACK = ("Link", "PurgePackages", "Reboot", "Remove", "ReplaceNetwork", "Run", "Switch", "WriteFile")
"""What an action's inverse can be."""


def pack(action: Action | None) -> dict[str, Any] | None:
    """Return an action as a value for a journal, None for None.

    >>> pack(kinds.Remove("/etc/x"))
    {'type': 'Remove', 'path': '/etc/x', 'link': ''}
    """
    if action is None:
        return None
    return {"type": type(action).__name__, **asdict(action)}


def unpack(value: dict[str, Any] | None) -> Action | None:
    """Return the action that `pack` made a value of. Raises `ValueError` or `TypeError` for anything else.

    >>> unpack({"type": "Run", "argv": ["update-grub"], "why": ""}).argv
    ('update-grub',)
    """
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("type") not in _BACK:
        raise ValueError("what leads back is none of the actions that do")
    kind = getattr(kinds, value["type"])
    more = _of_several(value) if value["type"] == "ReplaceNetwork" and "content" in value else dict(value)
    del more["type"]
    if unknown := more.keys() - {f.name for f in fields(kind)}:
        raise ValueError(f"{value['type']} has no {', '.join(sorted(unknown))}")
    action: Action = _checker(kind).validate_json(json.dumps(more), strict=True)
    if not _is_within(more, json.loads(json.dumps(asdict(action)))):
        raise ValueError(f"{value['type']} has more in it than there is")
    return action


def _is_within(value: Any, whole: Any) -> bool:
    """Return whether all of a value is in what was made of it: a key that nobody knows is passed over."""
    if isinstance(value, dict) and isinstance(whole, dict):
        return all(key in whole and _is_within(each, whole[key]) for key, each in value.items())
    if isinstance(value, list | tuple) and isinstance(whole, list):
        return len(value) == len(whole) and all(map(_is_within, value, whole))
    return bool(value == whole)


def _of_several(value: dict[str, Any]) -> dict[str, Any]:
    """Return the replacing of one file, as earlier versions wrote it to a journal, as that of several."""
    one = {"path": value.get("path", "/etc/network/interfaces"), "content": value["content"]}
    rest = {key: v for key, v in value.items() if key not in ("path", "content")}
    return {**rest, "files": [one], "manager": "ifupdown"}


@cache
def _checker(kind: type) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
