"""Guests on a host that its parameters do not have: those that were taken out of them, and those of a person's own."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runbook.facts.guest_files import AutoEntry
from runbook.facts.guests import Domains
from runbook.guests import config, disk_spec, ending
from runbook.guests.syntax import Unreadable, parse
from runbook.model.plan import Finding
from runbook.params import HostParams


@dataclass(frozen=True)
class Left:
    """One guest whose configuration is there, and which the parameters do not have."""

    name: str
    path: str
    disks: tuple[str, ...]
    is_ours: bool
    """True where the runbook wrote the file: the guest was in the parameters once."""


def left(params: HostParams, texts: Mapping[str, str]) -> tuple[Left, ...]:
    """Return the guests of these configurations, by path, that the parameters do not have; none of a file that xl cannot read."""
    names = {guest.name for guest in params.guests}
    mine = {config.path_of(name) for name in names}
    found = (_read(path, text) for path, text in sorted(texts.items()) if path not in mine)
    return tuple(one for one in found if one and one.name not in names)


def _read(path: str, text: str) -> Left | None:
    try:
        said = parse(text)
    except Unreadable:
        return None
    disks = [disk_spec.parse(spec) for spec in said.items("disk")]
    name = said.text("name") or posixpath.basename(path).removesuffix(".cfg")
    return Left(name, path, tuple(d.path for d in disks if d.path and not d.is_cdrom), config.is_ours(text))


def told(found: tuple[Left, ...], domains: Domains) -> Iterator[Finding]:
    """Yield a warning for each guest that was taken out of the parameters, and one line on all that never were in them."""
    yield from (_taken_out(one, domains) for one in found if one.is_ours)
    others = [f"{one.name} ({one.path})" for one in found if not one.is_ours]
    if others:
        yield Finding(
            "info",
            f"Guests that the parameters do not have, and that stay as they are: {', '.join(others)}",
            do="`runbook guest adopt PARAMS NAME` writes one into the parameters as it is",
        )


def running(found: tuple[Left, ...], domains: Domains) -> Iterator[Finding]:
    """Yield a warning for each guest that was taken out of the parameters and runs."""
    for one in found:
        if one.is_ours and domains.named(one.name):
            yield Finding(
                "warn",
                f"The guest '{one.name}' runs, and the parameters no longer have it",
                f"{one.path} is still there, with the memory, the devices and the disks that it took",
                f"stop it with {ending.by_hand(one.name)}, or take it in again: `runbook guest adopt PARAMS {shlex.quote(one.name)}`",
            )


def no_longer_started(name: str, entry: AutoEntry) -> Finding:
    """Return that a guest that was taken out of the parameters starts no more with the host."""
    return Finding(
        "warn",
        f"The guest '{name}' is no longer in the parameters, and would no longer start with the host",
        f"{entry.name} in /etc/xen/auto starts it; the runbook made that link, and removes it",
        f"to keep it, take the guest in again: `runbook guest adopt PARAMS {shlex.quote(name)}`",
        "H712",
    )


def _taken_out(one: Left, domains: Domains) -> Finding:
    what = f"{one.path} is still there"
    what += f", with its data on {' and '.join(one.disks)}" if one.disks else ""
    stop = f"{ending.by_hand(one.name)}, " if domains.named(one.name) else ""
    return Finding(
        "warn",
        f"The guest '{one.name}' is no longer in the parameters, and is still on the host"
        + (", where it runs" if stop else ""),
        what,
        f"take it in again with `runbook guest adopt PARAMS {shlex.quote(one.name)}`; or let it go for good: {stop}`rm {shlex.quote(one.path)}`"
        + (f", and {_removed(one.disks)} once its data is not wanted" if one.disks else ""),
    )


def _removed(disks: tuple[str, ...]) -> str:
    """Return the commands that remove a guest's disks; what is neither a volume nor a file is not removed.

    >>> _removed(("/dev/guests/web", "/srv/web 2.img", "/dev/disk/by-id/wwn-1"))
    "`lvremove guests/web`, `rm '/srv/web 2.img'`, wipe /dev/disk/by-id/wwn-1"
    """
    return ", ".join(map(_way, disks))


def _way(path: str) -> str:
    if re.fullmatch(r"/dev/(?!disk/|zvol/)[^/]+/[^/]+", path):
        return f"`lvremove {path.removeprefix('/dev/')}`"
    return f"wipe {path}" if path.startswith("/dev/") else f"`rm {shlex.quote(path)}`"
