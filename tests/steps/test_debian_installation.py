"""Chapter 02, the live way: every step of it, on a machine that carries out what is planned."""

from __future__ import annotations

from contextlib import nullcontext
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from runbook import actions as act
from runbook.book import Book
from runbook.engine.apply import carry_out
from runbook.engine.consent import require
from runbook.engine.journal import Journal
from runbook.errors import CommandFailed, ConsentMissing, Refused
from runbook.hosts.base import Result
from runbook.model.plan import Plan
from runbook.params import HostParams
from runbook.steps import name_of
from runbook.steps.debian_installation import (
    STEPS,
    boot_installed_system,
    configure_base,
    install_base,
    install_boot_loader,
    install_system,
    installed_layout,
    make_file_systems,
    make_volumes,
    partition_disk,
    prepare_live_system,
)
from runbook.steps.shared import debian_files, target
from runbook.steps.shared.target import ROOT
from tests.steps.disk_machine import GIB, KEY, STATUS, Machine, Part, params
from tests.steps.machine import carry, faults, stops
from tests.toy import ToyHost

LIVE_STEPS = STEPS[:-1]


@cache
def _after(steps: int) -> Machine:
    machine = Machine() if steps == 0 else deepcopy(_after(steps - 1))
    if steps:
        carry(machine, STEPS[steps - 1], params())  # type: ignore[arg-type]
    return machine


def before(step: Any) -> Machine:
    """Return a machine on which every step before this one was carried out."""
    return deepcopy(_after(STEPS.index(step)))


def planned(machine: Machine, step: Any, **installation: Any) -> Plan:
    asked = params(**installation)
    return step.plan(asked, machine.facts(step.asks(asked)))


def refused(machine: Machine, step: Any, **installation: Any) -> list[str]:
    """Return the texts of what stops a step; each says why and what to do."""
    return [what for _, what in stops(machine, step, params(**installation))]  # type: ignore[arg-type]


# Carrying out


class Host(ToyHost):
    """A toy host that remembers what it was told to run."""

    def __init__(self, status: int = 0, **answers: str) -> None:
        super().__init__(**answers)
        self.ran: list[tuple[tuple[str, ...], bytes]] = []
        self.status = status

    def run(self, argv: Any, *, stdin: bytes = b"", timeout_s: Any = None, on_line: Any = None) -> Result:
        self.ran.append((argv, stdin))
        return Result(argv, self.status, "", "no room")


def test_partition_table_is_written_from_standard_input() -> None:
    """sfdisk gets the table on its standard input, and wipes what stood on the disk and in the partitions."""
    host = Host()
    carry_out(act.WritePartitionTable("/dev/vda", "a disk", "label: gpt\n"), host, print)  # type: ignore[arg-type]
    (argv, stdin), (settle, _) = host.ran
    assert (argv[0], argv[-1], stdin) == ("sfdisk", "/dev/vda", b"label: gpt\n")
    assert argv[1:5] == ("--wipe", "always", "--wipe-partitions", "always")
    assert settle == ("udevadm", "settle")


def test_command_inside_the_new_system_leaves_nothing_mounted() -> None:
    """The mounts that a command inside needs end with it, and a failure is told without them."""
    host = Host(status=100)
    with pytest.raises(CommandFailed) as error:
        carry_out(act.RunIn(ROOT, ("apt-get", "update")), host, print)  # type: ignore[arg-type]
    argv = host.ran[0][0]
    assert argv[:2] == ("unshare", "--mount")
    assert argv[-3:] == (ROOT, "apt-get", "update")
    assert str(error.value).startswith(f"'chroot {ROOT} apt-get update' ended with status 100")


def test_hash_travels_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """The password's hash is in no command line, and in no preview."""
    hashed = "$6$abcdefgh$" + "x" * 40
    monkeypatch.setenv("HASH", hashed)
    host, action = Host(), act.SetPassword(ROOT, "env:HASH")
    carry_out(action, host, print)  # type: ignore[arg-type]
    argv, stdin = host.ran[0]
    assert stdin == f"root:{hashed}\n".encode()
    assert hashed not in " ".join(argv) + action.preview(Machine().facts(())) + action.title


@pytest.mark.parametrize(
    ("notebook", "method", "may"),
    [("02_debian_installation", "live", True), ("02_debian_installation", "none", False),
     ("03_debian_configuration", "live", False)],
)  # fmt: skip
def test_only_a_live_system_may_be_another_release(notebook: str, method: str, may: bool) -> None:
    """Until Debian is installed the live system may be another Debian; afterwards the release must be right."""
    host = ToyHost({"/etc/os-release": "VERSION_CODENAME=bookworm\n"})
    asked = params(method=method)
    with nullcontext() if may else pytest.raises(Refused, match="runs an unknown system, not trixie"):
        _open(asked, host, notebook)


def _open(asked: HostParams, host: ToyHost, notebook: str) -> Book:
    """Open a book of which only the release is of interest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("runbook.book.book.steps_of", lambda *_: {})
        return Book(asked, "plan", host, notebook, Journal(None))


# The whole way


def test_the_chapter_installs_and_starts_debian() -> None:
    """From an empty disk, each step's plan is empty once it was carried out, and the host ends on the disk."""
    machine = deepcopy(_after(len(LIVE_STEPS)))
    assert machine.mounts["/"][0] == "/dev/mapper/xen-root"
    assert machine.swap == "/dev/mapper/xen-swap"
    assert faults(machine, installed_layout, params()) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("step", LIVE_STEPS, ids=name_of)
def test_every_action_can_be_shown_and_journalled(step: Any) -> None:
    """Title, preview and way back of each action follow from what the step itself asked."""
    machine = before(step)
    facts = machine.facts(step.asks(params()))
    actions = step.plan(params(), facts).actions
    assert actions
    for action in actions:
        assert action.title
        assert action.preview(facts) or action == act.WriteFile(install_base.UNFINISHED, "")
        action.inverse(facts)


@pytest.mark.parametrize("step", LIVE_STEPS, ids=name_of)
def test_installed_host_has_nothing_to_do(step: Any) -> None:
    """On the installed host every step of the live way plans nothing, and says why."""
    machine = _after(len(LIVE_STEPS))
    now = planned(machine, step)
    assert (now.actions, now.findings) == ((), ())
    assert "runs from /dev/vda already" in now.note
    assert step.check(params(), machine.facts(step.asks(params()))) == []


@pytest.mark.parametrize("step", LIVE_STEPS, ids=name_of)
@pytest.mark.parametrize(("method", "word"), [("none", "is there already"), ("preseed", "runbook installer")])
def test_other_ways_plan_nothing(step: Any, method: str, word: str) -> None:
    """With the methods none and preseed the live steps plan nothing, whatever the host is, and say why."""
    now = planned(Machine(), step, method=method)
    assert (now.actions, now.findings) == ((), ())
    assert word in now.note
    asked = params(method=method)
    assert step.check(asked, Machine().facts(step.asks(asked))) == []


@pytest.mark.parametrize("step", LIVE_STEPS[2:], ids=name_of)
def test_step_waits_for_the_one_before(step: Any) -> None:
    """On an untouched machine every step after the first two waits, and names the step to run first."""
    now = planned(Machine(missing=""), step)
    before_it = name_of(STEPS[STEPS.index(step) - 1])
    assert [(f.level, f.what) for f in now.stops] == [("wait", f"The step {before_it} is not done yet")]


@pytest.mark.parametrize("step", LIVE_STEPS, ids=name_of)
def test_host_that_is_no_live_system_is_refused(step: Any) -> None:
    """A system on a disk of its own is never taken for a live one."""
    machine = Machine(mounts={"/": ("/dev/sdb2", "ext4", "rw")})
    assert planned(machine, step).stops
    if step in LIVE_STEPS[:2]:
        assert refused(machine, step) == ["newhost does not run a live system"]


def test_mark_makes_a_live_system() -> None:
    """A person can say, by a file, that the system on another disk is only there to install from."""
    machine = Machine(mounts={"/": ("/dev/sdb2", "ext4", "rw")}, places=f"{target.MARK}\n/sys/firmware/efi\n")
    assert planned(machine, partition_disk).stops == ()


def test_restarted_live_system_is_mounted_again() -> None:
    """After a restart of the live system in the middle, the file systems are mounted again and nothing is made."""
    machine = before(install_base)
    machine.mounts = {"/": ("overlay", "overlay", "rw")}
    machine.asleep = set(machine.volumes)
    assert carry(machine, make_volumes, params()) == ["run vgchange --activate y xen"]  # type: ignore[arg-type]
    done = carry(machine, make_file_systems, params())  # type: ignore[arg-type]
    assert [title.split()[1] for title in done] == ["mount"] * 6


# prepare_live_system


def test_prepare_installs_what_is_missing() -> None:
    """Only the missing tools are installed, after the lists that are old."""
    assert [a.title for a in planned(Machine(), prepare_live_system).actions] == [
        "run apt-get -qq -o APT::Update::Error-Mode=any update",
        "install 2 packages",
    ]
    assert len(planned(Machine(lists_are_fresh=True), prepare_live_system).actions) == 1
    assert planned(Machine(missing=""), prepare_live_system).actions == ()


def test_prepare_refuses_a_system_without_apt() -> None:
    """A live system that is no Debian is refused."""
    assert refused(Machine(missing="apt-get\nmmdebstrap\n"), prepare_live_system) == [
        "The live system is no Debian"
    ]


def test_prepare_refuses_a_bios_start() -> None:
    """A live system that was started in BIOS mode cannot announce a boot loader, and is refused at once."""
    assert refused(Machine(places=""), prepare_live_system) == ["The live system was not started by UEFI"]


# partition_disk


def test_partition_plans_the_guides_four() -> None:
    """The table has EFI, /boot, the guests' remainder and the host's group, without a hole and on whole MiB."""
    action = planned(Machine(), partition_disk).actions[0]
    assert action.table == (
        "label: gpt\n"
        'start=1MiB, size=768MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="esp"\n'
        'start=769MiB, size=1024MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name="boot"\n'
        'start=1793MiB, size=39166MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928, name="guests"\n'
        'start=40959MiB, size=61440MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928, name="system"\n'
    )
    assert "nothing: no partition table" in planned(Machine(), partition_disk).note


def test_partition_names_what_is_lost() -> None:
    """File systems, volumes and the old table are listed in the plan before anything happens."""
    machine = Machine(
        parts={"/dev/vda1": Part(GIB, "ext4", GIB), "/dev/vda2": Part(20 * GIB, "LVM2_member", 2 * GIB)},
        groups={"old": ["/dev/vda2"]},
        volumes={"old/windows": Part(10 * GIB)},
        asleep={"old/windows"},
    )
    now = planned(machine, partition_disk)
    assert now.actions[0].loses == (
        "a partition table (gpt) with 2 partitions",
        "/dev/vda1: ext4, 1.0 GiB",
        "/dev/vda2: LVM2_member, 20.0 GiB",
        "volume old/windows, 10.0 GiB",
    )
    assert "volume old/windows" in now.note
    assert [f.level for f in now.findings] == ["warn"]
    assert "- volume old/windows, 10.0 GiB\n" in now.actions[0].preview(machine.facts(()))


def test_consent_is_for_one_disk_with_one_content() -> None:
    """Consent ends when another disk has the name, or when something was put on the disk meanwhile."""
    empty, seen = planned(Machine(), partition_disk), Machine().facts(())
    asked = params().model_copy(update={"consent": (f"partition_disk:{empty.digest()}",)})
    require("partition_disk", partition_disk, empty, asked, seen)  # type: ignore[arg-type]
    filled = Machine(parts={"/dev/vda1": Part(GIB, "ntfs", GIB)})
    for machine in (Machine(serial="another"), filled, Machine(disk_fstype="ext4")):
        with pytest.raises(ConsentMissing):
            require("partition_disk", partition_disk, planned(machine, partition_disk), asked, seen)  # type: ignore[arg-type]


def test_partition_keeps_a_table_that_is_right() -> None:
    """A disk with exactly these partitions is left alone, whatever is on them."""
    machine = before(make_volumes)
    machine.parts["/dev/vda2"].fstype = "ext4"
    assert planned(machine, partition_disk).actions == ()
    machine.parts["/dev/vda2"].size -= 2**20
    assert len(planned(machine, partition_disk).actions) == 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"mounts": {"/": ("overlay", "overlay", "rw"), "/media/x": ("/dev/vda1", "ext4", "rw")}},
         "/dev/vda1 is mounted at /media/x"),
        ({"swap": "/dev/vda1"}, "/dev/vda1 is used as swap"),
        ({"groups": {"old": ["/dev/vda1"]}, "volumes": {"old/x": Part(GIB)}},
         "/dev/mapper/old-x (lvm) is active on this disk"),
    ],
    ids=["mounted", "swap", "volume"],
)  # fmt: skip
def test_partition_refuses_a_disk_in_use(change: dict[str, Any], what: str) -> None:
    """A disk with something mounted, with swap, or with an active volume is refused, with the way to let go of it."""
    machine = Machine(parts={"/dev/vda1": Part(10 * GIB, "ext4", GIB)}, **change)
    assert refused(machine, partition_disk) == [what]


def test_partition_refuses_the_running_systems_disk() -> None:
    """The disk that the running system stands on is refused, and so is the one that the live medium is on."""
    there = {"/dev/vda1": Part(10 * GIB, "ext4", GIB)}
    marked = f"{target.MARK}\n/sys/firmware/efi\n"
    machine = Machine(parts=there, mounts={"/": ("/dev/vda1", "ext4", "rw")}, places=marked)
    assert refused(machine, partition_disk) == ["The running system is on /dev/vda itself"]
    medium = {"/": ("overlay", "overlay", "rw"), "/run/live/medium": ("/dev/vda1", "vfat", "ro")}
    assert refused(Machine(parts=there, mounts=medium), partition_disk) == [
        "/dev/vda1 is mounted at /run/live/medium"
    ]


@pytest.mark.parametrize(
    ("change", "installation", "what"),
    [
        ({}, {"disk": "/dev/nvme0n1"}, "/dev/nvme0n1 is not there"),
        ({}, {"disk": "/dev/sda"}, "/dev/sda is not there"),
        ({"kind": "rom"}, {}, "/dev/vda is no disk but a rom"),
        ({"size": 60 * GIB}, {}, "/dev/vda has 60.0 GiB; 62.8 GiB are needed"),
        ({"is_read_only": True}, {}, "/dev/vda is read-only"),
    ],
    ids=["nvme", "sda", "rom", "small", "read-only"],
)
def test_partition_refuses_an_unfit_disk(
    change: dict[str, Any], installation: dict[str, Any], what: str
) -> None:
    """A disk that is not there, is none, is too small or cannot be written is refused."""
    assert refused(Machine(**change), partition_disk, **installation) == [what]


def test_missing_disk_is_answered_with_those_that_are_there() -> None:
    """Whoever gives a name that the host does not have is told the names that it has."""
    found = planned(Machine(), partition_disk, disk="/dev/sda").findings[0]
    assert "/dev/vda (disk, 100.0 GiB)" in found.why


def test_partition_refuses_a_group_name_that_is_taken() -> None:
    """A volume group of the same name on another disk stops the run before the disk is touched."""
    assert refused(Machine(groups={"xen": ["/dev/sdb1"]}), partition_disk) == [
        "The volume group xen is on another disk"
    ]


def test_usb_disk_is_pointed_out() -> None:
    """A disk on USB is allowed, with a word of warning."""
    assert [f.what for f in planned(Machine(transport="usb"), partition_disk).findings] == [
        "/dev/vda is a USB disk"
    ]


def test_nvme_partitions_have_a_p() -> None:
    """On an NVMe disk the partitions are called p1 to p4, and the rest goes on from there."""
    asked = params(disk="/dev/nvme0n1")
    machine = Machine(disk="/dev/nvme0n1")
    for step in STEPS[:4]:
        carry(machine, step, asked)  # type: ignore[arg-type]
    assert machine.groups == {"xen": ["/dev/nvme0n1p4"], "guests": ["/dev/nvme0n1p3"]}


# make_volumes, make_file_systems


def test_volumes_go_on_where_they_were_interrupted() -> None:
    """Only the volumes that are missing are made."""
    machine = before(make_file_systems)
    del machine.volumes["xen/tmp"], machine.groups["guests"]
    machine.parts["/dev/vda3"].fstype = ""
    done = carry(machine, make_volumes, params())  # type: ignore[arg-type]
    assert [title.split()[-1] for title in done] == ["xen", "/dev/vda3"]


def test_volumes_refuse_a_partition_with_content() -> None:
    """A partition that holds a file system, or another group, is not made into a physical volume."""
    machine = before(make_volumes)
    machine.parts["/dev/vda4"].fstype = "xfs"
    assert refused(machine, make_volumes) == ["/dev/vda4 is not empty: it holds a file system (xfs)"]
    machine = before(make_volumes)
    machine.groups["other"], machine.parts["/dev/vda3"].fstype = ["/dev/vda3"], "LVM2_member"
    assert refused(machine, make_volumes) == ["/dev/vda3 is not empty: it holds the volume group other"]


def test_volumes_refuse_another_size() -> None:
    """A volume of another size than the parameters ask for is pointed out, not resized."""
    machine = before(make_file_systems)
    assert refused(machine, make_volumes, volumes={"tmp_mib": 1024}) == [
        "The volume xen/tmp has 2.0 GiB, not 1.0 GiB"
    ]


def test_new_volumes_are_wiped_and_groups_are_not_forced() -> None:
    """What an earlier life left inside a new volume is wiped; vgcreate is never told to overwrite."""
    argvs = [a.argv for a in planned(before(make_volumes), make_volumes).actions]
    assert all("--wipesignatures" in argv for argv in argvs if argv[0] == "lvcreate")
    assert [argv for argv in argvs if argv[0] == "vgcreate"] == [
        ("vgcreate", "xen", "/dev/vda4"),
        ("vgcreate", "guests", "/dev/vda3"),
    ]


def test_file_systems_are_mounted_in_their_order() -> None:
    """Everything is formatted, root is mounted first, and /boot can be read by an older GRUB."""
    actions = planned(before(make_file_systems), make_file_systems).actions
    places = [a.argv[-1] for a in actions if a.argv[0] == "mount"]
    assert places == [ROOT + p for p in ("", "/boot", "/boot/efi", "/home", "/tmp", "/var/log")]
    boot = next(a.argv for a in actions if a.argv[0] == "mkfs.ext4" and a.argv[-1] == "/dev/vda2")
    assert "^metadata_csum_seed" in boot


def test_noatime_can_be_left_out() -> None:
    """Without noatime in the parameters nothing is mounted with it."""
    machine = before(make_file_systems)
    for noatime in (True, False):
        argvs = [a.argv for a in planned(machine, make_file_systems, noatime=noatime).actions]
        assert any("noatime" in word for argv in argvs for word in argv) is noatime


def test_file_systems_refuse_another_kind() -> None:
    """A volume with another file system than the wanted one is not formatted."""
    machine = before(make_file_systems)
    machine.volumes["xen/home"].fstype = "btrfs"
    assert refused(machine, make_file_systems) == ["/dev/mapper/xen-home holds btrfs, not ext4"]


# install_base


def test_base_comes_from_the_live_systems_sources() -> None:
    """The live system's own sources are said for the new release; apt's word about its mirror goes along."""
    argv = planned(before(install_base), install_base).actions[1].argv
    assert argv[argv.index("trixie") + 1] == ROOT
    assert "--skip=check/empty" in argv
    assert '--aptopt=Acquire::Check-Valid-Until "false"' in argv
    assert any(line.endswith("http://mirror.example/debian trixie main") for line in argv)
    assert any(line.endswith("http://mirror.example/security trixie-security main") for line in argv)


def test_base_comes_from_the_mirror_of_the_parameters() -> None:
    """A mirror in the parameters wins, and is enough where the live system has no source."""
    machine = before(install_base)
    machine.sources = "deb cdrom:[Debian live]/ bookworm main\n"
    assert refused(machine, install_base) == ["It is not known where to get Debian trixie from"]
    argv = planned(machine, install_base, mirror="http://other.example/debian").actions[1].argv
    assert any(line.endswith("http://other.example/debian trixie main non-free-firmware") for line in argv)


def test_interrupted_base_begins_afresh() -> None:
    """Half a system beside its mark is cleared away first; the mark is removed when all is there."""
    machine = before(install_base)
    machine.files[install_base.UNFINISHED] = ""
    machine.files[f"{ROOT}/etc/half"] = ""
    titles = carry(machine, install_base, params())  # type: ignore[arg-type]
    assert [("-delete" in t, "mmdebstrap" in t) for t in titles] == [
        (True, False), (False, False), (False, True), (False, False)
    ]  # fmt: skip
    assert install_base.UNFINISHED not in machine.files


def test_base_refuses_what_it_did_not_make() -> None:
    """A root volume with other things on it, or with another Debian, is left alone."""
    machine = before(install_base)
    machine.files[f"{ROOT}/etc/passwd"] = ""
    assert refused(machine, install_base) == ["The root volume is not empty"]
    machine.status = STATUS
    machine.files[f"{ROOT}/usr/lib/os-release"] = "VERSION_CODENAME=bookworm\n"
    assert refused(machine, install_base) == ["Another Debian than trixie is on the root volume already"]


# configure_base


def test_configured_base_is_this_host() -> None:
    """Name, network, file systems by UUID and the session's key are in the new system's files."""
    machine = before(install_system)
    read = {path: machine.files[f"{ROOT}{path}"] for path in ("/etc/hostname", "/etc/hosts", "/etc/fstab")}
    assert read["/etc/hostname"] == "newhost\n"
    assert "127.0.1.1\tnewhost.lan\tnewhost\n" in read["/etc/hosts"]
    assert "UUID=uuid-of-xen-root / ext4 noatime,errors=remount-ro 0 1\n" in read["/etc/fstab"]
    assert "UUID=uuid-of-xen-swap none swap sw 0 0\n" in read["/etc/fstab"]
    assert "iface enp0s3 inet dhcp\n" in machine.files[f"{ROOT}/etc/network/interfaces"]
    assert machine.files[f"{ROOT}/root/.ssh/authorized_keys"] == KEY + "\n"
    assert machine.host_keys


def test_lasting_name_of_the_card_is_written() -> None:
    """A live system that calls the card eth0 does not make a system that cannot find it."""
    machine = before(configure_base)
    machine.card = "= enp0s3\nID_NET_NAME_PATH=enp3s0\nID_NET_NAME_ONBOARD=eno1\n"
    carry(machine, configure_base, params())  # type: ignore[arg-type]
    assert "iface eno1 inet dhcp\n" in machine.files[f"{ROOT}/etc/network/interfaces"]


def test_fixed_address_is_kept_and_pointed_out() -> None:
    """An address that was not leased is written down, with a warning."""
    machine = before(configure_base)
    machine.address = {}
    assert [f.what for f in planned(machine, configure_base).findings] == [
        "enp0s3 has a fixed address, 10.0.2.15/24, and the new system will keep it"
    ]
    carry(machine, configure_base, params())  # type: ignore[arg-type]
    assert (
        "    address 10.0.2.15/24\n    gateway 10.0.2.2\n" in machine.files[f"{ROOT}/etc/network/interfaces"]
    )


def test_configure_refuses_a_locked_door() -> None:
    """Without key and password, without a cabled card, or with a time zone that is none, nothing is written."""
    machine = before(configure_base)
    machine.files["/root/.ssh/authorized_keys"] = ""
    assert refused(machine, configure_base) == ["Nobody could log in to the new system"]
    assert planned(machine, configure_base, root_password_hash="env:HASH").stops == ()
    machine = before(configure_base)
    machine.card = "= enp0s3\nwireless\n"
    assert refused(machine, configure_base) == ["enp0s3 is wireless"]
    machine.card = ""
    assert refused(machine, configure_base) == ["No cabled network card carries the default route"]
    assert refused(before(configure_base), configure_base, time_zone="Asia/Tokyo") == [
        "Debian knows no time zone Asia/Tokyo"
    ]


def test_foreign_keys_are_pointed_out() -> None:
    """Keys in the parameters replace the session's, and it is said when that would lock this session out."""
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIother me@work"
    now = planned(before(configure_base), configure_base, authorized_keys=[other])
    assert [f.what for f in now.findings] == ["The key of this session will not open the new system"]
    assert planned(before(configure_base), configure_base, authorized_keys=[other, KEY]).findings == ()


def test_missing_security_source_is_pointed_out() -> None:
    """A system without security updates is possible, but not unnoticed."""
    machine = before(configure_base)
    machine.sources = "deb http://mirror.example/debian bookworm main\n"
    assert [f.what for f in planned(machine, configure_base).findings] == [
        "The new system has no source of security updates"
    ]


def test_password_is_set_once_and_never_shown() -> None:
    """The plan holds where the hash is, not the hash, and a password that is set is left alone."""
    machine = before(configure_base)
    action = planned(machine, configure_base, root_password_hash="env:HASH").actions[-1]
    assert action == act.SetPassword(ROOT, "env:HASH")
    carry(machine, configure_base, params(root_password_hash="env:HASH"))  # type: ignore[arg-type]


# install_system, install_boot_loader, boot_installed_system


def test_services_stay_off_while_packages_are_installed() -> None:
    """The policy is written before the first package and removed after the last, also by a second run."""
    machine = before(install_system)
    titles = carry(machine, install_system, params())  # type: ignore[arg-type]
    assert titles[0] == f"write {install_system.POLICY}"
    assert f"remove {install_system.POLICY}" in titles
    machine.files[install_system.POLICY] = debian_files.NO_SERVICES
    assert carry(machine, install_system, params()) == [f"remove {install_system.POLICY}"]  # type: ignore[arg-type]


def test_half_installed_packages_are_finished_first() -> None:
    """What an interruption left half configured is configured before apt goes on."""
    machine = before(install_system)
    machine.status += "iF |lvm2|2\n"
    assert "run in /mnt/target: dpkg --configure -a" in carry(machine, install_system, params())  # type: ignore[arg-type]


def test_missing_ram_disk_is_made() -> None:
    """A kernel without its initial RAM disk, which no firmware could start, gets one."""
    machine = before(install_boot_loader)
    machine.kernels = "vmlinuz-6.12\n"
    assert carry(machine, install_system, params()) == ["run in /mnt/target: update-initramfs -c -k all"]  # type: ignore[arg-type]


def test_locale_that_needs_no_generating() -> None:
    """With C.UTF-8 nothing is generated."""
    titles = [a.title for a in planned(before(install_system), install_system, locale="C.UTF-8").actions]
    assert not any("locale-gen" in title for title in titles)


def test_keyboard_has_layout_and_variant() -> None:
    """A variant of a layout is given behind a hyphen."""
    text = debian_files.keyboard(params(keyboard="de-nodeadkeys"))
    assert 'XKBLAYOUT="de"\nXKBVARIANT="nodeadkeys"\n' in text


def test_boot_loader_is_put_in_both_places() -> None:
    """GRUB is installed unsigned, where the firmware looks by default too, and the menu is made last."""
    machine = before(install_boot_loader)
    titles = carry(machine, install_boot_loader, params(kernel_options=["quiet"]))  # type: ignore[arg-type]
    install = next(t for t in titles if "grub-install" in t)
    assert "--force-extra-removable" in install
    assert "--no-uefi-secure-boot" in install
    assert titles[-1].endswith("update-grub")
    words = machine.files[f"{ROOT}/etc/default/grub.d/installation.cfg"]
    assert 'GRUB_CMDLINE_LINUX="quiet console=ttyS0"' in words


def test_changed_words_make_the_menu_anew() -> None:
    """When only the kernel's words change, nothing is installed again."""
    machine = before(boot_installed_system)
    asked = params(kernel_options=["nosmt"])
    titles = carry(machine, install_boot_loader, asked)  # type: ignore[arg-type]
    assert [t.rpartition(" ")[2] for t in titles] == [
        f"{ROOT}/etc/default/grub.d/installation.cfg",
        "update-grub",
    ]


def test_live_system_that_comes_up_again_is_noticed() -> None:
    """When the firmware starts the live medium once more, the check says so and what to do."""
    machine = before(boot_installed_system)
    assert faults(machine, boot_installed_system, params()) == [
        "The live system came up again, not the new one"
    ]  # type: ignore[arg-type]


# installed_layout


def installed() -> Machine:
    return deepcopy(_after(len(LIVE_STEPS)))


def differences(machine: Machine, **installation: Any) -> list[str]:
    """Return what the layout's check finds wrong; each says what to do."""
    return faults(machine, installed_layout, params(**installation))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["live", "preseed"])
def test_installed_layout_is_right(method: str) -> None:
    """After either way the layout of the parameters is found, and nothing is ever planned."""
    assert differences(installed(), method=method) == []
    assert planned(installed(), installed_layout, method=method).actions == ()


def test_unattended_installers_sizes_are_right() -> None:
    """Volumes that were counted in millions of bytes are a little smaller, and right."""
    machine = installed()
    for volume in machine.volumes.values():
        volume.size = volume.size // 2**20 * 10**6
    assert differences(machine, method="preseed") == []


def test_layout_is_only_shown_without_a_method() -> None:
    """With the method none a disk that differs from the parameters in everything is not judged."""
    assert differences(Machine(), method="none") == []
    assert "shown and not judged" in planned(Machine(), installed_layout, method="none").note


def test_layout_waits_for_the_installed_system() -> None:
    """While the live system runs there is no layout to judge."""
    assert faults(Machine(), installed_layout, params(), "wait") == ["The live system is still running"]  # type: ignore[arg-type]


def _shrink(machine: Machine) -> None:
    machine.volumes["xen/varlog"].size = GIB


def _forget_home(machine: Machine) -> None:
    del machine.mounts["/home"]


def _atime(machine: Machine) -> None:
    source, kind, _ = machine.mounts["/tmp"]
    machine.mounts["/tmp"] = (source, kind, "rw,relatime")


def _boot_on_lvm(machine: Machine) -> None:
    machine.volumes["xen/boot"] = Part(GIB, "ext4")
    machine.mounts["/boot"] = ("/dev/mapper/xen-boot", "ext4", "rw,noatime")


def _no_guests(machine: Machine) -> None:
    del machine.groups["guests"]


def _no_fstab(machine: Machine) -> None:
    machine.files["/etc/fstab"] = machine.files["/etc/fstab"].replace(" /var/log ", " /var/old ")


def _no_swap(machine: Machine) -> None:
    machine.swap = ""


def _other_release(machine: Machine) -> None:
    machine.codename = "bookworm"


def _xfs_home(machine: Machine) -> None:
    machine.volumes["xen/home"].fstype = "xfs"


@pytest.mark.parametrize(
    ("breakage", "what"),
    [
        (_shrink, ["/var/log has 1.0 GiB, not 4.0 GiB"]),
        (_forget_home, ["/home is not on /dev/vda"]),
        (_atime, ["/tmp is mounted without noatime"]),
        (_boot_on_lvm, ["/boot is on /dev/mapper/xen-boot, not on a plain partition"]),
        (_no_guests, ["The volume group guests is not on /dev/vda"]),
        (_no_fstab, ["/var/log is not in /etc/fstab"]),
        (_no_swap, ["swap is not on /dev/vda"]),
        (_xfs_home, ["/home is xfs, not ext4"]),
    ],
)
def test_difference_is_found(breakage: Any, what: list[str]) -> None:
    """Each way in which an installed disk can differ from the parameters is named."""
    machine = installed()
    breakage(machine)
    assert differences(machine) == what


def test_other_release_is_found() -> None:
    """A host that came up with another Debian than was asked for fails."""
    machine = installed()
    _other_release(machine)
    assert len(differences(machine)) == 1


def test_other_disk_is_found() -> None:
    """A host that runs from another disk than the parameters name fails, by each thing that is not there."""
    assert "The host does not run from /dev/nvme0n1" in differences(installed(), disk="/dev/nvme0n1")
