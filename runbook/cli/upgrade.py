"""`runbook upgrade`: install what waits, beside the pair that was proved, and try it once."""

from __future__ import annotations

from typing import Any

import click

from runbook.cli.begun import begin_run, run_options

NOTEBOOK = "11_upgrades"


@click.command(short_help="Install what waits; the new pair is tried once.")
@click.argument("params")
@click.option("--apply", "applies", is_flag=True, help="Do it; without this it is only shown.")
@run_options
def upgrade(params: str, applies: bool, **options: Any) -> None:
    """Show what waits on a host; with --apply, install it, start the new pair once, and prove it.

    The hypervisor and the kernel that run are kept beside the new ones, and are what starts by itself until the new
    ones have passed every proof of 07 and 08 and the guests are back. If they panic, or the power fails while they
    are installed, the old pair comes up by itself; if they hang, reset the machine, and it comes up too.

    It is a run of notebook 11 with `management.upgrades: install` for this once. Its steps install_updates,
    boot_updates_once and make_updates_default need consent: in the parameters, or at the keyboard.

    \b
    Examples:
      runbook upgrade params/myhost.yml
      runbook upgrade params/myhost.yml --apply
    """
    mode = "apply" if applies else "plan"
    begin_run(params, mode, only=NOTEBOOK, plans=not applies, upgrades="install", **options)
