"""The disks of a guest as xl-disk-configuration(5) wants them, each with the drive that it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from string import ascii_lowercase

from runbook.params import HostParams
from runbook.params.guest_disks import Disk
from runbook.params.guests import Guest

_BY_SUFFIX = {".qcow2": "qcow2", ".qcow": "qcow", ".vhd": "vhd", ".qed": "qed"}
SYSTEMS = "/var/lib/xen-runbook/systems"
"""Where the host keeps, a folder a guest, what goes into the guest's disk and what became of it."""
_CD = "hdc"
"""Where a CD goes by itself: the second cable's first drive, as in the PCs of 2013."""


def disks_of(guest: Guest) -> tuple[Disk, ...]:
    """Return all disks of a guest in their order: the short `volume` first, the disc to install from last."""
    short = (Disk(volume=guest.volume.name, size_gib=guest.volume.size_gib),) if guest.volume else ()
    disc = (Disk(cd=guest.install_media),) if guest.install_media else ()
    return (*short, *guest.disks, *disc, *_seed(guest))


def _seed(guest: Guest) -> tuple[Disk, ...]:
    """Return the disc that tells a cloud image who it is (cloud-init, NoCloud); none for other guests."""
    if not (guest.system and guest.system.cloud):
        return ()
    path = f"{SYSTEMS}/{guest.name}/seed.iso"
    return (Disk(cd=path),) if guest.type == "hvm" else (Disk(file=path, read_only=True),)


def specs(params: HostParams, guest: Guest) -> tuple[str, ...]:
    """Return each disk as the members of `disk` are written.

    `target=` takes the rest of the text, so that a path may hold blanks and commas.
    """
    disks = disks_of(guest)
    return tuple(
        ", ".join(_options(disk, drive, target_of(params, disk)))
        for disk, drive in zip(disks, drives(guest.type, disks), strict=True)
    )


def target_of(params: HostParams, disk: Disk) -> str:
    """Return what a disk is on the host, a path except for what a script understands; '' for an empty CD drive."""
    if disk.volume is not None:
        return f"/dev/{disk.group or params.storage.guest_volume_group}/{disk.volume}"
    if disk.zvol is not None:
        return f"/dev/zvol/{disk.zvol}"
    return disk.file or disk.device or disk.cd or ""


def _options(disk: Disk, drive: str, target: str) -> Iterator[str]:
    if target:
        yield f"format={disk.format or format_of(disk.file or '')}"
    yield f"vdev={drive}"
    yield f"access={'ro' if disk.read_only or disk.cd is not None else 'rw'}"
    if disk.cd is not None:
        yield "devtype=cdrom"
    for key, value in (
        ("backendtype", disk.backend_type),
        ("backend", disk.backend),
        ("script", disk.script),
    ):
        if value:
            yield f"{key}={value}"
    if disk.discard is not None:
        yield "discard" if disk.discard else "no-discard"
    if disk.direct_io_safe:
        yield "direct-io-safe"
    if target:
        yield f"target={target}"


def format_of(file: str) -> str:
    """Return the format of an image by its file's name; '' and all others are raw."""
    return next((form for suffix, form in _BY_SUFFIX.items() if file.endswith(suffix)), "raw")


def drives(kind: str, disks: Sequence[Disk]) -> Iterator[str]:
    """Yield the drive of each disk of a guest of some type: its own, or the next one that is free."""
    taken = {disk.vdev for disk in disks if disk.vdev}
    has_cd = kind == "hvm" and any(disk.cd is not None and not disk.vdev for disk in disks)
    kept = {_CD} if has_cd else set()
    for disk in disks:
        if disk.vdev:
            yield disk.vdev
            continue
        if disk.cd is not None and kept - taken:
            drive = _CD
        else:
            drive = next(name for name in _names(kind) if name not in taken | kept)
        taken.add(drive)
        yield drive


def _names(kind: str) -> Iterator[str]:
    """Yield the names of drives in their order; of an HVM guest four are IDE, and xvde is the fifth."""
    letters = chain(ascii_lowercase, (a + b for a in ascii_lowercase for b in ascii_lowercase))
    for number, letter in enumerate(letters):
        yield f"hd{letter}" if kind == "hvm" and number < 4 else f"xvd{letter}"
