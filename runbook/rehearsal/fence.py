"""What a machine does by itself and to others, such as backups, mails and names that it updates: the one made like it does none of that.

Its network leads nowhere but to package sources (`runbook.rehearsal.door`); and what its owner wrote to run by itself stays away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from runbook.facts.likeness import File
from runbook.rehearsal.door import PORT

_UNITS = PurePosixPath("/etc/systemd/system")
_BY_ITSELF = (".timer", ".service", ".path", ".socket")
# A service that the network or the mounts wait for is a part of how the machine starts.
_EARLY = re.compile(
    r"(?im)^[ \t]*(?:Before|WantedBy|RequiredBy)[ \t]*=.*\b(?:network(?:-pre|-online)?|sysinit|basic|local-fs(?:-pre)?|cryptsetup(?:-pre)?)\.target"
)
_APT = re.compile(r"/etc/apt/apt\.conf(?:\.d/.*)?")
_PROXY = re.compile(r'(?i)[\w:-]*\bproxy(?:-auto-?detect)?(?:::[\w.*-]+)?[ \t]+"[^"\n]*"[ \t]*;')
OWN_WAY = "/etc/apt/apt.conf.d/zz-rehearsal"
NOTHING_OUT = (
    "its network leads nowhere: apt alone reaches this controller's package sources, by a proxy; no name resolves, and "
    "no other machine, time server or mail server answers"
)
NO_CRON = "cron's tables are not there, and nothing of its owner's runs by the clock"


def stays_away(file: File) -> bool:
    """Return whether a file is a unit of the owner's own that runs by itself; one that the network waits for does not stay away.

    >>> stays_away(File("/etc/systemd/system/backup.timer", "0644", "root:root", "[Timer]\\nOnCalendar=daily\\n"))
    True
    >>> stays_away(File("/etc/systemd/system/wall.service", "0644", "root:root", "[Unit]\\nBefore=network-pre.target\\n"))
    False
    """
    path = PurePosixPath(file.path)
    is_unit = path.parent == _UNITS and path.suffix in _BY_ITSELF
    return is_unit and (path.suffix == ".timer" or not _EARLY.search(file.text))


def links_left(links: Iterable[tuple[str, str]], away: Iterable[str]) -> list[tuple[str, str]]:
    """Return the links without those that switch on what stays away, or lead there; a mask stays."""
    names = {PurePosixPath(path).name for path in away}
    return [
        (path, to)
        for path, to in links
        if to == "/dev/null" or not names & {PurePosixPath(path).name, PurePosixPath(to).name}
    ]


def without_proxy(file: File) -> File:
    """Return a file of apt's configuration without the proxies that it names: they are out of reach.

    >>> without_proxy(File("/etc/apt/apt.conf", "0644", "root:root", 'Acquire { http::Proxy "http://x:1"; Retries "3"; };\\n')).text
    'Acquire {  Retries "3"; };\\n'
    """
    return replace(file, text=_PROXY.sub("", file.text)) if _APT.fullmatch(file.path) else file


def way_of_apt(door: str) -> File:
    """Return the file that tells apt of the door, by the door's address."""
    lines = [f'Acquire::{kind}::Proxy "http://{door}:{PORT}";\n' for kind in ("http", "https")]
    lines.append('Acquire::http::Pipeline-Depth "0";\n')  # the door answers one request a connection
    return File(OWN_WAY, "0644", "root:root", "".join(lines))
