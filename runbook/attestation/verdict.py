"""What can be said of one run by its own folder: its attestation, its files, and the keys that signed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runbook.attestation import files, tombstone
from runbook.attestation.entered import Entered
from runbook.attestation.files import bad
from runbook.attestation.keys import PublicKey
from runbook.attestation.places import is_plan
from runbook.attestation.statement import CLOSING, NAME, PRUNED, RECORD, Attested, digest, read
from runbook.attestation.trust import KNOWN
from runbook.controller import plain
from runbook.text.plural import plural

GOOD = ("good", "pruned")


@dataclass(frozen=True)
class Verdict:
    """What can be said of a run that nothing speaks against.

    `status` is one of: good, pruned (good, and its bulk was removed by rule), unsigned, unknown key, retired key
    and revoked key (it signed after another followed it, or after it was revoked), not entered (in the ledger,
    yet), never closed, no attestation. Only the first two are vouched for.
    """

    folder: Path
    status: str
    about: str
    attested: Attested | None = None
    sha256: str = ""


def look_at(folder: Path, entered: Entered) -> Verdict:
    """Return the verdict on a run's folder. Raises `CheckFailed` that names the first thing that was altered."""
    try:
        return _looked_at(folder, entered)
    except OSError as error:
        where = Path(error.filename) if error.filename else folder
        raise bad(
            "A report cannot be read", where, error.strerror or str(error), "look at its rights"
        ) from None


def _looked_at(folder: Path, entered: Entered) -> Verdict:
    if folder.is_symlink():
        raise bad("A run was moved", folder, "a link stands in its place")
    if not plain.is_there(folder / NAME):
        return _without(folder)
    try:
        statement, sha256 = read(folder), digest(folder / NAME)
    except ValueError as error:
        raise bad("The attestation was altered", folder / NAME, str(error)) from None
    if statement.run != folder.name:
        raise bad("A run was moved", folder, f"its attestation is that of {statement.host}/{statement.run}")
    entered.prove_same(folder, sha256)
    if plain.is_there(folder / CLOSING):
        _prove_cut_off(folder, statement)
        about = "its runner was killed while it was being closed: any run or list of runs closes it"
        return Verdict(folder, "never closed", about, statement, sha256)
    pruning = tombstone.read(folder)
    if pruning and statement.signer and not pruning.signer:
        raise bad("Files were removed", folder, "the run is signed, and the record of its pruning is not")
    files.prove(folder, statement, pruning.removed if pruning else ())
    status, by = _trust(
        folder, [statement.signer, *([pruning.signer] if pruning else [])], entered, statement
    )
    if pruning:
        about = f"{plural(len(pruning.removed), 'file')} {'was' if len(pruning.removed) == 1 else 'were'} pruned on {pruning.at:%-d %b %Y}"
        status = "pruned" if status == "good" else status
    else:
        about = f"{statement.mode} {statement.outcome}, {plural(len(statement.subjects), 'file')}"
    return Verdict(folder, status, f"{about}, {by}", statement, sha256)


def _prove_cut_off(folder: Path, statement: Attested) -> None:
    """Raise `CheckFailed` unless a run with a last word beside its record was cut off before that took its place."""
    try:
        is_running = plain.read_json(folder / RECORD).get("outcome") == "running"
        is_attested = digest(folder / CLOSING) == statement.subjects.get(RECORD)
    except (ValueError, AttributeError) as error:
        raise bad("A file was altered", folder / RECORD, f"it cannot be read: {error}") from None
    if not is_attested:
        raise bad("A file was added", folder / CLOSING, "it is not the record that was attested")
    if not is_running:
        raise bad("A file was added", folder / CLOSING, "the run was closed, and has its last word")
    files.prove(folder, statement, (), record=CLOSING)


def _trust(
    folder: Path, signers: list[PublicKey | None], entered: Entered, statement: Attested
) -> tuple[str, str]:
    place = entered.place_of(statement)
    for at, signer in enumerate(signers):
        if signer is None:
            return "unsigned", "NOT SIGNED: nobody vouches for it"
        is_unlined = at or is_plan(folder)  # the ledger says of a run when it was signed, of nothing else
        word, why = entered.standing_now(signer) if is_unlined else entered.trust.standing(signer, place)
        if word != KNOWN:
            return word, f"signed by {signer.fingerprint}, {why}"
    return "good", f"signed by {signers[0].fingerprint if signers[0] else ''}"


def _without(folder: Path) -> Verdict:
    """Return what to think of a folder without an attestation."""
    is_pruned = plain.is_there(folder / PRUNED)
    try:
        run = plain.read_json(folder / RECORD)
        is_closed, was_attested = run["outcome"] != "running", "signed_by" in run
    except FileNotFoundError:
        is_closed = was_attested = False
    except (ValueError, KeyError, TypeError) as error:
        why = f"it cannot be read: {error}" if isinstance(error, plain.NotPlain) else "it cannot be read"
        raise bad("A file was altered", folder / RECORD, why) from None
    if not is_closed and not is_pruned:
        about = "it is still going, or its runner was killed: nothing holds it"
        return Verdict(folder, "never closed", about)
    if was_attested or is_pruned:
        why = "the run says that it ended, and none says so before it has one"
        raise bad("The attestation was removed", folder / NAME, why)
    return Verdict(folder, "no attestation", "made before reports were attested: nothing holds it")
