"""`runbook validate`: are parameter files right?"""

from __future__ import annotations

from typing import Any

import click

from runbook.cli.allow import show_programs
from runbook.cli.begun import DEFAULT_PARAMS
from runbook.cli.output import AS_JSON, explained, print_json
from runbook.errors import ParamsError
from runbook.text import terminal
from runbook.text.folded import folded
from runbook.text.plural import plural


@click.command(short_help="Check parameter files; no machine is reached.")
@click.argument("params", nargs=-1, metavar="[PARAMS]...")
@AS_JSON
def validate(params: tuple[str, ...], as_json: bool) -> None:
    """Check parameter files without reaching any machine.

    Prints of each good file that it is right, and of which host; says file, line, reason and correction for
    every mistake of the bad ones. Shows what a file would run on this machine, which `runbook allow` agrees to.
    Exits with 2 if any is bad.

    \b
    Examples:
      runbook validate params/myhost.yml
      runbook validate params/*.yml --json
    """
    from runbook import params as parameters

    bad: list[str] = []
    rows: list[dict[str, Any]] = []
    for path in params or (DEFAULT_PARAMS,):
        try:
            host = parameters.load(path)
        except ParamsError as error:
            bad.append(path)
            rows.append({"file": path, "right": False, "errors": [str(one) for one in error.all]})
            terminal.say(folded(explained(error), hang=4), fg="red", err=True)
            continue
        rows.append({"file": path, "right": True, "host": host.host, "digest": parameters.digest(host)})
        if as_json:
            continue
        parts = (
            host.release,
            host.connection.kind,
            plural(len(host.passthrough.devices), "passthrough device"),
        )
        about = ", ".join((*parts, plural(len(host.guests), "guest")))
        click.echo(folded(f"{path}: right. {host.host} ({about}), digest {parameters.digest(host)}"))
        try:
            show_programs(path, host)
        except ParamsError as error:
            bad.append(path)
            terminal.say(folded(explained(error), hang=4), fg="red", err=True)
    if as_json:
        print_json(rows)
    if bad:
        click.get_current_context().exit(2)
