"""The clean root: a minimal Debian of the target's release, made for one build and thrown away.

Everything that runs in it has a process and a mount namespace of its own, so that an end of the
job ends all of it and a removal of the folder can never reach through a mount.
"""

from __future__ import annotations

from pathlib import Path

from runbook.apt_sources import as_lines, mirror_options, own_sources
from runbook.builds.errors import BuildFailed
from runbook.builds.recipe import WORK, Recipe
from runbook.errors import RunbookError

#: Programs of the controller, each with the Debian package that brings it.
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "chroot": "coreutils",
}

# The first word keeps a killed job from leaving anything behind: its end ends what it started.
_ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
_ENTER = 'set -e; mount --rbind /dev "$0/dev"; mount -t proc proc "$0/proc"; exec chroot "$0" "$@"'


def bootstrap(recipe: Recipe, root: Path) -> list[str]:
    """Return the command that makes the root, from this machine's own package sources.

    Raises `BuildFailed` when this machine has no Debian sources to take it from.
    """
    try:
        lines = as_lines(own_sources(recipe.release))
    except RunbookError as error:
        raise BuildFailed(error.what, where=error.where, why=error.why, do=error.do) from None
    if recipe.source_packages:
        lines += [line.replace("deb ", "deb-src ", 1) for line in lines]
    options = [f'--aptopt={name} "{value}"' for name, value in mirror_options()]
    include = [f"--include={','.join(recipe.packages)}"] if recipe.packages else []
    shape = ("--mode=root", "--variant=minbase", "--format=directory", "--skip=cleanup/apt/lists")
    # Nobody reads manuals in it, and a power failure only means to begin again.
    options += [f"--dpkgopt={x}" for x in ("force-unsafe-io", "path-exclude=/usr/share/man/*")]
    words = ["mmdebstrap", *shape, *options, *include]
    return [*_ALONE, "--mount-proc", *words, recipe.release, str(root), *lines]


def enter(root: Path, recipe: Recipe, script: str, *, network: bool, jobs: int) -> list[str]:
    """Return the command that runs a script in the root, with a network or without any."""
    environment = [
        f"JOBS={jobs}",
        f"RECIPE={recipe.digest()}",
        "HOME=/root",
        "LC_ALL=C.UTF-8",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND=noninteractive",
    ]
    inside = ["env", "-i", *environment, "sh", "-euc", f"cd {WORK}\n{script}"]
    return [*_ALONE, *([] if network else ["--net"]), "sh", "-c", _ENTER, str(root), *inside]


def furnish(recipe: Recipe, root: Path) -> None:
    """Make the recipe's folders and small files in the root, and let it find names as this machine does."""
    work = root / WORK.lstrip("/")
    for name in ("out", "sources", "files"):
        (work / name).mkdir(parents=True)
    for name, content in recipe.files:
        (work / "files" / name).write_text(content, encoding="utf-8")
    resolv = root / "etc/resolv.conf"
    resolv.unlink(missing_ok=True)
    resolv.write_text(Path("/etc/resolv.conf").read_text(encoding="utf-8"), encoding="utf-8")
