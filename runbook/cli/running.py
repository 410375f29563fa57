"""Run notebooks and show it: progress while it lasts, a table and the report's path at the end."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from runbook import params as parameters
from runbook.cli.approve import save as save_plan
from runbook.cli.output import plan_text
from runbook.cli.progress import COLOURS, Live, Plain, Progress, make_progress
from runbook.controller import working_folder
from runbook.controller.project import project
from runbook.controller.signals import watching
from runbook.drift.compare import counted
from runbook.errors import ParamsError
from runbook.evidence import finished, notices
from runbook.evidence.archive import drift
from runbook.evidence.files import read_notebook
from runbook.evidence.outcomes import GOOD
from runbook.evidence.pages import verdict
from runbook.evidence.record import Run
from runbook.hosts import prepare
from runbook.params import HostParams
from runbook.params.host import Recorded
from runbook.runner.run import run
from runbook.runner.selection import homes
from runbook.text.console import make_console
from runbook.text.folded import folded
from runbook.text.moments import spent, when
from runbook.text.plural import plural
from runbook.text.terminal import say

UNSIGNED = "NOT SIGNED: nobody vouches for this report. A key is made by: runbook report key"
UNTOLD = (
    "Nobody was told of it: those under `notify` are told of runs on a machine, and no machine was reached."
)


def run_and_show(
    params: str,
    mode: str,
    *,
    only: str | None = None,
    start: str | None = None,
    plans: bool = False,
    quiet: bool = False,
    as_json: bool = False,
    reports: Path | None = None,
    strict: bool = False,
    capture: Path | None = None,
    save: Path | None = None,
    valid: int = 7,
    change: str = "",
    approval: Path | None = None,
    upgrades: str = "",
) -> None:
    """Run, show, and end the command with the run's exit code.

    `only` is a notebook or a step. `plans` prints what the plan cells showed. With `as_json` standard
    output holds nothing but `run.json`. `capture` stands in place of the host. The plan is saved in the file `save`, to be
    approved within `valid` days; `approval` is the file with somebody else's word for one.
    `upgrades` is what `management.upgrades` is for this once.
    """
    here = project()
    place = reports or here / "reports"
    host = parameters.on_capture(parameters.load(params), capture)
    prepare(host)  # what is to be typed, before anything is on the screen
    _say_first(here, host, params, mode, place)
    progress = _progress(quiet, as_json)
    with watching() as stops, stops.deferred():
        with progress:
            done = run(
                params, mode, only, start, place, progress.event, strict=strict, capture=capture, change=change,
                approval=approval, upgrades=upgrades,
            )  # fmt: skip
        try:
            with suppress(KeyboardInterrupt), stops.interruptible():
                _show(done, only if only in homes() else None, plans=plans, quiet=quiet, as_json=as_json)
                _say_untold(host, done)
                if save:
                    save_plan(done, save, valid, has_approvers=bool(host.approvers))
        finally:
            stops.ignore()  # the report is written; what is shown of it changes nothing
        click.get_current_context().exit(done.exit_code)


def _say_untold(host: HostParams, done: Run) -> None:
    if notices.is_played(host) and done.record.mode != "plan":
        say(folded(UNTOLD), fg="yellow", err=True)


def _show(done: Run, step: str | None, *, plans: bool, quiet: bool, as_json: bool) -> None:
    if as_json:
        more = {"drift": found} if (found := drift(done.folder)) else {}
        click.echo(json.dumps({**done.record.as_dict(), **more}, indent=2, ensure_ascii=False))
    elif not quiet:
        console = make_console(soft_wrap=True)
        if plans:
            print_plans(done, step)
        console.print(_table(done, step))
        console.print(folded(verdict(done.record.as_dict()), hang=0))
        if found := drift(done.folder):
            print_drift(found)
    if done.message:
        say(folded(f"\n{done.message}", hang=4), fg="red", err=True)
    say_unsigned(done)
    if not as_json:
        click.echo(str(done.index))


def _say_first(here: Path, host: HostParams, path: str, mode: str, reports: Path) -> None:
    """Say what a person has to know of the notebooks and of a recorded host before either is seen."""
    if older := working_folder.stale(here):
        text = f"The notebooks here are of {older}, and this is another runbook: runbook init --update"
        say(folded(text), fg="yellow", err=True)
    if note := _recorded(host, path, mode, reports):
        say(folded(note), err=True)


def _recorded(host: HostParams, path: str, mode: str, reports: Path) -> str:
    """Return which of its two states a recorded host is looked at in, '' for every other host and every other mode."""
    connection = host.connection
    if not isinstance(connection, Recorded) or not connection.finished or mode not in ("plan", "check"):
        return ""
    if finished.is_finished(host, reports):
        return f"{host.host} is a recorded host, and a run of yours finished it: this looks at it as that run left it."
    if mode == "check":
        return f"{host.host} is a recorded host on which nothing was done yet; this finishes it: runbook run {path}"
    return ""


def say_unsigned(done: Run) -> None:
    """Say it when nobody vouches for a report, when somebody could not be told of it, and who was."""
    if not done.record.signed_by:
        say(UNSIGNED, fg="yellow", err=True)
    for line in done.unsent:
        say(line, fg="yellow", err=True)
    for whereto in done.sent:
        say(f"told: {whereto}", err=True)


def print_plans(done: Run, step: str | None) -> None:
    """Print the text that the plan cells of a run showed. Raises `ParamsError` if a step has none."""
    shown = 0
    for book in done.record.notebooks:
        if book.file is None:
            continue
        for cell in read_notebook(done.folder / book.file).cells:
            if "book.plan(" not in cell.source or (step and f'"{step}"' not in cell.source):
                continue
            for output in cell.get("outputs", []):
                if text := output.get("data", {}).get("text/plain") or output.get("text"):
                    click.echo(f"{plan_text(text)}\n")
                    shown += 1
    if step and not shown and done.exit_code == 0:
        raise ParamsError(f"The notebook shows no plan of '{step}'", where=str(done.folder))


def print_drift(found: dict[str, Any]) -> None:
    """Print what changed since the last good report, a line a change."""
    since, rows = found["since"], found["changes"]
    if since is None:
        click.echo("Nothing to compare with yet: the next check says what changed since this one.")
        return
    run = f"the {since['mode']} run of {when(since['started'])} ({since['run']})"
    click.echo(folded(f"\n{counted(rows)} changed since {run}.", hang=0))
    for row in rows:
        click.echo(folded(f"  {row['line']}  [{row['by']}]"))
    if missing := found["not_looked_at"]:
        click.echo(folded(f"  Not looked at this time: {', '.join(missing)}."))


def _progress(quiet: bool, as_json: bool) -> Progress:
    if quiet:
        return Progress()
    if as_json:
        return Plain(sys.stderr)
    return make_progress(make_console(), sys.stdout, Live, Plain)


def _table(done: Run, step: str | None) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for column in ("notebook", "step", "ended", "actions", "time"):
        table.add_column(column, justify="right" if column in ("actions", "time") else "left", style="")
    for book in done.record.notebooks:
        if not book.steps or (book.status == "never-run" and step is None):
            steps = plural(len(book.steps), "step") if book.steps else ""
            table.add_row(book.name, steps, _word(book.status), "", spent(book.seconds))
            continue
        for i, end in enumerate(e for e in book.steps if step in (None, e.step)):
            actions = "" if end.actions is None else str(end.actions)
            name = book.name if i == 0 else ""
            is_unasked = end.unasked and end.status in GOOD
            word = Text("not asked for", style="dim") if is_unasked else _word(end.status)
            table.add_row(name, end.step, word, actions, spent(end.seconds))
    if step is None:
        ends = [end for book in done.record.notebooks for end in book.steps]
        begun = sum(end.status != "never-run" for end in ends)
        actions = str(sum(end.actions or 0 for end in ends))
        outcome = _word(done.outcome)
        table.add_row(
            "in all", f"{begun} of {plural(len(ends), 'step')}", outcome, actions, spent(done.record.seconds)
        )
    return table


def _word(status: str) -> Text:
    return Text(status, style=COLOURS.get(status, ""))
