"""Debian's own `xl`, fetched once from where this machine gets its packages, and unpacked beside it."""

from __future__ import annotations

import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from runbook import releases
from runbook.controller.apt_sources import as_lines, own_sources
from runbook.errors import RunbookError

CACHE = Path(__file__).parents[3] / ".cache" / "xl"
LIMIT_S = 60
"""A fetch takes about ten seconds; a machine without a network must not keep `make test` waiting."""


class NotHere(Exception):
    """The oracle cannot be had on this machine; the text says why."""


def root_of(release: str) -> Path:
    """Return the folder with the release's xl and its libraries, fetched now unless it is there.

    Raises `NotHere` with the reason.
    """
    final = CACHE / release
    if not final.is_dir():
        _require_tools()
        _fetch_once(release, final)
    return final


def _require_tools() -> None:
    if platform.machine() != "x86_64":
        raise NotHere(f"xl is a program for x86_64, this machine is {platform.machine()}")
    if missing := [tool for tool in ("apt-get", "dpkg-deb") if not shutil.which(tool)]:
        raise NotHere(f"fetching Debian's xl needs {' and '.join(missing)}")


@cache
def _network() -> list[str]:
    """What went wrong with a fetch in this run: the second release is not waited for as well."""
    return []


def _fetch_once(release: str, final: Path) -> None:
    if _network():
        raise NotHere(_network()[0])
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=CACHE) as work:
        try:
            root = _fetch(release, Path(work))
        except (RunbookError, OSError, subprocess.SubprocessError) as error:
            _network().append(f"Debian's xl could not be fetched: {_reason(error)}")
            raise NotHere(_network()[0]) from None
        if not final.exists():  # another run may have been quicker
            root.rename(final)


def _fetch(release: str, work: Path) -> Path:
    """Download xl's package with all it needs, as apt resolves it for an empty system, and unpack it."""
    for folder in ("lists/partial", "cache/archives/partial", "root"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    lines = as_lines(own_sources(release))
    (work / "sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
    apt = ("apt-get", "-qq", *_options(work))
    wanted = (f"xen-utils-{releases.get(release).xen}", "libxen-dev")
    _run(*apt, "update")
    _run(*apt, "-y", "--no-install-recommends", "--download-only", "install", *wanted)
    for deb in sorted((work / "cache/archives").glob("*.deb")):
        if deb.name.startswith(("lib", *wanted)):
            _run("dpkg-deb", "-x", str(deb), str(work / "root"))
    return work / "root"


def _options(work: Path) -> list[str]:
    """Settings with which apt keeps all its state in one folder and needs no root."""
    settings = {
        "Dir::State::Lists": work / "lists",
        "Dir::State::status": work / "status",
        "Dir::State::extended_states": work / "extended",
        "Dir::Cache": work / "cache",
        "Dir::Etc::SourceList": work / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::Etc::PreferencesParts": "-",
        "Dir::Etc::Preferences": "-",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "",
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": "0",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, text=True, timeout=LIMIT_S)


def _reason(error: Exception) -> str:
    said = getattr(error, "stderr", None)
    if isinstance(said, str) and said.strip():
        return said.strip().splitlines()[-1]
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took more than {LIMIT_S} s"
    return str(error).splitlines()[0]
