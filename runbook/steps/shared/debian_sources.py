"""Where the new system gets its packages: the mirror of the parameters, or the live system's own."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.controller.apt_sources import AptSource, as_deb822, as_lines, for_release
from runbook.errors import RunbookError
from runbook.facts import system
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams

_FILES = Ask.shell(
    "grep -sH '' /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; true"
)
# Only what says how a mirror is reached: a proxy, or one that does not renew its signatures.
_OPTIONS = Ask.shell(
    "apt-config dump Acquire::http::Proxy Acquire::https::Proxy Acquire::Check-Valid-Until Acquire::Check-Date; true"
)  # fmt: skip

_COMPONENTS = ("main", "non-free-firmware")

COMMANDS = (*system.COMMANDS, _FILES, _OPTIONS)


@dataclass(frozen=True)
class Sources:
    """What apt of the new system is told."""

    lines: tuple[str, ...]
    """One-line sources, for the bootstrap."""
    text: str
    """The content of debian.sources (sources.list(5))."""
    options: tuple[str, ...]
    """Settings of apt.conf(5); () when there is nothing to say."""
    has_security: bool


def read(params: HostParams, facts: Facts) -> Sources | Finding:
    """Return the sources, or the finding that there are none."""
    release, mirror = params.release, params.installation.mirror
    try:
        found = for_release(_texts(facts[_FILES].out), system.parse(facts).codename, release)
    except RunbookError as error:
        found = ()
        if not mirror:
            return _nowhere(params, error.why)
    security = tuple(source for source in found if f"{release}-security" in source.suites)
    if mirror:
        found = (AptSource((mirror,), (release, f"{release}-updates"), _COMPONENTS), *security)
    options = tuple(line.rstrip(";") for line in facts[_OPTIONS].out.splitlines() if not line.endswith('"";'))
    return Sources(tuple(as_lines(found)), as_deb822(found), options, bool(security))


def _texts(grepped: str) -> dict[str, str]:
    """Return the content of each file, from grep's `PATH:LINE` lines.

    >>> _texts("/etc/apt/sources.list:deb http://mirror.example/debian trixie main")
    {'/etc/apt/sources.list': 'deb http://mirror.example/debian trixie main\\n'}
    """
    files: dict[str, str] = {}
    for path, _, line in (row.partition(":") for row in grepped.splitlines()):
        files[path] = files.get(path, "") + line + "\n"
    return files


def _nowhere(params: HostParams, why: str) -> Finding:
    return Finding(
        "refuse",
        f"It is not known where to get Debian {params.release} from",
        f"the live system's own sources do not say: {why}",
        "set installation.mirror in the parameters to the address of a Debian mirror, like http://HOST/debian",
        "sources.list(5)",
    )
