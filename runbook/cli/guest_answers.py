"""`runbook guest answers`: the disc from which Windows takes its answers and Xen's drivers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook.cli.guest_acts import PARAMS
from runbook.cli.output import File, Folder
from runbook.errors import ParamsError, Refused

if TYPE_CHECKING:
    from runbook.params.guests import Guest

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Make the disc with Windows' answers and Xen's drivers.")
@PARAMS
@click.argument("name")
@click.option("--drivers", required=True, type=Folder(),
              help="The folder with Xen's signed drivers for Windows, unpacked.")  # fmt: skip
@click.option("--into", "out", required=True, type=File(), help="The .iso that is written.")
@click.option("--media", type=_FILE, help="Your Windows .iso, looked at: whether it is one, and whole.")
@click.option("--edition", required=True, help="As your disc calls it, such as 'Windows 11 Pro'.")
@click.option("--user", required=True, help="The account that is made, an administrator.")
@click.option(
    "--password", required=True, metavar="REFERENCE", help="Where its password is: env:NAME, file:PATH."
)
@click.option(
    "--key", default="", metavar="REFERENCE", help="Where the product key is; without it setup asks."
)
@click.option("--language", default="en-US", show_default=True, help="A language that the disc has.")
@click.option("--keyboard", default="0409:00000409", show_default=True, help="As Windows numbers it.")
@click.option("--time-zone", default="UTC", show_default=True, help="As Windows names it.")
@click.option("--without-tpm", is_flag=True, help="Pass over Windows 11's demand for a TPM and Secure Boot.")
def answers(
    params: str,
    name: str,
    drivers: Path,
    out: Path,
    media: Path | None,
    edition: str,
    user: str,
    password: str,
    key: str,
    language: str,
    keyboard: str,
    time_zone: str,
    without_tpm: bool,
) -> None:
    """Make a disc with which Windows installs itself in the guest NAME and gets Xen's drivers.

    Windows and its drivers are yours to bring; nothing is fetched. Copy the disc and your Windows .iso to the host,
    name the one under `disks` of the guest (`- cd: /srv/iso/answers.iso`) and the other as its install_media, and
    run notebook 08. The guest's whole first disk becomes Windows'. The disc holds the password as it is: take it out
    of the parameters, and remove the file, once Windows is installed.

    A guest of xl has no TPM and no Secure Boot. Windows 10 asks for neither; Windows 11 is installed all the same with
    --without-tpm, and Microsoft does not support it so.

    This was made from Microsoft's description of the answer file, and no Windows was installed by it yet.

    \b
    Example:
      runbook guest answers params/myhost.yml windows --into answers.iso \\
        --drivers ~/xen-drivers --media ~/Win11.iso --without-tpm \\
        --edition 'Windows 11 Pro' --user ana --password env:WINDOWS_PASSWORD
    """
    from runbook import params as parameters
    from runbook.guests.windows import Answers
    from runbook.installation import windows_disc
    from runbook.params import secrets

    guest = _windows(parameters.load(params).guests, name, params)
    if media:
        _require_windows(media)
    packages = windows_disc.drivers(drivers)
    given = Answers(
        computer=_computer(name),
        edition=edition,
        user=user,
        password=secrets.password(password),
        firmware="uefi" if guest.firmware == "uefi" else "bios",
        key=secrets.resolve(key) if key else "",
        language=language,
        keyboard=keyboard,
        time_zone=time_zone,
        without_tpm=without_tpm,
    )
    windows_disc.make(out, given, packages)
    click.echo(f"{out}: {edition} for {given.firmware.upper()}, with {', '.join(p.name for p in packages)}")


def _windows(guests: tuple[Guest, ...], name: str, file: str) -> Guest:
    known = [guest for guest in guests if guest.os == "windows"]
    found = next((guest for guest in known if guest.name == name), None)
    if found is None:
        raise ParamsError(
            f"No guest '{name}' with `os: windows` is in {file}",
            why=f"those are: {', '.join(guest.name for guest in known) or 'none'}",
            do="name one of them, or give the guest `os: windows`",
        )
    return found


def _require_windows(media: Path) -> None:
    """Look at a disc of this machine as a host's discs are looked at. Raises `Refused` for what is no whole Windows disc."""
    from runbook.facts import discs
    from runbook.model.ask import Answer, Facts

    paths = (str(media.absolute()),)
    ask = discs.look(paths)
    done = subprocess.run(ask.argv, capture_output=True, text=True, check=False)
    disc = discs.parse(Facts({ask: Answer(done.returncode, done.stdout)}), paths).get(paths[0])
    if disc and disc.is_whole and disc.is_udf:
        return
    if disc is None:
        why = "there is no such file"
    elif not disc.needs:
        why = f"it has {disc.size} bytes and no file system of a disc"
    elif not disc.is_udf:
        why = f"it is the disc '{disc.label}', and Windows' discs are UDF"
    else:
        why = f"it is cut off: the disc has {disc.needs} bytes, the file {disc.size}"
    raise Refused(
        f"{media} is not a whole Windows disc",
        where="the controller",
        why=why,
        do="fetch it again from Microsoft, and compare its checksum with the one that they publish",
    )


def _computer(name: str) -> str:
    """Return a guest's name as Windows takes one: at most 15 letters, digits and hyphens, not digits alone."""
    kept = "".join(sign for sign in name if sign.isascii() and (sign.isalnum() or sign == "-"))[:15].strip(
        "-"
    )
    return kept if kept and not kept.isdigit() else "XEN-GUEST"
