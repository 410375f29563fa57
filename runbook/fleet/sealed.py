"""What a fleet run was asked to do, sealed when it begins: `asked.json`, from which alone a later one goes on.

`fleet.json` is written anew at each host's end, and whoever can write it could name other parameters, which may name
programs. Whether a host completed is what its own, attested run says.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from runbook.attestation import dsse, keys
from runbook.attestation.places import host_of
from runbook.attestation.verify import GOOD, verify_run
from runbook.controller.atomic import write_atomic
from runbook.errors import CheckFailed, Refused
from runbook.evidence.fleets.record import FOLDER, FleetRecord, HostState

FILE = "asked.json"
KIND = "urn:xen-host-runbook:fleet:v1"
"""The kind of statement, in-toto's predicateType."""


def seal(folder: Path, record: FleetRecord) -> None:
    """Write what a fleet run was asked to do, signed with the operator's key if there is one.

    Raises `ParamsError` for a key that cannot sign, `OSError` when it cannot be written.
    """
    content = _content(record)
    subjects = {"asked": hashlib.sha256(_text(content).encode()).hexdigest()}
    write_atomic(folder / FILE, dsse.seal(KIND, subjects, {"fleet": content}, keys.operator()))


def prove(reports: Path, record: FleetRecord, *, is_given: bool) -> None:
    """Return when a fleet run is what it was asked to be when it began.

    `is_given`: its parameter files are named anew, by the operator; then one without a seal will do. Raises `Refused`.
    """
    folder = reports / FOLDER / record.id
    again = "begin anew with the parameter files: runbook fleet params/*.yml"
    try:
        statement = dsse.read((folder / FILE).read_bytes(), KIND)
    except FileNotFoundError:
        if is_given:
            return
        why, do = (
            f"it has no {FILE}, so nobody can tell who wrote which parameters it names",
            "name them: runbook fleet params/*.yml --resume",
        )
        raise Refused(
            "The last fleet run cannot be gone on with", where=str(folder), why=why, do=do
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise Refused(
            "The last fleet run was altered", where=str(folder / FILE), why=str(error), do=again
        ) from None
    if _text(statement.predicate.get("fleet")) != _text(_content(record)):
        why = f"{record.id}/fleet.json does not say what it was asked when it began"
        raise Refused("The last fleet run was altered", where=str(folder), why=why, do=again)
    known = keys.own()
    if known and statement.signer not in known:
        by = (
            f"signed by {statement.signer.fingerprint}, a key that is not known here"
            if statement.signer
            else "it is not signed"
        )
        raise Refused("Nobody vouches for the last fleet run", where=str(folder / FILE), why=by, do=again)


def has_completed(reports: Path, host: HostState) -> bool:
    """Return whether a host's own run proves that it completed; one that nothing proves is run again, which is harmless."""
    run = reports / host.report
    if (
        host.state != "completed"
        or not host.report
        or host_of(run.resolve()) != (reports / host.host).resolve()
    ):
        return False
    known = keys.own()
    try:
        verdict = verify_run(run, known)
    except (CheckFailed, OSError):
        return False
    statement = verdict.attested
    return bool(statement and statement.outcome == "completed" and (verdict.status in GOOD or not known))


def _content(record: FleetRecord) -> dict[str, Any]:
    members = [[host.host, host.params, host.digest] for host in record.hosts]
    return {"id": record.id, "asked": record.asked, "members": members}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
