"""Whose word for a plan counts as consent: the public keys of people other than the one who runs it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any

from pydantic import AfterValidator

_FORM = re.compile(r"(ssh-ed25519 [A-Za-z0-9+/]+=*)(?: ([^\s].*))?")
_HEAD = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"
"""How the blob of every Ed25519 key begins (RFC 8709, 4): 32 bytes of the key follow."""


def approvers_key(text: str) -> str:
    """Return an Ed25519 public key on one line, with whose it is behind it. Raises `ValueError` for anything else."""
    line = " ".join(text.split())
    match = _FORM.fullmatch(line)
    try:
        blob = base64.b64decode(match[1].split()[1], validate=True) if match else b""
    except binascii.Error:
        blob = b""
    if not blob.startswith(_HEAD) or len(blob) != len(_HEAD) + 32:
        raise ValueError(
            "that is no Ed25519 public key; write the line that `runbook report key` prints to its owner, and whose it "
            "is behind it, such as 'ssh-ed25519 AAAA… ana@example.org'"
        )
    return line


ApproversKey = Annotated[str, AfterValidator(approvers_key)]


def key_and_owner(line: str) -> tuple[str, str]:
    """Return the key of such a line without, and the words behind it.

    >>> key_and_owner("ssh-ed25519 AAAA ana at home")
    ('ssh-ed25519 AAAA', 'ana at home')
    """
    kind, key, *owner = line.split(" ", 2)
    return f"{kind} {key}", " ".join(owner)


def spread(given: Any) -> Any:
    """Return a file's values with `consent: {by: KEY, steps: [NAME]}` spread over `approvers` and `consent`.

    Raises `ValueError` for other keys there, and for keys that stand in both places.

    >>> spread({"consent": {"by": "ssh-ed25519 AAAA"}})
    {'consent': [], 'approvers': ['ssh-ed25519 AAAA']}
    """
    if isinstance(given, dict) and given.get("consent") == "rehearsed":
        return given | {"consent": ["rehearsed"]}
    if not isinstance(given, dict) or not isinstance(said := given.get("consent"), dict):
        return given
    if other := [str(key) for key in said if key not in ("by", "steps")]:
        raise ValueError(
            f"`consent` has no '{other[0]}'; write `consent: {{by: KEY}}`, with `steps` for those that need no approval"
        )
    if "by" in said and given.get("approvers"):
        raise ValueError("the keys stand under `consent.by` and under `approvers`; write them in one place")
    by = said.get("by", ())
    keys = given.get("approvers", []) if "by" not in said else [by] if isinstance(by, str) else by
    return given | {"approvers": keys, "consent": said.get("steps", [])}
