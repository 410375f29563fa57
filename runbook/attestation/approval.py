"""A plan that is sent, and another person's word for it: two signed statements, each one file.

The approval holds all of the plan, so that it needs no other file; what its owner signed is what they read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from runbook.attestation import dsse
from runbook.attestation.keys import PublicKey, SigningKey
from runbook.controller import plain
from runbook.controller.nearest_path import nearest_path
from runbook.engine.consent import Approval
from runbook.engine.journal import now
from runbook.errors import ConsentMissing, ParamsError
from runbook.params import HostParams
from runbook.params.approvers import key_and_owner
from runbook.text.moments import when
from runbook.text.printable import printable

PLAN, APPROVAL = "urn:xen-host-runbook:plan:v1", "urn:xen-host-runbook:approval:v1"
"""The kinds of statement, in-toto's predicateType."""
NAME = "approval.json"
"""What an approval is called in the folder of the run that it was given for."""
LARGEST = 32 << 20
Json = dict[str, Any]
_UNREAD = (ValueError, KeyError, TypeError, AttributeError)
_WORDS = ("host", "run", "machine", "made", "until", "change")
_STEP = {"notebook": str, "step": str, "title": str, "risk": str, "digest": str, "text": str, "after": list}


@dataclass(frozen=True)
class Sent:
    """A plan as it was sent: what it says, who signed it, and its digest, by which two people mean the same file."""

    plan: Json
    signer: PublicKey | None
    digest: str


@dataclass(frozen=True)
class Approved:
    """An approval: the plan, its signer, when and by which key it was approved, until when, and the file's content."""

    sent: Sent
    at: str
    until: str
    comment: str
    key: PublicKey
    data: bytes


def seal_plan(plan: Json, key: SigningKey | None) -> str:
    """Return the text of the file with a plan, signed where there is a key."""
    return dsse.seal(PLAN, {"parameters": plan["params"]["sha256"]}, {"plan": plan}, key)


def read_plan(path: Path) -> Sent:
    """Return the plan of a file. Raises `ParamsError` for one that is not as it was written."""
    data = _bytes(path, "plan")
    try:
        return _plan(data)
    except _UNREAD as error:
        raise ParamsError(
            "That is no plan that could be approved",
            where=printable(path),
            why=f"it was cut, altered, or is another file: {printable(error)}",
            do="have it sent again: it is made by runbook plan PARAMS --save FILE",
        ) from None


def seal_approval(data: bytes, at: str, until: str, comment: str, key: SigningKey) -> str:
    """Return the text of an approval of the plan that a file's `data` is, signed with another person's key.

    Raises `ValueError` for what is no plan.
    """
    _plan(data)
    content = {"plan": data.decode("ascii"), "at": at, "until": until, "comment": comment}
    return dsse.seal(APPROVAL, {"plan": hashlib.sha256(data).hexdigest()}, {"approval": content}, key)


def read_approval(path: Path) -> Approved:
    """Return what an approval says, whoever gave it. Raises `ConsentMissing` when it is not as it was written."""
    data = _bytes(path, "approval")
    try:
        statement = dsse.read(data, APPROVAL)
        content = statement.predicate["approval"]
        inner = str(content["plan"]).encode("ascii")
        if statement.signer is None:
            raise ValueError("nobody signed it")
        if statement.subjects != {"plan": hashlib.sha256(inner).hexdigest()}:
            raise ValueError("it is about another plan")
        at, until = (str(content[key]) for key in ("at", "until"))
        _moment(at), _moment(until)
        return Approved(_plan(inner), at, until, printable(content["comment"]), statement.signer, data)
    except _UNREAD as error:
        if _is_plan(data):
            do = f"have it signed by the owner of the key: `runbook approve {printable(path)}`"
            raise _refused(path, "it is the plan itself, which nobody approved yet", do) from None
        why = f"it was cut, altered, or is another file: {printable(error)}"
        raise _refused(path, why, "have it sent again: it is made by runbook approve PLAN") from None


def _is_plan(data: bytes) -> bool:
    """Return whether a file's content is a plan that could be approved."""
    try:
        _plan(data)
    except _UNREAD:
        return False
    return True


def require(
    path: Path, params: HostParams, digest: str, own: list[PublicKey], *, at: str = ""
) -> tuple[Approved, Approval]:
    """Return an approval that holds for a host with these parameters, and what it agrees to.

    `digest` is that of the parameters as they stand in their file, `own` are the keys of who runs it, `at` the
    moment until which it must hold (now). Raises `ConsentMissing` for any reason for which it does not: another host,
    other parameters, a key that is not allowed or one's own, an end that is past.
    """
    found = read_approval(path)
    plan, again = found.sent.plan, "plan anew, and have that approved: runbook plan PARAMS --save FILE"
    owners = dict(map(key_and_owner, params.approvers))
    if plan["host"] != params.host:
        why = f"it is for {printable(plan['host'])}, and this is {params.host}"
        raise _refused(path, why, "give the approval of this host's plan")
    if found.key in own:
        why = f"{found.key.fingerprint} is the key of whoever runs it, and an approval is another person's"
        raise _refused(path, why, "have it approved by one of the others in `approvers`")
    if not own:
        why = "who runs it has no key, so nobody can tell whether the approval is another person's"
        raise _refused(path, why, "make one: runbook report key")
    if found.key.line not in owners:
        why = f"{found.key.fingerprint} is none of the keys under `approvers` (consent: {{by: KEY}})"
        raise _refused(
            path, why, "have it approved by one of these, or name the key in the parameters and plan anew"
        )
    if min(_moment(found.until), _moment(plan["until"])) < _moment(at or now()):
        raise _refused(path, f"it held until {when(min(found.until, plan['until']))}", again)
    if plan["params"]["digest"] != digest:
        why = f"the parameters were {printable(plan['params']['digest'])} then, and are {digest} now"
        raise _refused(path, why, again)
    by = f"{owners[found.key.line] or 'somebody else'} ({found.key.fingerprint})"
    digests = {step["step"]: step["digest"] for step in plan["steps"]}
    foreseen = frozenset(step["step"] for step in plan["steps"] if step["after"])
    return found, Approval(by, digests, foreseen, plan["machine"])


def told(found: Approved, by: str) -> Json:
    """Return what a run's record says of its approval: what was planned and approved, when and by whom."""
    plan, signer = found.sent.plan, found.sent.signer
    return {
        "plan": {
            "digest": found.sent.digest,
            "run": plan["run"],
            "made": plan["made"],
            "by": plan["by"],
            "key": signer.fingerprint if signer else "",
        },
        "by": by,
        "key": found.key.fingerprint,
        "at": found.at,
        "until": min(found.until, plan["until"]),
        "comment": found.comment,
    }


def _plan(data: bytes) -> Sent:
    statement = dsse.read(data, PLAN)
    plan = statement.predicate["plan"]
    if not all(isinstance(plan[name], str) and plan[name].isprintable() for name in _WORDS):
        raise ValueError("it does not say what it is for")
    _moment(plan["made"]), _moment(plan["until"])
    if not all(isinstance(plan[name], dict) for name in ("params", "by")):
        raise ValueError("it does not say whose it is")
    if not all(isinstance(plan["params"][name], str) for name in ("path", "digest", "sha256")):
        raise ValueError("it does not say of which parameters it is")
    for step in plan["steps"]:
        if not all(isinstance(step[name], kind) for name, kind in _STEP.items()):
            raise ValueError("one of its steps cannot be read")
    return Sent(plan, statement.signer, hashlib.sha256(data).hexdigest()[:12])


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment


def _bytes(path: Path, what: str) -> bytes:
    try:
        return plain.read(path, LARGEST, follow=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or printable(error)
        do = nearest_path(path, Path.is_file) or f"give the file that holds the {what}"
        raise ParamsError(
            "A plan, or an approval of one, cannot be read", where=printable(path), why=why, do=do
        ) from None


def _refused(path: Path, why: str, do: str) -> ConsentMissing:
    return ConsentMissing(
        "The approval does not hold, and nothing was done", where=printable(path), why=why, do=do
    )
