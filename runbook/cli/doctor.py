"""`runbook doctor`: is the machine that the runbook runs on fit for it?"""

from __future__ import annotations

import click

from runbook.text.folded import folded
from runbook.text.terminal import paint

COLOURS = {"ok": "green", "lacks": "yellow", "wrong": "red"}


@click.command(short_help="Check the machine that the runbook itself runs on.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON, for programs.")
def doctor(as_json: bool) -> None:
    """Check the controller, the machine that the runbook itself runs on; nothing is changed.

    A line a check: Python, the environment's packages, Jupyter's kernel, papermill, the project's
    folder, room on the disk, locale, ssh and its keys, the signing key, the testbed's tools. What
    is not right is followed by the next move.

    \b
      ok      all is well
      lacks   the runbook works, but not all of it: a report is not signed, say
      wrong   correct this first

    Ends with 1 when anything is wrong, and with 0 otherwise.

    \b
    Examples:
      runbook doctor
      runbook doctor --json
    """
    import json
    from dataclasses import asdict

    from runbook.doctor import WRONG, examine

    checks = examine()
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    wide = max(len(check.name) for check in checks)
    for check in () if as_json else checks:
        line = folded(f"{check.state:<5}  {check.name:<{wide}}  {check.says}", hang=wide + 9)
        paint((line[:5], COLOURS[check.state]), (line[5:], None))
        if check.do:
            click.echo(folded(f"{'':5}  {'':<{wide}}  do: {check.do}", hang=4))
    if any(check.state == WRONG for check in checks):
        click.get_current_context().exit(1)
