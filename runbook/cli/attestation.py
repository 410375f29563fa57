"""`runbook report verify`, `prune`, `export`: whether reports are as they were, what is kept and handed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook.cli.ledger import reports_folder, say_continued
from runbook.cli.meant import WHICH, meant, of_host
from runbook.cli.output import AS_JSON, print_json
from runbook.cli.reports import REPORTS
from runbook.text.folded import folded
from runbook.text.plural import plural
from runbook.text.sizes import human_size
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.attestation.keys import PublicKey
    from runbook.attestation.verify import Verdict

ONE = "HOST|PATH|URL"
NOT_VOUCHED = 3
"""The exit code when nothing was altered, and not every run is signed by a key that is known."""


@click.command()
@click.argument("which", required=False, metavar=WHICH)
@click.option(
    "--key", "given", multiple=True, metavar="PUBLIC_KEY",
    help="A key to trust: its line, a .pub file or an allowed_signers file. [default: your own]",
)  # fmt: skip
@click.option(
    "--head", "kept", metavar="HEAD", help="A head of the ledger, as `runbook report head` printed it."
)
@AS_JSON
@REPORTS
def verify(
    which: str | None, given: tuple[str, ...], kept: str | None, as_json: bool, reports: Path | None
) -> None:
    """Tell whether reports are as they were written; needs no network.

    Those of one run, of a host, or of a folder of reports; all of the project if left out.
    The first thing that was altered, removed, added or reordered is named. One run alone is not held
    against the chain of its host. A run or a host that is missing shows against the ledger of all runs; that
    the ledger's own end is missing too shows only against its head, kept elsewhere: --head.

    \b
    Exit codes:
      0  every run is good, signed by a key that is known here
      1  something was altered, removed, added or reordered
      3  nothing was altered, but not everything is vouched for: a run is
         unsigned, signed by a key that is unknown, was followed or revoked
         before, is not yet in the ledger, was never closed, or was made before
         reports were attested

    \b
    Examples:
      runbook report verify
      runbook report verify myhost --key auditors.pub
      runbook report verify myhost/20260131T101500Z-1a2b3c
    """
    from runbook.attestation import keys
    from runbook.attestation.verify import GOOD, home
    from runbook.attestation.verify import verify as verified

    known = [key for text in given for key in keys.given(text)] if given else keys.own()
    path = meant(which, (reports or reports_folder()).absolute()).folder
    if kept:
        say_continued(home(path), kept)
    seen: list[Verdict] = []
    for verdict in verified(path, known):
        seen.append(verdict)
        if not as_json:
            _say(verdict)
    if as_json:
        print_json([_row(verdict) for verdict in seen])
    else:
        click.echo(_tally(seen))
    is_vouched = _say_ends(path, known, seen, quiet=as_json)
    if not is_vouched or any(verdict.status not in GOOD for verdict in seen):
        click.get_current_context().exit(NOT_VOUCHED)


@click.command()
@click.argument("which", metavar=ONE)
@click.option("--keep", type=click.IntRange(min=1), metavar="N", help="Keep the newest N runs whole.")
@click.option("--older-than", type=click.IntRange(min=0), metavar="DAYS", help="Only runs that ended before.")
@click.option("--apply", "is_meant", is_flag=True, help="Do it; without this it is only shown.")
@REPORTS
def prune(which: str, keep: int | None, older_than: int | None, is_meant: bool, reports: Path | None) -> None:
    """Remove the bulk of a host's old runs.

    Notebooks, pages and records go. Of each the attestation and the journal stay, with a signed record of what went, so that
    `runbook report verify` still follows the chain and `runbook undo` still finds its way back. The
    newest run, the newest that completed, the newest with the full set of notebooks that was applied, the newest
    such check, and what has no attestation always stay whole. Runs of a part of the notebooks are counted on
    their own; of plans the newest five are kept anyway. Each pruned run stays a line in the lists.

    \b
    Examples:
      runbook report prune myhost --keep 10
      runbook report prune myhost --older-than 365 --apply
    """
    from runbook.attestation import prune as retention
    from runbook.evidence.abandoned import finish_orphans
    from runbook.evidence.archive import refresh

    if keep is None and older_than is None:
        raise click.UsageError("say what may go: --keep N, --older-than DAYS, or both")
    found = of_host(which, (reports or reports_folder()).absolute())
    folder, host = found.reports / found.host, found.host
    finish_orphans(folder.parent, host)
    removals = retention.plan(folder, keep or 1, older_than or 0)
    for removal in removals:
        size = f"{plural(len(removal.names), 'file')}, {human_size(removal.size)}"
        click.echo(f"{host}/{removal.folder.name}: {'goes' if is_meant else 'would go'}: {size}")
    if not removals:
        click.echo("Nothing to prune.")
    elif is_meant:
        retention.carry_out(folder, removals, _rule(keep, older_than))
        refresh(folder.parent, host)
        click.echo("Done. Attestations and journals stayed.")
    else:
        click.echo("To do it: the same with --apply")


@click.command()
@click.argument("which", metavar=ONE)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path),
    help="A new folder for the copy.",
)  # fmt: skip
@click.option(
    "--leave-out", multiple=True, metavar="PATTERN", default=["facts/*"], show_default=True,
    help="Files of each run that are not handed on.",
)  # fmt: skip
@REPORTS
def export(which: str, out: Path, leave_out: tuple[str, ...], reports: Path | None) -> None:
    """Copy a host's reports to hand them on, without raw answers.

    Notebooks, pages, journals and attestations are copied; `facts/` of each run, which holds whole
    configuration files, is left out, with a signed record of that. `runbook report compare` needs facts:
    to leave out less, name the files yourself. Journals are always handed on, and they hold the originals
    of the files that runs changed: look at them first. Whoever gets the folder runs
    `runbook report verify FOLDER --key FOLDER/signing-key.pub`, and compares the key's fingerprint with
    what you told them. Notebooks show what the steps printed: read them before you hand them on.

    \b
    Example:
      runbook report export myhost --out myhost-for-the-audit
    """
    from runbook.attestation import export as handing_on
    from runbook.evidence.abandoned import finish_orphans
    from runbook.evidence.archive import write_index

    found = of_host(which, (reports or reports_folder()).absolute())
    folder, host = found.reports / found.host, found.host
    finish_orphans(folder.parent, host)
    copies = handing_on.export(folder, out, leave_out)
    write_index(out)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    click.echo(f"{out}: {plural(len(copies), 'run')}, {human_size(size)}, without {' '.join(leave_out)}")


def _rule(keep: int | None, older_than: int | None) -> str:
    days = "" if older_than is None else f"--older-than {older_than}"
    return " ".join(filter(None, ("" if keep is None else f"--keep {keep}", days)))


def _say(verdict: Verdict) -> None:
    from runbook.attestation.places import host_of
    from runbook.attestation.verify import GOOD

    run = verdict.attested
    name = f"{run.host}/{run.run}" if run else f"{host_of(verdict.folder).name}/{verdict.folder.name}"
    is_good = verdict.status in GOOD
    say(folded(f"{name}  {verdict.status}: {verdict.about}"), fg=None if is_good else "yellow")


def _row(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as it stands in the JSON."""
    from runbook.attestation.places import host_of

    run = verdict.attested
    return {
        "host": run.host if run else host_of(verdict.folder).name,
        "run": verdict.folder.name,
        "status": verdict.status,
        "about": verdict.about,
        "signed_by": run.signer.fingerprint if run and run.signer else None,
        "sha256": verdict.sha256 or None,
    }


def _tally(seen: list[Verdict]) -> str:
    from runbook.attestation.verify import GOOD

    counted = ", ".join(f"{n} {status}" for status, n in Counter(v.status for v in seen).items())
    is_good = all(verdict.status in GOOD for verdict in seen)
    opening = (
        "Nothing speaks against" if is_good else "Nothing was altered, but not everything is vouched for in"
    )
    return folded(f"{opening} {plural(len(seen), 'run')}: {counted}.", hang=0)


def _say_ends(path: Path, known: Collection[PublicKey], seen: list[Verdict], *, quiet: bool = False) -> bool:
    """Print where the chain of each host ends, and the ledger, unless `quiet`; return whether the ledger is vouched for."""
    from runbook.attestation.entered import Entered
    from runbook.attestation.places import is_plan
    from runbook.attestation.statement import RUN_ID
    from runbook.attestation.verify import home

    if RUN_ID.fullmatch(path.resolve().name):
        return True
    attested = [v for v in seen if v.attested and not is_plan(v.folder)]
    followed = {v.attested.previous[0] for v in attested if v.attested and v.attested.previous}
    for verdict in () if quiet else attested:
        if verdict.folder.name not in followed:
            name = f"{verdict.folder.parent.name}/{verdict.folder.name}"
            click.echo(folded(f"The chain ends with {name}, attestation SHA-256 {verdict.sha256}"))
    is_vouched, summary = Entered(home(path), known).summary()
    if not quiet:
        click.echo(folded(summary))
    return is_vouched
