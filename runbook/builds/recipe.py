"""What is built, from what, in which clean root: values whose digest names the result."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

#: Inside the clean root: where a recipe works, and where it leaves what is kept.
WORK = "/build"
OUT = "/build/out"


@dataclass(frozen=True)
class Source:
    """A file of the controller that goes into the root, such as a tarball from outside Debian.

    It is compared with its checksum before anything is started.
    """

    name: str
    """Its name in /build/sources."""
    path: str
    """Where it is on the controller."""
    sha256: str


@dataclass(frozen=True)
class Recipe:
    """One build. Two recipes with the same digest make the same thing, so it is made once.

    Both scripts are POSIX sh, run as root under `set -eu` in /build of a clean root, with JOBS (how
    many compilers at once) and RECIPE (its digest) in the environment.
    """

    name: str
    """What it makes, such as `kernel`; with the digest it is the name of the folder that is kept."""
    release: str
    """The Debian release of the root, and of the hosts that the result is for."""
    packages: tuple[str, ...]
    """Debian packages of the root, beside a minimal Debian."""
    script: str
    """Builds, without a network, and leaves everything that is kept in /build/out."""
    fetch: str = ""
    """Runs before `script`, with a network, and leaves the sources as files in /build/sources."""
    files: tuple[tuple[str, str], ...] = ()
    """Small texts for the scripts: name → content, in /build/files."""
    sources: tuple[Source, ...] = ()
    """Files of the controller for the scripts, in /build/sources."""
    checksums: tuple[tuple[str, str], ...] = ()
    """SHA-256 that a fetched source must have, by its name in /build/sources; others are only noted."""
    source_packages: bool = False
    """Let apt in the root know source packages too, for `apt-get source` in `fetch`."""
    mirror: str = ""
    """The Debian mirror that the root is made from; '' is this machine's own sources."""
    results: tuple[str, ...] = ("*.deb",)
    """Patterns in /build/out, each of which must match when the script has ended."""
    needs_mib: int = 8192
    """Free room that the controller needs while it is built."""

    def digest(self) -> str:
        """Return 12 hex digits that change whenever something changes that the result depends on."""
        matters = asdict(self)
        del matters["needs_mib"]
        if not self.mirror:
            del matters["mirror"]  # whence this machine has its packages says nothing of what they are
        matters["sources"] = [(s.name, s.sha256) for s in self.sources]
        return hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def key(self) -> str:
        """The recipe's name with its digest, such as `kernel-0123456789ab`."""
        return f"{self.name}-{self.digest()}"

    def to_json(self) -> str:
        """Return the recipe as text that `from_json` reads again."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Return the recipe that was written by `to_json`."""
        values: dict[str, Any] = json.loads(text)
        pairs = {key: tuple((n, t) for n, t in values[key]) for key in ("files", "checksums")}
        lists = {key: tuple(values[key]) for key in ("packages", "results")}
        sources = tuple(Source(**source) for source in values["sources"])
        return cls(**{**values, **pairs, **lists, "sources": sources})
