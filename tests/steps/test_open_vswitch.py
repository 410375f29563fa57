"""A host whose bridges Open vSwitch makes: they are left alone, and each refusal's move, carried out, leads on."""

import json
import re

import pytest

from runbook import releases
from runbook.guests import config
from runbook.steps.xen_configuration import configure_bridges
from tests.steps.machine import Machine, like_testbed

ROWS = [
    {"ifname": "ovs-system", "flags": [], "link_type": "ether"},
    {"ifname": "enp0s3", "flags": ["UP"], "link_type": "ether", "master": "ovs-system"},
    {"ifname": "ovsbr0", "flags": ["UP"], "link_type": "ether",
     "addr_info": [{"family": "inet", "local": "10.0.2.15", "prefixlen": 24}]},
]  # fmt: skip
IN = "/sys/class/net/{0} ../../devices/{1}/net/{0}\n"
LINKS = (
    IN.format("ovs-system", "virtual")
    + IN.format("ovsbr0", "virtual")
    + IN.format("enp0s3", "pci0000:00/0000:00:03.0")
)
NIC = {"bridge": "ovsbr0", "script": "vif-openvswitch", "mac": "00:16:3e:00:00:01"}


class OnOpenVswitch(Machine):
    """The testbed with its card in Open vSwitch."""

    def _links(self):
        return LINKS


def host():
    """Return the machine, with nothing in the files of ifupdown that has a card."""
    return OnOpenVswitch(address=json.dumps(ROWS), routes=json.dumps([{"dst": "default", "gateway": "10.0.2.2", "dev": "ovsbr0"}]),
                         files={"/etc/network/interfaces": "auto lo\niface lo inet loopback\n"}, session="10.0.2.2 5 10.0.2.15 22")  # fmt: skip


def planned(bridges):
    params = like_testbed(guests=[], management={}, network={"bridges": bridges})
    facts = host().facts(configure_bridges.asks(params))
    return configure_bridges.plan(params, facts)


@pytest.mark.parametrize(
    "bridge",
    [{"name": "ovsbr0"}, {"name": "xenbr0", "ports": ["enp0s3"]}, {"name": "xenbr0", "ports": ["ovsbr0"]}],
)
def test_what_open_vswitch_has_is_refused(bridge):
    """Neither its bridge nor what is in it is taken from it; the move is to leave it out, and that leads on."""
    plan = planned([bridge])
    assert plan.actions == ()
    found = next(f for f in plan.findings if "belongs to Open vSwitch" in f.what)
    assert "take" in found.do
    assert "script: vif-openvswitch" in found.do
    assert planned([]).stops == ()


def test_guests_are_plugged_into_its_bridge():
    """The parameters take a bridge that is not in network.bridges from a card with a script; the configuration names both."""
    params = like_testbed(
        management={},
        network={"bridges": []},
        guests=[
            {
                "name": "web",
                "volume": {"name": "web", "size_gib": 1},
                "memory_mib": 512,
                "vcpus": 1,
                "nics": [NIC],
            }
        ],
    )
    text = config.render(params, params.guests[0], releases.get("trixie"), installed=True)
    assert re.search(r"bridge=ovsbr0.*script=vif-openvswitch", text)


def test_without_the_script_the_bridge_has_to_be_there():
    """vif-bridge plugs into a bridge of the kernel's, so a bridge that nobody makes is an error as ever."""
    for script in ({}, {"script": "vif-bridge"}):
        nic = {key: value for key, value in NIC.items() if key != "script"} | script
        with pytest.raises(Exception, match=r"which network\.bridges does not have"):
            like_testbed(
                management={},
                network={"bridges": []},
                guests=[
                    {
                        "name": "web",
                        "volume": {"name": "web", "size_gib": 1},
                        "memory_mib": 512,
                        "vcpus": 1,
                        "nics": [nic],
                    }
                ],
            )
