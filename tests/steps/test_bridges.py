"""Chapter 06, the network: what is written, and every danger that is refused beforehand."""

import json
from collections.abc import Mapping

import pytest

from runbook.actions import NetworkFile, Renumbered, ReplaceNetwork
from runbook.actions.network import UNCONFIRMED
from runbook.params import HostParams
from runbook.steps.first_boot import prove_bridges
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
    for kept in ("source-directory /srv/net\n", "auto lo enp0s3 xenbr0 vpn0\n", "iface vpn0 inet static\n  address "
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


def test_a_file_with_a_secret_is_not_written_anew():
    """What changes is kept with the run; the same words in a file of their own beside it are no hindrance."""
    wifi = "iface wlp1s0 inet dhcp\n    wpa-ssid home\n    wpa-psk open-sesame\n"
    machine = ready()
    plain = machine.files[FILE]
    machine.files[FILE] = f"{plain}\n{wifi}"
    assert stops(machine, configure_bridges, PARAMS) == [
        ("refuse", f"{FILE} holds a password or a key, and would have to change")
    ]
    machine.files |= {FILE: plain, "/etc/network/interfaces.d/wifi": wifi}
    planned = configure_bridges.plan(PARAMS, machine.facts(configure_bridges.asks(PARAMS)))
    assert planned.actions
    assert not planned.stops


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


KEPT = with_bridges({"name": "xenbr0", "ports": ["enp0s3"]})


def plan_of(machine: Machine, params: HostParams = KEPT) -> list[tuple[str, str]]:
    """Return the findings of a plan, and that it has no actions if something stops it."""
    planned = configure_bridges.plan(params, machine.facts(configure_bridges.asks(params)))
    assert bool(planned.actions) != bool(planned.stops)
    assert all(f.why and f.do for f in planned.findings)
    return [(f.level, f.what) for f in planned.findings]


def with_more(*infos: dict[str, object]) -> str:
    """Return the testbed's interfaces with more addresses on the first card."""
    rows = json.loads(sample("ip-addr.json"))
    for row in rows:
        if row["ifname"] == "enp0s3":
            row["addr_info"] += infos
    return json.dumps(rows)


BY_HAND = {"family": "inet", "local": "10.0.2.77", "prefixlen": 24, "scope": "global"}
ANNOUNCED = {"family": "inet6", "local": "2001:db8::aa", "prefixlen": 64, "scope": "global", "dynamic": True}
FIXED6 = {"family": "inet6", "local": "2001:db8::5", "prefixlen": 64, "scope": "global"}


def test_all_that_the_card_has_is_kept():
    """Without a word about addresses the bridge gets the card's lease, and nothing is lost."""
    machine = ready(address=with_more(ANNOUNCED))
    assert plan_of(machine) == []
    planned = configure_bridges.plan(KEPT, machine.facts(configure_bridges.asks(KEPT)))
    assert "iface xenbr0 inet dhcp\n" in planned.actions[0].files[0].content


@pytest.mark.parametrize("info", [BY_HAND, FIXED6])
def test_what_no_file_tells_of_is_refused(info):
    """An address that somebody gave the card by hand would be gone with it; what is written for the bridge holds it."""
    address = f"{info['local']}/{info['prefixlen']}"
    machine = ready(address=with_more(info))
    assert plan_of(machine) == [("refuse", f"xenbr0 would not have {address}")]
    assert (
        plan_of(machine, with_bridges({"name": "xenbr0", "ports": ["enp0s3"], "more_addresses": [address]}))
        == []
    )
    hook = f"auto enp0s3\niface enp0s3 inet dhcp\n    up ip addr add {address} dev enp0s3\n"
    assert plan_of(ready(address=with_more(info), files={FILE: hook})) == []


def test_what_is_exchanged_on_purpose_is_a_loss():
    """Of IPv6 too: what routers announce gives way to none, and the plan says so."""
    none = with_bridges({"name": "xenbr0", "ports": ["enp0s3"], "ipv6": "none"})
    assert plan_of(ready(address=with_more(ANNOUNCED)), none) == [
        ("loss", "xenbr0 would not have 2001:db8::aa/64")
    ]
    assert plan_of(ready(address=with_more(ANNOUNCED)), with_bridges(OUTSIDE | {"ipv6": "auto"})) == []


def test_a_route_that_no_file_tells_of():
    """Beside a lease it may come with that, which is said; beside a fixed address it would be gone, which is refused."""
    rows = json.loads(sample("ip-route.json"))
    route = {"dst": "10.8.0.0/24", "gateway": "10.0.2.9", "dev": "enp0s3", "protocol": "static"}
    routes = json.dumps([*rows, route])
    assert plan_of(ready(routes=routes)) == [
        ("warn", "The route to 10.8.0.0/24 by enp0s3 stands in no file that is read")
    ]
    fixed = "auto enp0s3\niface enp0s3 inet static\n    address 10.0.2.15/24\n    gateway 10.0.2.2\n"
    assert plan_of(ready(routes=routes, files={FILE: fixed})) == [
        ("refuse", "xenbr0 would have no route to 10.8.0.0/24")
    ]
    told = f"{fixed}    up ip route add 10.8.0.0/24 via 10.0.2.9\n"
    assert plan_of(ready(routes=routes, files={FILE: told})) == []
    leased = json.dumps([*rows, route | {"protocol": "dhcp"}])
    assert plan_of(ready(routes=leased)) == []
    assert {
        level
        for level, _ in plan_of(
            ready(routes=leased), with_bridges(OUTSIDE | {"ipv4": "10.0.2.99/24", "gateway": "10.0.2.2"})
        )
    } == {"loss"}


def test_a_card_in_a_file_that_is_taken_in():
    """The file that is taken in is the one that is replaced; a file that is not read may hold the card, and is refused."""
    folder = (
        "/etc/network/interfaces.d/lan:auto enp0s3\n/etc/network/interfaces.d/lan:iface enp0s3 inet dhcp\n"
    )
    machine = ready(files={FILE: "source /etc/network/interfaces.d/*\n"}, folder=folder)
    (action,) = configure_bridges.plan(KEPT, machine.facts(configure_bridges.asks(KEPT))).actions
    assert [file.path for file in action.files] == ["/etc/network/interfaces.d/lan"]
    machine = ready(files={FILE: "source /srv/net/*\n"})
    assert stops(machine, configure_bridges, KEPT)[0] == (
        "refuse",
        f"{FILE} takes in /srv/net/*, which is not read",
    )
    cloud = folder.replace("/lan:", "/50-cloud-init:")
    machine = ready(files={FILE: "source /etc/network/interfaces.d/*\n"}, folder=cloud)
    assert [level for level, _ in plan_of(machine)] == ["warn"]


def test_a_tunnel_is_no_port():
    """What carries no Ethernet frames is refused with the way in which guests get out all the same."""
    rows = [*json.loads(sample("ip-addr.json")), {"ifname": "wg0", "link_type": "none", "addr_info": []}]
    params = with_bridges(OUTSIDE, {"name": "xenbr1", "ports": ["wg0"]})
    machine = ready(address=json.dumps(rows))
    assert ("refuse", "wg0 carries no Ethernet frames, and cannot be a port of xenbr1") in plan_of(
        machine, params
    )


def test_what_was_kept_is_checked_against_the_files():
    """After the switch, and after a boot: a lease that did not come, an address of the file, one left on a port."""
    machine = bridged()
    rows = rows_of(machine)
    rows["xenbr0"]["addr_info"] = []
    machine.address = json.dumps(list(rows.values()))
    kept = with_bridges({"name": "xenbr0", "ports": ["enp0s3"]}, {"name": "xenbr1", "ports": ["enp0s4"]})
    assert faults(machine, configure_bridges, kept) == ["xenbr0 got no address by DHCP"]
    assert faults(machine, prove_bridges, kept) == ["xenbr0 got no address by DHCP"]
    machine = bridged()
    rows = rows_of(machine)
    rows["xenbr1"]["addr_info"] = []
    rows["enp0s4"]["addr_info"] = [{"family": "inet", "local": "10.0.0.2", "prefixlen": 24}]
    machine.address = json.dumps(list(rows.values()))
    assert faults(machine, configure_bridges, kept) == [
        "xenbr1 has not the address 10.0.0.2/24",
        "enp0s4 is a port of xenbr1 and still has 10.0.0.2/24",
    ]
    assert faults(bridged(), configure_bridges, kept) == []


def test_ways_out_of_ipv6_are_judged_too():
    """Two default routes of IPv6 are a fault unless one goes before the other."""
    machine = bridged()
    ways = [
        {"dst": "default", "gateway": "fe80::1", "dev": name, "metric": 1024} for name in ("xenbr0", "xenbr1")
    ]
    machine.routes6 = json.dumps(ways)
    assert faults(machine, configure_bridges, PARAMS) == [
        "There are 2 default routes of IPv6: xenbr0, xenbr1"
    ]
    machine.routes6 = json.dumps([ways[0] | {"metric": 100}, ways[1]])
    assert faults(machine, configure_bridges, PARAMS) == []


def test_a_card_that_pppd_has_is_no_port():
    """A connection that only the kernel, or pppd's own files, tell of is in nobody's way out."""
    machine = ready(pppoe="00000002 02:00:5e:10:00:01 enp0s4\n")
    assert stops(machine, configure_bridges, PARAMS) == [
        ("refuse", "enp0s4 carries the connection of pppd, and cannot be a port of xenbr1")
    ]
    assert plan_of(machine) == []


def test_what_cannot_be_placed_is_the_one_reason():
    """Where it is not sure what a line means, nothing is said of addresses that this line may give: no move could cure that."""
    text = "auto enp0s3\nmapping enp0s3\n    script /bin/where\niface home inet dhcp\n"
    machine = ready(files={FILE: text})
    params = with_bridges({"name": "xenbr0", "ports": ["enp0s3"]})
    planned = configure_bridges.plan(params, machine.facts(configure_bridges.asks(params)))
    assert [f.what for f in planned.stops] == [
        "It is not sure what becomes of `mapping enp0s3` when enp0s3 is a port of xenbr0"
    ]
