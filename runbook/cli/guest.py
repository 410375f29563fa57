"""`runbook guest`: the guests of one host, one command each. What each does is in a module of its own."""

from __future__ import annotations

import click

from runbook.cli.output import Group


@click.group(cls=Group, short_help="The guests of a host: take them in, look at them, start and stop them.")
def guest() -> None:
    """The guests of a host, one command each; what a command would change is shown before it is done.

    What shall last belongs in the parameters, under `guests`: notebook 08 makes the host so.

    \b
    Examples:
      runbook guest list params/myhost.yml
      runbook guest start params/myhost.yml windows --apply
      runbook guest stop params/myhost.yml windows --limit 120 --apply
      runbook guest screen params/myhost.yml windows
      runbook guest remove params/myhost.yml old
    """
