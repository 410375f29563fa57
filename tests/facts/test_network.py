"""Interfaces, bridges, and what dom0 does over each card."""

import json

import pytest

from runbook.facts import network
from tests.survey.machines import SESSION, bare

BRIDGED_LINKS = """\
/sys/class/net/enp0s3 ../../devices/pci0000:00/0000:00:03.0/virtio0/net/enp0s3
/sys/class/net/enp0s4 ../../devices/pci0000:00/0000:00:04.0/virtio1/net/enp0s4
/sys/class/net/xenbr0 ../../devices/virtual/net/xenbr0
/sys/class/net/xenbr0/bridge\x20
/sys/class/net/vlan5 ../../devices/virtual/net/vlan5
"""


def addresses(**masters):
    """Return an answer of `ip -j addr` with a bridge that has the address, and a VLAN."""
    return json.dumps([
        {"ifname": "enp0s3", "flags": ["UP"], "addr_info": [], **masters.get("enp0s3", {})},
        {"ifname": "enp0s4", "flags": [], "addr_info": [], **masters.get("enp0s4", {})},
        {"ifname": "xenbr0", "flags": ["UP"], "addr_info": [{"local": "10.0.2.15", "prefixlen": 24}]},
        {"ifname": "vlan5", "link": "enp0s4", "flags": [], "addr_info": []},
    ])  # fmt: skip


@pytest.fixture
def bridged():
    """Return the network of a host whose first card is a port of xenbr0."""
    route = json.dumps([{"dst": "default", "gateway": "10.0.2.2", "dev": "xenbr0"}])
    answer = addresses(enp0s3={"master": "xenbr0"})
    return network.parse(bare(ip_addr_json=answer, net_links=BRIDGED_LINKS, ip_route_json=route))


def test_the_testbeds_cards():
    """The first card has the address, the session and the default route; the others nothing."""
    found = network.parse(bare())
    assert found.interface("enp0s3") == network.Interface(
        name="enp0s3",
        mac="52:54:00:13:00:03",
        addresses=("10.0.2.15/24", "fe80::80d6:1920:b574:c26f/64"),
        master="",
        parent="",
        is_up=True,
        is_bridge=False,
        controller="0000:00:03.0",
        leased=frozenset({"10.0.2.15/24"}),
    )
    assert (found.session, found.default_routes, found.bridges()) == ("enp0s3", ("enp0s3",), {})
    assert found.uses_of("0000:00:03.0") == ("this ssh session (enp0s3)", "the default route (enp0s3)")
    assert (found.uses_of("0000:00:05.0"), getattr(found.interface("enp0s5"), "is_up", None)) == ((), False)


def test_a_bridge_is_seen_through(bridged):
    """With the address on a bridge, session and default route still lead to the card that is its port."""
    assert (bridged.session, bridged.bridges()) == ("xenbr0", {"xenbr0": ("enp0s3",)})
    assert bridged.uses_of("0000:00:03.0") == (
        "this ssh session (enp0s3)",
        "the default route (enp0s3)",
        "a port of the bridge xenbr0 (enp0s3)",
    )
    assert bridged.uses_of("0000:00:04.0") == ("vlan5, which stands on it (enp0s4)",)


def test_a_vlan_ends_on_its_card(bridged):
    """The card below a VLAN is found, and an unknown interface has none."""
    assert (bridged.cards_below("vlan5"), bridged.cards_below("nowhere")) == (("enp0s4",), ())


def test_no_session():
    """On a machine that is not reached by ssh no interface carries a session."""
    assert network.parse(bare(session=None)).session == ""


def test_a_link_local_session():
    """An IPv6 address with a zone is matched without the zone."""
    line = "fe80::2%enp0s3 51234 fe80::80d6:1920:b574:c26f%enp0s3 22\n"
    assert network.parse(bare(session=line)).session == "enp0s3"


def test_a_link_local_session_on_a_vlan():
    """A bond and its VLAN have the same link-local address: the zone says which of them the session came in by."""
    local = {"addr_info": [{"local": "fe80::2", "prefixlen": 64}]}
    rows = json.dumps([{"ifname": "bond0", **local}, {"ifname": "bond0.20", "link": "bond0", **local}])
    for name in ("bond0", "bond0.20"):
        line = f"fe80::1%{name} 51234 fe80::2%{name} 22\n"
        assert network.parse(bare(session=line, ip_addr_json=rows)).session == name
    assert SESSION.split()[2] not in line


def test_a_multipath_default_route():
    """A default route over two interfaces names both."""
    rows = [{"dst": "default", "nexthops": [{"dev": "a"}, {"dev": "b"}]}]
    assert network.default_routes(rows) == ("a", "b")
