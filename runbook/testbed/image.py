"""The base disk's cache: one finished disk for each recipe.

A build happens in a folder of its own that is renamed at its very end: what has the final name is whole.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from runbook.controller.apt_sources import mirror_options, own_sources
from runbook.testbed import disk
from runbook.testbed import recipe as recipes
from runbook.testbed.disk import Say
from runbook.testbed.errors import TestbedError
from runbook.testbed.recipe import Recipe

#: The file that names a machine's disks, in order.
DISKS = "disks"
#: The release of the machine that is meant when none is named.
RELEASE = "trixie"


@dataclass(frozen=True)
class Image:
    """A finished base disk and what is needed to log in to a machine that boots it."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def second(self) -> Path:
        """Where the system has two disks, the other one; most machines have an empty one in its place."""
        return self.folder / "second.qcow2"

    @property
    def disks(self) -> tuple[str, ...]:
        """The files of all its disks, where those are counted; () where an empty one may come beside them."""
        note = self.folder / DISKS
        return tuple(note.read_text().split()) if note.exists() else ()

    @property
    def identity(self) -> Path:
        """The private ssh key whose public half the disk's root user trusts."""
        return self.folder / "id_ed25519"

    @property
    def host_keys(self) -> list[str]:
        """The disk's own ssh host keys, `type base64`, for strict checking."""
        return [" ".join(line.split()[:2]) for line in (self.folder / "host_keys").read_text().splitlines()]


def default_recipe(release: str = RELEASE) -> Recipe:
    """That Debian from this machine's own package source."""
    return recipes.of_release(release, sources=own_sources(release), apt_options=mirror_options())


def image_key(recipe: Recipe) -> str:
    """The name of the recipe's disk in the cache; other packages, sizes, files or code: another name."""
    return recipe.key([Path(disk.__file__), Path(recipes.__file__)])


def base_image(state: Path, recipe: Recipe, say: Say) -> Image:
    """The base disk of `recipe` under `state`, built now unless a finished one is there."""
    final = state / f"base-{image_key(recipe)}"
    if (final / "disk.qcow2").is_file():
        return Image(final)
    for half in state.glob("building-*"):
        shutil.rmtree(half)
    work = state / f"building-{final.name}"
    work.mkdir(parents=True)
    _require_tools(work)
    disk.build(work, recipe, say)
    work.rename(final)
    return Image(final)


def _require_tools(work: Path) -> None:
    missing = [tool for tool in disk.TOOLS if not shutil.which(tool, path=disk.search_path())]
    if missing:
        raise TestbedError(
            "building the testbed's disk needs programs that are not here",
            where=str(work),
            why="missing: " + ", ".join(missing),
            next_move="install the testbed's packages with: make testbed-deps",
        )
