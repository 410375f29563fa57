"""The steps of notebook 09 that look, mount, grow and freeze: first run, already right, refused."""

import pytest

from runbook.actions.volumes import removal
from runbook.model.ask import Answer
from runbook.steps.management import (
    grow_volumes,
    install_tools,
    look_inside_volumes,
    mount_partitions,
    remove_snapshots,
    take_snapshots,
    unmount_partitions,
)
from tests.steps.volumes_host import GIB, HIBERNATED, Disk, Host, params

COMM = {"guest": "comm", "partition": 1, "at": "/mnt/comm"}
DRIVE_C = {"guest": "windows", "partition": 3, "at": "/mnt/windows"}
MONDAY = {"guest": "comm", "name": "comm-monday", "size_gib": 1}


def carry(host, step, asked):
    """Plan a step, carry it out, and return the titles of what was done; then nothing may be left."""
    facts = host.facts(step, asked)
    planned = step.plan(asked, facts)
    assert planned.stops == ()
    assert all(action.preview(facts) for action in planned.actions)
    assert len([action.inverse(facts) for action in planned.actions]) == len(planned.actions)
    host.done.clear()
    host.apply(planned)
    after = host.facts(step, asked)
    assert step.plan(asked, after).actions == ()
    assert [f for f in step.check(asked, after) if f.stops] == []
    return list(host.done)


def stops(host, step, asked):
    """Return level and text of what stops a step's plan; each says why and what to do."""
    planned = step.plan(asked, host.facts(step, asked))
    assert planned.stops
    assert all(f.why and f.do for f in planned.stops)
    return [(f.level, f.what) for f in planned.stops]


def said(host, step, asked):
    """Return level and text of what a check finds."""
    found = step.check(asked, host.facts(step, asked))
    assert all(f.do for f in found)
    return [(f.level, f.what) for f in found]


ALL = (
    look_inside_volumes,
    unmount_partitions,
    remove_snapshots,
    grow_volumes,
    take_snapshots,
    mount_partitions,
)


@pytest.mark.parametrize("step", [install_tools, *ALL])
def test_a_finished_host_needs_nothing(step):
    """Where nothing is asked for and the tools are there, no step has anything to do or to complain of."""
    host, asked = Host(), params()
    assert carry(host, step, asked) == []
    assert [level for level, _ in said(host, step, asked) if level not in ("info",)] == []


@pytest.mark.parametrize("step", [look_inside_volumes, grow_volumes, take_snapshots, mount_partitions])
def test_without_lvm_the_steps_wait(step):
    """A host whose LVM tools do not answer is sent to the notebook that installs them."""
    asked = params(mounts=[COMM], snapshots=[MONDAY])
    host = Host(lvm=False)
    assert stops(host, step, asked)[0] == ("wait", "The LVM tools do not answer")


@pytest.mark.parametrize("step", [look_inside_volumes, grow_volumes, take_snapshots, mount_partitions])
def test_when_xl_is_silent_under_xen_nothing_is_touched(step):
    """Nobody knows then which guests run, so the steps refuse."""
    asked = params(mounts=[COMM], snapshots=[MONDAY])
    what = "Xen runs and does not say which guests have which disks"
    assert stops(Host(xl_answers=False), step, asked)[0] == ("refuse", what)


class TestParameters:
    @pytest.mark.parametrize(
        "folder", ["/etc", "/mnt", "/mnt/", "mnt/x", "/mnt/../etc", "/mnt/a b", "/home/ana"]
    )
    def test_a_folder_of_the_system_is_no_mount_point(self, folder):
        """Only folders below /mnt, /media and /srv, in plain letters, can be mounted on."""
        with pytest.raises(ValueError, match="is not a folder to mount on"):
            params(mounts=[COMM | {"at": folder}])

    @pytest.mark.parametrize(
        ("section", "word"),
        [
            (
                {"mounts": [COMM, DRIVE_C | {"at": "/mnt/comm"}]},
                "mount point /mnt/comm is given more than once",
            ),
            ({"mounts": [COMM, COMM | {"at": "/mnt/b"}]}, "partition comm 1 is given more than once"),
            ({"mounts": [COMM, DRIVE_C | {"at": "/mnt/comm/c"}]}, "lies inside /mnt/comm"),
            (
                {"mounts": [COMM | {"snapshot": "x"}]},
                "'x', to be mounted at /mnt/comm, is no snapshot of 'comm'",
            ),
            ({"mounts": [COMM | {"guest": "nobody"}]}, "there is no guest 'nobody'"),
            ({"snapshots": [MONDAY | {"name": "nginx"}]}, "that is the disk of 'nginx'"),
        ],
    )
    def test_what_contradicts_itself(self, section, word):
        """Two things in one place, a snapshot that is not listed, and unknown guests stop before any host is reached."""
        with pytest.raises(ValueError, match=word):
            params(**section)


class TestInstallTools:
    def test_only_what_is_missing(self):
        """One package is missing, and one is installed."""
        assert carry(Host(packages={"fdisk", "ntfs-3g", "partclone"}), install_tools, params()) == [
            "install 1 packages"
        ]

    def test_old_lists_are_fetched_first(self):
        """Lists older than a day are fetched before apt is asked to install from them."""
        host = Host(packages=set(), lists="list\n")
        done = carry(host, install_tools, params())
        assert done[0].endswith("update")
        assert done[1].startswith("install ")

    def test_the_check_names_each_package(self):
        """A package that is not there fails the check by name."""
        host = Host(packages={"fdisk", "zstd"})
        assert said(host, install_tools, params()) == [
            ("fail", "The package ntfs-3g is not installed"),
            ("fail", "The package partclone is not installed"),
        ]

    def test_no_room_and_an_unknown_package_are_refused(self):
        """A full disk and a package that no source has are said before apt runs."""
        assert stops(Host(packages=set(), room=1), install_tools, params()) == [
            ("refuse", "/var/cache/apt/archives has 1 MiB free; about 2 MiB are needed"),
            ("refuse", "/usr has 1 MiB free; about 20 MiB are needed"),
        ]
        unknown = Answer(100, "", "E: Unable to locate package partclone\n")
        assert ("refuse", "apt finds no package partclone") in stops(
            Host(packages=set(), simulated=unknown), install_tools, params()
        )


class TestLookInsideVolumes:
    def test_a_table_that_cannot_be_trusted_is_told(self):
        """Overlaps are a warning here; they stop a mount, not the reading."""
        host = Host()
        host.disks["nginx"] = Disk("overlaps")
        assert ("warn", "The partition table in /dev/guests/nginx cannot be trusted") in said(
            host, look_inside_volumes, params()
        )

    def test_an_lvm_of_the_guest_is_explained(self):
        """A partition that belongs to the guest's own volume group is listed, and not a fault."""
        assert said(Host(), look_inside_volumes, params()) == [
            ("info", "Partition 5 of 'comm' holds LVM2_member: it is listed, not mounted")
        ]

    def test_a_missing_volume_and_a_missing_tool_wait(self):
        """Without its volume a guest waits for notebook 08; without sfdisk everything waits for install_tools."""
        host = Host()
        del host.disks["nginx"]
        assert stops(host, look_inside_volumes, params()) == [("wait", "There is no volume guests/nginx")]
        host.disks["nginx"] = Disk("without_sfdisk")
        assert stops(host, look_inside_volumes, params()) == [
            ("wait", "The program that reads partition tables is missing")
        ]

    @pytest.mark.parametrize(("case", "level"), [("grown", "info"), ("primary_damaged", "warn")])
    def test_remarks_are_passed_on(self, case, level):
        """A volume that has grown is a note; a damaged copy of a GPT is a warning."""
        host = Host()
        host.disks["windows"] = Disk(case, 2 * GIB)
        assert level in [f[0] for f in said(host, look_inside_volumes, params()) if "sfdisk remarks" in f[1]]


class TestMountPartitions:
    def test_read_only_through_a_window(self):
        """The first run makes the folder, marks the mount and mounts at offset and size, without the journal."""
        host = Host()
        *_, mount = carry(host, mount_partitions, params(mounts=[COMM]))
        assert mount == (
            "run mount -t ext4 -o ro,noload,nosuid,nodev,noexec,loop,offset=1048576,sizelimit=41943040 "
            "/dev/guests/comm /mnt/comm"
        )
        assert host.marks == {"comm:1": "/mnt/comm"}

    def test_the_way_back_of_a_mount_is_umount(self):
        """The inverse of the mount takes it away again; a restart may have done that already."""
        asked = params(mounts=[COMM])
        planned = mount_partitions.plan(asked, Host().facts(mount_partitions, asked))
        assert planned.actions[-1].undo == ("sh", "-c", "! mountpoint -q /mnt/comm || umount /mnt/comm")

    def test_windows_goes_through_ntfs_3g(self):
        """C: is the third partition, and its driver is ntfs-3g on every release."""
        *_, mount = carry(Host(), mount_partitions, params(mounts=[DRIVE_C]))
        assert mount.startswith("run mount -t ntfs-3g -o ro,nosuid,")
        assert "offset=22020096,sizelimit=41943040" in mount

    def test_a_volume_without_a_table_is_mounted_whole(self):
        """Partition 0 is the file system that fills the volume."""
        host = Host()
        host.disks["nginx"] = Disk("fat_without_table", 20 * 1024**2)
        asked = params(mounts=[{"guest": "nginx", "partition": 0, "at": "/mnt/nginx"}])
        *_, mount = carry(host, mount_partitions, asked)
        assert "-t vfat -o ro,nosuid,nodev,noexec,loop,offset=0,sizelimit=20971520" in mount

    def test_other_rights_mean_mounting_again(self):
        """A mount of ours that shall be writable is taken away and made anew, with the journal replayed."""
        host = Host()
        carry(host, mount_partitions, params(mounts=[COMM]))
        done = carry(host, mount_partitions, params(mounts=[COMM | {"writable": True}]))
        assert done[0] == "run umount /mnt/comm"
        assert "-o rw,nosuid" in done[-1]
        assert len(host.mounts) == 1

    @pytest.mark.parametrize("mounted", [False, True])
    def test_refused_while_the_guest_runs(self, mounted):
        """A running guest stops the mount, and is a fault of a mount that was there before it."""
        host, asked = Host(), params(mounts=[COMM])
        if mounted:
            carry(host, mount_partitions, asked)
        host.running = {"comm": "comm"}
        what = "guests/comm is the disk of the guest 'comm', which is running"
        assert stops(host, mount_partitions, asked) == [("refuse", what)]
        assert ("refuse", what) in said(host, mount_partitions, asked)

    def test_a_snapshot_can_be_read_while_the_guest_runs(self):
        """The snapshot is another volume: nobody writes to it."""
        host = Host(running={"comm": "comm"})
        host.disks["comm-monday"] = Disk("linux", attr="swi-a-s---", origin="comm", filled="3.00")
        asked = params(mounts=[COMM | {"snapshot": "comm-monday"}], snapshots=[MONDAY])
        *_, mount = carry(host, mount_partitions, asked)
        assert "/dev/guests/comm-monday /mnt/comm" in mount
        assert host.marks == {"comm-monday:1": "/mnt/comm"}

    @pytest.mark.parametrize(
        ("break_it", "what"),
        [
            ({"mounts": [("comm", "/mnt/elsewhere", "rw", 1048576)]}, "is mounted at /mnt/elsewhere"),
            ({"loops": [("comm", 0, False)]}, "is attached to /dev/loop0"),
            ({"holders": {"comm": "guests-comm1"}}, "carries the mapping guests-comm1"),
            ({"swap": "comm"}, "is in use as dom0's swap"),
        ],
    )
    def test_refused_beside_whoever_may_write(self, break_it, what):
        """Another mount for writing, a writable loop device, a mapping and swap each stop the mount."""
        asked = params(mounts=[COMM])
        assert stops(Host(**break_it), mount_partitions, asked) == [("refuse", f"guests/comm {what}")]

    def test_read_only_mounts_do_each_other_no_harm(self):
        """Beside somebody's read-only mount a read-only one is allowed, a writable one is not."""
        host = Host(mounts=[("comm", "/mnt/elsewhere", "ro", 1048576)])
        writable = params(mounts=[COMM | {"writable": True}])
        assert stops(host, mount_partitions, writable) == [
            ("refuse", "guests/comm is mounted at /mnt/elsewhere")
        ]
        assert carry(host, mount_partitions, params(mounts=[COMM]))

    @pytest.mark.parametrize(
        ("partition", "what"),
        [
            (2, "Partition 2 of 'comm' holds swap: it cannot be mounted"),
            (3, "Partition 3 of 'comm' holds nothing that blkid knows: it cannot be mounted"),
            (5, "Partition 5 of 'comm' holds LVM2_member: it cannot be mounted"),
            (9, "There is no partition 9 in /dev/guests/comm"),
            (0, "/dev/guests/comm has a partition table, so nothing fills it as a whole"),
        ],
    )
    def test_refused_where_there_is_no_file_system(self, partition, what):
        """Swap, a box, LVM, a number that is not there and a whole that is divided are refused, each by name."""
        asked = params(mounts=[COMM | {"partition": partition}])
        assert stops(Host(), mount_partitions, asked) == [("refuse", what)]

    @pytest.mark.parametrize("case", ["overlaps", "protective_only"])
    def test_refused_from_a_table_that_cannot_be_trusted(self, case):
        """Overlaps, and a GPT of which only the announcement is left, are refused."""
        host = Host()
        host.disks["comm"] = Disk(case)
        assert stops(host, mount_partitions, params(mounts=[COMM])) == [
            ("refuse", "The partition table in /dev/guests/comm cannot be trusted")
        ]

    def test_a_hibernated_windows_is_read_with_a_warning(self):
        """Read-only it is mounted, and the person is told what will be missing (H803)."""
        host, asked = Host(windows=HIBERNATED), params(mounts=[DRIVE_C])
        planned = mount_partitions.plan(asked, host.facts(mount_partitions, asked))
        assert [f.level for f in planned.findings] == ["warn"]
        assert "hibernated" in planned.findings[0].why
        assert carry(host, mount_partitions, asked)

    def test_a_hibernated_windows_is_never_written_to(self):
        """Writable it is refused, before ntfs-3g would silently fall back to read-only."""
        asked = params(mounts=[DRIVE_C | {"writable": True}])
        assert stops(Host(windows=HIBERNATED), mount_partitions, asked) == [
            ("refuse", "Partition 3 of 'windows' may not be written to")
        ]
        assert carry(Host(), mount_partitions, asked)

    def test_a_broken_ntfs_is_not_even_read(self):
        """Status 13, an inconsistent file system, is refused; a missing ntfs-3g waits."""
        asked = params(mounts=[DRIVE_C])
        assert stops(Host(windows=Answer(13)), mount_partitions, asked) == [
            ("refuse", "Partition 3 of 'windows' may not be mounted")
        ]
        missing = Answer(127, "", "sh: 8: ntfs-3g.probe: not found\n")
        assert stops(Host(windows=missing), mount_partitions, asked) == [
            ("wait", "ntfs-3g, which reads Windows' disks, is missing")
        ]

    def test_refused_on_a_folder_that_is_taken(self):
        """A folder with files in it, or with another mount on it, is not covered."""
        asked = params(mounts=[COMM])
        assert stops(Host(full={"/mnt/comm": "/mnt/comm/letter"}), mount_partitions, asked) == [
            ("refuse", "/mnt/comm is in use")
        ]
        other = Host(mounts=[("nginx", "/mnt/comm", "ro", 0)])
        assert stops(other, mount_partitions, asked) == [("refuse", "/mnt/comm is in use")]

    def test_the_check_sees_a_mount_that_is_gone(self):
        """A listed partition that is not mounted fails the check."""
        assert said(Host(), mount_partitions, params(mounts=[COMM])) == [
            ("fail", "Partition 1 of 'comm' is not mounted at /mnt/comm as listed")
        ]


class TestUnmountPartitions:
    def test_what_is_no_longer_listed_goes(self):
        """The mount and its mark are taken away; what is still listed stays."""
        host = Host()
        carry(host, mount_partitions, params(mounts=[COMM, DRIVE_C]))
        assert carry(host, unmount_partitions, params(mounts=[DRIVE_C])) == [
            "run umount /mnt/comm",
            "run rm -f -- /run/xen-runbook/mounts/comm:1",
        ]
        assert [m[1] for m in host.mounts] == ["/mnt/windows"]

    def test_another_folder_means_unmounting_the_old_one(self):
        """The same partition listed elsewhere is unmounted first, so that it can be mounted there."""
        host = Host()
        carry(host, mount_partitions, params(mounts=[COMM]))
        moved = params(mounts=[COMM | {"at": "/mnt/other"}])
        assert carry(host, unmount_partitions, moved)[0] == "run umount /mnt/comm"
        assert carry(host, mount_partitions, moved)

    def test_what_somebody_mounted_by_hand_is_left_alone(self):
        """A mount without a mark is not ours to take away, nor is another disk on a folder that we marked."""
        host = Host(mounts=[("comm", "/mnt/mine", "ro", 0)])
        assert carry(host, unmount_partitions, params()) == []
        host = Host(mounts=[("nginx", "/mnt/comm", "ro", 0)], marks={"comm:1": "/mnt/comm"})
        assert carry(host, unmount_partitions, params()) == ["run rm -f -- /run/xen-runbook/mounts/comm:1"]
        assert host.mounts

    def test_a_mark_left_by_a_run_that_was_cut_off(self):
        """A mark without a mount is only taken away."""
        host = Host(marks={"comm:1": "/mnt/comm"})
        assert carry(host, unmount_partitions, params()) == ["run rm -f -- /run/xen-runbook/mounts/comm:1"]

    def test_the_check_says_what_is_still_mounted(self):
        """A marked mount that is not listed fails the check."""
        host = Host(mounts=[("comm", "/mnt/comm", "ro", 1048576)], marks={"comm:1": "/mnt/comm"})
        assert [level for level, _ in said(host, unmount_partitions, params())] == ["fail"]

    def test_a_stray_loop_device_is_told(self):
        """A loop device on a guest's volume without a mount is named, with the command that detaches it."""
        assert said(Host(loops=[("comm", 0, True)]), unmount_partitions, params()) == [
            ("warn", "guests/comm is attached to /dev/loop0, and nothing is mounted from there")
        ]


class TestGrowVolumes:
    def test_only_what_is_too_small_grows(self):
        """One lvextend to the listed size, and none for the volumes that have it."""
        host = Host()
        host.disks["windows"] = Disk("windows", GIB)
        assert carry(host, grow_volumes, params()) == ["run lvextend --size 2g guests/windows"]

    def test_a_larger_volume_is_not_shrunk(self):
        """It stays as it is, and the person is told why."""
        host = Host()
        host.disks["comm"] = Disk("linux", 3 * GIB)
        assert carry(host, grow_volumes, params()) == []
        what = "guests/comm has 3.0 GiB, 1 GiB are listed: it is not shrunk"
        assert ("warn", what) in said(host, grow_volumes, params())

    def test_too_little_room_is_refused(self):
        """The sum of all growth is compared with the group's free room."""
        host = Host(free=GIB // 2)
        host.disks["windows"] = Disk("windows", GIB)
        assert stops(host, grow_volumes, params()) == [
            ("refuse", "The volume group 'guests' has too little room to grow in")
        ]

    def test_a_snapshot_is_in_the_way(self):
        """LVM cannot grow a volume that has a snapshot; the snapshot is named."""
        host = Host()
        host.disks["windows"] = Disk("windows", GIB)
        host.disks["old"] = Disk("windows", attr="swi-a-s---", origin="windows", filled="1.00")
        assert stops(host, grow_volumes, params()) == [
            ("refuse", "guests/windows has the snapshot guests/old, so it cannot grow")
        ]

    def test_a_running_guest_is_no_obstacle_and_dom0s_swap_is(self):
        """A guest sees the room at its next start; a volume that the host itself uses is not a guest's."""
        host = Host(running={"windows": "windows"})
        host.disks["windows"] = Disk("windows", GIB)
        assert carry(host, grow_volumes, params())
        host = Host(swap="windows")
        host.disks["windows"] = Disk("windows", GIB)
        assert stops(host, grow_volumes, params()) == [
            ("refuse", "guests/windows is in use as dom0's swap: it is the host's own")
        ]

    def test_what_is_left_for_the_guest_to_do_is_told(self):
        """Room behind the last partition is a note with the guest's own commands, per system."""
        found = grow_volumes.check(params(), Host().facts(grow_volumes, params()))
        notes = {f.what.split("'")[1]: f.do for f in found if f.level == "info"}
        assert "growpart" in notes["comm"]
        assert "Disk Management" in notes["windows"]

    def test_the_check_finds_a_volume_that_is_too_small(self):
        """A volume that did not grow fails the check."""
        host = Host()
        host.disks["windows"] = Disk("windows", GIB)
        assert ("fail", "guests/windows has 1.0 GiB, 2 GiB are listed") in said(host, grow_volumes, params())


class TestSnapshots:
    def test_a_listed_snapshot_is_taken_and_marked(self):
        """One lvcreate with the runbook's tag; its way back removes it."""
        asked, host = params(snapshots=[MONDAY]), Host()
        (take,) = take_snapshots.plan(asked, host.facts(take_snapshots, asked)).actions
        assert take.undo == removal("guests", "comm-monday")
        assert carry(host, take_snapshots, asked) == [
            "run lvcreate --yes --snapshot --addtag xen-runbook --size 1g --name comm-monday guests/comm"
        ]

    def test_of_a_running_guest_with_a_note(self):
        """A running guest's snapshot is what a pulled plug would leave, and that is said."""
        asked, host = params(snapshots=[MONDAY]), Host(running={"comm": "comm"})
        planned = take_snapshots.plan(asked, host.facts(take_snapshots, asked))
        assert [f.level for f in planned.findings] == ["info"]
        assert carry(host, take_snapshots, asked)

    def test_without_room_it_is_refused(self):
        """A snapshot takes its room from the same group; too little is refused with both numbers."""
        asked = params(snapshots=[MONDAY])
        planned = take_snapshots.plan(asked, Host(free=GIB - 1).facts(take_snapshots, asked))
        assert [f.level for f in planned.stops] == ["refuse"]
        assert "need 1.0 GiB, 1024.0 MiB are free" in planned.stops[0].why

    def test_a_missing_volume_waits(self):
        """Without the guest's volume there is nothing to freeze."""
        host = Host()
        del host.disks["comm"]
        assert stops(host, take_snapshots, params(snapshots=[MONDAY])) == [
            ("wait", "There is no volume guests/comm")
        ]

    @pytest.mark.parametrize(
        ("disk", "what"),
        [
            (Disk("linux"), "guests/comm-monday is an ordinary volume, not a snapshot of the disk of 'comm'"),
            (
                Disk("linux", attr="swi-a-s---", origin="nginx", filled="1.00"),
                "guests/comm-monday is a snapshot of guests/nginx, not a snapshot of the disk of 'comm'",
            ),
            (
                Disk("linux", attr="swi-I-s---", origin="comm", filled="100.00"),
                "The snapshot guests/comm-monday is lost",
            ),
        ],
    )
    def test_refused_when_the_name_is_something_else(self, disk, what):
        """An ordinary volume, another guest's snapshot and one that ran full are refused, and left alone."""
        host = Host()
        host.disks["comm-monday"] = disk
        assert stops(host, take_snapshots, params(snapshots=[MONDAY])) == [("refuse", what)]

    def test_one_that_fills_is_a_warning(self):
        """From 80 % on the person is told; it still counts as right."""
        host = Host()
        host.disks["comm-monday"] = Disk("linux", attr="swi-a-s---", origin="comm", filled="81.20")
        assert said(host, take_snapshots, params(snapshots=[MONDAY])) == [
            ("warn", "The snapshot guests/comm-monday is 81 % full")
        ]

    def test_the_check_misses_one_that_is_not_there(self):
        """A listed snapshot that does not exist fails the check."""
        assert said(Host(), take_snapshots, params(snapshots=[MONDAY])) == [
            ("fail", "The snapshot guests/comm-monday does not exist")
        ]

    def test_what_is_no_longer_listed_is_removed(self):
        """Only the runbook's own snapshots go; the step is destructive, since the frozen view is lost."""
        host = Host()
        carry(host, take_snapshots, params(snapshots=[MONDAY]))
        host.disks["by-hand"] = Disk("linux", attr="swi-a-s---", origin="comm", filled="1.00")
        assert ("fail", "The snapshot guests/comm-monday is still there and not listed") in said(
            host, remove_snapshots, params()
        )
        assert carry(host, remove_snapshots, params()) == ["run lvremove --yes guests/comm-monday"]
        assert "by-hand" in host.disks
        assert remove_snapshots.RISK == "destructive"

    def test_a_snapshot_in_use_is_not_removed(self):
        """A mounted snapshot is refused with the command that unmounts it."""
        host = Host(mounts=[("comm-monday", "/mnt/x", "ro", 0)])
        host.disks["comm-monday"] = Disk(
            "linux", attr="swi-a-s---", tags="xen-runbook", origin="comm", filled="1.00"
        )
        assert stops(host, remove_snapshots, params()) == [
            ("refuse", "guests/comm-monday is mounted at /mnt/x")
        ]
