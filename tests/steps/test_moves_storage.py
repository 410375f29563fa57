"""The next move of each refusal about volumes, and of Secure Boot, carried out on the same machine, leads on."""

from __future__ import annotations

import re

import pytest

from runbook.model.ask import Answer, Facts
from runbook.steps.guests import create_volumes
from runbook.steps.introduction import survey_machine
from runbook.steps.management import grow_volumes, remove_snapshots, take_snapshots
from tests.proposal.test_storage_cases import GIB, POOL, facts, sda, system, volume
from tests.steps.test_introduction import SECURE
from tests.steps.volumes_host import Disk, Host
from tests.steps.volumes_host import params as managed
from tests.storage_answers import lvm
from tests.survey.machines import bare, guest, params

PARTS = [("/dev/sda", "pve", GIB * 99), ("[unknown]", "pve", GIB * 99)]
EMPTY_POOL = volume("pve", "data", GIB * 99, **POOL)
FULL_POOL = EMPTY_POOL | {"data_percent": "100.00"}


def asked(group="pve", **more):
    """Return parameters with one guest, whose volume is `more` than a GiB in that group."""
    one = guest("web")
    one["volume"] = one["volume"] | more
    return params(guests=(one,), storage={"guest_volume_group": group})


def has(free, *volumes, parts=(), name="pve"):
    """Return what a host with one group says."""
    return facts(system(), sda(), report=lvm({name: (GIB * 198, free)}, parts, list(volumes)))


CREATED = {
    "There is no volume group '…' for the guests' disks": [
        ("vgcreate guests", (asked("guests"), has(GIB * 9)), (asked("guests"), has(GIB * 9, name="guests"))),
        ("set storage.guest_volume_group", (asked("guests"), has(GIB * 9)), (asked("pve"), has(GIB * 9))),
    ],
    "The volume group '…' is too small for the guests' disks": [
        ("say `thin_pool: data`", (asked(), has(0, EMPTY_POOL)), (asked(thin_pool="data"), has(0, EMPTY_POOL))),
        ("`lvremove pve/data`", (asked(), has(0, EMPTY_POOL)), (asked(), has(GIB * 99))),
        ("give guests smaller volumes", (asked(size_gib=9), has(GIB * 2)), (asked(size_gib=1), has(GIB * 2))),
        ("vgextend pve", (asked(size_gib=9), has(GIB * 2)), (asked(size_gib=9), has(GIB * 99))),
    ],
    "The volume group '…' lacks a disk": [
        ("vgextend --restoremissing pve", (asked(), has(GIB * 9, parts=PARTS)), (asked(), has(GIB * 9, parts=PARTS[:1]))),
    ],
    "There is no thin pool …": [
        ("lvcreate --type thin-pool", (asked(thin_pool="data"), has(GIB * 9)), (asked(thin_pool="data"), has(GIB * 9, EMPTY_POOL))),
        ("leave `thin_pool` out", (asked(thin_pool="data"), has(GIB * 9)), (asked(), has(GIB * 9))),
    ],
    "The thin pool … has … free": [
        ("make it larger (`lvextend`)", (asked(thin_pool="data"), has(0, FULL_POOL)), (asked(thin_pool="data"), has(0, FULL_POOL | {"data_percent": "60.00"}))),
    ],
}  # fmt: skip


def pattern(says):
    return ".*".join(re.escape(part) for part in says.split("…"))


def stops(planned, says):
    found = [f for f in planned.stops if re.fullmatch(pattern(says), f.what)]
    assert found, [f.what for f in planned.stops]
    return found[0]


@pytest.mark.parametrize(
    ("says", "which"), [(says, i) for says, rows in CREATED.items() for i in range(len(rows))]
)
def test_the_guests_volumes(says, which):
    """After the move the volume is made."""
    does, before, after = CREATED[says][which]
    assert does in stops(create_volumes.plan(*before), says).do
    planned = create_volumes.plan(*after)
    assert ([f.what for f in planned.stops], len(planned.actions)) == ([], 1)


def of(host, step, wanted):
    return step.plan(wanted, host.facts(step, wanted))


def small():
    """Return a host on which a guest's volume is smaller than listed."""
    host = Host()
    host.disks["windows"] = Disk("windows", GIB)
    return host


MONDAY = {"guest": "comm", "name": "comm-monday", "size_gib": 1}


def test_room_to_grow_in():
    """A disk more in the group, and the volume grows."""
    host = small()
    host.free = GIB // 2
    assert "vgextend guests" in stops(of(host, grow_volumes, managed()), "The volume group '…' has …").do
    host.free = GIB * 9
    assert of(host, grow_volumes, managed()).stops == ()


def test_a_thin_volume_grows_in_a_full_group():
    """It takes its room from its pool."""
    wanted = asked(size_gib=9, thin_pool="data")
    thin = volume("pve", "web", GIB, lv_layout="thin,sparse", pool_lv="data")
    for made, count in ((thin, 1), (thin | {"pool_lv": ""}, 0)):
        planned = grow_volumes.plan(wanted, with_inside(wanted, has(0, EMPTY_POOL, made)))
        assert len([a for a in planned.actions if not planned.stops]) == count


def with_inside(wanted, there):
    """Return the facts of a host whose volumes nobody looks into."""
    return Facts({ask: Answer(0) for ask in grow_volumes.asks(wanted)} | {ask: there[ask] for ask in there})


def test_a_snapshot_that_hangs_on_it():
    """Without the snapshot the volume grows."""
    host = small()
    host.disks["old"] = Disk("windows", attr="swi-a-s---", origin="windows", filled="1.00")
    found = stops(of(host, grow_volumes, managed()), "… so it cannot grow")
    assert "`lvremove guests/old`" in found.do
    del host.disks["old"]
    assert of(host, grow_volumes, managed()).stops == ()


@pytest.mark.parametrize("kind", ["lost", "another"])
def test_a_snapshot_that_is_none(kind):
    """One that is lost goes when it is taken off the list, and comes larger; another name leaves what is there."""
    host, wanted = Host(), managed(snapshots=[MONDAY])
    if kind == "lost":
        host.disks["comm-monday"] = Disk(
            "linux", tags="xen-runbook", attr="swi-I-s---", origin="comm", filled="100.00"
        )
        found = stops(of(host, take_snapshots, wanted), "The snapshot … is lost")
        assert "take it out of management.snapshots and run" in found.do
        host.apply(of(host, remove_snapshots, managed(snapshots=[])))
        assert "comm-monday" not in host.disks
        wanted = managed(snapshots=[MONDAY | {"size_gib": 2}])
    else:
        host.disks["comm-monday"] = Disk("linux")
        found = stops(of(host, take_snapshots, wanted), "… not a snapshot of the disk of '…'")
        assert "choose another name under management.snapshots" in found.do
        wanted = managed(snapshots=[MONDAY | {"name": "comm-tuesday"}])
    planned = of(host, take_snapshots, wanted)
    assert (planned.stops, len(planned.actions)) == ((), 1)


def test_xen_that_does_not_say_who_has_which_disk():
    """As soon as `xl list` answers the step goes on."""
    host = small()
    host.xl_answers = False
    found = stops(
        of(host, grow_volumes, managed()), "Xen runs and does not say which guests have which disks"
    )
    assert "`xl list`" in found.do
    host.xl_answers = True
    assert of(host, grow_volumes, managed()).stops == ()


def test_secure_boot():
    """Switched off in the firmware, 00 goes on; it is said there, before anything is done."""
    found = stops(survey_machine.plan(params(), bare(firmware_tables=SECURE)), "Secure Boot is on")
    assert "firmware" in found.do
    off = bare(firmware_tables=SECURE.replace("00 01", "00 00"))
    assert survey_machine.plan(params(), off).stops == ()


ROWS = {
    *CREATED, "The volume group '…' has …", "… so it cannot grow", "The snapshot … is lost",
    "… not a snapshot of the disk of '…'", "Xen runs and does not say which guests have which disks", "Secure Boot is on",
}  # fmt: skip
