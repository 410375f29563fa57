"""What the host does by its timers, run for real on plain files; Xen, LVM and restic are faked, breakdowns provoked."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runbook.backups import schedule
from tests.backups.host import HERE, MIB, Host

pytestmark = pytest.mark.skipif(
    any(shutil.which(p, path=f"{os.environ['PATH']}:/usr/sbin") is None for p in ("zstd", "partclone.ext4")),
    reason="zstd and partclone are needed to try backups for real",
)
RULES = {"last": 2, "daily": 0, "weekly": 0, "monthly": 0}
OLD = "comm-20250101T000000Z"


class Nights(Host):
    """A host with the programs and the configuration that `schedule_backups` puts there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        place = self.root / "usr/local/lib/xen-runbook"
        place.mkdir(parents=True)
        shutil.copy(HERE / "backup.sh", place / "backup")
        for path, text in schedule.programs().items():
            file = self.root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (self.root / "etc/xen-runbook").mkdir()
        self.ask()
        self.volume.write_bytes(os.urandom(MIB) + bytes(3 * MIB))

    def ask(self, **changes: Any) -> None:
        guest = {"name": "comm", "volume": str(self.volume), **changes.pop("guest", {})}
        asked = {
            "format": 1,
            "folder": str(self.store),
            "content": "whole",
            "source": "off",
            "guests": [guest],
            "second": None,
        }
        (self.root / "etc/xen-runbook/backups.json").write_text(json.dumps(asked | changes))

    def agree(self, **changes: Any) -> None:
        told = {"format": 1, "folder": str(self.store), "rules": RULES}
        (self.root / "etc/xen-runbook/keep.json").write_text(json.dumps(told | changes))

    def night(self, *words: str) -> tuple[int, str]:
        env = {
            **os.environ,
            "PATH": f"{self.root}/bin:{os.environ['PATH']}:/usr/sbin:/sbin",
            "BACKUP_ROOT": str(self.root),
            "BACKUP_BLOCKS": str(self.blocks),
            "PYTHONPATH": str(self.root / schedule.PYTHON.lstrip("/")),
        }
        time.sleep(1.1)  # a backup's name has whole seconds
        # Isolated from the project: what runs is what lies on the host.
        done = subprocess.run([sys.executable, "-s", "-m", "runbook.backups.night", *(words or ("make",))],
                              cwd=self.root, env=env, capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    @property
    def said(self) -> dict[str, Any]:
        return json.loads((self.notes / "night.json").read_text())

    def older(self, *dates: str) -> None:
        """Make verified backups of earlier days, each of them whole."""
        assert self.night()[0] == 0
        made = self.backups[-1]
        for date in dates:
            copy = self.store / f"comm-{date}"
            shutil.copytree(made, copy)
            state = (copy / "volume.zst").stat()
            note = (self.notes / f"{made.name}.verified").read_text().split()
            (self.notes / f"{copy.name}.verified").write_text(
                f"{note[0]} {state.st_size} {int(state.st_mtime)} {date}\n"
            )


@pytest.fixture
def host(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def test_a_night_makes_and_verifies_and_says_so(host: Nights) -> None:
    """One new backup, read to its end, and a report of it; a second night makes a second."""
    assert host.night()[0] == 0
    (made,) = host.backups
    assert host.said["make"]["guests"] == {"comm": {"made": made.name, "dropped": []}}
    assert host.said["make"]["errors"] == []
    assert (host.notes / f"{made.name}.verified").is_file()


def test_without_the_word_for_it_nothing_is_deleted(host: Nights) -> None:
    """However many there are: without the file of rules, or with rules for another folder, all stay."""
    host.older("20250101T000000Z", "20250102T000000Z", "20250103T000000Z")
    assert host.night()[0] == 0
    assert len(host.backups) == 5
    host.agree(folder="/elsewhere")
    assert host.night()[0] == 0
    assert len(host.backups) == 6


def test_the_rules_drop_what_they_let_go(host: Nights) -> None:
    """With the word for it the rules' own remain, and the notes of the others go with them."""
    host.older("20250101T000000Z", "20250102T000000Z", "20250103T000000Z")
    host.agree()
    assert host.night()[0] == 0
    assert len(host.backups) == 2
    assert host.said["make"]["guests"]["comm"]["dropped"] == [f"comm-2025010{n}T000000Z" for n in (1, 2, 3)]
    assert not list(host.notes.glob(f"{OLD}.*"))


def test_a_night_that_fails_drops_nothing(host: Nights) -> None:
    """When no new backup could be made, the old ones stay, whatever the rules say; the night says why."""
    host.older("20250101T000000Z", "20250102T000000Z", "20250103T000000Z")
    host.agree(rules=RULES | {"last": 1})
    host.fake("zstd", "exit 1")
    status, said = host.night()
    assert status == 1
    assert len(host.backups) == 4
    assert host.said["make"]["errors"]
    assert "night: " in said


def test_a_backup_that_broke_is_noted_and_is_not_the_last_good_one(host: Nights) -> None:
    """One whose bytes changed is found by reading it; the good ones before it stay, though the rules count one."""
    host.older("20250101T000000Z")
    newest = host.backups[-1]
    with (newest / "volume.zst").open("r+b") as data:
        data.seek(200_000)
        data.write(b"\0\1\2\3")
    os.utime(newest / "volume.zst", (1, 1))
    host.agree(rules=RULES | {"last": 1})
    host.fake("xl", "exit 1")
    status, _ = host.night()
    assert status == 1
    assert "was altered" in host.said["make"]["errors"][0]
    assert OLD in {b.name for b in host.backups}
    assert host.night()[0] == 0  # it is known by now, and the next night's own is good
    assert newest.name not in {b.name for b in host.backups}


def test_one_guest_that_fails_keeps_no_other_from_its_backup(host: Nights) -> None:
    """The order is that of the parameters; the first has no volume, the second has its backup."""
    asked = json.loads((host.root / "etc/xen-runbook/backups.json").read_text())
    host.ask(guests=[{"name": "gone", "volume": "/dev/guests/gone"}, *asked["guests"]])
    assert host.night()[0] == 1
    assert [b.name[:4] for b in host.backups] == ["comm"]
    assert "there is no volume" in host.said["make"]["errors"][0]


def test_two_nights_at_once_are_one(host: Nights) -> None:
    """The second says that another is at work, and begins nothing."""
    lock = host.root / "run/lock/xen-runbook-night"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, said = host.night()
    assert (status, host.backups) == (3, [])
    assert "another backup, restore or trial is at work" in said


def test_a_backup_by_hand_at_the_same_time_is_told(host: Nights) -> None:
    """The lock of the program itself keeps them apart, and the night says so."""
    lock = host.root / "run/lock/xen-runbook-backup"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        status, _ = host.night()
    assert status == 1
    assert "another backup or restore is at work" in host.said["make"]["errors"][0]
