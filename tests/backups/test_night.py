"""What the host does by its timers, run for real on plain files; Xen, LVM and restic are faked, breakdowns provoked."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runbook.backups import schedule
from tests.backups.host import HERE, MIB, Host
from tests.backups.test_boot_test import FAKES

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
        told = {"format": 1, "folder": str(self.store), "rules": RULES, "guests": ["comm"]}
        (self.root / "etc/xen-runbook/keep.json").write_text(json.dumps(told | changes))

    def night(self, *words: str) -> tuple[int, str]:
        with self.begin(*(words or ("make",))) as process:
            said = process.communicate(timeout=120)[0]
        return process.returncode, said

    def begin(self, *words: str) -> subprocess.Popen[str]:
        env = {
            **os.environ,
            "PATH": f"{self.root}/bin:{os.environ['PATH']}:/usr/sbin:/sbin",
            "BACKUP_ROOT": str(self.root),
            "BACKUP_BLOCKS": str(self.blocks),
            "PYTHONPATH": str(self.root / schedule.PYTHON.lstrip("/")),
        }
        time.sleep(1.1)  # a backup's name has whole seconds
        # Isolated from the project: what runs is what lies on the host.
        return subprocess.Popen([sys.executable, "-s", "-m", "runbook.backups.night", *words], cwd=self.root, env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip

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


def test_what_nobody_foresaw_at_one_guest_stops_no_other(host: Nights) -> None:
    """The notes of one backup cannot be read: its guest's turn is told as failed, the other guest has its backup."""
    host.older()
    asked = json.loads((host.root / "etc/xen-runbook/backups.json").read_text())
    (host.root / "dev/guests/mail").write_bytes(b"mail" * 1000)
    host.ask(guests=[*asked["guests"], {"name": "mail", "volume": str(host.root / "dev/guests/mail")}])
    (host.notes / f"{host.backups[0].name}.verified").write_bytes(b"\xff\xfe")
    status, said = host.night()
    assert status == 1
    assert "comm: 'utf-8' codec can't decode" in host.said["make"]["guests"]["comm"]["error"]
    assert host.said["make"]["errors"] == [host.said["make"]["guests"]["comm"]["error"]]
    assert host.said["make"]["guests"]["mail"]["made"].startswith("mail-")
    assert "Traceback" in said


def test_what_was_agreed_to_names_its_guests(host: Nights) -> None:
    """A guest that was added later, and a consent of before that names none, lose no backup."""
    host.older("20250101T000000Z", "20250102T000000Z", "20250103T000000Z")
    host.agree(guests=["nginx"])
    assert host.night()[0] == 0
    (host.root / "etc/xen-runbook/keep.json").write_text(
        json.dumps({"format": 1, "folder": str(host.store), "rules": RULES})
    )
    assert host.night()[0] == 0
    assert len(host.backups) == 6


def test_what_could_not_be_read_just_now_is_read_again(host: Nights) -> None:
    """A night in which a disk does not answer condemns nothing: the next one reads the backup, and it is good."""
    host.fake("tee", f'case "$*" in *copy) : >"$2"; exit 1 ;; esac; exec {shutil.which("tee")} "$@"')
    assert host.night()[0] == 1
    assert "could not be read just now" in host.said["make"]["errors"][0]
    (host.root / "bin/tee").unlink()
    assert host.night()[0] == 0
    assert len(list(host.notes.glob("*.verified"))) == 2
    assert not list(host.notes.glob("*.broken"))


def test_a_trial_that_is_ended_leaves_no_guest_behind(host: Nights) -> None:
    """Told to end, the night throws the guest on trial and its volume away before it does so."""
    host.older()
    for name, script in FAKES.items():
        host.fake(name, script)
    shutil.copy(host.root / "bin/backup", host.root / "usr/local/lib/xen-runbook/backup")
    host.ask(guest={"trial": {"group": "guests", "pool": "", "config": "/x.cfg", "wait_s": 60}})
    (host.root / "tty").write_text("")
    with host.begin("boot") as process:
        host.wait_for(host.root / "runs")
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert not (host.root / "runs").exists()
    assert not (host.root / "volume").exists()


def test_a_backup_that_is_ended_tidies_up(host: Nights) -> None:
    """Told to end while a backup is made, the night has it remove what it began, and waits for that."""
    host.fake("zstd", 'cat >/dev/null; : >"$BACKUP_ROOT/hangs"; exec sleep 60')
    with host.begin("make") as process:
        host.wait_for(host.root / "hangs")
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert list(host.store.iterdir()) == []


# the second place


RESTIC = """
import json, os, sys
from pathlib import Path
root = Path(os.environ["RESTIC_REPOSITORY"])
words = sys.argv[1:]
rows = root / "rows"
if words[:2] == ["cat", "config"]:
    print(json.dumps({"id": "5956a3f6"}))
elif words[0] == "snapshots":
    with open(root / "asked", "a") as file:
        file.write("x")
    print(rows.read_text() if rows.exists() else "[]")
elif words[0] == "backup":
    known = json.loads(rows.read_text()) if rows.exists() else []
    tags = [words[n + 1] for n, word in enumerate(words) if word == "--tag"]
    number = str(len(known))
    (root / number).write_bytes(sys.stdin.buffer.read())
    if (root / "fails").exists() and (root / "fails").read_text() in tags:
        sys.exit("Fatal: it broke")
    rows.write_text(json.dumps([*known, {"id": number, "tags": tags}]))
    print(json.dumps({"message_type": "summary", "snapshot_id": number, "data_added": 1}))
elif words[0] == "tag":
    known = json.loads(rows.read_text())
    known[int(words[3])]["tags"].append(words[2])
    rows.write_text(json.dumps(known))
elif words[0] == "forget":
    rows.write_text(json.dumps([r for r in json.loads(rows.read_text()) if r["id"] not in words[2:]]))
elif words[0] == "dump":
    if (root / "cut").exists():
        sys.exit("Fatal: it broke")
    sys.stdout.buffer.write((root / words[1]).read_bytes())
"""


@pytest.fixture
def far(host: Nights) -> Nights:
    """A host with a second place, which a fake restic keeps."""
    (host.root / "restic.py").write_text(RESTIC)
    (host.root / "far").mkdir()
    (host.root / "key").write_text("k")
    second = {"repository": "sftp:x@nas:/far", "key": "/key", "limit_kib_s": None}
    host.fake(
        "restic",
        f'export RESTIC_REPOSITORY={host.root}/far; exec {sys.executable} {host.root}/restic.py "$@"',
    )
    (host.root / "dev/guests/mail").write_bytes(b"mail" * 1000)
    mail = {"name": "mail", "volume": str(host.root / "dev/guests/mail")}
    host.ask(second=second, guests=[mail, {"name": "comm", "volume": str(host.volume)}])
    return host


def test_one_copy_that_fails_keeps_no_other_from_the_second_place(far: Nights) -> None:
    """The first guest's copy breaks and is told; the second guest's is there, and what is there is reported."""
    (far.root / "far/fails").write_text("sidecar")
    assert far.night()[0] == 1
    (far.root / "far/fails").unlink()
    assert far.night()[0] == 0
    second = far.said["make"]["second"]
    assert sorted(n[:4] for n in second["copied"]) == ["comm", "mail"]
    assert second["there"] == {"mail": [n for n in second["copied"] if n[:4] == "mail"],
                               "comm": [n for n in second["copied"] if n[:4] == "comm"]}  # fmt: skip


def test_the_second_place_is_asked_once_before_and_once_after(far: Nights) -> None:
    """However many guests there are, what is there is asked twice in a night, and once where nothing is new."""
    assert far.night()[0] == 0
    assert (far.root / "far/asked").read_text() == "xx"


def test_what_goes_from_the_second_place_was_agreed_to(far: Nights) -> None:
    """The rules for it let the older copy of the guest that they name go, with its description, and no other guest's."""
    far.agree(rules={}, second={"repository": "sftp:x@nas:/far", "rules": RULES | {"last": 1}})
    assert far.night()[0] == 0
    first = {n[:4]: n for n in far.said["make"]["second"]["copied"]}
    assert far.night()[0] == 0
    assert far.said["make"]["second"]["dropped"] == [first["comm"]]
    assert len(far.said["make"]["second"]["there"]["mail"]) == 2
    rows = json.loads((far.root / "far/rows").read_text())
    assert not [row for row in rows if first["comm"] in row["tags"]]


def test_a_fetch_that_was_cut_off_is_begun_again(far: Nights) -> None:
    """What an earlier one left does not stop the next, which brings all of it back; one that fails leaves nothing."""
    assert far.night()[0] == 0
    name = next(b.name for b in far.backups if b.name.startswith("comm"))
    shutil.rmtree(far.store / name)
    (far.store / f".{name}.partial").mkdir()
    (far.root / "far/cut").write_text("")
    status, said = far.night("fetch", name)
    assert (status, "night: " in said, "Traceback" in said) == (3, True, False), said
    (far.root / "far/cut").unlink()
    assert far.night("fetch", name)[0] == 0
    assert [p.name for p in far.store.iterdir() if p.name.startswith(".")] == []
    assert far.run("verify", far.store, name)[0] == 0


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
