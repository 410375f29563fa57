"""Debian packages of the release to be installed, fetched by the controller's own apt and checked by it.

apt works in a folder of its own here: the controller's packages and lists are not touched, and no root is needed.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from runbook.controller.apt_sources import KEYRING, AptSource
from runbook.errors import RunbookError

TIMEOUT_S = 1800


class Archive:
    """The packages of one release, and the installer's own components (udebs)."""

    def __init__(self, folder: Path, sources: Sequence[AptSource]) -> None:
        self.folder = folder.absolute()
        self.sources = tuple(sources)

    def update(self, otherwise: str = "") -> str:
        """Fetch what there is; return the suite of the installer's components, '' for the release's own.

        A mirror that is being brought up to date may have their index whole under the release's other
        name only (`otherwise`, such as `stable`): then they come from there, if it is the same release.
        Raises `RunbookError` with apt's words about the first name.
        """
        for name in ("state/lists/partial", "cache/archives/partial", "packages"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        try:
            self._fetch("")
        except RunbookError as error:
            if not otherwise:
                raise
            try:
                self._fetch(otherwise)
            except RunbookError:
                raise error from None
            if not self._are_one(otherwise):
                raise
        else:
            return ""
        return otherwise

    def _fetch(self, components_of: str) -> None:
        (self.folder / "sources.list").write_text("\n".join(lines(self.sources, components_of)) + "\n")
        self._apt("fetch the package lists", "apt-get", "update", "-q", "--error-on=any")

    def _are_one(self, other: str) -> bool:
        """Whether every list that came under the other name calls itself by the release's own."""
        own = {suite for source in self.sources for suite in source.suites}
        found = list((self.folder / "state/lists").glob(f"*_dists_{other}_*Release"))
        names = [re.search(r"^Codename: (\S+)$", file.read_text(), re.MULTILINE) for file in found]
        return bool(names) and all(name is not None and name[1] in own for name in names)

    def package(self, name: str) -> Path:
        """Return the file of a package, fetched now or before. Raises `RunbookError` when it cannot be had."""
        found = self._apt(f"find {name}", "apt-get", "download", "--print-uris", "-q", name)
        file = self.folder / "packages" / found.split()[1]  # 'ADDRESS' FILE SIZE CHECKSUM
        if not file.is_file():
            self._apt(f"fetch {name}", "apt-get", "download", "-q", name, folder=file.parent)
        return file

    def has(self, name: str) -> bool:
        """Whether a package can really be fetched: a mirror may list what it does not carry."""
        try:
            self.package(name)
        except RunbookError:
            return False
        return True

    def about(self, pattern: str) -> list[dict[str, str]]:
        """Return the fields of every package whose name has `pattern` (a regular expression of apt)."""
        names = self._apt("look at the lists", "apt-cache", "pkgnames").split()
        wanted = [name for name in names if re.fullmatch(pattern, name)]
        if not wanted:
            return []
        text = self._apt("look at packages", "apt-cache", "show", "--no-all-versions", *sorted(wanted))
        return [fields(stanza) for stanza in text.split("\n\n") if stanza.strip()]

    def _apt(self, what: str, *argv: str, folder: Path | None = None) -> str:
        program, *args = argv
        done = subprocess.run(
            [program, *self._options(), *args],
            cwd=folder or self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise RunbookError(
                f"The controller's apt could not {what}",
                where=str(self.folder / "sources.list"),
                why=(done.stderr.strip() or done.stdout.strip())[-1500:],
                do="see whether that source is right and reachable; installation.mirror names another",
            )
        return done.stdout

    def _options(self) -> list[str]:
        places = {
            "Dir::Etc::sourcelist": self.folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": self.folder / "state",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "Dir::Cache::pkgcache": "pkgcache.bin",
            "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
        }
        return [word for name, value in places.items() for word in ("-o", f"{name}={value}")]


def lines(sources: Sequence[AptSource], components_of: str = "") -> list[str]:
    """Return sources.list(5) lines with the installer's components beside the packages.

    `components_of` is the suite that these come from instead of the release's own.
    """
    found = []
    for source in sources:
        for uri in source.uris:
            for suite in source.suites:
                head = f"deb [arch=amd64 signed-by={KEYRING}] {uri}"
                found.append(f"{head} {suite} {' '.join(source.components)}")
                if "-" not in suite:
                    found.append(f"{head} {components_of or suite} main/debian-installer")
    return found


def fields(stanza: str) -> dict[str, str]:
    """Return the fields of one stanza of `apt-cache show` (deb-control(5)), the first line of each.

    >>> fields("Package: anna\\nVersion: 1.99\\nDescription: fetch\\n components")
    {'Package': 'anna', 'Version': '1.99', 'Description': 'fetch'}
    """
    pairs = (line.partition(":") for line in stanza.splitlines() if line[:1] not in (" ", "\t", ""))
    return {name: value.strip() for name, _, value in pairs}


def contents(package: Path) -> tarfile.TarFile:
    """Return the files of a package as a tar archive (dpkg-deb(1)); names begin with `./`."""
    done = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        raise RunbookError(
            f"{package.name} cannot be unpacked",
            where=str(package),
            why=done.stderr.decode(errors="replace").strip(),
            do="delete it; it is fetched again",
        )
    return tarfile.open(fileobj=BytesIO(done.stdout))
