"""The packages that the guide asked for in 2013, and what each is in a release of today."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

RELEASES = ("bookworm", "trixie")


@dataclass(frozen=True)
class GuidePackage:
    """One package that the guide, or its template, installed."""

    group: str
    in_2013: str
    """Its name in 2013."""
    today: tuple[str, ...]
    """What is installed for it today; () when nothing is."""
    why: str
    """Why that differs, or what it is for; '' when there is nothing to say."""


@cache
def guide_packages(release: str) -> tuple[GuidePackage, ...]:
    """Return every package of the guide with its names in a release, in the guide's order.

    The data is `guide_packages.txt` beside this module. A release that the data does not know has
    the names of 2013.
    """
    text = (files("runbook.releases") / "guide_packages.txt").read_text(encoding="utf-8")
    return tuple(_package(line, release) for line in text.splitlines() if line and not line.startswith("#"))


def of_group(release: str, group: str) -> tuple[str, ...]:
    """Return what has to be installed for one group.

    >>> of_group("trixie", "hardware")
    ('usbutils', 'uuid-runtime', 'debconf-utils', 'linux-cpupower')
    """
    return tuple(name for p in guide_packages(release) if p.group == group for name in p.today)


def groups() -> tuple[str, ...]:
    """Return the names of all groups, in the guide's order."""
    return tuple(dict.fromkeys(p.group for p in guide_packages(RELEASES[-1])))


def _package(line: str, release: str) -> GuidePackage:
    """Return one line's package.

    >>> _package("archives | zoo | - | - | gone from Debian", "trixie").today
    ()
    >>> _package("archives | p7zip-full | 7zip | 7zip | its successor", "trixie").today
    ('7zip',)
    """
    group, in_2013, *names, why = (part.strip() for part in line.split("|"))
    today = names[RELEASES.index(release)] if release in RELEASES else "="
    return GuidePackage(group, in_2013, () if today == "-" else (in_2013 if today == "=" else today,), why)
