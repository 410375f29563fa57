"""What was built on the controller and copied to the host, and whether all of it is still there."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

ROOM = "/var/cache/xen-runbook"
"""Where builds are copied to on the host: a folder for each name."""


@dataclass(frozen=True)
class Package:
    """One .deb file of a delivery."""

    file: str
    """Its path on the host."""
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Delivery:
    """What lies in a build's folder on the host; empty when there is nothing, or not all of it."""

    recipe: str
    """The key of the recipe that it was built by, such as `kernel-0123456789ab`; '' for nothing."""
    packages: tuple[Package, ...]

    def named(self, start: str) -> Package | None:
        """Return the package whose name begins with `start`, None when there is none."""
        return next((p for p in self.packages if p.name.startswith(start)), None)


def folder(name: str) -> str:
    """Return the host's folder for the builds of one name, such as `kernel`."""
    return f"{ROOM}/{name}"


def commands(name: str) -> tuple[Ask, ...]:
    """Return the questions about the builds of one name."""
    here = shlex.quote(folder(name))
    return (
        Ask.read(f"{folder(name)}/manifest.json"),
        Ask.shell(f"find {here} -maxdepth 1 -name '*.deb' -printf '%s %f\\n' 2>/dev/null; true"),
    )


def parse(facts: Facts, name: str) -> Delivery:
    """Return the delivery of the facts.

    >>> package("/x/linux-image-6.12.9-xenhost_6.12.9-1+0123_amd64.deb", "ab")[1:3]
    ('linux-image-6.12.9-xenhost', '6.12.9-1+0123')
    """
    manifest, listing = commands(name)
    there = set(facts[listing].out.splitlines())
    try:
        told = json.loads(facts.text(manifest.argv[0]) or "{}")
        files = [(str(f["name"]), int(f["size"]), str(f["sha256"])) for f in told.get("files", [])]
    except (ValueError, KeyError, TypeError):
        return Delivery("", ())
    debs = [file for file in files if file[0].endswith(".deb")]
    if any(f"{size} {file}" not in there for file, size, _ in debs):
        return Delivery("", ())
    found = tuple(Package(*package(f"{folder(name)}/{file}", sha)) for file, _, sha in debs)
    return Delivery(str(told.get("recipe", "")), found)


def files(name: str) -> tuple[Ask, ...]:
    """Return the questions about a build that is no package: its manifest, and what of it is there."""
    here = shlex.quote(folder(name))
    return (
        Ask.read(f"{folder(name)}/manifest.json"),
        Ask.shell(f"find {here} -maxdepth 1 -type f -printf '%s %f\\n' 2>/dev/null; true"),
    )


def is_whole(facts: Facts, name: str, recipe: str) -> bool:
    """Return whether all files of a recipe's delivery, by its key, are in the folder of a name, each as large as it was."""
    manifest, listing = files(name)
    there = set(facts[listing].out.splitlines())
    try:
        told = json.loads(facts.text(manifest.argv[0]) or "{}")
        wanted = {f"{int(file['size'])} {file['name']}" for file in told["files"]}
    except (ValueError, KeyError, TypeError):
        return False
    return told.get("recipe") == recipe and wanted <= there


def package(path: str, sha256: str) -> tuple[str, str, str, str]:
    """Return path, name, version and checksum of a .deb file, from its file name (deb-name in dpkg-name(1))."""
    name, version, _ = path.rpartition("/")[2].removesuffix(".deb").split("_", 2)
    return path, name, version, sha256
