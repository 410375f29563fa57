"""Chapter 05 with Xen from source: build, copy, install; and never beside Debian's packages."""

import pytest

from runbook.actions import Deliver, InstallPackages
from runbook.builds import xen as build
from runbook.steps.shared import boot_menu
from runbook.steps.xen_configuration import enable_services, stop_saving_guests
from runbook.steps.xen_installation import build_xen, install_built_xen, install_xen, refresh_package_lists
from tests.steps.machine import Machine, built_once, carry, faults, like_testbed, stops

PACKAGES = like_testbed()


def from_source(source="debian-source", **xen):
    """Return the testbed's parameters with Xen from source."""
    return like_testbed(xen={"options": ["com1=115200,8n1", "console=com1"], "source": source, **xen})


SOURCE = from_source()
KEY, DIGEST = build.recipe(SOURCE).key, build.recipe(SOURCE).digest()
DEB = f"/var/cache/xen-runbook/xen/xen-upstream_4.20.4-pre+{DIGEST}_amd64.deb"


@built_once
def finished() -> Machine:
    """Return a machine on which the built Xen was installed."""
    machine = Machine()
    carry(machine, build_xen, SOURCE)
    carry(machine, install_built_xen, SOURCE)
    return machine


def planned(machine, step, params):
    return step.plan(params, machine.facts(step.asks(params)))


def test_first_build():
    """The package is built and copied to the host, and nothing else is done."""
    machine = Machine()
    (action,) = planned(machine, build_xen, SOURCE).actions
    assert isinstance(action, Deliver)
    assert (action.recipe, action.folder) == (build.recipe(SOURCE), "/var/cache/xen-runbook/xen")
    assert carry(machine, build_xen, SOURCE) == [
        f"build {KEY} in a clean root, and copy it to /var/cache/xen-runbook/xen"
    ]


def test_first_installation():
    """Plain Debian stays the default, one apt run brings all, and the menu is renewed as no package does it."""
    machine = Machine()
    carry(machine, build_xen, SOURCE)
    keep, packages, *_ = planned(machine, install_built_xen, SOURCE).actions
    assert keep.path == boot_menu.KEEP_DEFAULT_FILE
    assert isinstance(packages, InstallPackages)
    tools = ("fdisk", "ntfs-3g", "partclone", "zstd")
    assert packages.names == ("qemu-system-xen", "bridge-utils", "busybox-static", *tools, DEB)
    assert packages.delta[-1] == f"xen-upstream 4.20.4-pre+{DIGEST}"
    assert carry(machine, install_built_xen, SOURCE) == [
        f"write {boot_menu.KEEP_DEFAULT_FILE}",
        "install 48 packages",
        "run systemctl daemon-reload",
        "run update-grub",
    ]


@pytest.mark.parametrize("step", [refresh_package_lists, build_xen, install_built_xen, install_xen])
def test_twice_is_once(step):
    """On a finished host no step of the chapter has anything to do."""
    assert carry(finished(), step, SOURCE) == []


def test_the_copy_may_be_gone_once_it_is_installed():
    """What is installed is not built again for want of its file."""
    machine = finished()
    machine.delivered = ""
    assert carry(machine, build_xen, SOURCE) == []


def test_a_damaged_copy_is_made_again():
    """A package that is not as long as the manifest says does not count."""
    machine = Machine()
    carry(machine, build_xen, SOURCE)
    machine.delivered = machine.delivered.replace("9 ", "8 ")
    assert len(planned(machine, build_xen, SOURCE).actions) == 1
    assert faults(machine, build_xen, SOURCE) == ["The built package of Xen is not on the host"]


def test_installing_waits_for_the_build():
    """Without the package there is nothing to install; another recipe's package is not it."""
    machine = Machine()
    assert stops(machine, install_built_xen, SOURCE) == [
        ("wait", "The package of Xen is not on the host yet")
    ]
    carry(machine, build_xen, SOURCE)
    other = from_source(version="4.20.0-1")
    assert stops(machine, install_built_xen, other) == [("wait", "The package of Xen is not on the host yet")]


def test_another_recipe_replaces_the_package():
    """New parameters make a new package; the old one is taken out first, for its version may be higher."""
    machine, other = finished(), from_source(version="4.20.0-1")
    carry(machine, build_xen, other)
    done = carry(machine, install_built_xen, other)
    assert done[0].endswith("remove xen-upstream")
    assert machine.versions["xen-upstream"].endswith(build.recipe(other).digest())


def test_a_missing_companion_is_installed_alone():
    """A package of Debian's that was removed comes back without the built one."""
    machine = finished()
    machine.packages.remove("bridge-utils")
    actions = planned(machine, install_built_xen, SOURCE).actions
    assert [action.names for action in actions] == [("bridge-utils",)]


@pytest.mark.parametrize("step", [build_xen, install_built_xen])
def test_beside_debians_packages_is_refused(step):
    """Both sets of tools on one host would each answer half of the time (H505)."""
    machine = Machine()
    carry(machine, install_xen, PACKAGES)
    assert ("refuse", "Debian's packages of Xen are installed") in stops(machine, step, SOURCE)


def test_debians_packages_beside_a_built_xen_are_refused():
    """The same the other way round."""
    assert stops(finished(), install_xen, PACKAGES) == [("refuse", "A Xen built from source is installed")]


@pytest.mark.parametrize(("step", "params"), [(install_xen, PACKAGES), (install_built_xen, SOURCE)])
def test_beside_a_xen_that_no_package_brought_is_refused(step, params):
    """What runs was installed by hand where dom0 runs and no package of Xen is there; taken away, nothing is in the way."""
    by_hand = "The Xen that runs came from no package"
    assert ("refuse", by_hand) in stops(Machine(is_dom0=True), step, params)
    assert by_hand not in [finding.what for finding in planned(Machine(), step, params).findings]
    ours = finished() if step is install_built_xen else Machine()
    carry(ours, step, params)
    ours.is_dom0 = True
    assert planned(ours, step, params).stops == ()


@pytest.mark.parametrize("step", [build_xen, install_built_xen])
def test_nothing_is_built_unless_asked_for(step):
    """With Debian's packages these steps ask nothing, do nothing, and say why."""
    assert step.asks(PACKAGES) == ()
    plan = planned(Machine(), step, PACKAGES)
    assert (plan.actions, plan.findings) == ((), ())
    assert "xen.source is packages" in plan.unasked
    assert step.check(PACKAGES, Machine().facts(())) == []


def test_the_packages_step_leaves_a_source_host_alone():
    """With a source, the step for Debian's packages asks nothing, does nothing, and says why."""
    assert install_xen.asks(SOURCE) == ()
    assert "xen.source is debian-source" in planned(Machine(), install_xen, SOURCE).unasked
    assert carry(Machine(), install_xen, SOURCE) == []


@pytest.mark.parametrize(
    ("branch", "refused"),
    [
        ("", False),
        ("stable-4.20", False),
        ("RELEASE-4.20.1", False),
        ("stable-4.2", True),
        ("stable-14.20", True),
        ("RELEASE-4.200", True),
        ("master", True),
    ],
)
def test_another_version_than_the_device_models_is_refused(branch, refused):
    """Debian's device model talks to one version of the hypervisor."""
    params = from_source("git", branch=branch, commit="01" * 20)
    found = [f.what for f in planned(Machine(), build_xen, params).stops]
    assert found == ([f"The branch {branch} is not Xen 4.20"] if refused else [])


def test_a_full_disk_is_refused():
    """Room for the package is looked for before it is built."""
    machine = Machine()
    machine.room["/var"] = 60
    assert stops(machine, build_xen, SOURCE) == [("refuse", "/var has 60 MiB free; about 64 MiB are needed")]


def test_what_a_start_needs_is_checked():
    """The image, the device model and the right package must be there; a second image is remarked on."""
    machine = finished()
    machine.hypervisors = ""
    del machine.modes["/usr/libexec/xen-qemu-system-i386"]
    machine.versions["xen-upstream"] = "4.20.4-pre+000000000000"
    assert faults(machine, install_built_xen, SOURCE) == [
        "There is no hypervisor image in /boot",
        "The device model is missing: no guest of type hvm can start",
        "The installed Xen is not the one that the parameters ask for",
    ]
    machine.hypervisors = "xen-4.20.4-pre.gz\nxen-4.20-amd64.gz\n"
    assert faults(machine, install_built_xen, SOURCE, "warn") == [
        "/boot has 2 hypervisors: xen-4.20-amd64.gz, xen-4.20.4-pre.gz"
    ]


def test_the_next_chapter_knows_its_services():
    """06 starts the units that this package brings, and edits its file of the same name."""
    machine = finished()
    done = carry(machine, enable_services, SOURCE)
    assert [title for title in done if "enable" in title] == [
        f"run systemctl enable {name}.service"
        for name in ("xenstored", "xen-init-dom0", "xenconsoled", "xendomains", "xen-watchdog")
    ]
    assert carry(machine, stop_saving_guests, SOURCE) == ["write /etc/default/xendomains"]
