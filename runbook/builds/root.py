"""The clean root: a minimal Debian of the target's release, made for one build and thrown away.

Everything that runs in it is root of a user namespace and nobody outside (`runbook.builds.rights`), sees
nothing of this machine, and ends with the job.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from runbook.builds import rights, room
from runbook.builds.errors import BuildFailed
from runbook.builds.recipe import WORK, Recipe
from runbook.controller.apt_sources import AptSource, as_lines, mirror_options, own_sources
from runbook.errors import RunbookError

#: Programs of the controller, each with the Debian package that brings it.
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "newuidmap": "uidmap",
    "getsubids": "uidmap",
}
_FURNISH = f"""\
mkdir -p {WORK}/out {WORK}/sources
cp -r /{room.MOUNTED}/files {WORK}/files
cp /{room.MOUNTED}/sources/* {WORK}/sources/ 2>/dev/null || [ -z "$(ls /{room.MOUNTED}/sources)" ]
rm -f /etc/resolv.conf
cp /{room.MOUNTED}/resolv.conf /etc/resolv.conf
"""


def bootstrap(recipe: Recipe, work: Path) -> list[str]:
    """Return the command that makes the root, from the recipe's mirror or this machine's own package sources.

    Raises `BuildFailed` when this machine has no Debian sources to take it from.
    """
    try:
        lines = as_lines(_from(recipe.mirror, recipe.release) or own_sources(recipe.release))
    except RunbookError as error:
        raise BuildFailed(error.what, where=error.where, why=error.why, do=error.do) from None
    if recipe.source_packages:
        lines += [line.replace("deb ", "deb-src ", 1) for line in lines]
    options = [f'--aptopt={name} "{value}"' for name, value in mirror_options()]
    include = [f"--include={','.join(recipe.packages)}"] if recipe.packages else []
    # As root of its namespace mmdebstrap is root enough; it has no network namespace, and so no /sys, of its own.
    shape = ("--mode=root", "--variant=minbase", "--format=directory", "--skip=cleanup/apt/lists")
    options += ["--skip=chroot/mount/sys"]
    # Nobody reads manuals in it, and a power failure only means to begin again.
    options += [f"--dpkgopt={x}" for x in ("force-unsafe-io", "path-exclude=/usr/share/man/*")]
    argv = ["mmdebstrap", *shape, *options, *include, recipe.release, f"/{room.MOUNTED}/root", *lines]
    return rights.enter(work, "house", *argv, network=True)


def _from(mirror: str, release: str) -> tuple[AptSource, ...]:
    """Return a mirror as sources, () for none. It need not have the security updates, whose place is another."""
    return (AptSource((mirror,), (release, f"{release}-updates"), ("main",)),) if mirror else ()


def enter(work: Path, recipe: Recipe, script: str, *, network: bool, jobs: int) -> list[str]:
    """Return the command that runs a script in the root, with a network or without any."""
    environment = [
        f"JOBS={jobs}",
        f"RECIPE={recipe.digest()}",
        "HOME=/root",
        "LC_ALL=C.UTF-8",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND=noninteractive",
    ]
    inside = ["/usr/bin/env", "-i", *environment, "sh", "-euc", script]
    return rights.enter(work, "root", *inside, network=network)


def furnish(recipe: Recipe, work: Path, jobs: int) -> list[str]:
    """Lay out what the recipe gives into the root, and return the command that puts it there.

    Its folders, small files and sources; and what lets the root find names as this machine does.
    """
    given = work / room.GIVEN
    for name in ("sources", "files"):
        (given / name).mkdir()
    for name, content in recipe.files:
        (given / "files" / name).write_text(content, encoding="utf-8")
    for source in recipe.sources:
        shutil.copyfile(source.path, given / "sources" / source.name)
    (given / "resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
    for path in (given, *given.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return enter(work, recipe, _FURNISH, network=False, jobs=jobs)


def script(text: str) -> str:
    """Return a recipe's script as it is run: in its folder.

    >>> script("make")
    'cd /build\\nmake'
    """
    return f"cd {WORK}\n{text}"
