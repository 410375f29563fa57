"""An in-toto Statement in a DSSE envelope: made, signed, and read without trusting it.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md,
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from runbook.attestation.keys import PublicKey, SigningKey
from runbook.controller.plain import parse_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
Json = dict[str, Any]


@dataclass(frozen=True)
class Statement:
    """What an envelope says. `signer` is the key that signed it, None when nobody did."""

    subjects: dict[str, str]
    predicate: Json
    signer: PublicKey | None


def seal(
    kind: str, subjects: dict[str, str], predicate: Json, key: SigningKey | None, in_one_line: bool = False
) -> str:
    """Return the text of an envelope: names with their SHA-256, and what is said of them.

    Without a key its list of signatures is empty. The signer's public key is part of what is
    signed, so that a reader who does not know it can still tell what was altered.
    """
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha}} for name, sha in sorted(subjects.items())],
        "predicateType": kind,
        "predicate": {**predicate, "signer": key.public.line if key else None},
    }
    # ASCII alone, because a file's name may hold bytes that are no UTF-8.
    payload = json.dumps(statement, separators=(",", ":")).encode()
    signatures = []
    if key:
        sig = base64.b64encode(key.sign(encoding(payload))).decode()
        signatures = [{"keyid": key.public.fingerprint, "sig": sig}]
    return _text(payload, signatures, in_one_line)


def read(text: bytes, kind: str, in_one_line: bool = False) -> Statement:
    """Return what an envelope of a kind says, its signature proven against the key that it names.

    Whether that key is one to trust is for the caller. Raises `ValueError` with the reason for an
    envelope that is not as it was written: any byte of it.
    """
    envelope = _object(text, "the envelope")
    payload = base64.b64decode(str(envelope.get("payload")), validate=True)
    signatures: list[Any] = envelope.get("signatures") or []
    if not _are_signatures(signatures) or _text(payload, signatures, in_one_line).encode() != text:
        raise ValueError("the envelope is not as it was written")
    statement = _object(payload, "the statement")
    if statement.get("_type") != STATEMENT or statement.get("predicateType") != kind:
        raise ValueError(f"it is no statement of the kind {kind}")
    predicate, subjects = statement.get("predicate"), _subjects(statement.get("subject"))
    if not isinstance(predicate, dict):
        raise ValueError("the statement says nothing")
    return Statement(subjects, predicate, _signer(predicate.get("signer"), signatures, payload))


def encoding(payload: bytes) -> bytes:
    """Return what is signed: DSSE's pre-authentication encoding.

    >>> encoding(b"{}")
    b'DSSEv1 28 application/vnd.in-toto+json 2 {}'
    """
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _are_signatures(listed: Any) -> bool:
    """Return whether it is a list of flat objects, so that writing it again cannot go astray."""
    return isinstance(listed, list) and all(
        isinstance(one, dict) and all(isinstance(text, str) for text in one.values()) for one in listed
    )


def _text(payload: bytes, signatures: list[Any], in_one_line: bool) -> str:
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": signatures,
    }
    if in_one_line:
        return json.dumps(envelope, separators=(",", ":")) + "\n"
    return json.dumps(envelope, indent=2, ensure_ascii=False) + "\n"


def _object(data: bytes, name: str) -> Json:
    try:
        value = parse_json(data)
    except ValueError as error:
        raise ValueError(f"{name} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no JSON object")
    return value


def _subjects(listed: Any) -> dict[str, str]:
    try:
        found = {str(subject["name"]): str(subject["digest"]["sha256"]) for subject in listed}
    except (TypeError, KeyError):
        raise ValueError("the list of files cannot be read") from None
    if len(found) != len(listed):
        raise ValueError("a file is listed twice")
    return found


def _signer(named: Any, signatures: list[Any], payload: bytes) -> PublicKey | None:
    if named is None and not signatures:
        return None
    if named is None:
        raise ValueError("it was made unsigned and bears a signature now")
    if not signatures:
        raise ValueError("its signature was removed")
    key = PublicKey(str(named))
    try:
        wanted = {"keyid": key.fingerprint, "sig": signatures[0]["sig"]}
        fits = key.has_signed(base64.b64decode(wanted["sig"], validate=True), encoding(payload))
    except Exception as error:  # a library's many ways to say that this is no key or no signature
        raise ValueError(f"its signature cannot be read: {error}") from None
    if not fits or signatures != [wanted]:
        raise ValueError("its signature does not fit what it says")
    return key
