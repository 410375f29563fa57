"""`runbook testbed`: the virtual PC on which everything can be tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from runbook.cli.output import Group
from runbook.errors import HostError

#: The releases that a machine can be built with; the first is meant when none is named.
RELEASES = ("trixie", "bookworm")
of_release = click.option(
    "--release", type=click.Choice(RELEASES), default=RELEASES[0], show_default=True, help="Debian's release."
)


@click.group(cls=Group, short_help="Use the virtual PC: up, down, ssh, status, test.")
def testbed() -> None:
    """Build, boot and use a virtual PC: UEFI, an IOMMU, spare PCI devices, a fresh Debian.

    \b
    Example:
      runbook testbed up
      runbook run params/testbed.yml --mode apply
      runbook testbed down

    There is one machine for each release: --release bookworm is Debian 12, left out it is Debian 13.
    It needs QEMU (make testbed-deps) and about 5 GB of disk; no KVM, no root.
    """


@testbed.command()
@click.option("--fresh", is_flag=True, help="Throw the old machine away first.")
@click.option(
    "--at", metavar="NOTEBOOK", help="Throw it away, and begin at the checkpoint after this notebook."
)
@of_release
def up(fresh: bool, at: str | None, release: str) -> None:
    """Boot the machine; build it when it is not there yet.

    Waits until it answers ssh.

    \b
    Examples:
      runbook testbed up
      runbook testbed up --at 5
    """
    if fresh and at:
        raise click.UsageError("--fresh is before the first notebook; --at is after one")
    with clear_errors():
        from runbook import testbed as machine
        from runbook.testbed import checkpoints

        if at:
            found = machine.Machine(machine.state_dir(release))
            checkpoints.restore(found, checkpoints.named(found.state, at))
        machine.up(fresh=fresh, release=release)


@testbed.command()
@of_release
def down(release: str) -> None:
    """Power the machine off; its disks stay.

    \b
    Example:
      runbook testbed down
    """
    with clear_errors():
        from runbook import testbed as machine

        machine.down(release=release)


@testbed.command()
@of_release
def status(release: str) -> None:
    """Say whether the machine is there, and how to reach it.

    \b
    Example:
      runbook testbed status
    """
    with clear_errors():
        from runbook import testbed as machine

        for key, value in machine.status(release=release).items():
            click.echo(f"{key}: {value}")


@testbed.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@of_release
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def ssh(release: str, command: tuple[str, ...]) -> None:
    """Log in to the machine as root, or run COMMAND there.

    \b
    Examples:
      runbook testbed ssh
      runbook testbed ssh xl list
    """
    import os

    from runbook import testbed as machine

    found = machine.Machine(machine.state_dir(release))
    if not found.ssh_config.exists():
        raise HostError(
            "There is no testbed",
            where=str(found.state),
            do=f"make it: runbook testbed up --release {release}",
        )
    os.execvp("ssh", [*found.ssh, *command])


@testbed.command()
@click.option(
    "--record",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep a recording of the run in this folder, for the recorded host.",
)
@click.option("--keep", is_flag=True, help="Leave the machine running afterwards.")
@click.option("--backups", is_flag=True, help="Destroy and restore a guest's disk as well.")
@click.option("--ends", is_flag=True, help="See a guest without Xen's drivers end with the host.")
@click.option("--returns", is_flag=True, help="Break things, see them return, and take everything back.")
@click.option(
    "--only-prove",
    is_flag=True,
    help="Go on with --backups, --ends and --returns on the machine of the last time.",
)
@click.option("--resume", is_flag=True, help="Begin at the last checkpoint of an earlier acceptance.")
@of_release
def test(
    record: Path | None,
    keep: bool,
    backups: bool,
    ends: bool,
    returns: bool,
    only_prove: bool,
    resume: bool,
    release: str,
) -> None:
    """Run the whole runbook against the machine, twice.

    Proves that it worked, from a fresh disk to guests with a passed-through device; the second run must change nothing.
    Takes three quarters of an hour with software emulation; with --returns, which starts the machine
    another ten times, about two hours. After each notebook that changes the machine its disks are kept as a
    checkpoint: --resume, `record` and `up --at` begin there.

    \b
    Example:
      runbook testbed test --resume
    """
    if only_prove and (record or not (backups or ends or returns)):
        raise click.UsageError(
            "--only-prove goes on with --backups, --ends or --returns, and records nothing"
        )
    if resume and only_prove:
        raise click.UsageError("--resume runs what is left; --only-prove runs nothing")
    with clear_errors():
        from runbook.testbed import acceptance

        code = acceptance.main(
            record,
            release=release,
            keep=keep,
            backups=backups,
            ends=ends,
            returns=returns,
            only_prove=only_prove,
            resume=resume,
        )
    click.get_current_context().exit(int(code or 0))


@testbed.command()
@click.argument("step")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default="recordings/testbed",
    show_default=True,
    help="The recording; beside it lies that of the second run.",
)
@click.option("--keep", is_flag=True, help="Leave the machine running afterwards.")
@of_release
def record(step: str, into: Path, keep: bool, release: str) -> None:
    """Record one STEP, at the checkpoints that `test` took.

    \b
    Example:
      runbook testbed record trim_disks

    The rest of the recording stays as it is. The step runs where its notebook begins, after those steps of the notebook that it needs; then it is asked again on the
    finished machine. Takes two boots and the step itself.
    """
    with clear_errors():
        from runbook.testbed import one_step

        code = one_step.main(step, into, release=release, keep=keep)
    click.get_current_context().exit(code)


@testbed.command()
@click.argument("params", default="params/testbed-install.yml")
@click.option("--disk", default="", help="Another disk than that of PARAMS, such as /dev/nvme0n1.")
@click.option("--keep", is_flag=True, help="Leave the installed machine running.")
@click.option("--same-image", is_flag=True, help="Use the image of the last time as it is.")
def install(params: str, disk: str, keep: bool, same_image: bool) -> None:
    """Prove the installer, with nobody at the keyboard.

    Makes the image, installs from it as a stick to an empty disk, boots the installed disk, compares it with PARAMS, and sees the image
    refuse the disk that is not empty any more. Takes about an hour with software emulation.

    \b
    Example:
      runbook testbed install
    """
    with clear_errors():
        from runbook.testbed import installation

        code = installation.main(params, disk=disk, keep=keep, same_image=same_image)
    click.get_current_context().exit(int(code or 0))


@testbed.command()
@click.option("--keep", is_flag=True, help="Leave the installed machine running.")
def live(keep: bool) -> None:
    """Prove the live way, which installs from a live system.

    The disk is empty, a live system is beside it, and notebook 02 runs over ssh. Shows that nothing happens without consent, installs, restarts into the installed disk, and runs
    everything again without a change. Takes about an hour with software emulation.

    \b
    Example:
      runbook testbed live --keep
    """
    with clear_errors():
        from runbook.testbed import live as proof

        code = proof.main(keep=keep)
    click.get_current_context().exit(int(code or 0))


@testbed.command("build")
@click.option("--keep", is_flag=True, help="Leave the machine running afterwards.")
@click.option("--only-prove", is_flag=True, help="Build and run nothing: look at the machine as it is.")
def build_(keep: bool, only_prove: bool) -> None:
    """Prove a kernel and Xen of one's own.

    Builds them, and runs the runbook with both on a fresh machine. The proof is dom0's own log: with xen-pciback built in, the devices are taken before the first
    program of the initial RAM disk is started. Needs root on this machine; takes an hour or more.

    \b
    Example:
      runbook testbed build
    """
    with clear_errors():
        from runbook.testbed import build

        code = build.main(keep=keep, only_prove=only_prove)
    click.get_current_context().exit(int(code or 0))


@testbed.command("fleet")
@click.option("--machines", type=click.IntRange(2, 3), default=2, show_default=True, help="How many.")
@click.option("--keep", is_flag=True, help="Leave the machines running afterwards.")
def fleet_(machines: int, keep: bool) -> None:
    """Prove fleets: several fresh machines at once.

    One of them loses its power in mid-step. Notebook 03 is applied to all by `runbook fleet`; the others must complete, --resume must finish the lost
    one alone, a check of all must pass, and no report may speak of another machine. Each takes 2 GiB of
    memory; about half an hour for two with software emulation.

    \b
    Example:
      runbook testbed fleet --machines 3
    """
    with clear_errors():
        from runbook.testbed import fleet

        code = fleet.main(machines, keep=keep)
    click.get_current_context().exit(code)


@testbed.command("zoo")
@click.argument("names", nargs=-1)
@click.option(
    "--one",
    is_flag=True,
    help="One machine that was held before (with --plan: that did not fail), another each day.",
)
@click.option("--resume", is_flag=True, help="Go on at the last checkpoint of a machine that failed.")
@click.option("--keep", is_flag=True, help="Leave the machines running afterwards.")
@click.option("--plan", is_flag=True, help="Only plan, with all that must be refused and its moves.")
@click.option("--within", default=0.0, metavar="MINUTES", help="Give up one that takes longer: status 75.")
def zoo_(names: tuple[str, ...], one: bool, resume: bool, keep: bool, plan: bool, within: float) -> None:
    """Prove the machines of these NAMES, or all.

    \b
    Example:
      runbook testbed zoo server

    A machine is a file in runbook/testbed/machines. Each is built, `new` writes its parameters, it is planned, applied with a
    guest, checked, undone, and compared with what it was before. About half an hour each with software emulation;
    the results are written into docs/zoo, and docs/zoo.md from them. Of one that was given up nothing is said.
    """
    with clear_errors():
        from runbook.testbed.zoo import visit

        code = visit.main(names, keep=keep, resume=resume, one=one, plan=plan, within=within)
    click.get_current_context().exit(code)


@testbed.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("docs/images"),
              show_default=True, help="Where they go.")  # fmt: skip
@of_release
def pictures(out: Path, release: str) -> None:
    """Take pictures of what the machine's screen shows.

    Of its firmware, of its boot menu, and under Xen of a guest's first screen. Notebooks that have such a picture get the new one. The machine has to be off. It is started with a screen, and with copies of its disks that are thrown away
    afterwards. A few minutes with software emulation.

    \b
    Example:
      runbook testbed pictures
    """
    with clear_errors():
        from runbook.controller.project import project
        from runbook.testbed import pictures as taking
        from runbook.testbed.machine import Machine, state_dir
        from runbook.testbed.proving import say

        for picture in taking.take(Machine(state_dir(release)), out, say):
            for shown in (picture, *taking.renew(project() / "notebooks", picture)):
                click.echo(str(shown))


@contextmanager
def clear_errors() -> Iterator[None]:
    """Let an error of the testbed end as the runbook's own do: said clearly, exit code 5."""
    from runbook.testbed import TestbedError

    try:
        yield
    except TestbedError as error:
        raise HostError(error.what, where=error.where, why=error.why, do=error.next_move) from error
