"""Whether reports are as they were written: every file, every signature, every link of the chain, every line of the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from runbook.attestation.entered import Entered
from runbook.attestation.files import bad
from runbook.attestation.keys import PublicKey
from runbook.attestation.places import PLANS, has_reports, host_of, is_plan, plans_in
from runbook.attestation.statement import NAME, RUN_ID, Attested, digest, runs_in
from runbook.attestation.verdict import GOOD, Verdict, look_at
from runbook.controller import plain
from runbook.errors import ParamsError
from runbook.text.printable import printable

__all__ = ["GOOD", "Verdict", "home", "verify", "verify_host", "verify_plans", "verify_run"]


def verify(path: Path, known: Collection[PublicKey]) -> Iterator[Verdict]:
    """Yield the verdict on each run below a folder: of one run, of a host's runs, or of all hosts.

    Raises `CheckFailed` that names the first thing that was altered, removed, added or
    reordered, `ParamsError` when there is no run. A run alone is not held against its chain.
    """
    path = path.resolve()
    if RUN_ID.fullmatch(path.name):
        yield verify_run(path, known)
        return
    if has_reports(path) or _was_host(path, known):
        yield from verify_host(path, known)
        yield from verify_plans(path, known)
        return
    hosts, entered = [host for host in sorted(path.iterdir()) if has_reports(host)], Entered(path, known)
    if not hosts and not entered.hosts:
        raise ParamsError("There is no report to verify", where=printable(path), do="make one: runbook run")
    for host in hosts:
        yield from _verify_host(host, entered)
        yield from _verify_plans(host, entered)
    entered.prove_complete()


def home(path: Path) -> Path:
    """Return the folder of all reports, of the folder of one run, of a host or of all reports."""
    path = path.resolve()
    if RUN_ID.fullmatch(path.name):
        return host_of(path).parent
    return path.parent if has_reports(path) else path


def verify_host(folder: Path, known: Collection[PublicKey]) -> Iterator[Verdict]:
    """Yield the verdict on each run of a host, in the order in which they were started; of its plans none.

    Each attested run but the first follows exactly one other, and no two follow the same; none that the ledger
    names is missing. Raises `CheckFailed` as `verify` does.
    """
    yield from _verify_host(folder, Entered(folder.parent, known))


def _verify_host(folder: Path, entered: Entered) -> Iterator[Verdict]:
    followers: dict[str, str] = {}
    for run in runs_in(folder):
        verdict = look_at(run, entered)
        if verdict.attested:
            _prove_link(run, verdict.attested, followers)
        yield entered.judge(verdict)
    entered.prove_complete(folder.name)


def verify_plans(folder: Path, known: Collection[PublicKey]) -> Iterator[Verdict]:
    """Yield the verdict on each plan that is kept of a host. Raises `CheckFailed` as `verify` does."""
    yield from _verify_plans(folder, Entered(folder.parent, known))


def verify_run(folder: Path, known: Collection[PublicKey]) -> Verdict:
    """Return the verdict on one run's folder, also against its line in the ledger, if there is one beside its host.

    Raises `CheckFailed` as `verify` does.
    """
    entered = Entered(host_of(folder).parent, known, is_alone=True)
    verdict = look_at(folder, entered)
    if is_plan(folder):
        _prove_plan(verdict)
        return verdict
    is_at_home = verdict.attested is None or verdict.attested.host == folder.parent.name
    return entered.judge(verdict) if is_at_home else verdict


def _verify_plans(host: Path, entered: Entered) -> Iterator[Verdict]:
    """Yield the verdict on each plan that is kept of a host: by itself, for plans follow no other and may be missing."""
    if (host / PLANS).is_symlink():
        raise bad("The plans were moved", host / PLANS, "a link stands in their place")
    for run in plans_in(host):
        verdict = look_at(run, entered)
        _prove_plan(verdict)
        yield verdict


def _prove_plan(verdict: Verdict) -> None:
    """Raise `CheckFailed` when what lies among the plans is a run, which the chain misses, or another host's."""
    folder, statement = verdict.folder, verdict.attested
    if statement is None:
        return
    if statement.host != host_of(folder).name:
        raise bad("A plan was moved", folder, f"it is one of {statement.host}")
    if statement.has_ledger or statement.previous or statement.mode not in ("plan", "auto"):
        why = f"it is no plan, but a run in mode {statement.mode}"
        raise bad("A run was moved", folder, why, "put it back beside the folder of plans")


def _prove_link(folder: Path, statement: Attested, followers: dict[str, str]) -> None:
    run, host = folder.name, folder.parent
    if statement.host != host.name:
        raise bad("A run was moved", folder, f"it is a run of {statement.host}")
    before = statement.previous[0] if statement.previous else ""
    if statement.previous:
        _prove_previous(host / before / NAME, run, statement.previous[1])
    if before in followers:
        why = f"both follow {before}" if before else "both are the first of the host"
        raise bad("The order of runs was altered", folder, f"{followers[before]} and {run}: {why}")
    followers[before] = run


def _prove_previous(file: Path, run: str, sha256: str) -> None:
    if not RUN_ID.fullmatch(file.parent.name) or not plain.is_there(file):
        is_gone = not file.parent.is_dir()
        what = "A run was removed" if is_gone else "An attestation was removed"
        raise bad(what, file.parent if is_gone else file, f"{run} followed it")
    try:
        is_same = digest(file) == sha256
    except ValueError as error:
        raise bad("An attestation was altered", file, str(error)) from None
    if not is_same:
        raise bad("An attestation was altered", file, f"{run} followed it when it was another")


def _was_host(path: Path, known: Collection[PublicKey]) -> bool:
    """Return whether a folder without runs is that of a host of which the ledger beside it has some."""
    return not any(map(has_reports, path.iterdir())) and path.name in Entered(path.parent, known).hosts
