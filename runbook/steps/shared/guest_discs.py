"""The discs that guests are installed from: whether each is there, is a disc, is whole; and how one installs by it."""

from __future__ import annotations

import shlex

from runbook.facts import discs, guest_files
from runbook.facts.discs import Disc
from runbook.facts.storage import headers, inside
from runbook.guests import config
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Level
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.text.sizes import human_size


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about disks and discs, none when no guest is to be installed from a disc."""
    paths = _paths(params)
    if not paths:
        return ()
    disks = _disks(params)
    return (inside.holding(disks), guest_files.existing(paths), *map(headers.look, disks), discs.look(paths))


def written(params: HostParams, facts: Facts) -> frozenset[str]:
    """Return the disks of guests with a disc that somebody has written: those are started from, not the disc."""
    disks = _disks(params)
    return inside.written(facts, disks) if disks else frozenset()


def wrong(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what is wrong with each guest's disc: that it is missing, is none, or is cut off."""
    found = (_wrong(params, facts, guest) for guest in params.guests if guest.install_media)
    return [finding for finding in found if finding]


def explained(params: HostParams, facts: Facts) -> list[Finding]:
    """Return how one installs by hand, for each guest whose disc is right and whose disk is still empty."""
    return [
        _explained(guest, discs.parse(facts, _paths(params)).get(str(guest.install_media)))
        for guest in params.guests
        if guest.install_media and _is_empty(params, facts, guest) and not _wrong(params, facts, guest)
    ]


def _explained(guest: Guest, disc: Disc | None) -> Finding:
    name = shlex.quote(guest.name)
    return Finding(
        "info",
        f"The guest '{guest.name}' is installed by hand: it starts from its disc as long as its disk is empty",
        f"the disc is {disc.label or guest.install_media}, {human_size(disc.size)}" if disc else "",
        f"start it with `runbook guest start PARAMS {name} --apply` and follow it with `runbook guest screen PARAMS {name}`; "
        "run this notebook again when the installer is done",
        "H701",
    )


def _wrong(params: HostParams, facts: Facts, guest: Guest) -> Finding | None:
    path = str(guest.install_media)
    if path not in facts[guest_files.existing(_paths(params))].out.splitlines():
        return Finding(
            "warn",
            f"The installation disc of '{guest.name}' is not on the host: {path}",
            "the guest cannot start without it",
            f"copy it there, or remove install_media from the guest '{guest.name}'",
            "H701",
        )
    disc = discs.parse(facts, _paths(params)).get(path)
    if disc is None or disc.is_whole:
        return None
    return _broken(guest, path, disc, is_empty=_is_empty(params, facts, guest))


def _is_empty(params: HostParams, facts: Facts, guest: Guest) -> bool:
    return config.volume_of(params, guest) not in written(params, facts)


def _broken(guest: Guest, path: str, disc: Disc, *, is_empty: bool) -> Finding:
    level: Level = "refuse" if is_empty else "warn"
    if not disc.needs:
        return Finding(
            level,
            f"The installation disc of '{guest.name}' is no disc: {path}",
            f"it has {human_size(disc.size)} and no file system of a disc (ISO 9660)",
            "copy the .iso itself there, not a page or an archive around it; `file -L` says what this one is",
            "H701",
        )
    return Finding(
        level,
        f"The installation disc of '{guest.name}' is cut off: {path}",
        f"the disc has {disc.needs} bytes, the file {disc.size}",
        "copy it again, and compare its checksum with the one that its authors publish",
        "H701",
    )


def _paths(params: HostParams) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(guest.install_media) for guest in params.guests if guest.install_media))


def _disks(params: HostParams) -> tuple[str, ...]:
    wanted = (config.volume_of(params, guest) for guest in params.guests if guest.install_media)
    return tuple(filter(None, wanted))
