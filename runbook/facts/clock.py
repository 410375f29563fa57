"""The time zone and what keeps the clock right."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.facts import files, services
from runbook.model.ask import Ask, Facts

TIMESYNCD, CHRONY = "systemd-timesyncd.service", "chrony.service"
UNITS = (TIMESYNCD, CHRONY, "ntpsec.service", "openntpd.service")
_ZONES = "/usr/share/zoneinfo/"
_LINK = Ask.run("readlink", "-f", "/etc/localtime")
_SYNCHRONISED = "/run/systemd/timesync/synchronized"


@dataclass(frozen=True)
class Clock:
    """The clock of a host."""

    zone: str
    """Such as `Europe/Berlin`; `UTC` when nothing is set (localtime(5))."""
    is_known: bool
    """True when the zone asked about exists on the host."""
    keepers: tuple[str, ...]
    """The services that keep the clock, of those that are active or start at boot."""
    is_synchronised: bool
    """True when systemd-timesyncd has reached a server since the boot."""


def commands(zone: str) -> tuple[Ask, ...]:
    """Return the questions about the clock, and whether a zone exists."""
    return (_LINK, *files.commands(_ZONES + zone, _SYNCHRONISED), *services.commands(*UNITS))


def parse(facts: Facts, zone: str) -> Clock:
    """Return the clock of the facts; `zone` as given to `commands`."""
    there = files.parse(facts, _ZONES + zone, _SYNCHRONISED)
    units = services.parse(facts, *UNITS)
    return Clock(
        zone=zone_of(facts[_LINK].out),
        is_known=_ZONES + zone in there,
        keepers=tuple(u.name for u in units.values() if u.active == "active" or u.starts_at_boot),
        is_synchronised=_SYNCHRONISED in there,
    )


def zone_of(text: str) -> str:
    """Return the zone that /etc/localtime leads to.

    >>> zone_of("/usr/share/zoneinfo/Europe/Berlin\\n")
    'Europe/Berlin'
    >>> zone_of("")
    'UTC'
    """
    return text.strip().removeprefix(_ZONES) or "UTC"
