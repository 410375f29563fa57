"""The host that is made up for measuring is as large as it says."""

import pytest

from benchmarks import made_up
from runbook.facts import guest_files, network, pci, storage
from runbook.steps.introduction import survey_devices
from runbook.steps.xen_configuration import hide_devices


def test_a_host_has_as_many_devices_as_asked():
    """Each device that the parameters name is in the answers, alone in its IOMMU group, with its interface and words."""
    params = made_up.with_devices(50)
    facts = made_up.facts_of(params, "00_introduction")
    passed = {device.bdf for device in params.passthrough.devices}
    there = {device.bdf: device for device in pci.parse(facts)}
    groups = [there[bdf].group for bdf in passed]
    cards = {i.controller for i in network.parse(facts).interfaces}
    assert len(passed) == 50
    assert len(set(groups)) == 50
    assert len(passed & cards) == 48  # the others of the recorded host are no network cards
    assert survey_devices.check(params, facts) == []


def test_every_device_gets_into_the_plan():
    """Under Xen, too, all devices are there: the plan hides each of them and refuses none."""
    params = made_up.with_devices(50)
    plan = hide_devices.plan(params, made_up.facts_of(params, "06_xen_configuration"))
    written = plan.actions[0].content
    assert all(f"({device.bdf})" in written for device in params.passthrough.devices)


@pytest.mark.parametrize("count", [10, 100])
def test_a_host_has_as_many_guests_as_asked(count):
    """Each guest has its volume and its configuration in the answers."""
    params = made_up.with_guests(count)
    facts = made_up.facts_of(params, "08_guests")
    files = {line.partition(":")[0] for line in facts[guest_files.FILES].out.splitlines()}
    assert len(params.guests) == count
    assert {f"/etc/xen/{guest.name}.cfg" for guest in params.guests} <= files
    there = storage.parse(facts)
    assert all(there.volume("guests", guest.volume.name) for guest in params.guests)
