"""`runbook installer`: the image that installs Debian on one host, unattended."""

from __future__ import annotations

from pathlib import Path

import click

from runbook.cli.output import File

WORK = Path(".installer")


@click.command(short_help="Make the image that installs Debian, unattended.")
@click.argument("params", metavar="PARAMS")
@click.option(
    "--out",
    type=File(),
    help="Write the image here; else .installer/HOST.img.",
)
def installer(params: str, out: Path | None) -> None:
    """Make an image that boots on UEFI from a stick and installs the host of PARAMS, unattended.

    The layout is that of `installation` in PARAMS. The image holds no password but at most a hash;
    keep it to yourself all the same. Started on a disk that is not empty, it stops without a change,
    unless PARAMS say `overwrite: true`.

    \b
    Example:
      runbook installer params/myhost.yml
      cp .installer/myhost.img /dev/disk/by-id/usb-…   overwrites the stick
    """
    from runbook import params as parameters
    from runbook.installation import image

    host = parameters.load(params)
    target = out or WORK / f"{host.host}.img"
    made = image.build(host, target, WORK, lambda text: click.echo(text, err=True))
    if made.taken_from_packages:
        number = len(made.taken_from_packages)
        click.echo(
            f"the mirror lacks {number} of the installer's parts; packages stand in for them", err=True
        )
    click.echo(f"installs {host.host} on {host.installation.disk}; {made.size_mib} MiB", err=True)
    click.echo(f"sha256 {made.sha256}", err=True)
    click.echo(str(made.path))
