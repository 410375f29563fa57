"""The guide's own machine: its parameters load, its guests come out as configurations, notebook 08 plans.

There is no such machine at hand: every answer of the host is hand-made (`tests.guests.machine`).
"""

from pathlib import Path

import pytest

from runbook.actions import Link, Run, WriteFile
from runbook.guests.devices import address_of, words_of
from runbook.guests.syntax import parse
from runbook.params import load
from runbook.steps.guests import (
    STEPS,
    create_volumes,
    prove_passthrough,
    set_autostart,
    start_guests,
    write_guest_configs,
)
from tests.guests.machine import HandMade, configured

VICTORY = load(Path(__file__).parents[1] / "params/victory.yml")

GUIDE = {
    # name: vcpus, memory, VNC display, bridges, devices: the guide, "Xen DomU Configurations"
    "ipfire": (2, 4096, 15, ("xenbr0", "xenbr1"), ("07:00.0",)),
    "comm": (2, 4096, 11, ("xenbr1",), ("06:00.0", "0b:00.0")),
    "nginx": (1, 4096, 12, ("xenbr1",), ()),
    "windows": (4, 8192, 10, ("xenbr1",), ("00:1d.0", "03:00.0", "03:00.1", "0e:00.0", "0f:00.0")),
}


def test_the_guests_are_those_of_the_guide():
    """Names, processors, memory, displays, bridges and devices are the guide's own."""
    assert {
        g.name: (
            g.vcpus,
            g.memory_mib,
            g.vnc_display,
            tuple(nic.bridge for nic in g.nics),
            tuple(bdf.removeprefix("0000:") for bdf in g.pci),
        )
        for g in VICTORY.guests
    } == GUIDE


def test_every_hidden_device_is_given_to_one_guest():
    """The eight devices that the guide hides are exactly those that its guests get."""
    given = sorted(bdf for guest in VICTORY.guests for bdf in guest.pci)
    assert given == sorted(device.bdf for device in VICTORY.passthrough.devices)
    assert len(given) == 8


def test_dom0_and_the_guests_fit_in_the_machine():
    """24.3 of 32 GiB are needed: dom0, the guests, what Xen adds for each, and Xen itself."""
    assert VICTORY.memory_needed_mib == 24930
    assert VICTORY.ram_mib == 32768


def test_the_usb_controller_has_the_relaxed_policy_that_modern_xen_wants():
    """00:1d.0 has a reserved memory region; without `relaxed` the guest does not start (H106, H711)."""
    assert {d.bdf for d in VICTORY.passthrough.devices if d.rdm_policy == "relaxed"} == {"0000:00:1d.0"}


def test_the_volumes_are_planned():
    """Four volumes that the guide never creates (H205)."""
    plan = create_volumes.plan(VICTORY, HandMade(VICTORY).facts(create_volumes))
    assert plan.findings == ()
    assert [a.argv[9:] for a in plan.actions] == [
        ("8g", "--name", "ipfire", "guests"),
        ("20g", "--name", "comm", "guests"),
        ("20g", "--name", "nginx", "guests"),
        ("100g", "--name", "windows", "guests"),
    ]


def test_the_four_configurations_are_planned():
    """Each guest's file holds what the guide gives it, and starts from its disc as the disk is empty."""
    plan = write_guest_configs.plan(VICTORY, HandMade(VICTORY).facts(write_guest_configs))
    assert {finding.level for finding in plan.findings} == {"info"}
    assert all(isinstance(action, WriteFile) for action in plan.actions)
    read = {Path(action.path).stem: parse(action.content) for action in plan.actions}
    for name, (vcpus, memory, display, bridges, devices) in GUIDE.items():
        made = read[name]
        numbers = (made.number("vcpus"), made.number("memory"), made.number("vncdisplay"))
        assert (numbers, made.text("boot")) == ((vcpus, memory, display), "dc")
        assert [words_of(spec)["bridge"] for spec in made.items("vif")] == list(bridges)
        assert [address_of(spec) for spec in made.items("pci")] == [f"0000:{bdf}" for bdf in devices]


def test_the_order_is_planned():
    """The router first, then the web server, then comm; windows is started by a person."""
    plan = set_autostart.plan(VICTORY, configured(VICTORY).facts(set_autostart))
    links = [action.path.rpartition("/")[2] for action in plan.actions if isinstance(action, Link)]
    assert links == ["01-ipfire.cfg", "02-nginx.cfg", "03-comm.cfg"]


def test_nothing_is_proven_by_the_network_probe():
    """None of its devices is a wired network card, so the step has nothing to do and says so."""
    plan = prove_passthrough.plan(VICTORY, configured(VICTORY).facts(prove_passthrough))
    assert (plan.actions, plan.findings) == ((), ())


def test_three_guests_are_started():
    """windows waits for a person; the others are started."""
    plan = start_guests.plan(VICTORY, configured(VICTORY).facts(start_guests))
    assert plan.findings == ()
    assert [a.argv[-1] for a in plan.actions if isinstance(a, Run)] == [
        "/etc/xen/ipfire.cfg",
        "/etc/xen/comm.cfg",
        "/etc/xen/nginx.cfg",
    ]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__.rpartition(".")[2])
def test_twice_is_once(step):
    """After what a step plans it plans nothing, and its check finds nothing."""
    host = configured(VICTORY) if step is not create_volumes else HandMade(VICTORY)
    done = host.after(*step.plan(VICTORY, host.facts(step)).actions)
    assert step.plan(VICTORY, done.facts(step)).actions == ()
    assert step.check(VICTORY, done.facts(step)) == []
