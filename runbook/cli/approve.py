"""`runbook approve`: another person reads a plan that was sent, and signs it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli.output import AS_JSON, STDOUT, File, plan_text, print_json, write_text
from runbook.text.folded import folded
from runbook.text.plural import plural
from runbook.text.printable import printable
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.attestation.approval import Sent
    from runbook.evidence.record import Run

DAYS = click.IntRange(1, 366)
OWN = (
    "This key signed the plan as well. Whoever has it cannot run the plan by this approval: that takes another person's "
    "key, which --key FILE or $RUNBOOK_SIGNING_KEY names."
)
SAVE = click.option(
    "--save", type=File(), metavar="FILE",
    help="Write the plan as a file for somebody else to approve.",
)  # fmt: skip
VALID = click.option(
    "--valid", type=DAYS, default=7, show_default=True, metavar="DAYS",
    help="With --save: how long it may be applied.",
)  # fmt: skip
CHANGE = click.option(
    "--change", metavar="NUMBER", default="", help="The number of the change, for the report."
)


@click.command(short_help="Read a plan that was sent, and sign it.")
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path), metavar="PLAN")
@click.option(
    "--html",
    type=File(takes_stdout=True),
    metavar="FILE",
    help="Write it as a page to read; `-` is standard output.",
)
@click.option("--open", "opens", is_flag=True, help="Show that page in the browser.")
@click.option("--consent", metavar="DIGEST", default="", help="Sign it: the digest that this command showed.")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Your key. [default: as reports are signed]",
)
@click.option("--out", type=File(takes_stdout=True), help="Write the approval here; `-` is standard output.")
@click.option("--valid", type=DAYS, metavar="DAYS", help="How long it holds, at most as long as the plan.")
@click.option("--comment", default="", metavar="TEXT", help="A word of yours, which the report shows.")
@AS_JSON
def approve(
    plan: Path, html: Path | None, opens: bool, consent: str, key: Path | None, out: Path | None,
    valid: int | None, comment: str, as_json: bool,
) -> None:  # fmt: skip
    """Show a plan that somebody else made; with --consent DIGEST, sign it.

    PLAN is what `runbook plan PARAMS --save FILE` wrote; a mistyped one is answered with "did you mean …?". It is
    read here, no machine is reached, and nothing is needed but your key, whose public line `runbook report key`
    prints: it stands in the parameters (`consent: {by: KEY}`) before the plan is made. What you sign is the whole
    file. It then runs unattended on that host alone, until it ends, and each step exactly as it is planned there.
    What a step would do after others have run is foreseen, and not approved with it: once those have run, a new
    plan has it.

    What it says in words is the planner's: whoever doubts it plans again and compares the digests.

    \b
    Examples:
      runbook approve plan.json --html plan.html
      runbook approve plan.json --consent 0123456789ab
      runbook run params/myhost.yml --mode apply --approval plan.approved.json
    """
    from runbook.attestation import approval

    if STDOUT in (html, out) and (as_json or opens or html == out):
        raise click.UsageError("only one thing goes to standard output, and no browser reads it")
    sent = approval.read_plan(plan)
    if as_json:
        print_json({"digest": sent.digest, "signed_by": sent.signer and sent.signer.fingerprint, **sent.plan})
    elif not consent and html != STDOUT:
        _show(sent)
    if html or opens:
        _page(sent, html, opens=opens)
    if consent:
        _sign(plan, sent, consent, key, out or plan.with_suffix(".approved.json"), valid, comment)
    elif not as_json:
        text = f"\nNothing was signed. To do it, add: --consent {sent.digest}"
        click.echo(text, err=html == STDOUT)


def save(done: Run, file: Path, days: int, *, has_approvers: bool) -> None:
    """Write the plan of a run for somebody else to approve, and say how it goes on. Raises `Refused` for a plan that could not be carried out."""
    from runbook.attestation import approval, keys
    from runbook.controller.atomic import write_atomic
    from runbook.errors import Refused
    from runbook.evidence import plan_file

    if done.outcome != "completed":
        raise Refused(
            f"The plan is not saved: {file}",
            where=str(done.index),
            why=f"it ended as {done.outcome}, so there is nothing that could be approved",
            do="correct what it names, and plan again",
        )
    text = approval.seal_plan(plan_file.content(done, days), keys.operator())
    write_atomic(file, text)
    digest = approval.read_plan(file).digest
    say(
        folded(f"{file}: the plan, digest {digest}. It is read and signed by: `runbook approve {file}`"),
        err=True,
    )
    if not has_approvers:
        text = "The parameters name nobody who may approve it, so no approval of it will hold: name their key (`consent: {by: KEY}`), and plan again"
        say(folded(text), fg="yellow", err=True)


def _show(sent: Sent) -> None:
    from runbook.evidence.plan_file import working
    from runbook.text.moments import when

    plan, by = sent.plan, sent.plan["by"]
    signer = f"signed by {sent.signer.fingerprint}" if sent.signer else "not signed"
    click.echo(f"Plan for {plan['host']}, digest {sent.digest}")
    made = f"made on {when(plan['made'])} by {by.get('user', 'unknown')} on {by.get('controller', 'unknown')}"
    click.echo(folded(f"  {made}, {signer}"))
    click.echo(
        f"  to be applied until {when(plan['until'])}"
        + (f", change {plan['change']}" if plan["change"] else "")
    )
    work = working(plan)
    click.echo(f"  {len(work)} of {plural(len(plan['steps']), 'step')} would do something")
    risky = [step["step"] for step in work if step["risk"] != "safe" and not step["after"]]
    foreseen = [step["step"] for step in work if step["after"]]
    click.echo(
        folded(f"  run unattended by an approval: {', '.join(risky) or 'none, for all of them are safe'}")
    )
    if foreseen:
        click.echo(folded(f"  only foreseen, and not approved with it: {', '.join(foreseen)}"))
    for step in work:
        click.echo(f"\n{plan_text(step['text'] or step['title'])}")


def _page(sent: Sent, html: Path | None, *, opens: bool) -> None:
    import tempfile

    from runbook.evidence import plan_file

    place = html or Path(tempfile.mkdtemp(prefix="runbook-plan-")) / "plan.html"
    signer = sent.signer.fingerprint if sent.signer else ""
    write_text(place, plan_file.page(sent.plan, digest=sent.digest, signer=signer))
    if opens:
        click.launch(str(place))
    if place != STDOUT:
        click.echo(str(place), err=True)


def _sign(
    file: Path, sent: Sent, consent: str, key: Path | None, out: Path, days: int | None, comment: str
) -> None:
    from datetime import UTC, datetime, timedelta

    from runbook.attestation import approval, keys
    from runbook.engine.journal import now
    from runbook.errors import ConsentMissing, ParamsError
    from runbook.text.moments import when

    if consent != sent.digest:
        why = f"its digest is {sent.digest}, and not {printable(consent)}"
        raise ConsentMissing(
            "That is not the plan that you read", where=printable(file), why=why, do="read it again"
        )
    if datetime.fromisoformat(sent.plan["until"]) < datetime.now(UTC):
        why = f"it was to be applied until {when(sent.plan['until'])}"
        raise ConsentMissing("The plan is past", where=printable(file), why=why, do="have it made anew")
    mine = keys.load(key) if key else keys.operator()
    if mine is None:
        raise ParamsError(
            "There is no key to sign with", do="make one: runbook report key; or name yours: --key FILE"
        )
    if mine.public == sent.signer:
        say(folded(OWN), fg="yellow", err=True)
    limit = (datetime.now(UTC) + timedelta(days=days or 366)).isoformat(timespec="seconds")
    data = file.read_bytes()
    text = approval.seal_approval(data, now(), min(limit, sent.plan["until"]), comment, mine)
    write_text(out, text)
    text = f"signed by {mine.public.fingerprint}; it holds where the parameters named this key (`consent: {{by: KEY}}`) when the plan was made:"
    say(f"{folded(text)}\n{mine.public.line}", err=True)
    next_move = f"send it back; it is applied by: `runbook run PARAMS --mode apply --approval {out}`"
    say(folded(next_move), err=True)
    if out != STDOUT:
        click.echo(str(out))
