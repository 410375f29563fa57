"""The disk that the parameters ask for, and the parameters that cannot be right."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from runbook.installation.layout import layout
from tests.installation.hosts import KEY, host


def test_the_default_layout_is_the_guides_with_todays_sizes():
    """Four partitions and five volumes: the guide's disk, large enough for Debian 12 and 13."""
    asked = layout(host())
    assert [(p.number, p.mount, p.size_mib, p.fs) for p in asked.partitions] == [
        (1, "/boot/efi", 768, "vfat"),
        (2, "/boot", 1024, "ext4"),
        (3, "", None, ""),
        (4, "", 61440, ""),
    ]
    assert [(v.name, v.mount, v.size_mib) for v in asked.system.volumes] == [
        ("root", "/", 20480),
        ("home", "/home", 20480),
        ("swap", "swap", 2048),
        ("varlog", "/var/log", 4096),
        ("tmp", "/tmp", 2048),
    ]
    assert (asked.system.name, asked.system.partition) == ("xen", 4)
    assert (asked.guests.name, asked.guests.partition, asked.guests.volumes) == ("guests", 3, ())


def test_wheezy_keeps_the_guides_own_sizes():
    """Under release wheezy the guide's sizes are the defaults, and a size that is given still counts."""
    asked = layout(host("wheezy", esp_mib=300, volumes={"home_mib": 1024}))
    assert [p.size_mib for p in asked.partitions] == [300, 256, None, 61440]
    assert [v.size_mib for v in asked.system.volumes] == [8192, 1024, 2048, 500, 500]


@pytest.mark.parametrize(
    ("disk", "third"),
    [
        ("/dev/sda", "/dev/sda3"),
        ("/dev/vdb", "/dev/vdb3"),
        ("/dev/nvme0n1", "/dev/nvme0n1p3"),
        ("/dev/mmcblk0", "/dev/mmcblk0p3"),
        ("/dev/disk/by-id/nvme-Disk_1", "/dev/disk/by-id/nvme-Disk_1-part3"),
    ],
)
def test_a_partition_has_the_name_that_the_kernel_gives_it(disk, third):
    """A disk whose name ends in a digit has a `p` before the number; a link of udev has `-part`."""
    assert layout(host(disk=disk)).device(3) == third


def test_noatime_is_on_every_file_system_and_not_on_swap():
    """noatime is asked for where files are read, and can be switched off."""
    asked = layout(host())
    assert {v.name for v in asked.system.volumes if "noatime" in v.options} == {
        "root",
        "home",
        "varlog",
        "tmp",
    }
    assert not any("noatime" in v.options for v in layout(host(noatime=False)).system.volumes)


def test_volumes_are_whole_extents():
    """A size that LVM would round up is rounded up in the layout, so that the check compares like with like."""
    assert [v.size_mib for v in layout(host(volumes={"tmp_mib": 501})).system.volumes][-1] == 504


def test_the_least_disk_has_room_for_everything_and_something_for_guests():
    """The sum of the partitions, a GiB of remainder, and the partition table's own room."""
    assert layout(host()).least_disk_mib == 768 + 1024 + 61440 + 1024 + 2


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"system_gib": 40}, "set system_gib to 49 or more"),
        ({"disk": "/dev/sda1"}, "not a whole disk"),
        ({"disk": "/dev/nvme0n1p2"}, "not a whole disk"),
        ({"disk": "/dev/disk/by-id/ata-X-part1"}, "not a whole disk"),
        ({"disk": "sda"}, "not a whole disk"),
        ({"authorized_keys": ["/root/.ssh/id_ed25519.pub"]}, "one line of a .pub file"),
        ({"authorized_keys": ["-----BEGIN OPENSSH PRIVATE KEY-----"]}, "one line of a .pub file"),
        ({"mirror": "ftp://mirror/debian"}, "http://HOST/debian"),
        ({"mirror": "http://mirror"}, "http://HOST/debian"),
        ({"locale": "en_US.UTF-8; reboot"}, "write it like en_GB.UTF-8"),
        ({"domain": "a b"}, "like home.arpa"),
        ({"kernel_options": ["a b"]}, "one word"),
        ({"system_volume_group": "guests"}, "both 'guests'"),
    ],
)
def test_what_cannot_be_right_is_refused_with_the_way_out(values, said):
    """Each wrong value is an error before anything starts, and the message says what would be right."""
    with pytest.raises(ValidationError, match=said):
        host(**values)


def test_a_password_in_the_parameters_is_refused_and_not_repeated():
    """What may be the password itself is not in the message: only the ways to refer to a secret are."""
    with pytest.raises(ValidationError) as caught:
        host(root_password_hash="hunter2")
    message = caught.value.errors()[0]["msg"]
    assert "hunter2" not in message
    assert "env:NAME" in message


def test_the_keys_of_a_volume_group_that_nobody_installs_are_left_alone():
    """A host that is there already may keep guests in its own group, as the guide did."""
    assert host(method="none", system_volume_group="guests").installation.method == "none"


def test_a_key_is_one_line_with_single_spaces():
    """A key copied with a line's end or tabs is taken as it was meant."""
    assert host(authorized_keys=[KEY.replace(" ", "\t") + "\n"]).installation.authorized_keys == (KEY,)
