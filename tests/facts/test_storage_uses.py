"""Who uses a volume: each way of opening it is seen, under Xen and without."""

import json

import pytest

from runbook.facts import storage
from runbook.facts.storage import Loop
from runbook.facts.storage.parse import loops
from tests.steps.volumes_host import Disk, Host, params


class Look:
    """A step that only asks who uses the volumes."""

    @staticmethod
    def asks(_):
        return storage.WITH_GUESTS


def uses(host, name="comm"):
    """Return kind and name of each user of a volume."""
    volume = storage.parse(host.facts(Look, params())).volume("guests", name)
    return [(use.kind, use.who) for use in volume.uses]


@pytest.mark.parametrize("by_number", [False, True])
def test_a_running_guest(by_number):
    """A guest is found by the path in `xl list -l`, or by the device's number in xenstore."""
    host = Host(running={"comm": "comm"}, by_number=by_number)
    assert uses(host) == [("guest", "comm")]
    assert uses(host, "nginx") == []


def test_a_mount_is_found_behind_its_loop_device():
    """/proc/mounts names a loop device; losetup says which volume and which offset that is."""
    host = Host(mounts=[("comm", "/mnt/comm", "ro", 1048576)])
    volume = storage.parse(host.facts(Look, params())).volume("guests", "comm")
    (use,) = volume.uses
    assert (use.kind, use.who, use.is_read_only, use.loop.offset) == ("mount", "/mnt/comm", True, 1048576)
    assert not use.may_write


def test_a_loop_device_without_a_mount():
    """A window that nobody mounted is a user too, and writes unless it is read-only."""
    host = Host(loops=[("comm", 0, False)])
    assert uses(host) == [("loop", "/dev/loop0")]


def test_swap_and_mappings():
    """Swap space of dom0's and mappings on a volume (kpartx) are users."""
    assert uses(Host(swap="comm", holders={"comm": "guests-comm1"})) == [
        ("swap", "dom0"),
        ("holder", "guests-comm1"),
    ]


def test_open_and_nobody_known():
    """What LVM calls open is in use although no list shows by whom; an explained use is not said twice."""
    host = Host()
    host.disks["comm"] = Disk("linux", attr="-wi-ao----")
    assert uses(host) == [("open", "")]
    host.running = {"comm": "comm"}
    assert uses(host) == [("guest", "comm")]


def test_a_dom0_whose_xl_is_silent():
    """Under Xen without an answer from xl nobody can know; without Xen there are no guests to know of."""
    assert storage.parse(Host(xl_answers=False).facts(Look, params())).xen_is_silent
    assert not storage.parse(Host(xen=False).facts(Look, params())).xen_is_silent


def test_what_losetup_printed():
    """The two windows that losetup 2.38 listed after two mounts by offset."""
    text = json.dumps({"loopdevices": [
        {"name": "/dev/loop4", "back-file": "/dev/dm-1", "offset": 22020096, "sizelimit": 41943040, "ro": True},
    ]})  # fmt: skip
    assert list(loops(text)) == [Loop("/dev/loop4", 22020096, 41943040, True, "/dev/dm-1")]
    assert list(loops("")) == []


def test_snapshots_of_a_volume():
    """A snapshot is found by its origin."""
    host = Host()
    host.disks["monday"] = Disk("linux", attr="swi-a-s---", origin="comm", filled="12.50")
    there = storage.parse(host.facts(Look, params()))
    (snapshot,) = there.snapshots_of(there.volume("guests", "comm"))
    assert (snapshot.name, snapshot.data_percent) == ("monday", 12.5)
