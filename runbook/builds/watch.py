"""Starting a build, watching it, coming back to it, ending it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runbook.builds import rights, root, store
from runbook.builds.errors import BuildFailed, StillBuilding
from runbook.builds.foreign import foreign
from runbook.builds.job import PHASE, Job
from runbook.builds.recipe import Recipe
from runbook.builds.store import Built
from runbook.controller.allowed import require
from runbook.errors import Refused

Say = Callable[[str], None]
_START_S = 60


def build(recipe: Recipe, say: Say, *, jobs: int | None = None, every_s: float = 1.0) -> Built:
    """Return the finished build: the kept one, or the one that runs already, or a new one.

    `say` gets a line of progress every `every_s` seconds. `jobs` is the number of compilers at once,
    by default one more than there are processors.

    Raises `ConsentMissing` for a source from outside Debian that the operator did not allow, `Refused` when it cannot be started here, `BuildFailed` when it fails, and
    `StillBuilding` when Ctrl-C ended the watching; the build then goes on.
    """
    folder = store.folder_of(recipe)
    if built := store.load(folder):
        return built
    while (folder / store.MANIFEST).exists() and Job.of(folder):
        time.sleep(0.1)  # it made something that was altered since, and still throws its root away
    if not Job.of(folder):
        require(foreign(recipe))
        check(recipe, folder)
        _start(recipe, folder, jobs or (os.cpu_count() or 1) + 1)
    try:
        _watch(folder, say, every_s)
    except KeyboardInterrupt:
        raise StillBuilding(
            f"You stopped watching; {recipe.name} is still being built",
            where=str(folder),
            why="it is done by a process of its own",
            do="run the same again to watch it; `runbook build … --stop` ends it",
        ) from None
    return _result(recipe, folder)


def kept(recipe: Recipe) -> Built | None:
    """Return what was built of a recipe before; None when there is nothing whole."""
    return store.load(store.folder_of(recipe))


def running(recipe: Recipe) -> Job | None:
    """Return the process that builds a recipe now, None when there is none."""
    return Job.of(store.folder_of(recipe))


def stop(recipe: Recipe) -> bool:
    """End the process that builds a recipe, and throw away what it began. False when there was none."""
    folder = store.folder_of(recipe)
    job = Job.of(folder)
    if job:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, how)
            until = time.monotonic() + 10
            while job.is_alive() and time.monotonic() < until:
                time.sleep(0.1)
    if not store.load(folder):
        rights.remove(folder / "work")
        shutil.rmtree(folder, ignore_errors=True)
    return job is not None


def check(recipe: Recipe, folder: Path) -> None:
    """Find before hours are spent what would stop the build. Raises `Refused` or `BuildFailed`."""
    lacking = sorted({package for tool, package in root.TOOLS.items() if not shutil.which(tool)})
    if lacking:
        raise Refused(
            f"Building {recipe.name} needs programs that the controller does not have",
            why=f"it lacks {', '.join(lacking)}",
            do=f"run `apt-get install {' '.join(lacking)}` on the controller",
        )
    rights.require()
    _room(recipe, folder)
    for source in recipe.sources:
        _compare(recipe, source.path, source.sha256)


def _room(recipe: Recipe, folder: Path) -> None:
    existing = next(f for f in (folder, *folder.parents) if f.is_dir())
    free = shutil.disk_usage(existing).free // 2**20
    if free < recipe.needs_mib:
        raise Refused(
            f"There is not enough room to build {recipe.name}",
            where=str(existing),
            why=f"{free} MiB are free, and it needs {recipe.needs_mib} MiB at its height",
            do="free some, or let RUNBOOK_BUILDS_DIR name a folder on a larger disk",
        )


def _compare(recipe: Recipe, path: str, wanted: str) -> None:
    if not Path(path).is_file():
        raise Refused(
            f"The source {path} is not there",
            where="the controller",
            why=f"the recipe of {recipe.name} is made from it",
            do="correct the path in the parameters, or fetch the file",
        )
    found = store.sha256(Path(path))
    if found != wanted.lower():
        raise Refused(
            f"{path} is not the file that it should be",
            where="the controller",
            why=f"its SHA-256 is {found}, and the parameters say {wanted}",
            do="fetch it again, and compare the checksum with the one its authors publish (H406)",
        )


def _start(recipe: Recipe, folder: Path, jobs: int) -> None:
    """Start the process unless somebody else just did, or has ended meanwhile; return when it is known by its number."""
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder):
        if Job.of(folder) or store.load(folder):
            return
        bootstrap = root.bootstrap(recipe, folder / "work")
        for name in ("failed.json", "job.json", store.MANIFEST):
            (folder / name).unlink(missing_ok=True)
        (folder / "bootstrap.json").write_text(json.dumps(bootstrap), encoding="utf-8")
        (folder / "recipe.json").write_text(recipe.to_json(), encoding="utf-8")
        with (folder / "log").open("w", encoding="utf-8") as log:
            # Nobody's child and in a session of its own: no lost terminal or ended runbook ends it.
            subprocess.run(
                ["setsid", "--fork", sys.executable, "-m", "runbook.builds", str(folder), str(jobs)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=True,
            )
        until = time.monotonic() + _START_S
        while not (folder / "job.json").exists():
            if time.monotonic() > until:
                raise BuildFailed(
                    "The building process did not start",
                    where=str(folder / "log"),
                    why=_log(folder).strip() or f"nothing was heard of it for {_START_S} s",
                    do="correct what it names, then run again",
                )
            time.sleep(0.05)


def _watch(folder: Path, say: Say, every_s: float) -> None:
    last = ""
    while (job := Job.of(folder)) and not (folder / store.MANIFEST).exists():
        if (text := progress(_log(folder), job.seconds())) != last:
            say(text)
            last = text
        until = time.monotonic() + every_s
        while time.monotonic() < until and job.is_alive():
            time.sleep(min(0.2, every_s))


def progress(log: str, seconds: float) -> str:
    """Return one line about a running build: its phase, how far, how long, and the last that it said.

    >>> progress("== building\\n  CC      init/main.o\\n  CC      fs/open.o\\n", 75)
    'building: 2 lines, 1:15, CC fs/open.o'
    """
    phase, _, rest = f"\n{log}".rpartition(f"\n{PHASE}")[2].partition("\n")
    lines = [line for line in rest.splitlines() if line.strip()]
    last = " ".join(lines[-1].split())[:90] if lines else "…"
    return f"{phase or 'starting'}: {len(lines)} lines, {clock(seconds)}, {last}"


def clock(seconds: float) -> str:
    """Return a length of time as people read it.

    >>> clock(75), clock(3725)
    ('1:15', '1:02:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _result(recipe: Recipe, folder: Path) -> Built:
    if built := store.load(folder):
        return built
    try:
        told = json.loads((folder / "failed.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BuildFailed(
            f"The process that built {recipe.name} is gone",
            where=str(folder / "log"),
            why="it was ended from outside, or this machine was restarted; the log ends with: "
            + (_log(folder).strip().splitlines() or ["nothing"])[-1],
            do="run the same again: it starts anew",
        ) from None
    raise BuildFailed(told["what"], where=told["where"], why=told["why"], do=told["do"])


def _log(folder: Path) -> str:
    try:
        return (folder / "log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
