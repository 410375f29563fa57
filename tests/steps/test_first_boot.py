"""Chapter 07: the proofs on the testbed under Xen, each broken once, and Xen as the default."""

import pytest

from runbook.facts import grub
from runbook.steps import first_boot, xen_configuration
from runbook.steps.first_boot import make_xen_default, prove_bridges, prove_devices, prove_xen
from runbook.steps.xen_installation import install_xen
from tests.steps.machine import PLAIN, XEN, Machine, built_once, carry, faults, like_testbed, played, stops

PARAMS = like_testbed()
HIDDEN = "0000:00:05.0 (network card for ipfire)"
TITLE = "Debian GNU/Linux GNU/Linux, with Xen hypervisor"


@built_once
def booted() -> Machine:
    """Return a machine that went through chapters 05 and 06."""
    machine = Machine()
    for step in played(install_xen, *xen_configuration.STEPS):
        carry(machine, step, PARAMS)
    return machine


def test_the_whole_path_twice():
    """After the last step of chapter 07 every step of the three chapters plans nothing."""
    machine = booted()
    for step in played(*first_boot.STEPS):
        carry(machine, step, PARAMS)
    assert machine.saved_entry == XEN
    for step in played(install_xen, *xen_configuration.STEPS, *first_boot.STEPS):
        assert carry(machine, step, PARAMS) == [], step.__name__


def test_the_end_of_the_boot_is_waited_for():
    """ssh answers before Xen's services do; a running system is not waited for."""
    machine = booted()
    machine.state = "starting"
    assert carry(machine, prove_xen, PARAMS) == ["run sh -c 'systemctl is-system-running --wait || true'"]
    assert carry(machine, prove_xen, PARAMS) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("hvm_directio ", "", "Xen does not report hvm_directio"),
        (" hvm ", " ", "Xen does not report hvm"),
        ("iommu=required", "", "Xen was started without iommu=required"),
        ("xen_major", "xen_other", "xl cannot talk to Xen"),
    ],
)
def test_xen_as_asked(old, new, fault):
    """An ability or a word that is missing is a fault, with a next move."""
    machine = booted()
    assert old in machine.xl_info
    machine.xl_info = machine.xl_info.replace(old, new)
    assert faults(machine, prove_xen, PARAMS) == [fault]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("2048     2", "1900     2", "dom0 has 1900 MiB, not 2048"),
        ("2048     2", "2048     1", "dom0 has 1 virtual CPUs, not 2"),
        ("Domain-0", "(null)  ", "xenstored does not answer"),
        ("     0  2048", "     7  2048", "Xen's tools do not see dom0"),
    ],
)
def test_dom0_as_asked(old, new, fault):
    """Memory, processors and the name from xenstore are read from `xl list`."""
    machine = booted()
    machine.xl_list = machine.xl_list.replace(old, new)
    assert faults(machine, prove_xen, PARAMS) == [fault]


def test_a_few_mib_less_are_no_fault():
    """Xen rounds dom0's memory."""
    machine = booted()
    machine.xl_list = machine.xl_list.replace("2048     2", "2047     2")
    assert faults(machine, prove_xen, PARAMS) == []


def test_dom0_cannot_have_more_processors_than_there_are():
    """On a machine of two, eight asked for are two."""
    many = like_testbed(dom0={"memory_mib": 2048, "max_vcpus": 8})
    assert "dom0 has 2 virtual CPUs, not 8" not in faults(booted(), prove_xen, many)


def test_another_version_is_warned_of():
    """Xen from elsewhere may be meant."""
    machine = booted()
    machine.xl_info = machine.xl_info.replace("xen_minor              : 20", "xen_minor              : 19")
    assert faults(machine, prove_xen, PARAMS, "warn") == ["Xen 4.20.5-pre runs"]
    assert faults(machine, prove_xen, PARAMS) == []


def test_the_watchdog_must_run():
    """Enabled is not running; a host that wants none is not asked for it."""
    machine = booted()
    machine.units["xen-watchdog.service"] = ("failed", "enabled")
    assert faults(machine, prove_xen, PARAMS) == ["The watchdog does not run"]
    assert faults(machine, prove_xen, like_testbed(services={"watchdog": False})) == []


def test_plain_debian_says_why_and_what_next():
    """Without Xen there is one fault only, and it tells that the default is safe."""
    machine = booted()
    machine.is_dom0 = False
    assert faults(machine, prove_xen, PARAMS) == ["The host runs plain Debian, not Xen"]


def test_devices_that_wait_or_are_in_use_are_right():
    """A running guest's device is not in the list of assignable ones any more, and that is right."""
    machine = booted()
    assert carry(machine, prove_devices, PARAMS) == []
    machine.assignable = machine.assignable.replace("0000:00:05.0 \n", "")
    assert faults(machine, prove_devices, PARAMS) == [f"{HIDDEN} cannot be given to a guest"]
    machine.assigned = '/local/domain/0/backend/pci/4/0/dev-0 = "0000:00:05.0"\n'
    assert faults(machine, prove_devices, PARAMS) == [f"{HIDDEN} cannot be given to a guest"]
    machine.xl_list += "ipfire    4   256     1     -b----      10.1\n"
    assert faults(machine, prove_devices, PARAMS) == []


@pytest.mark.parametrize(
    ("now", "fault"),
    [
        (
            ("8086:2922", "ahci", "ahci"),
            "At 0000:00:05.0 is 8086:2922 now, not 8086:10d3 (network card for ipfire)",
        ),
        (None, "At 0000:00:05.0 is nothing now, not 8086:10d3 (network card for ipfire)"),
        (("8086:10d3", "e1000e", "e1000e"), f"{HIDDEN} is not hidden"),
        (("8086:10d3", "", "e1000e"), f"{HIDDEN} is not hidden"),
    ],
    ids=["another card", "gone", "held by its driver", "held by none"],
)
def test_devices_that_are_not_right(now, fault):
    """Each device gives its worst fault, once."""
    machine = booted()
    if now:
        machine.devices["0000:00:05.0"] = now
    else:
        del machine.devices["0000:00:05.0"]
    assert faults(machine, prove_devices, PARAMS) == [fault]


def test_without_xen_no_device_is_judged():
    """The proof waits for the one before it."""
    machine = booted()
    machine.is_dom0 = False
    assert faults(machine, prove_devices, PARAMS, "wait") == [
        "Xen does not run, so no device can be given away"
    ]


def test_bridges_are_looked_at_again():
    """What held before the boot must hold after it."""
    machine = booted()
    assert faults(machine, prove_bridges, PARAMS) == []
    machine.bridges = ()
    assert len(faults(machine, prove_bridges, PARAMS)) == 2


def test_a_proved_xen_becomes_the_default():
    """One command, and nothing on a second run."""
    machine = booted()
    assert machine.saved_entry == PLAIN
    assert faults(machine, make_xen_default, PARAMS) == [
        "The machine starts 'Debian GNU/Linux' by itself, not Xen"
    ]
    before = machine.saved_entry
    (action,) = make_xen_default.plan(PARAMS, machine.facts(make_xen_default.asks(PARAMS))).actions
    assert action.undo == ("grub-set-default", before)
    assert carry(machine, make_xen_default, PARAMS) == [f"run grub-set-default {XEN}"]
    assert carry(machine, make_xen_default, PARAMS) == []


@pytest.mark.parametrize(("saved", "default"), [("", "0"), ("", "${saved_entry}"), (XEN, TITLE)])
def test_a_xen_that_starts_by_its_owners_choice_is_planned_for(saved, default):
    """First in the menu or by its title: set_boot_menu ends that, so the plan of the whole shows this step as well."""
    machine = booted()
    config = "/boot/grub/grub.cfg"
    text, machine.saved_entry = machine.files[config], saved
    plain, xen = text.index("menuentry 'Debian GNU/Linux'"), text.index(f"menuentry '{TITLE}'")
    entry = text[xen : text.index("\n}\n", xen) + 3]
    machine.files[config] = text[:plain].replace("${saved_entry}", default) + entry + text[plain:]
    assert grub.parse(machine.facts(grub.COMMANDS)).starts.is_xen
    plan = make_xen_default.plan(PARAMS, machine.facts(make_xen_default.asks(PARAMS)))
    assert [action.argv[0] for action in plan.actions] == ["grub-set-default"]


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (
            lambda m: setattr(m, "xl_info", m.xl_info.replace("hvm_directio ", "")),
            "prove_xen does not hold: Xen does not report hvm_directio",
        ),
        (
            lambda m: setattr(m, "assignable", ""),
            f"prove_devices does not hold: {HIDDEN} cannot be given to a guest",
        ),
        (
            lambda m: setattr(m, "bridges", ("xenbr0",)),
            "prove_bridges does not hold: xenbr1 is not a bridge",
        ),
    ],
)
def test_without_every_proof_plain_debian_stays(break_it, what):
    """Each of the three proofs alone keeps Xen from becoming the default."""
    machine = booted()
    break_it(machine)
    assert stops(machine, make_xen_default, PARAMS) == [("wait", what)]


def test_a_default_that_grub_does_not_read_is_a_fault():
    """A saved Xen entry is worth nothing when the menu starts entry 0."""
    machine = booted()
    machine.saved_entry = XEN
    config = "/boot/grub/grub.cfg"
    machine.files[config] = machine.files[config].replace("${saved_entry}", "0")
    assert faults(machine, make_xen_default, PARAMS) == [
        "The machine starts 'Debian GNU/Linux' by itself, not Xen"
    ]
