"""Whether reports are as they were written: every file, every signature, every link of the chain."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from runbook.attestation import tombstone
from runbook.attestation.keys import PublicKey
from runbook.attestation.statement import (
    CLOSING,
    NAME,
    PRUNED,
    RUN_ID,
    Attested,
    digest,
    digests,
    read,
    runs_in,
)
from runbook.errors import CheckFailed, ParamsError

GOOD = ("good", "pruned")
_RESTORE = "restore it from a backup; if nobody can say who did this, do not rely on this host's reports"


@dataclass(frozen=True)
class Verdict:
    """What can be said of a run that nothing speaks against.

    `status` is one of: good, pruned (good, and its bulk was removed by rule), unsigned, unknown key,
    never closed, no attestation. Only the first two are vouched for by a key that is known.
    """

    folder: Path
    status: str
    about: str
    attested: Attested | None = None
    sha256: str = ""


def verify(path: Path, known: Collection[PublicKey]) -> Iterator[Verdict]:
    """Yield the verdict on each run below a folder: of one run, of a host's runs, or of all hosts.

    Raises `CheckFailed` that names the first thing that was altered, removed, added or
    reordered, `ParamsError` when there is no run. A run alone is not held against its chain.
    """
    path = path.resolve()
    if RUN_ID.fullmatch(path.name):
        yield verify_run(path, known)
        return
    hosts = [path] if runs_in(path) else [host for host in sorted(path.iterdir()) if _has_runs(host)]
    if not hosts:
        raise ParamsError("There is no report to verify", where=str(path), do="make one: runbook run")
    for host in hosts:
        yield from verify_host(host, known)


def verify_host(folder: Path, known: Collection[PublicKey]) -> Iterator[Verdict]:
    """Yield the verdict on each run of a host, in the order in which they were started.

    Each attested run but the first follows exactly one other, and no two follow the same.
    """
    followers: dict[str, str] = {}
    for run in runs_in(folder):
        verdict = verify_run(run, known)
        if verdict.attested:
            _prove_link(run, verdict.attested, followers)
        yield verdict


def verify_run(folder: Path, known: Collection[PublicKey]) -> Verdict:
    """Return the verdict on one run's folder. Raises `CheckFailed` as `verify` does."""
    if not (folder / NAME).exists():
        return _without(folder)
    if (folder / CLOSING).exists():
        about = "its runner was killed while it was being closed: any run or list of runs closes it"
        return Verdict(folder, "never closed", about)
    try:
        said = read(folder)
    except ValueError as error:
        raise _bad("The attestation was altered", folder / NAME, str(error)) from None
    if said.run != folder.name:
        raise _bad("A run was moved", folder, f"its attestation is that of {said.host}/{said.run}")
    pruning = tombstone.read(folder)
    if pruning and said.signer and not pruning.signer:
        raise _bad("Files were removed", folder, "the run is signed, and the record of its pruning is not")
    _prove_files(folder, said, pruning.removed if pruning else ())
    signers = [said.signer, *([pruning.signer] if pruning else [])]
    status, by = _trust(signers, known)
    if pruning:
        about = f"{len(pruning.removed)} files were pruned on {pruning.at:%-d %b %Y}"
        status = "pruned" if status == "good" else status
    else:
        about = f"{said.mode} {said.outcome}, {len(said.subjects)} files"
    return Verdict(folder, status, f"{about}, {by}", said, digest(folder / NAME))


def _trust(signers: list[PublicKey | None], known: Collection[PublicKey]) -> tuple[str, str]:
    for signer in signers:
        if signer is None:
            return "unsigned", "NOT SIGNED: nobody vouches for it"
        if signer not in known:
            return "unknown key", f"signed by {signer.fingerprint}, a key that is NOT KNOWN here"
    return "good", f"signed by {signers[0].fingerprint if signers[0] else ''}"


def _prove_files(folder: Path, said: Attested, pruned: Collection[str]) -> None:
    found = digests(folder)
    for name in sorted({*said.subjects, *found}):
        if name not in said.subjects:
            why = "it was not there when the run ended"
            raise _bad("A file was added", folder / name, why, "if it is yours, move it elsewhere")
        if name not in found and name not in pruned:
            raise _bad("A file was removed", folder / name, "it was there when the run ended")
        if name in found and found[name] != said.subjects[name]:
            why = (
                f"its SHA-256 was {said.subjects[name][:16]}… when the run ended, and is {found[name][:16]}…"
            )
            raise _bad("A file was altered", folder / name, why)


def _prove_link(folder: Path, said: Attested, followers: dict[str, str]) -> None:
    run, host = folder.name, folder.parent
    if said.host != host.name:
        raise _bad("A run was moved", folder, f"it is a run of {said.host}")
    before = said.previous[0] if said.previous else ""
    if said.previous:
        file = host / before / NAME
        if not file.exists():
            what = "A run was removed" if not file.parent.exists() else "An attestation was removed"
            raise _bad(what, file if file.parent.exists() else file.parent, f"{run} followed it")
        if digest(file) != said.previous[1]:
            raise _bad("An attestation was altered", file, f"{run} followed it when it was another")
    if before in followers:
        what = f"both follow {before}" if before else "both are the first of the host"
        raise _bad("The order of runs was altered", folder, f"{followers[before]} and {run}: {what}")
    followers[before] = run


def _without(folder: Path) -> Verdict:
    """Return what to think of a folder without an attestation."""
    is_pruned = (folder / PRUNED).exists()
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        is_closed, was_attested = run["outcome"] != "running", "signed_by" in run
    except FileNotFoundError:
        is_closed = was_attested = False
    except (ValueError, KeyError, TypeError):
        raise _bad("A file was altered", folder / "run.json", "it cannot be read") from None
    if not is_closed and not is_pruned:
        return Verdict(
            folder, "never closed", "it is still going, or its runner was killed: nothing holds it"
        )
    if was_attested or is_pruned:
        why = "the run says that it ended, and none says so before it has one"
        raise _bad("The attestation was removed", folder / NAME, why)
    return Verdict(folder, "no attestation", "made before reports were attested: nothing holds it")


def _has_runs(path: Path) -> bool:
    return path.is_dir() and bool(runs_in(path))


def _bad(what: str, where: Path, why: str, do: str = _RESTORE) -> CheckFailed:
    return CheckFailed(what, where=str(where), why=why, do=do)
