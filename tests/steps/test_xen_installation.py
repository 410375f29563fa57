"""Chapter 05: fetching lists and installing Xen, on the testbed's machine and on broken ones."""

import pytest

from runbook.actions import InstallPackages, Run, WriteFile
from runbook.releases.xen import DEVICE_MODEL
from runbook.steps import xen_installation
from runbook.steps.shared import apt, boot_menu
from runbook.steps.xen_installation import build_xen, install_built_xen, install_xen, refresh_package_lists
from tests.steps.machine import Machine, built_once, carry, faults, like_testbed, stops

PARAMS = like_testbed()
LOCK = "254:0 7 /var/lib/dpkg/lock\n1: POSIX  ADVISORY  WRITE 812 fe:00:7 0 EOF\n"


@built_once
def finished() -> Machine:
    """Return a machine on which the chapter was run."""
    machine = Machine()
    carry(machine, install_xen, PARAMS)
    return machine


def test_the_chapter_names_its_steps():
    """The lists come before the packages, and what is built before what is installed."""
    order = (refresh_package_lists, build_xen, install_built_xen, install_xen)
    assert tuple(step for step in xen_installation.STEPS if step in order) == order


@pytest.mark.parametrize(("lists", "fresh"), [(0, False), (3, False)], ids=["none", "old"])
def test_lists_are_fetched_when_missing_or_old(lists, fresh):
    """One update, after which nothing is left to do."""
    machine = Machine(lists=lists, lists_are_fresh=fresh)
    assert carry(machine, refresh_package_lists, PARAMS) == [
        "run apt-get -qq -o APT::Update::Error-Mode=any update"
    ]


def test_fresh_lists_are_left_alone():
    """A second run within a day fetches nothing."""
    assert carry(Machine(), refresh_package_lists, PARAMS) == []


def test_a_finished_host_needs_no_lists():
    """Old lists do not make a finished host unfinished: twice is once, next month too."""
    machine = finished()
    machine.lists, machine.lists_are_fresh = 0, False
    assert carry(machine, refresh_package_lists, PARAMS) == []


def test_an_update_that_fetched_nothing_is_a_fault():
    """apt may end well with no source at all; the check sees that there are no lists."""
    assert faults(Machine(lists=0), refresh_package_lists, PARAMS) == ["apt has no package lists"]


@pytest.mark.parametrize("step", [refresh_package_lists, install_xen])
@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"locks": LOCK}, "Another program is installing packages"),
        ({"audit": "The following packages are in a mess:\n lvm2\n"}, "An installation was interrupted"),
    ],
)
def test_apt_must_be_able_to_work(step, changes, what):
    """A held lock or a half-done installation refuses both steps before anything is tried."""
    assert stops(Machine(lists_are_fresh=False, **changes), step, PARAMS) == [("refuse", what)]


def test_the_lock_is_no_matter_on_a_finished_host():
    """Debian's nightly upgrade may run while a finished host is looked at."""
    machine = finished()
    machine.locks = LOCK
    assert carry(machine, install_xen, PARAMS) == []
    assert carry(machine, refresh_package_lists, PARAMS) == []


def test_first_installation():
    """Plain Debian is kept the default before the packages write a menu; all that comes is named."""
    machine = Machine()
    planned = install_xen.plan(PARAMS, machine.facts(install_xen.asks(PARAMS)))
    keep, packages = planned.actions
    assert isinstance(keep, WriteFile)
    assert keep.path == "/etc/default/grub.d/00-xen-passthrough.cfg"
    assert keep.content.splitlines()[-1] == "XEN_OVERRIDE_GRUB_DEFAULT=0"
    assert isinstance(packages, InstallPackages)
    assert " ".join(packages.names) == (
        "xen-system-amd64 qemu-system-xen xen-utils-common xenstore-utils bridge-utils busybox-static "
        "fdisk ntfs-3g partclone zstd"
    )
    assert len(packages.delta) == 47
    assert planned.note == "23 MiB to download."
    assert carry(machine, install_xen, PARAMS) == [
        f"write {boot_menu.KEEP_DEFAULT_FILE}",
        "install 47 packages",
    ]


def test_already_installed():
    """Nothing is done, and nothing is found wrong."""
    assert carry(finished(), install_xen, PARAMS) == []


def test_only_what_is_missing_is_installed():
    """A package that was removed is put back, alone."""
    machine = finished()
    machine.packages.remove("bridge-utils")
    planned = install_xen.plan(PARAMS, machine.facts(install_xen.asks(PARAMS)))
    assert [action.names for action in planned.actions] == [("bridge-utils",)]


@pytest.mark.parametrize(
    ("changes", "level", "what"),
    [
        ({"lists": 0}, "wait", "apt has no package lists yet"),
        (
            {"apt_error": "E: Unable to locate package qemu-system-xen\n"},
            "refuse",
            "apt finds no package qemu-system-xen",
        ),
        ({"apt_error": "E: Unmet dependencies.\n"}, "refuse", "apt cannot install Xen"),
        ({"modes": {}}, "refuse", "This host does not boot with GRUB"),
    ],
)
def test_what_apt_cannot_do_is_refused(changes, level, what):
    """The reason is told apart: no lists yet, an unknown name, anything else, another boot loader."""
    assert stops(Machine(**changes), install_xen, PARAMS) == [(level, what)]


@pytest.mark.parametrize(
    ("path", "free", "what"),
    [
        ("/var/cache/apt/archives", 10, "/var/cache/apt/archives has 10 MiB free; about 23 MiB are needed"),
        ("/usr", 200, "/usr has 200 MiB free; about 230 MiB are needed"),
        ("/boot", 50, "/boot has 50 MiB free; about 96 MiB are needed"),
    ],
)
def test_a_full_disk_is_refused(path, free, what):
    """Room is counted where the packages go, before the download."""
    machine = Machine()
    machine.room[path] = free
    assert stops(machine, install_xen, PARAMS) == [("refuse", what)]


def test_room_that_nobody_can_tell_is_no_refusal():
    """A host whose df fails is not called full."""
    machine = Machine(room={})
    assert apt.lacking_room(machine.facts(apt.asks(PARAMS)), 10**9) == []


def test_os_prober_is_warned_of():
    """It would mount the guests' volumes; the installation goes on."""
    machine = Machine()
    machine.packages.add("os-prober")
    planned = install_xen.plan(PARAMS, machine.facts(install_xen.asks(PARAMS)))
    assert [(f.level, f.what) for f in planned.findings] == [("warn", "os-prober is installed")]
    assert planned.actions


def test_missing_files_are_faults():
    """Packages alone do not count: the hypervisor's image and the device model must be there."""
    machine = finished()
    machine.hypervisors = ""
    del machine.modes[DEVICE_MODEL]
    machine.packages.remove("lvm2")
    assert faults(machine, install_xen, PARAMS) == [
        "The package lvm2 is not installed",
        "There is no hypervisor image in /boot",
        "The device model is missing: no guest of type hvm can start",
    ]


@pytest.mark.parametrize(
    ("cpu", "named"),
    [
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n", ["intel-microcode"]),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm\n", ["amd64-microcode"]),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm hypervisor\n", []),
    ],
)
def test_microcode_is_mentioned_on_real_machines(cpu, named):
    """By vendor; a virtual machine has no use for it, and nobody is stopped."""
    machine = finished()
    machine.cpuinfo = cpu
    assert faults(machine, install_xen, PARAMS, "info") == [
        f"The processor's updates ({name}) are not installed" for name in named
    ]
    machine.packages |= {"intel-microcode", "amd64-microcode"}
    assert faults(machine, install_xen, PARAMS, "info") == []


def test_updating_is_one_command():
    """It fails when any list cannot be fetched, instead of going on with old ones."""
    machine = Machine(lists=0)
    planned = refresh_package_lists.plan(PARAMS, machine.facts(refresh_package_lists.asks(PARAMS)))
    (update,) = planned.actions
    assert isinstance(update, Run)
    assert update.why == "this host has none yet"
