"""Chapter 06, the network: what is written, and every danger that is refused beforehand."""

import json
from collections.abc import Mapping

import pytest

from runbook.actions import NetworkFile, Renumbered, ReplaceNetwork
from runbook.actions.network import UNCONFIRMED
from runbook.params import HostParams
from runbook.steps.shared.interfaces_file import edit
from runbook.steps.xen_configuration import configure_bridges
from tests.steps.machine import PROGRAMS, Machine, built_once, carry, faults, like_testbed, sample, stops

PARAMS = like_testbed()
FILE = "/etc/network/interfaces"
READY = PROGRAMS | {"/usr/sbin/brctl": "0755"}
EXPECTED = """\
# Changed by the runbook; bridges come from params network.bridges. See interfaces(5).

source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

iface enp0s3 inet manual

iface enp0s4 inet manual

auto xenbr0
iface xenbr0 inet dhcp
    bridge_ports enp0s3
    bridge_hw enp0s3
    bridge_stp off
    bridge_fd 0
    bridge_maxwait 0

auto xenbr1
iface xenbr1 inet static
    address 10.0.0.2/24
    bridge_ports enp0s4
    bridge_hw enp0s4
    bridge_stp off
    bridge_fd 0
    bridge_maxwait 0
"""


def render(params: HostParams, text: str) -> str:
    """Return the new file."""
    return edit(params, {FILE: text}).files[FILE]


def ready(**changes: object) -> Machine:
    """Return a machine with ifupdown and bridge-utils."""
    machine = Machine(modes=dict(READY))
    for name, value in changes.items():
        setattr(machine, name, value)
    return machine


@built_once
def bridged() -> Machine:
    machine = ready()
    carry(machine, configure_bridges, PARAMS)
    return machine


def with_bridges(*bridges: Mapping[str, object]) -> HostParams:
    """Return the testbed's parameters with other bridges and no guests."""
    return like_testbed(network={"bridges": bridges}, guests=[], management={})


def test_first_run():
    """Both bridges are written whole, with the way back that the parameters ask for."""
    machine = ready()
    planned = configure_bridges.plan(PARAMS, machine.facts(configure_bridges.asks(PARAMS)))
    inner = Renumbered("inet", ("xenbr1", "enp0s4"), ("10.0.0.2/24",))
    assert planned.actions == (
        ReplaceNetwork((NetworkFile(FILE, EXPECTED),), "ifupdown", 180, renumbered=(inner,)),
    )
    assert "within 180 s" in planned.note
    assert len(carry(machine, configure_bridges, PARAMS)) == 1


def test_already_right():
    """Nothing is replaced, and no danger is looked for: the session comes over the bridge now."""
    machine = bridged()
    machine.modes.clear()
    assert carry(machine, configure_bridges, PARAMS) == []


def test_no_bridges_no_change():
    """A host without bridges in its parameters keeps its network."""
    assert carry(ready(), configure_bridges, with_bridges()) == []


def test_a_right_file_that_is_not_in_force_is_put_in_force():
    """After a revert or a bad boot the file may be right and the bridges missing."""
    assert len(carry(ready(files={FILE: EXPECTED}), configure_bridges, PARAMS)) == 1


def test_what_belongs_to_others_is_kept():
    """Other interfaces, sources and lists stay, and rendering twice changes nothing."""
    old = (
        "source /etc/network/interfaces.d/*\nsource-directory /srv/net\nauto lo enp0s3 vpn0\n"
        "iface lo inet loopback\niface enp0s3 inet dhcp\n  mtu 9000\niface vpn0 inet static\n  address "
        "10.9.0.1/24\n"
        "  up route add x\nmapping usb*\n  script /x\n"
    )
    text = render(PARAMS, old)
    for kept in ("source-directory /srv/net\n", "auto lo enp0s3 vpn0\n", "iface vpn0 inet static\n  address "
                                                               "10.9.0.1/24\n"
                 "  up route add x\n", "mapping usb*\n  script /x\n"):  # fmt: skip
        assert kept in text
    assert "iface enp0s3 inet dhcp" not in text
    assert text.count("  mtu 9000\n") == 2, "the wire and the bridge need it"
    assert render(PARAMS, text) == text


def test_kinds_of_bridges():
    """A gateway stands with a fixed address; no ports make an inner network; none means no address."""
    text = render(
        with_bridges(
            {"name": "a", "ports": ["enp0s3"], "ipv4": "192.168.1.2/24", "gateway": "192.168.1.1"},
            {"name": "b"},
        ),
        "",
    )
    assert "iface a inet static\n    address 192.168.1.2/24\n    gateway 192.168.1.1\n" in text
    assert "iface b inet manual\n    bridge_ports none\n" in text


ADDRESSES = json.loads(sample("ip-addr.json"))


def addresses(**changes: dict[str, object]) -> str:
    """Return the testbed's interfaces with some fields changed by interface."""
    return json.dumps([row | changes.get(row["ifname"], {}) for row in ADDRESSES])


OUTSIDE: dict[str, object] = {"name": "xenbr0", "ports": ["enp0s3"], "ipv4": "dhcp"}


@pytest.mark.parametrize(
    ("params", "changes", "expected"),
    [
        (PARAMS, {"modes": PROGRAMS}, ("wait", "bridge-utils is not installed")),
        (
            PARAMS,
            {"modes": {"/usr/sbin/brctl": "0755"}},
            ("refuse", "ifupdown is not installed"),
        ),
        (
            with_bridges(OUTSIDE | {"ports": ["eth0"]}),
            {},
            ("refuse", "There is no network card eth0 for xenbr0"),
        ),
        (
            PARAMS,
            {"address": addresses(enp0s4={"master": "bond0"})},
            ("refuse", "enp0s4 already belongs to bond0"),
        ),
        (
            PARAMS,
            {"wireless": "/sys/class/net/enp0s4/phy80211\n"},
            ("refuse", "enp0s4 is a wireless card"),
        ),
        (
            PARAMS,
            {"files": {FILE: "iface enp0s4 inet ppp\n  provider dsl\n"}},
            ("refuse", "It is not sure what becomes of `iface enp0s4 inet ppp` when enp0s4 is a port of xenbr1"),
        ),
        (PARAMS, {"managers": "enp0s3:connected\n"}, ("refuse", "NetworkManager manages enp0s3, and /etc/network/interfaces configures it too")),
        (
            with_bridges(OUTSIDE | {"ipv4": "none"}),
            {"routes": "[]"},
            ("refuse", "This ssh session would be cut"),
        ),
        (
            with_bridges(OUTSIDE | {"ipv4": "10.0.2.15/24"}),
            {},
            ("refuse", "The host would have no default route"),
        ),
    ],
)  # fmt: skip
def test_dangers_are_refused(params, changes, expected):
    """Each way to lose the host is named before anything is touched."""
    assert stops(ready(**changes), configure_bridges, params) == [expected]


def test_the_session_is_followed_through_a_bridge():
    """When the session comes over an old bridge, the card below it is what must keep an address."""
    machine = bridged()
    params = with_bridges({"name": "xenbr0", "ports": ["enp0s3"], "ipv4": "none"})
    assert ("refuse", "This ssh session would be cut") in stops(machine, configure_bridges, params)


def test_files_about_other_interfaces_are_no_danger():
    """A wireless card configured by a file of its own is left to it."""
    machine = ready(folder="/etc/network/interfaces.d/wifi:iface wlan0 inet dhcp\n")
    assert len(carry(machine, configure_bridges, PARAMS)) == 1


LOSSES = [
    ("loss", "xenbr0 would not have 10.0.2.15/24"),
    ("loss", "what DHCP leases gives way on xenbr0 to what the parameters say: 10.0.2.99/24"),
]


def test_a_new_address_is_a_loss():
    """The session's address changes: possible, and named as what is lost; the same address loses the lease alone."""
    bridge: dict[str, object] = OUTSIDE | {"ipv4": "10.0.2.99/24", "gateway": "10.0.2.2"}
    params = with_bridges(bridge)
    planned = configure_bridges.plan(params, ready().facts(configure_bridges.asks(params)))
    assert [(f.level, f.what) for f in planned.findings] == LOSSES
    assert "this session comes in by it" in planned.losses[0].why
    assert len(planned.actions) == 1
    same = with_bridges(bridge | {"ipv4": "10.0.2.15/24"})
    planned = configure_bridges.plan(same, ready().facts(configure_bridges.asks(same)))
    assert [f.what for f in planned.losses] == [LOSSES[1][1].replace(".99/", ".15/")]


def test_each_way_is_judged_for_itself():
    """A fixed address without a gateway moves the session, and takes the default route away."""
    params = with_bridges(OUTSIDE | {"ipv4": "10.0.2.99/24"})
    planned = configure_bridges.plan(params, ready().facts(configure_bridges.asks(params)))
    assert [(f.level, f.what) for f in planned.findings] == [
        ("refuse", "The host would have no default route"),
        *LOSSES,
    ]


def rows_of(machine: Machine) -> dict[str, dict[str, object]]:
    return {row["ifname"]: row for row in json.loads(machine.address)}


def test_missing_bridges_and_ports_are_faults():
    """No bridge, something else of its name, and a port elsewhere are three different faults."""
    assert faults(ready(), configure_bridges, PARAMS) == ["xenbr0 does not exist", "xenbr1 does not exist"]
    machine = bridged()
    machine.bridges = ("xenbr0",)
    assert "xenbr1 is not a bridge" in faults(machine, configure_bridges, PARAMS)
    machine = bridged()
    rows = rows_of(machine)
    del rows["enp0s4"]["master"]
    machine.address = json.dumps(list(rows.values()))
    assert faults(machine, configure_bridges, PARAMS) == ["enp0s4 is not a port of xenbr1"]


def test_missing_addresses_and_routes_are_faults():
    """No lease, another fixed address, a missing or a second default route."""
    machine = bridged()
    rows = rows_of(machine)
    for name in ("xenbr0", "xenbr1"):
        rows[name]["addr_info"] = [{"family": "inet6", "local": "fe80::1", "prefixlen": 64}]
    machine.address = json.dumps(list(rows.values()))
    assert faults(machine, configure_bridges, PARAMS) == [
        "xenbr0 got no address by DHCP",
        "xenbr1 has not the address 10.0.0.2/24",
    ]
    machine = bridged()
    machine.routes = json.dumps([{"dst": "default", "dev": "xenbr0"}, {"dst": "default", "dev": "enp0s5"}])
    assert faults(machine, configure_bridges, PARAMS) == ["There are 2 default routes: xenbr0, enp0s5"]
    machine.routes = "[]"
    gateway = with_bridges(
        {"name": "xenbr1", "ports": ["enp0s4"], "ipv4": "10.0.0.2/24", "gateway": "10.0.0.1"}
    )
    assert faults(machine, configure_bridges, gateway) == ["xenbr1 carries no default route"]


def test_a_switch_that_was_cut_off_is_done_again():
    """While the old file's copy is there nobody confirmed the new network, and the timer may still bring it back."""
    machine = bridged()
    machine.files[UNCONFIRMED.argv[0]] = "not confirmed\n"
    planned = configure_bridges.plan(PARAMS, machine.facts(configure_bridges.asks(PARAMS)))
    assert len(planned.actions) == 1
