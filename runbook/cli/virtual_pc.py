"""`runbook testbed`: the virtual PC on which everything can be tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from runbook.errors import HostError


@click.group(short_help="Use the virtual PC: up, down, ssh, status, test.")
def testbed() -> None:
    """Build, boot and use a virtual PC: UEFI, an IOMMU, spare PCI devices, a fresh Debian 13.

    \b
    Example:
      runbook testbed up
      runbook run params/testbed.yml --mode apply
      runbook testbed down

    It needs QEMU (make testbed-deps) and about 5 GB of disk; no KVM, no root.
    """


@testbed.command()
@click.option("--fresh", is_flag=True, help="Throw the old machine away first.")
def up(fresh: bool) -> None:
    """Boot the machine and wait until it answers ssh; build it when it is not there yet."""
    with _clear_errors():
        from runbook import testbed as machine

        machine.up(fresh=fresh)


@testbed.command()
def down() -> None:
    """Power the machine off; its disks stay."""
    with _clear_errors():
        from runbook import testbed as machine

        machine.down()


@testbed.command()
def status() -> None:
    """Say whether the machine is there, and how to reach it."""
    with _clear_errors():
        from runbook import testbed as machine

        for key, value in machine.status().items():
            click.echo(f"{key}: {value}")


@testbed.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def ssh(command: tuple[str, ...]) -> None:
    """Log in to the machine as root, or run COMMAND there."""
    import os

    from runbook import testbed as machine

    found = machine.Machine(machine.state_dir())
    if not found.ssh_config.exists():
        raise HostError("There is no testbed", where=str(found.state), do="make it: runbook testbed up")
    os.execvp("ssh", [*found.ssh, *command])


@testbed.command()
@click.option(
    "--record",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep a recording of the run in this folder, for the recorded host.",
)
@click.option("--keep", is_flag=True, help="Leave the machine running afterwards.")
def test(record: Path | None, keep: bool) -> None:
    """Run the whole runbook against the machine, twice, and prove that it worked.

    From a fresh disk to guests with a passed-through device; the second run must change nothing.
    Takes about half an hour with software emulation.
    """
    with _clear_errors():
        from runbook.testbed import acceptance

        code = acceptance.main(record, keep=keep)
    click.get_current_context().exit(int(code or 0))


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Let an error of the testbed end as the runbook's own do: said clearly, exit code 5."""
    from runbook.testbed import TestbedError

    try:
        yield
    except TestbedError as error:
        raise HostError(error.what, where=error.where, why=error.why, do=error.next_move) from error
