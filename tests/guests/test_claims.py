"""What two guests cannot both have, by all the ways to spell it."""

import pytest

from runbook.facts.configurations import parse_identities
from runbook.guests.claims import conflicts

ONE, TWO = "name = 'one'\ntype = 'hvm'\n", "name = 'two'\nbuilder = 'hvm'\n"
LV = "disk = [ 'format=raw, vdev=hda, access=rw, target=/dev/guests/my-web' ]\n"


def said(one, two, **more):
    return [f.what for f in conflicts({"one.cfg": ONE + one, "two.cfg": TWO + two}, **more)]


@pytest.mark.parametrize(
    "spelling",
    [
        "/dev/guests/my-web,,hda,w",
        "/dev/mapper/guests-my--web,raw,xvda,rw",
        "phy:/dev/guests/my-web,hda,w",
        "phy:/dev/mapper/guests-my--web,hda,w",
        "phy:guests/my-web,hda,w",
        "file:/dev/guests/my-web,hda,w",
        "tap:aio:/dev/guests/my-web,xvda,w",
        "raw:/dev//guests/./my-web,hda,w",
        "vdev=hda,script=block,target=/dev/guests/my-web",
    ],
)
def test_one_disk_is_found_by_every_spelling(spelling):
    """Prefixes, places, the mapper's name and a path from /dev on all lead to the one volume."""
    assert said(LV, f"disk = [ '{spelling}' ]\n") == [
        "The disk /dev/guests/my-web is claimed by one.cfg and two.cfg"
    ]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("disk = ['/srv/base.img,raw,hda,ro']\n", "disk = ['file:/srv/base.img,hda,r']\n"),
        ("disk = ['/srv/a.iso,raw,hdc,cdrom']\n", "disk = ['/srv/a.iso,raw,hdc,rw,cdrom']\n"),
        ("disk = ['/dev/a/b,raw,hda,w']\n", "disk = ['vdev=hda,backend=store,target=/dev/a/b']\n"),
        ("disk = ['nbd:/dev/a/b,hda,w']\n", "disk = ['/dev/a/b,raw,hda,w']\n"),
        ("pci = ['03:00.*']\n", "pci = ['03:01.0']\n"),
        ("vncdisplay = 2\n", "vncdisplay = 3\n"),
        ("vncdisplay = 2\nvnclisten = '10.0.0.1'\n", "vncdisplay = 2\n"),
        ("vncdisplay = 2\nvnc = 0\n", "vncdisplay = 2\n"),
        ("", ""),
    ],
)
def test_what_is_not_the_same_is_no_conflict(one, two):
    """Readers of one disk, another domain's disk, another function, display or address are in nobody's way."""
    assert said(one, two) == []


@pytest.mark.parametrize(
    ("one", "two", "what"),
    [
        ("pci = ['03:00.*']\n", "pci = ['0000:03:00.1,permissive=1']\n", "device 0000:03:00.1"),
        ("pci = ['03:00.*']\n", "pci = ['0000:03:00.*@5']\n", "device 0000:03:00.*"),
        ("pci = ['03:00.0@8']\n", "pci = ['bdf=3:0.0']\n", "device 0000:03:00.0"),
        ("vnc = 1\nvncdisplay = 2\n", "vnclisten = '127.0.0.1:2'\n", "VNC display 2"),
        ("vncdisplay = 2\n", "vfb = ['type=vnc, vncdisplay=2']\n", "VNC display 2"),
        ("vncdisplay = 2\n", "vncdisplay = 2\nvnclisten = '0.0.0.0'\n", "VNC display 2"),
        ("vncunused = 0\n", "vncdisplay = 0\n", "VNC display 0"),
        ("uuid = 'ABCD-1'\n", "uuid = 'abcd-1'\n", "uuid abcd-1"),
        ("usbdevice = 'host:1.3'\n", "usbdev = ['hostbus=1,hostaddr=3']\n", "USB device 1.3"),
        (
            "vif = ['mac=00:16:3E:00:00:01']\n",
            "vif = ['bridge=a,mac=00:16:3e:00:00:01']\n",
            "MAC 00:16:3e:00:00:01",
        ),
    ],
)
def test_devices_screens_and_addresses_are_found_by_what_they_are(one, two, what):
    """Wildcards, virtual slots, displays in every word, capital letters: the one thing is found, and once."""
    assert said(one, two) == [f"The {what} is claimed by one.cfg and two.cfg"]


def test_links_to_one_disk_are_one_disk():
    """Where the host says what paths lead to, a lasting name of a disk and its short one are the same."""
    same = {"/dev/disk/by-id/wwn-1": "b:8:16", "/dev/sdb": "b:8:16"}
    one, two = "disk = ['/dev/disk/by-id/wwn-1,raw,hda,w']\n", "disk = ['phy:/dev/sdb,xvda,w']\n"
    assert said(one, two, same=lambda path: same.get(path, path)) == [
        "The disk /dev/disk/by-id/wwn-1, as /dev/sdb too, is claimed by one.cfg and two.cfg"
    ]
    assert said(one, two) == []


def on(path):
    return f"disk = ['{path},raw,hda,w']\n"


def test_a_disk_and_its_partition_are_one_disk():
    """Who writes to the whole disk writes to its parts; two parts of it are two disks."""
    known = parse_identities(
        "block special file|8:0|5:1|/dev/sda\nblock special file|8:1|5:2|/dev/sda1\nblock special file|8:2|5:3|/dev/sda2\n",
        "8:1 8:0\n8:2 8:0\n",
    )
    more = {"same": known.same, "holds": known.holds}
    (found,) = conflicts({"one.cfg": ONE + on("/dev/sda"), "two.cfg": TWO + on("/dev/sda2")}, **more)
    assert found.what == "The disk /dev/sda, as /dev/sda2 too, is claimed by one.cfg and two.cfg"
    assert found.why.startswith("one of them stands on the other: ")
    assert said(on("/dev/sda1"), on("/dev/sda2"), **more) == []
    reader = [on(path).replace(",w", ",r") for path in ("/dev/sda", "/dev/sda1")]
    assert said(*reader, **more) == []
    assert said(on("/dev/sda"), on("/dev/sda1")) == []


def test_a_disk_that_guests_shall_share():
    """What QEMU serves can be shared, and nothing is said of it; of what the kernel serves it is said what Xen does then."""
    agreed = {("one.cfg", "/dev/a/b"), ("two.cfg", "/dev/a/b")}
    plain, by_qemu = on("/dev/a/b"), "disk = ['vdev=hda, backendtype=qdisk, target=/dev/a/b']\n"
    assert said(by_qemu, by_qemu, agreed=agreed) == []
    (found,) = conflicts({"one.cfg": ONE + plain, "two.cfg": TWO + by_qemu}, agreed=agreed)
    assert (
        found.what
        == "The disk /dev/a/b is shared by one.cfg and two.cfg, and only one of them can run at a time"
    )
    assert "backend_type: qdisk" in found.do
    file = on("/srv/a.img")
    both = {("one.cfg", "/srv/a.img"), ("two.cfg", "/srv/a.img")}
    assert said(file, file, agreed=both) == []
    one_alone = said(by_qemu, by_qemu, agreed={("one.cfg", "/dev/a/b")})
    assert one_alone == ["The disk /dev/a/b is claimed by one.cfg and two.cfg"]
