"""`runbook testbed systems|upgrade`: what is proved on a machine that is finished."""

from __future__ import annotations

import click

from runbook.cli.virtual_pc import clear_errors, of_release


@click.command()
@click.argument("machine", default="")
@click.option("--keep", is_flag=True, help="Leave the machine running afterwards.")
@of_release
def systems(machine: str, keep: bool, release: str) -> None:
    """Prove that a guest becomes a system of each kind.

    From its parameters to ssh, as PVH, PV, HVM and with UEFI. Begins at the checkpoint after 07 of `test`, or of the `zoo` machine named MACHINE, and refuses at the end to write
    over what it made. What was seen is written into docs/systems, and docs/systems.md from it.

    \b
    Examples:
      runbook testbed systems --release bookworm
      runbook testbed systems kvm
    """
    with clear_errors():
        from runbook.testbed import systems as proof

        code = proof.main(machine, release=release, keep=keep)
    click.get_current_context().exit(code)


@click.command()
@click.option("--keep", is_flag=True, help="Leave the machine running afterwards.")
@of_release
def upgrade(keep: bool, release: str) -> None:
    """Prove upgrades: three that go wrong, and one that is good.

    A hypervisor hangs, a kernel panics, the power is cut; then the pair is good. Begins at the last checkpoint of `test`. After each of the first three the old pair must run, with its guests; the
    machine that hangs is reset, and nothing else is done to help. About an hour with software emulation.

    \b
    Example:
      runbook testbed upgrade --release bookworm
    """
    with clear_errors():
        from runbook.testbed import upgrades as proof

        code = proof.main(release=release, keep=keep)
    click.get_current_context().exit(code)
