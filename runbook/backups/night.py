"""What the host does about backups by its own timers: `python3 -m runbook.backups.night make|boot|fetch NAME`.

The host runs this very file, with those that it imports and Python's own library. What to do stands in two files that
the runbook writes: how (`backups.json`), and what may be deleted (`keep.json`), without which nothing ever is. How it
went stands in `night.json`, guest by guest: one that fails keeps no other from its backup, and loses none of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from runbook.backups import boot_test, keeping, names, night_second
from runbook.backups.boot_test import Trial, Unable
from runbook.backups.called import run
from runbook.backups.keeping import Rules
from runbook.backups.night_second import tried
from runbook.backups.night_store import Folder, write
from runbook.backups.second import Place, Trouble

Json = dict[str, Any]


class Night:
    """One run of a timer: what was asked for, and how it went."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        self.root, self.clock = root, clock
        self.orders: Json = json.loads((root / "etc/xen-runbook/backups.json").read_text(encoding="utf-8"))
        self.state = root / "var/lib/xen-runbook/backups"
        self.folder = Folder(Path(self.orders["folder"]), self.state)
        self.guests: list[Json] = self.orders["guests"]
        self.report = _json(self.state / "night.json")

    @property
    def keep(self) -> Json:
        """What may be deleted, as it was agreed to; {} for nothing."""
        agreed = _json(self.root / "etc/xen-runbook/keep.json")
        return agreed if agreed.get("folder") == self.orders["folder"] else {}

    def make(self) -> int:
        """Make, verify, copy and thin out the backups of each guest in its turn; return how many things failed."""
        row: Json = {"began": int(self.clock()), "guests": {}, "second": None}
        for guest in self.guests:
            row["guests"][guest["name"]] = tried(guest["name"], partial(self._one, guest))
        if self.orders.get("second"):
            row["second"] = tried("the second place", self._copy)
        return self._end("make", row, [*row["guests"].values(), row["second"] or {}])

    def boot(self) -> int:
        """Start the newest verified backup of each guest on trial; return how many did not start, or could not be tried."""
        row: Json = {
            "began": int(self.clock()),
            "guests": {
                g["name"]: tried(g["name"], partial(self._boot, g)) for g in self.guests if g.get("trial")
            },
        }
        return self._end("boot", row, [*row["guests"].values()])

    def fetch(self, name: str) -> None:
        """Bring a backup back from the second place. Raises `Trouble`."""
        place = self._place()
        place.open(self.folder.place)
        with locked(self.root, "xen-runbook-backup"):
            place.fetch(self.folder, name)

    def _one(self, guest: Json) -> Json:
        name, before = guest["name"], {b.name for b in self.folder.of(guest["name"])}
        still = guest.get("still", [])
        if why := self._program(
            "make",
            name,
            guest["volume"],
            self.orders["folder"],
            self.orders["content"],
            self.orders["source"],
            *still,
        ):
            return {"error": why}
        wrong = ""
        for backup in [b for b in self.folder.of(name) if b.is_verified is None]:
            if why := self._program("verify", self.orders["folder"], backup.name):
                wrong = wrong or why
        if wrong:
            return {"error": wrong}
        new = [b for b in self.folder.of(name) if b.name not in before and b.is_verified]
        if not new:
            return {"error": f"no new backup of {name} is there, although its making did not fail"}
        gone = self._thin(name)
        return {"made": new[-1].name, "dropped": gone}

    def _thin(self, guest: str) -> list[str]:
        """Remove what the rules that were agreed to let go, and return the names."""
        if not self.keep.get("rules") or guest not in self.keep.get("guests", ()):
            return []
        with locked(self.root, "xen-runbook-backup"):
            gone = keeping.dropped(self.folder.of(guest), Rules(**self.keep["rules"]), int(self.clock()))
            for name in gone:
                self.folder.remove(name)
        return list(gone)

    def _place(self) -> Place:
        orders = self.orders.get("second")
        if not orders:
            raise Trouble("there is no second place (management.backups.second)")
        return Place(orders["repository"], self.root / orders["key"].lstrip("/"), self.state / "second.id",
                     self.root / "var/cache/xen-runbook/restic", orders.get("limit_kib_s"))  # fmt: skip

    def _copy(self) -> Json:
        return night_second.copy(self._place(), self.folder, [g["name"] for g in self.guests], self.keep, int(self.clock()))  # fmt: skip

    def _boot(self, guest: Json) -> Json:
        good = [b for b in self.folder.of(guest["name"]) if b.is_verified]
        if not good:
            return {"error": f"there is no verified backup of {guest['name']} to start"}
        name, trial = good[-1].name, guest["trial"]
        program = str(self.root / "usr/local/lib/xen-runbook/backup")
        try:
            is_up, seen = Trial(trial["group"], trial["pool"], trial["config"], program, trial["wait_s"]).run(
                self.folder.place, name, int(self.folder.sidecar(name)["size_bytes"])
            )
        except Unable as unable:
            return {"name": name, "booted": "untried", "error": str(unable)}
        self.folder.write_note(name, "booted", f"{is_up} {_date(self.clock())} {seen}\n")
        row = {"name": name, "booted": is_up, "seen": seen}
        return row if is_up == "yes" else row | {"error": f"{name} was started on trial: {seen}"}

    def _program(self, *args: str) -> str:
        """Run the program that makes and reads backups; return the last it said when it failed, '' when it did not."""
        done = run([str(self.root / "usr/local/lib/xen-runbook/backup"), *args], is_one_stream=True)
        sys.stdout.write(done.stdout)
        lines = [
            line for line in done.stdout.splitlines() if line.startswith("backup: ")
        ] or done.stdout.splitlines()
        return (
            (lines[-1] if lines else f"{args[0]} ended with {done.returncode}")[:500]
            if done.returncode
            else ""
        )

    def _end(self, kind: str, row: Json, parts: list[Json]) -> int:
        row["ended"] = int(self.clock())
        failed = [part["error"] for part in parts if part.get("error")]
        row["errors"] = failed
        write(self.state / "night.json", json.dumps({"format": 1, **self.report, kind: row}, indent=1) + "\n")
        for why in failed:
            sys.stderr.write(f"night: {why}\n")
        return len(failed)


@contextmanager
def locked(root: Path, name: str) -> Iterator[None]:
    """Hold a lock of the host for a while. Raises `Trouble` when somebody else has it."""
    path = root / "run/lock" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Trouble(
                "another backup, restore or trial is at work on this host; nothing was begun"
            ) from None
        yield


def _json(path: Path) -> Json:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _date(clock: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock))


def _end(number: int, _frame: object) -> None:
    """End as after an error: what runs on trial is thrown away first, and a second signal does not disturb that."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main(args: list[str]) -> int:
    """Do what a timer, or a person, says; return the exit status: 0 done, 1 something failed, 2 usage, 3 not begun."""
    os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin"
    os.umask(0o077)
    signal.signal(signal.SIGTERM, _end)
    root = Path(os.environ.get("BACKUP_ROOT", "/"))
    try:
        with locked(root, "xen-runbook-night"):
            night = Night(root)
            if args == ["make"]:
                return min(night.make(), 1)
            if args == ["boot"]:
                return min(night.boot(), 1)
            if args[:1] == ["fetch"] and len(args) == 2 and names.is_name(args[1]):
                night.fetch(args[1])
                return 0
    except Trouble as trouble:
        sys.stderr.write(f"night: {trouble}\n")
        return 3
    except OSError as error:
        sys.stderr.write(f"night: {error}\n")
        return 1
    sys.stderr.write(f"usage: night make | boot | fetch NAME ({boot_test.NAME})\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
