"""`runbook watch`: are these hosts well? What changed is told, each thing once."""

from __future__ import annotations

import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook.cli.facts import unready
from runbook.cli.fleet import own_of
from runbook.cli.output import AS_JSON, File, print_json
from runbook.cli.reports import REPORTS
from runbook.errors import ParamsError, RunbookError
from runbook.text.folded import folded
from runbook.text.terminal import say

if TYPE_CHECKING:
    from runbook.watch.look import Seen

MANY = 16
"""So many hosts are looked at side by side."""


@click.command(short_help="Are these hosts well? What changed is told, once.")
@click.argument("params", nargs=-1, required=True, metavar="PARAMS...")
@click.option(
    "--textfile",
    type=File(),
    metavar="FILE",
    help="Write it in the text form of Prometheus, too.",
)
@click.option("--no-drift", is_flag=True, help="Never compare with the last good report, however old.")
@click.option(
    "--timer",
    "calendar",
    metavar="TIME",
    help="Write units of systemd for you that do this, such as '*:0/15'.",
)
@AS_JSON
@REPORTS
def watch(
    params: tuple[str, ...], textfile: Path | None, no_drift: bool, calendar: str | None, as_json: bool, reports: Path | None
) -> None:  # fmt: skip
    """Look at hosts once, and tell those under `notify` what changed since the last look.

    Guests, disks, RAID, room, thin pools, services, watchdog, temperature, machine checks and backups; once in
    watch.drift_h hours also all that `runbook check` looks at. Changes nothing on a host. What is not well is told once,
    and once more when it is well again; who cannot be told now is told at a later look. Ends with 1 when anything is
    not well.

    Run it by a timer (--timer), and have somebody notice when it falls silent: `watch.heartbeat` is called after each look
    that was told, and the text file says when each host was looked at.

    \b
    Examples:
      runbook watch params/myhost.yml
      runbook watch params/*.yml --textfile /var/lib/node-exporter/xen.prom
      runbook watch params/*.yml --timer '*:0/15'
    """
    from runbook.controller.atomic import write_atomic
    from runbook.controller.project import project
    from runbook.watch import textfile as form

    if calendar:
        _units(params, calendar, textfile, reports, has_drift=not no_drift)
        return
    found = _looks(params, (reports or project() / "reports").absolute(), is_full=not no_drift)
    seen = [one for one in found if not isinstance(one, RunbookError)]
    if textfile:
        write_atomic(textfile, form.render([(one.state, one.look.gauges) for one in seen]))
    if as_json:
        print_json([_row(one) for one in seen])
    else:
        for each in seen:
            _show(each)
    failed = [one for one in found if isinstance(one, RunbookError)]
    for error in failed:
        say(folded(str(error), hang=4), fg="red", err=True)
    code = max((error.exit_code for error in failed), default=0)
    click.get_current_context().exit(code or int(not all(one.is_well and not one.untold for one in seen)))


def _looks(params: tuple[str, ...], place: Path, *, is_full: bool) -> list[Seen | RunbookError]:
    """Return what came of a look at each host, or what stood in its way on this side."""
    import time

    from runbook import params as parameters
    from runbook.controller.locks import locked
    from runbook.evidence import archive
    from runbook.fleet.members import members
    from runbook.watch.look import watch as look

    hosts = [parameters.load(member.params) for member in members(own_of(params))]
    errors = {host.host: error for host in hosts if (error := unready(host))}

    def one(host: parameters.HostParams) -> Seen | RunbookError:
        if host.host in errors:
            return errors[host.host]
        folder = place / host.host
        try:
            archive.make_folder(folder)
            with locked(folder, wait=False) as is_mine:
                if not is_mine:
                    what = f"Somebody else is at work in {folder}"
                    return ParamsError(what, do="wait for it; two looks at once would tell everything twice")
                return look(host, place, int(time.time()), is_full=is_full)
        except RunbookError as error:
            return error
        except OSError as error:
            return archive.unwritable(folder, error)

    with ThreadPoolExecutor(MANY) as executor:
        return list(executor.map(one, hosts))


def _show(seen: Seen) -> None:
    came = {c.key for c in seen.message.came} if seen.message else set()
    if seen.is_well:
        click.echo(f"{seen.look.host}: well")
    for active in seen.state.active:
        one = active.condition
        say(folded(f"{seen.look.host}: {one.what}" + (" (new)" if one.key in came else "")), fg="red")
        click.echo(folded(f"  next: {one.do}"))
    for gone in seen.message.went if seen.message else ():
        how = seen.message.end_of(gone) if seen.message else ""
        click.echo(folded(f"{seen.look.host}: {how[:1].lower()}{how[1:]}: {gone.condition.what}"))
    for topic, why in seen.look.unknown:
        click.echo(folded(f"{seen.look.host}: not known: {topic} ({why})"))
    for why in seen.untold:
        say(folded(f"{seen.look.host}: {why}"), fg="yellow", err=True)


def _row(seen: Seen) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "host": seen.look.host,
        "looked": seen.look.at,
        "well": seen.is_well,
        "conditions": [asdict(one.condition) | {"since": one.since} for one in seen.state.active],
        "came": [c.key for c in seen.message.came] if seen.message else [],
        "went": [a.condition.key for a in seen.message.went] if seen.message else [],
        "unknown": dict(seen.look.unknown),
        "untold": list(seen.untold),
    }


_HEADS = {
    "xen-runbook-watch.service": "[Unit]\nDescription=Look whether Xen hosts are well\n",
    "xen-runbook-watch.timer": "[Unit]\nDescription=When to look whether Xen hosts are well\n",
}


def _units(
    params: tuple[str, ...], calendar: str, textfile: Path | None, reports: Path | None, *, has_drift: bool
) -> None:
    """Write a timer and its service for this person's own systemd, and say how they are switched on."""
    from runbook.controller.atomic import write_atomic
    from runbook.params.backups import calendar as checked

    try:
        when = checked(calendar)
    except ValueError as error:
        raise ParamsError(str(error)) from None
    args = [
        str(Path(sys.argv[0]).resolve()),
        "watch",
        *(str(Path(p).resolve()) if Path(p).exists() else p for p in params),
    ]
    args += ["--textfile", str(textfile.resolve())] if textfile else []
    args += ["--reports", str(reports.resolve())] if reports else []
    args += [] if has_drift else ["--no-drift"]
    command = " ".join(_quoted(word) for word in args)
    service = f"\n[Service]\nType=oneshot\nWorkingDirectory={str(Path.cwd()).replace('%', '%%')}\nExecStart={command}\nSuccessExitStatus=1\n"
    timer = f"\n[Timer]\nOnCalendar={when}\nPersistent=true\n\n[Install]\nWantedBy=timers.target\n"
    folder = Path("~/.config/systemd/user").expanduser()
    for name, head in _HEADS.items():
        if not _is_ours(folder / name, head):
            raise ParamsError(f"{folder / name} was not written by the runbook", do="move it to another name, then write the units again")  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(_HEADS, (service, timer), strict=True):
        write_atomic(folder / name, _HEADS[name] + text)
        click.echo(str(folder / name))
    click.echo(
        "switch it on: systemctl --user daemon-reload && systemctl --user enable --now xen-runbook-watch.timer"
    )
    click.echo("and have it run while you are not logged in: loginctl enable-linger")


def _is_ours(path: Path, head: str) -> bool:
    """Return whether a unit is ours to write: there is none yet, or it begins as ours do."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").startswith(head)
    except FileNotFoundError:
        return not path.is_symlink()  # masked, or linked to what is gone


def _quoted(word: str) -> str:
    """Return a word for ExecStart (systemd.service(5)): quoted, and nothing in it stands for anything else.

    >>> _quoted("/home/a b/100%/$x.yml")
    "'/home/a b/100%%/$$x.yml'"
    """
    return shlex.quote(word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$"))
