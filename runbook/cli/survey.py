"""`runbook survey`: what a machine is and what may be done with its devices; kept as a capture that can be sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli import shares
from runbook.cli.output import File
from runbook.cli.reach import CAPTURE, of_host, patience, ways
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.hosts import Host
    from runbook.model.ask import Facts
    from runbook.params import HostParams
    from runbook.shares.known import Known

DEFAULT = "params/example.yml"


@click.command(short_help="Show what a machine is, and which of its devices guests may have.")
@click.argument("host", metavar="[PARAMS|[USER@]HOST]", default="")
@ways
@CAPTURE
@click.option("--html", type=File(), metavar="FILE", help="Write it as one page.")
@click.option("--open", "opens", is_flag=True, help="Show that page in the browser.")
@click.option(
    "--save",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep a capture: the answers, cleaned of names, addresses and secrets.",
)
@shares.options
@click.option("--force", is_flag=True, help="Write over a page, a capture or a record that is there.")
def survey(
    host: str,
    to: str | None,
    local: bool,
    become: str | None,
    become_password: str | None,
    like: str | None,
    capture: Path | None,
    html: Path | None,
    opens: bool,
    save: Path | None,
    share: Path | None,
    reports: Path | None,
    known: tuple[Path, ...],
    force: bool,
) -> None:
    """Look at a machine and show it; change nothing on it.

    What it is; each PCI device with what may be done with it, why, and what to do about that; and pictures:
    where each device hangs and what the IOMMU cannot tell apart, the disks, the network. On a terminal devices
    of which the same is to be said are one row; the page of --html has a row for each. The machine is that of a
    parameter file, or one that is named as for `runbook new`; left out, it is the recorded host.

    \b
    Examples:
      runbook survey                                  try it without a machine
      runbook survey params/myhost.yml
      runbook survey ana@myhost --become sudo         without a parameter file
      runbook survey mine --local --html mine.html    this very machine
      runbook survey params/myhost.yml --save myhost-capture

    A capture is a folder of what the machine answered: to this survey, to `runbook new`, and to every step's
    plan, one file a question. Names of hosts, people and networks, MAC and public addresses, serial numbers,
    UUIDs, keys and passwords stand as others of the same shape, the same for the same. Look through it before
    you send it: names of guests, volumes and mount points are yours and stay. In place of a host it serves

    \b
      runbook survey --capture FOLDER
      runbook new NAME --capture FOLDER
      runbook plan --capture FOLDER      with the parameters that lie in it

    A record is one small file, signed as your reports are: the board, its firmware and chipset, the cards with
    their IOMMU groups, and what the host's reports *proved* of them, under which Xen and kernel. It names no person,
    host, address, serial number or UUID, and no machine is asked for it. A folder of records can be a git
    repository; what they say of cards like yours then stands beside each verdict, and changes none.

    \b
      runbook survey params/myhost.yml --share records
      runbook survey params/myhost.yml --known records
    """
    from runbook.hosts import capture as folders

    if capture and (host or to or local or like or become or become_password or save or share):
        raise click.UsageError(
            "--capture stands in place of a host: leave out what names one, --save and --share"
        )
    if share and (save or html or opens or known):
        raise click.UsageError("--share only reads reports: leave out --save, --html, --open and --known")
    if save:
        folders.prove_free(save, force=force)
    _prove_free(html, force=force)
    if share:
        params, _ = _named(host, to, local, become, become_password, like)
        shares.share(params.host, share, reports, force=force)
        return
    records = shares.known(known)
    if capture:
        params, facts = _captured(capture)
    else:
        params, file = _named(host, to, local, become, become_password, like)
        facts = _looked_at(params, file, save, force=force)
    _show(params, facts, html, records, opens=opens)


def _looked_at(params: HostParams, file: Path | None, save: Path | None, *, force: bool) -> Facts:
    from runbook.hosts import connect

    machine = connect(params, "00_introduction")
    try:
        return _gathered(machine, params, file, save, force=force)
    finally:
        machine.close()


def _named(
    host: str, to: str | None, local: bool, become: str | None, become_password: str | None, like: str | None
) -> tuple[HostParams, Path | None]:
    """Return the parameters of the machine, and their file where there is one."""
    from runbook import params as parameters

    if not host and not (to or local or like):
        return parameters.load(DEFAULT), None
    if host.endswith((".yml", ".yaml")):
        if to or local or like or become or become_password:
            raise click.UsageError(
                "a parameter file says how its host is reached: leave out --to, --local, --become and --like"
            )
        return parameters.load(host), parameters.find(host)
    name = host or (to or "").rpartition("@")[2].partition(".")[0] or "this-machine"
    return of_host(name, to, local, become, become_password, like), None


def _captured(folder: Path) -> tuple[HostParams, Facts]:
    """Return a capture's own parameters with its answers; where it has none that can be read, those that ask for nothing."""
    from runbook.captures import seen
    from runbook.errors import ParamsError
    from runbook.hosts.capture import PARAMS
    from runbook.params import HostParams
    from runbook.params.host import Captured

    found = seen.see(folder)
    try:
        params = seen.own_params(folder)
    except ParamsError as error:
        params = HostParams(host="captured", connection=Captured(folder=str(folder.absolute())))
        params = params.model_copy(update={"host": folder.resolve().name})
        if (folder / PARAMS).is_file():
            why = f"{error.what}; what it asks for is left out"
            say(f"its {PARAMS} cannot be read: {why}", fg="yellow", err=True)
    if found.unasked:
        _say_unasked(found.unasked)
    return params, found.facts


def _say_unasked(names: tuple[str, ...]) -> None:
    """Say what a capture does not know: a few of the names, for an old one can lack dozens."""
    from runbook.text.plural import plural

    some = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    say(
        f"the capture does not answer {plural(len(names), 'question')} that are asked today, so a verdict may differ "
        f"from the machine's: {some}",
        fg="yellow",
        err=True,
    )


def _gathered(
    machine: Host, params: HostParams, file: Path | None, save: Path | None, *, force: bool
) -> Facts:
    """Return the answers of a machine, and keep them as a capture where that was said."""
    from runbook.captures import taken
    from runbook.show import survey as views

    if save is None:
        with patience(f"asking {machine.describe}"):
            return machine.gather(views.asks())
    with patience(f"asking {machine.describe} all that the steps ask, too"):
        found = taken.take(machine, params, file)
    taken.save(found, save, force=force)
    _say_saved(found.cleaned.replaced, found.cleaned.left, found.warnings, save)
    return found.facts


def _say_saved(counts: dict[str, int], left: tuple[str, ...], warnings: tuple[str, ...], save: Path) -> None:
    from runbook.cli.survey_show import replaced

    say(f"replaced by others of their kind: {replaced(counts)}", err=True)
    if left:
        say(f"left, as they are words of the trade too: {', '.join(left)}", fg="yellow", err=True)
    for warning in warnings:
        say(f"take care: {warning}", fg="yellow", err=True)
    say(
        f"capture: {save}. Look through it before you send it: names of guests, volumes and mount points stay",
        err=True,
    )


def _prove_free(html: Path | None, *, force: bool) -> None:
    from runbook.errors import ParamsError

    if html and html.exists() and not force:
        raise ParamsError(
            f"{html} is there already", do="choose another name, or say --force to write it anew"
        )


def _show(params: HostParams, facts: Facts, html: Path | None, known: Known, *, opens: bool) -> None:
    from runbook import survey as surveys
    from runbook.cli import survey_show
    from runbook.model.unreadable import reading
    from runbook.shares import alike
    from runbook.show import survey as views
    from runbook.survey.tables import machine_rows, moves, parts_of_the_machine

    with reading():
        machine = surveys.read(facts)
        proved = alike.texts(facts, known)
        devices = survey_show.with_proofs(surveys.survey_table(facts, params), proved)
        survey_show.show(
            machine_rows(machine),
            survey_show.folded(devices, parts_of_the_machine(facts, params)),
            moves(facts, params),
            views.pictures(params, facts),
        )
        if html or opens:
            _page(params, facts, html, proved, opens=opens)


def _page(
    params: HostParams, facts: Facts, html: Path | None, proved: dict[str, str], *, opens: bool
) -> None:
    """Write the page, into a file of its own where none was named, and show it in the browser if that was asked."""
    import tempfile

    from runbook.controller.atomic import write_atomic
    from runbook.evidence import layout
    from runbook.show import survey as views

    place = html or Path(tempfile.mkdtemp(prefix="runbook-survey-")) / f"{params.host}.html"
    text = layout.render(
        "survey.html",
        host=params.host,
        about=facts.of,
        notes=[f"{bdf} {text}" for bdf, text in proved.items()],
        facts=views.parts(params, facts),
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, text)
    if opens:
        click.launch(str(place))
    click.echo(str(place))
