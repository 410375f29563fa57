"""Backup, verification and restore as notebook 09 plans them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from runbook.backups import program
from runbook.facts import backups
from runbook.model.plan import Plan
from runbook.steps.management import back_up_volumes, restore_volumes, verify_backups
from tests.steps.backups_host import BYTES, HOUR, NOW, SAMPLE, SIZE, Host, Kept, params

COMM = params(backups={"guests": ["comm"]})
BACK = params(restores=[{"guest": "comm", "backup": SAMPLE}])
STEPS = (back_up_volumes, verify_backups, restore_volumes)


def planned(step, host: Host, asked=COMM) -> Plan:
    return step.plan(asked, host.facts(step, asked))


def found(step, host: Host, asked=COMM) -> list:
    return step.check(asked, host.facts(step, asked))


def stops(plan: Plan) -> str:
    return "; ".join(f"{f.level}: {f.what} ({f.why}) {f.do}" for f in plan.stops)


def commands(plan: Plan) -> list[tuple[str, ...]]:
    return [action.argv[1:] for action in plan.actions if hasattr(action, "argv")]


def with_one(**changes: object) -> Host:
    return Host(kept=[Kept(SAMPLE, **changes)])


def verified(host: Host) -> Host:
    host.apply(planned(verify_backups, host))
    return host


# back_up_volumes


def test_the_first_backup_is_made_once() -> None:
    """A guest without a backup gets one; afterwards there is nothing to do and nothing wrong."""
    host = Host(programs={})
    plan = planned(back_up_volumes, host)
    assert [a.title for a in plan.actions[:2]] == [f"write {program.PROGRAM}", f"write {program.BLOCKS}"]
    assert commands(plan) == [("make", "comm", "/dev/guests/comm", "/srv/backups", "used-blocks", "off")]
    assert [f.level for f in found(back_up_volumes, host)] == ["fail"]
    host.apply(plan)
    assert planned(back_up_volumes, host) == Plan()
    assert not [f for f in found(back_up_volumes, host) if f.stops]


def test_without_a_list_nothing_is_backed_up() -> None:
    """Nobody asked for a backup: no step plans or complains of anything."""
    asked, host = params(), Host()
    plans = [planned(step, host, asked) for step in STEPS]
    assert [replace(plan, unasked="") for plan in plans] == [Plan()] * 3
    assert [bool(plan.unasked) for plan in plans] == [True] * 3
    assert [found(step, host, asked) for step in STEPS] == [[]] * 3


@pytest.mark.parametrize(("age_h", "is_made"), [(23, False), (25, True)])
def test_an_old_backup_is_followed_by_a_new_one(age_h: int, is_made: bool) -> None:
    """A backup younger than max_age_h is good enough; by the host's own clock."""
    host = with_one()
    host.now = backups.names.seconds("20261122T204155Z") + age_h * HOUR
    assert bool(planned(back_up_volumes, host).actions) is is_made


BREAKS: list[tuple[dict[str, object], str]] = [
    ({"bytes": BYTES - 1}, "truncated: "),
    ({"bytes": BYTES + 1}, "instead of"),
    ({"bytes": None}, "its blocks.zst is missing"),
    ({"checksum": ""}, "its SHA256SUMS is missing"),
    ({"text": "{"}, "its backup.json is missing or not one"),
]


@pytest.mark.parametrize(("change", "words"), BREAKS)
def test_a_damaged_backup_counts_as_none(change: dict[str, object], words: str) -> None:
    """A backup that is seen to be damaged is replaced by a new one, kept, and named."""
    host = with_one(**change)
    assert commands(planned(back_up_volumes, host))[0][0] == "make"
    assert any(words in f.what for f in found(verify_backups, host))
    assert planned(verify_backups, host).actions == ()


def test_another_content_is_another_backup() -> None:
    """A backup of used blocks does not do where a whole one is asked for."""
    asked = params(backups={"guests": ["comm"], "content": "whole"})
    assert commands(planned(back_up_volumes, with_one(), asked))[0][4] == "whole"


def test_a_running_guest_is_refused_or_copied_from_a_snapshot() -> None:
    """With `off` a running guest stops the run; with `snapshot` the plan says what such a copy is."""
    host = Host(running={"comm": "comm"})
    assert "is the disk of the guest 'comm', which is running" in stops(planned(back_up_volumes, host))
    assert "xl shutdown -F -w comm" in stops(planned(back_up_volumes, host))
    plan = planned(back_up_volumes, host, params(backups={"guests": ["comm"], "source": "snapshot"}))
    assert plan.stops == ()
    assert commands(plan)[0][5] == "snapshot"
    assert "after a power cut" in plan.findings[0].what


def test_a_snapshot_needs_room_in_the_group() -> None:
    """A volume group without room for what the guest writes meanwhile is refused."""
    host = Host(running={"comm": "comm"}, free=SIZE // 100)
    asked = params(backups={"guests": ["comm"], "source": "snapshot"})
    assert "has no room for a snapshot of guests/comm" in stops(planned(back_up_volumes, host, asked))


@pytest.mark.parametrize(("rights", "is_refused"), [("rw", True), ("ro", False)])
def test_a_writable_mount_is_refused(rights: str, is_refused: bool) -> None:
    """A volume that the host itself may write to is not copied; looking into it does no harm."""
    host = Host(mounts=[("comm", "/mnt/comm", rights, 1048576)])
    assert bool(planned(back_up_volumes, host).stops) is is_refused


def test_too_little_room_is_refused() -> None:
    """Where not even the last backup would fit, the new one is not begun; no old one is removed for it."""
    host = with_one()
    host.now, host.free_bytes = NOW + 48 * HOUR, BYTES - 1
    text = stops(planned(back_up_volumes, host))
    assert "has too little room for a backup of 'comm'" in text
    assert "the runbook never deletes one" in text


def test_missing_programs_wait_for_their_step() -> None:
    """Without zstd the step that installs it is named."""
    assert "install_tools" in stops(planned(back_up_volumes, Host(found="/usr/sbin/partclone.ext4\n")))


def test_a_missing_volume_waits() -> None:
    """A guest whose volume was not created yet has nothing to back up."""
    host = Host()
    del host.disks["comm"]
    assert "08_guests" in stops(planned(back_up_volumes, host))


def test_silence_of_xen_is_refused() -> None:
    """When nobody knows what runs, nothing is copied and nothing overwritten."""
    host = with_one()
    host.xl_answers, host.now = False, NOW + 48 * HOUR
    assert "refuse" in stops(planned(back_up_volumes, host))
    assert "refuse" in stops(planned(restore_volumes, host, BACK))


def test_what_a_cut_off_run_left_is_named() -> None:
    """A torn backup is never counted, and the check names it."""
    host = Host(torn=(".comm-20261122T205900Z.partial",))
    assert commands(planned(back_up_volumes, host))[0][0] == "make"
    assert any("left behind by a backup that was cut off" in f.what for f in found(back_up_volumes, host))


def test_a_partition_that_was_kept_whole_is_told() -> None:
    """The reader learns which partition could not be kept by used blocks, and why."""
    notes = [f for f in found(back_up_volumes, with_one()) if f.level == "info"]
    assert [(f.what, f.why) for f in notes] == [
        ("Partition 5 of 'comm' was kept whole, all 20.0 MiB", "no file system that is known")
    ]


# verify_backups


def test_a_new_backup_is_verified_once() -> None:
    """A backup is read once after it was written, and then not again."""
    host = with_one()
    assert commands(planned(verify_backups, host)) == [("verify", "/srv/backups", SAMPLE)]
    assert [f.what for f in found(verify_backups, host)] == [
        f"The backup {SAMPLE} was not verified since it was written"
    ]
    verified(host)
    assert planned(verify_backups, host) == Plan()
    assert found(verify_backups, host) == []


@pytest.mark.parametrize("change", [{"changed": 1795380122}, {"checksum": "0" * 64}])
def test_a_change_after_the_verification_is_seen(change: dict[str, object]) -> None:
    """A verification holds only for what was read: a file that changed since is read again."""
    host = verified(with_one())
    for name, value in change.items():
        setattr(host.kept[0], name, value)
    assert commands(planned(verify_backups, host)) == [("verify", "/srv/backups", SAMPLE)]


def test_only_the_newest_and_what_is_restored_are_read() -> None:
    """Old backups are not read at every run."""
    host = Host(kept=[Kept("comm-20261120T100000Z"), Kept("comm-20261121T100000Z"), Kept(SAMPLE)])
    asked = params(
        backups={"guests": ["comm"]}, restores=[{"guest": "comm", "backup": "comm-20261120T100000Z"}]
    )
    assert [c[2] for c in commands(planned(verify_backups, host, asked))] == [SAMPLE, "comm-20261120T100000Z"]


# restore_volumes


def test_a_restore_is_done_once() -> None:
    """A listed restore is planned with its checksum, needs consent, and is not planned again."""
    host = with_one()
    plan = planned(restore_volumes, host, BACK)
    assert restore_volumes.RISK == "destructive"
    assert commands(plan) == [
        ("restore", "/srv/backups", SAMPLE, "comm", "/dev/guests/comm", "6a1da40b" * 8, "0")
    ]
    assert "All that is on guests/comm now is lost" in plan.findings[0].what
    assert found(restore_volumes, host, BACK)[0].level == "fail"
    host.apply(plan)
    assert planned(restore_volumes, host, BACK) == Plan()
    assert found(restore_volumes, host, BACK) == []


def test_a_restore_is_not_repeated_when_the_guest_has_run() -> None:
    """The guest runs and writes to its volume afterwards: that is no reason to restore, nor to refuse."""
    host = with_one()
    host.apply(planned(restore_volumes, host, BACK))
    host.running = {"comm": "comm"}
    assert planned(restore_volumes, host, BACK) == Plan()


@pytest.mark.parametrize(
    "change",
    [
        lambda host: host.uuids.update(comm="Zx1-other"),
        lambda host: host.notes.update({"comm.restoring": SAMPLE}),
        lambda host: host.notes.pop("comm.restored"),
    ],
)
def test_a_restore_is_due_again(change: Callable[[Host], object]) -> None:
    """A volume that was made anew, or half overwritten, is restored again."""
    host = with_one()
    host.apply(planned(restore_volumes, host, BACK))
    change(host)
    assert planned(restore_volumes, host, BACK).actions
    assert any(f.stops for f in found(restore_volumes, host, BACK))


def test_again_restores_once_more() -> None:
    """Raising `again` has the same backup restored once more."""
    host = with_one()
    host.apply(planned(restore_volumes, host, BACK))
    asked = params(restores=[{"guest": "comm", "backup": SAMPLE, "again": 1}])
    assert commands(planned(restore_volumes, host, asked))[0][-1] == "1"


def test_consent_covers_target_backup_and_checksum() -> None:
    """The digest changes with the volume's guest, the backup, and the backup's content."""
    other = Kept(SAMPLE, checksum="1" * 64)
    another = "comm-20261121T100000Z"
    digests = {
        planned(restore_volumes, with_one(), BACK).digest(),
        planned(restore_volumes, Host(kept=[other]), BACK).digest(),
        planned(
            restore_volumes,
            Host(kept=[Kept(another)]),
            params(restores=[{"guest": "comm", "backup": another}]),
        ).digest(),
        planned(
            restore_volumes,
            Host(kept=[Kept("nginx-20261122T204155Z")]),
            params(restores=[{"guest": "nginx", "backup": "nginx-20261122T204155Z"}]),
        ).digest(),
    }
    assert len(digests) == 4


REFUSED: list[tuple[Callable[[Host], object], str]] = [
    (lambda h: setattr(h.disks["comm"], "size", SIZE - 512), "is smaller than the backup"),
    (lambda h: h.running.update(comm="comm"), "is the disk of the guest 'comm', which is running"),
    (lambda h: h.mounts.append(("comm", "/mnt/comm", "ro", 1048576)), "is mounted at /mnt/comm"),
    (lambda h: h.loops.append(("comm", 0, True)), "is attached to /dev/loop"),
    (lambda h: setattr(h.disks["comm"], "attr", "-wi-ao----"), "is held open by a program"),
    (lambda h: h.kept.clear(), f"There is no backup {SAMPLE} in /srv/backups"),
    (lambda h: setattr(h.kept[0], "bytes", 5), "is damaged: its blocks.zst is truncated: 5 of"),
    (lambda h: setattr(h.kept[0], "text", h.kept[0].text.replace('"guest": "comm"', '"guest": "nginx"')),
     "is a backup of 'nginx', not of 'comm'"),
    (lambda h: h.disks.pop("comm"), "There is no volume guests/comm"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_a_dangerous_restore_is_refused(change: Callable[[Host], object], words: str) -> None:
    """Whatever could lose more than was asked for is refused, with nothing planned."""
    host = with_one()
    change(host)
    plan = planned(restore_volumes, host, BACK)
    assert words in stops(plan)
    assert plan.actions == ()


def test_a_larger_volume_takes_the_backup() -> None:
    """A volume that grew since is no reason to refuse."""
    host = with_one()
    host.disks["comm"].size = 2 * SIZE
    assert planned(restore_volumes, host, BACK).stops == ()


def test_a_half_restore_of_an_unlisted_guest_is_told() -> None:
    """A volume that was half overwritten stops the check, even when the list was emptied since."""
    host = Host(notes={"comm.restoring": SAMPLE})
    assert "half overwritten" in found(restore_volumes, host, params())[0].what


# the facts and the parameters


def test_a_real_folder_is_read(tmp_path: Path) -> None:
    """The question is answered by a real shell on a folder with a backup, a torn one and other things."""
    (tmp_path / SAMPLE).mkdir()
    (tmp_path / f".{SAMPLE}.partial").mkdir()
    (tmp_path / "lost+found").mkdir()
    (tmp_path / SAMPLE / "backup.json").write_text(Kept(SAMPLE).text)
    (tmp_path / SAMPLE / "SHA256SUMS").write_text("x\n")
    (tmp_path / SAMPLE / "blocks.zst").write_bytes(b"1234")
    store = backups.parse(_real(str(tmp_path)), str(tmp_path))
    assert [(b.name, b.bytes_there, b.guest) for b in store.backups] == [(SAMPLE, 4, "comm")]
    assert store.backups[0].wrong == f"its blocks.zst is truncated: 4 of {BYTES} bytes"
    assert store.torn == (f".{SAMPLE}.partial",)
    assert store.free_bytes > 0
    assert store.now > NOW - 10**9


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    """Before the first backup there is no folder; the room is that of the place where it will be."""
    store = backups.parse(_real(f"{tmp_path}/a/b"), f"{tmp_path}/a/b")
    assert store.backups == ()
    assert store.free_bytes > 0


def _real(folder: str):
    from runbook.model.ask import Answer, Facts

    ask = backups.look(folder)
    done = subprocess.run(ask.argv, capture_output=True, text=True, check=False)
    return Facts({ask: Answer(done.returncode, done.stdout, done.stderr)})


@pytest.mark.parametrize(
    "management",
    [
        {"backups": {"folder": "backups"}},
        {"backups": {"folder": "/srv/a b"}},
        {"backups": {"guests": ["comm", "comm"]}},
        {"backups": {"guests": ["nobody"]}},
        {"backups": {"max_age_h": 0}},
        {"restores": [{"guest": "comm", "backup": "../comm"}]},
        {"restores": [{"guest": "comm", "backup": SAMPLE}] * 2},
    ],
)
def test_wrong_parameters_are_refused(management: dict[str, object]) -> None:
    """A path that is none, a guest named twice or unknown, and a name that is no backup's stop at once."""
    with pytest.raises(ValidationError):
        params(**management)
