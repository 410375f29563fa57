"""Where this machine gets its Debian packages from, said again for another release.

What is built on this machine uses the package source that its owner chose: nothing here names a mirror.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runbook.errors import RunbookError

APT = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

#: Options of this machine's apt that say something about its mirror: whoever uses it needs them too.
MIRROR_OPTIONS = ("Acquire::Check-Valid-Until", "Acquire::Check-Date")


@dataclass(frozen=True)
class AptSource:
    """One package source: every suite is offered by every address (sources.list(5))."""

    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...]


def parse_one_line(text: str) -> list[AptSource]:
    """The `deb` lines of a classic sources.list.

    >>> parse_one_line("deb [arch=amd64] http://deb.example/debian bookworm main  # why")
    [AptSource(uris=('http://deb.example/debian',), suites=('bookworm',), components=('main',))]
    """
    found = []
    for raw in text.splitlines():
        line = re.sub(r"^(deb)\s+\[[^]]*\]", r"\1", raw.split("#", 1)[0].strip())
        words = line.split()
        if len(words) >= 4 and words[0] == "deb":
            found.append(AptSource((words[1],), (words[2],), tuple(words[3:])))
    return found


def parse_deb822(text: str) -> list[AptSource]:
    """The enabled `deb` stanzas of a `.sources` file.

    >>> parse_deb822("Types: deb\\nURIs: http://deb.example/debian\\nSuites: bookworm\\nComponents: main")
    [AptSource(uris=('http://deb.example/debian',), suites=('bookworm',), components=('main',))]
    """
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        enabled = fields.get("enabled", ["yes"])[0].lower() not in ("no", "false", "0")
        if enabled and "deb" in fields.get("types", []):
            found.append(
                AptSource(
                    tuple(fields.get("uris", [])),
                    tuple(fields.get("suites", [])),
                    tuple(fields.get("components", [])),
                )
            )
    return found


def _fields(stanza: str) -> dict[str, list[str]]:
    """The words of each field of one stanza; a line that starts with a blank goes on with the field."""
    fields: dict[str, list[str]] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            fields.setdefault(name, []).extend(line.split())
        else:
            name, _, rest = line.partition(":")
            name = name.strip().lower()
            fields[name] = rest.split()
    return fields


def for_release(files: Mapping[str, str], codename: str, release: str) -> tuple[AptSource, ...]:
    """The Debian sources among `files` (name → text), with `codename` replaced by `release`.

    Only sources reached by http or https count, since the virtual PC must reach them too.
    Raises `RunbookError` if no file offers the plain suite `codename`.
    """
    known = {
        f"{base}{tail}": f"{release}{tail}"
        for base in (codename, "stable")
        for tail in ("", "-updates", "-security")
    }
    found: list[AptSource] = []
    for name in sorted(files):
        parse = parse_deb822 if name.endswith(".sources") else parse_one_line
        for source in parse(files[name]):
            suites = tuple(known[suite] for suite in source.suites if suite in known)
            uris = tuple(uri for uri in source.uris if uri.startswith(("http://", "https://")))
            if suites and uris:
                found.append(AptSource(uris, suites, source.components))
    if not any(release in source.suites for source in found):
        raise RunbookError(
            f"Cannot tell where to get Debian {release} from",
            where=", ".join(sorted(files)) or str(APT),
            why=f"no http(s) package source here offers the suite {codename!r}",
            do=f"give this machine a Debian source for {codename} (sources.list(5)), then try again",
        )
    return tuple(dict.fromkeys(found))


def own_sources(release: str, apt: Path = APT, os_release: Path = OS_RELEASE) -> tuple[AptSource, ...]:
    """This machine's own Debian sources, said for `release`."""
    paths = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    files = {str(p): p.read_text() for p in paths if p.is_file() and p.suffix in (".list", ".sources")}
    return for_release(files, _codename(os_release.read_text()), release)


def _codename(os_release: str) -> str:
    """`VERSION_CODENAME` of os-release(5): 'bookworm'."""
    pairs = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    return shlex.split(pairs.get("VERSION_CODENAME", "''"))[0]


def mirror_options() -> tuple[tuple[str, str], ...]:
    """The options that this machine's apt is told about its mirror, as name and value."""
    answer = subprocess.run(
        ["apt-config", "dump", "--format", "%f=%v%n", *MIRROR_OPTIONS],
        capture_output=True,
        text=True,
        check=False,
    )
    pairs = (line.partition("=") for line in answer.stdout.splitlines())
    return tuple(sorted((name, value) for name, _, value in pairs if value))


def as_lines(sources: tuple[AptSource, ...]) -> list[str]:
    """One `deb` line for each address and suite, as a bootstrapper takes them."""
    return [
        f"deb [signed-by={KEYRING}] {uri} {suite} {' '.join(source.components)}"
        for source in sources
        for uri in source.uris
        for suite in source.suites
    ]


def as_deb822(sources: tuple[AptSource, ...]) -> str:
    """The text of `/etc/apt/sources.list.d/debian.sources`, as the Debian 13 installer leaves it."""
    stanzas = [
        f"Types: deb\nURIs: {' '.join(s.uris)}\nSuites: {' '.join(s.suites)}\n"
        f"Components: {' '.join(s.components)}\nSigned-By: {KEYRING}\n"
        for s in sources
    ]
    return "\n".join(stanzas)
