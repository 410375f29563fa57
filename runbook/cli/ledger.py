"""`runbook report key`, `head`: who vouches for reports, and the end of the ledger of all runs."""

from __future__ import annotations

from pathlib import Path

import click

from runbook.cli.reports import REPORTS
from runbook.text.plural import plural


@click.command()
@click.option("--follow", is_flag=True, help="Let another key follow it, from now on.")
@click.option(
    "--by", type=click.Path(path_type=Path), metavar="FILE", help="The key that follows. [default: a new one]"
)
@click.option("--revoke", metavar="PUBLIC_KEY", help="Let this key vouch for nothing from now on.")
@click.option("--reason", metavar="TEXT", help="Why it is revoked, for whoever verifies.")
@REPORTS
def key(
    follow: bool, by: Path | None, revoke: str | None, reason: str | None, reports: Path | None
) -> None:  # fmt: skip
    """Show the key that signs reports; make one when there is none.

    RUNBOOK_SIGNING_KEY names an OpenSSH private key file: Ed25519, without a passphrase, readable by
    you alone. Else it is ~/.config/xen-host-runbook/signing-key, which this command makes. Give the
    printed line to whoever verifies your reports; keep the file, and a copy of it elsewhere.

    With --follow another key signs from now on: the old one names it in the ledger, and the other way round,
    so that whoever knows one of them knows both. With --revoke a key that was lost, or that somebody else
    may have, vouches for nothing that is entered after it; what it signed before stays good. Do either
    when no run is under way, in each folder of reports that the key signed in.

    \b
    Examples:
      runbook report key --follow
      runbook report key --revoke "ssh-ed25519 AAAA…" --reason "it was stolen"
    """
    from runbook.attestation import keys

    if follow or revoke:
        if follow and revoke:
            raise click.UsageError("one after the other: --follow, or --revoke")
        if revoke and not reason:
            raise click.UsageError("say why: --reason TEXT")
        _change_keys(revoke, reason or "", by, (reports or reports_folder()).absolute())
        return
    if by or reason:
        raise click.UsageError("--by goes with --follow, --reason with --revoke")
    path = keys.place()
    is_new = path is None
    path = path or keys.make()
    public = keys.load(path).public
    click.echo(f"{'made' if is_new else 'there is'}: {path}")
    click.echo(f"fingerprint: {public.fingerprint}")
    click.echo(public.line)


@click.command()
@click.argument("kept", required=False, metavar="[HEAD]")
@REPORTS
def head(kept: str | None, reports: Path | None) -> None:
    """Print the head of the ledger of all runs, or check a HEAD.

    With the HEAD of an earlier day it tells whether the ledger continues it. The head is one short line. Keep it where nobody who can write here can: on paper, in another machine's
    mail, beside an auditor's signature. Whoever has it sees later whether any run before it was removed or
    altered. Exits with 1 if the ledger does not continue HEAD.

    \b
    Examples:
      runbook report head
      runbook report head 12-3f6c0ad8b1e94725a0c4d9e8f7061b2c
    """
    from runbook.attestation import ledger
    from runbook.errors import ParamsError

    folder = (reports or reports_folder()).absolute()
    if kept:
        say_continued(folder, kept)
    elif entries := ledger.load(folder):
        click.echo(entries[-1].head)
    else:
        raise ParamsError("There is no ledger yet", where=str(folder), do="it begins with the next run")


def say_continued(reports: Path, kept: str) -> None:
    """Say by how much the ledger goes on from a head that was kept. Raises as `runbook.attestation.ledger.compare`."""
    from runbook.attestation import ledger

    more = ledger.compare(ledger.load(reports), kept, reports)
    since = f"{plural(more, 'line')} since" if more else "it is the head of today"
    click.echo(f"The ledger continues {kept}: {since}.")


def _change_keys(revoke: str | None, reason: str, by: Path | None, reports: Path) -> None:
    from runbook.attestation import rollover

    if revoke:
        public = rollover.revoke(reports, revoke, reason)
        click.echo(
            f"{public.fingerprint} vouches for nothing that comes after this line of the ledger: {reason}"
        )
        return
    done = rollover.follow(reports, by)
    click.echo(f"{done.old.fingerprint} is followed by {done.new.fingerprint}")
    click.echo(f"the key that signs: {done.path}")
    if done.kept:
        click.echo(f"the old one, no longer needed here: {done.kept}")
    else:
        click.echo(f"let RUNBOOK_SIGNING_KEY name it: {done.path}")
    click.echo(done.new.line)


def reports_folder() -> Path:
    """Return the project's folder of reports."""
    from runbook.book.stepping import reports

    return reports()
