"""The process that builds: on its own, below everything else in priority, with its state in files.

Started by `runbook.builds.watch` as `python -m runbook.builds FOLDER JOBS`; the folder has
recipe.json, and bootstrap.json with the command that makes the root.
It leaves `log`, and at the end either the packages with a manifest or `failed.json`.
"""

from __future__ import annotations

import fnmatch
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from runbook.builds import results, rights, room, root, store
from runbook.builds.errors import BuildFailed
from runbook.builds.recipe import WORK, Recipe
from runbook.controller.process import start_ticks

PHASE = "== "
ROOT = Path("work") / room.PLACE / "root"
"""The clean root, in the folder of its build."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Job:
    """A building process, known by more than its number: numbers are used again."""

    pid: int
    started: int
    """Its start in clock ticks since the machine's start."""
    boot_id: str

    def is_alive(self) -> bool:
        """Whether exactly this process still runs."""
        return self.boot_id == _boot_id() and start_ticks(self.pid) == self.started

    def seconds(self) -> float:
        """Return how long it has been running. The clock on the wall may be set meanwhile, this one not."""
        since_start = float(Path("/proc/uptime").read_text().split()[0])
        return max(0.0, since_start - self.started / os.sysconf("SC_CLK_TCK"))

    @classmethod
    def of(cls, folder: Path) -> Job | None:
        """Return the process that builds in a folder now, None when there is none."""
        try:
            told = json.loads((folder / "job.json").read_text(encoding="utf-8"))
            job = cls(told["pid"], told["started"], told["boot_id"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
        return job if job.is_alive() else None


def main(folder: Path, jobs: int) -> int:
    """Build what the folder's recipe says; return the exit status."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.nice(10)
    me = Job(os.getpid(), start_ticks(os.getpid()) or 0, _boot_id())
    store.write_whole(folder / "job.json", json.dumps(asdict(me)) + "\n")
    recipe = Recipe.from_json((folder / "recipe.json").read_text(encoding="utf-8"))
    try:
        _build(recipe, folder, jobs, me)
    except BuildFailed as error:
        _say(f"failed: {error.what}")
        told = {"what": error.what, "where": error.where, "why": error.why, "do": error.do}
        store.write_whole(folder / "failed.json", json.dumps(told, indent=1) + "\n")
        return 1
    return 0


def _build(recipe: Recipe, folder: Path, jobs: int, me: Job) -> None:
    work = folder / "work"
    rights.remove(work)
    rights.lay_out(work)
    bootstrap = json.loads((folder / "bootstrap.json").read_text(encoding="utf-8"))
    _phase(folder, f"making a clean root of Debian {recipe.release}", bootstrap)
    _phase(folder, "putting the recipe in", root.furnish(recipe, work, jobs))
    if recipe.fetch:
        fetch = root.enter(work, recipe, root.script(recipe.fetch), network=True, jobs=jobs)
        _phase(folder, "fetching the sources", fetch)
    with results.opened(folder / ROOT, WORK, "sources") as sources:
        from_what = compared(recipe, sources.described())
    script = root.script(recipe.script)
    _phase(folder, "building", root.enter(work, recipe, script, network=False, jobs=jobs))
    with results.opened(folder / ROOT, WORK, "out") as out:
        _must_have_made(recipe, out.names, folder)
        out.copy(folder, most_mib=recipe.needs_mib)
    store.save(folder, recipe, from_what, me.seconds())
    _say("throwing the root away")
    rights.remove(work)


def _must_have_made(recipe: Recipe, names: tuple[str, ...], folder: Path) -> None:
    missing = [pattern for pattern in recipe.results if not fnmatch.filter(names, pattern)]
    if missing:
        raise BuildFailed(
            f"The build of {recipe.name} ended well and made no {' and no '.join(missing)}",
            where=str(folder / "log"),
            why=f"there is: {', '.join(names) or 'nothing'}",
            do="see in the log where it went instead",
        )


def compared(recipe: Recipe, found: tuple[store.Deb, ...]) -> tuple[store.Deb, ...]:
    """Return the sources that were found. Raises `BuildFailed` for one that is not what it should be."""
    wanted = {**dict(recipe.checksums), **{s.name: s.sha256 for s in recipe.sources}}
    for source in found:
        if source.sha256 != wanted.get(source.name, source.sha256):
            raise BuildFailed(
                f"{source.name} is not the file that it should be",
                where=recipe.name,
                why=f"its SHA-256 is {source.sha256}, and the recipe says {wanted[source.name]}",
                do="fetch it again, and compare the checksum with the one its authors publish (H406)",
            )
    lost = sorted(set(wanted) - {source.name for source in found})
    if lost:
        raise BuildFailed(f"The source {lost[0]} was not fetched", do="see the log")
    return found


def _phase(folder: Path, what: str, argv: list[str]) -> None:
    _say(what)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, cwd="/", check=False)
    if done.returncode:
        text = (folder / "log").read_text(encoding="utf-8", errors="replace")
        raise BuildFailed(
            f"{what[0].upper()}{what[1:]} failed (exit {done.returncode})",
            where=str(folder / "log"),
            why="\n" + culprits(text),
            do=f"the root is kept in {folder / ROOT}; the next try starts clean",
        )


def culprits(text: str, most: int = 12) -> str:
    """Return the lines of the last phase that name an error, else its last lines.

    With several compilers at once the error is seldom at the end.

    >>> culprits("== building\\n CC a.o\\na.c:1: error: no ;\\n CC b.o\\nmake: *** [a.o] Error 1")
    'a.c:1: error: no ;\\nmake: *** [a.o] Error 1'
    """
    phase = text.rpartition(f"\n{PHASE}")[2].splitlines()[1:] if f"\n{PHASE}" in text else text.splitlines()
    marks = ("error:", "error,", "*** ", "E: ", "No space left")
    named = [line for line in phase if any(mark in line for mark in marks)]
    return "\n".join((named or phase)[-most:])


def _say(what: str) -> None:
    print(f"{PHASE}{what}", flush=True)


def _boot_id() -> str:
    return _BOOT_ID.read_text().strip()
