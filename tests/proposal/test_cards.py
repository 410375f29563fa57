"""Which bridges `runbook new` writes for the networks that people have: what is there stays, what cannot be bridged is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runbook import proposal
from runbook.facts import network, xl
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import loads
from runbook.params.host import Ssh
from runbook.proposal import cards
from runbook.steps.introduction import survey_devices
from tests.proposal.test_new import offered, root
from tests.survey.machines import DOM0, XL_INFO, Pci, devices, params

ONE, TWO, THREE = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
WIRED = {"eno1": ONE, "eno2": TWO, "eno3": THREE}


def link(name: str, *addresses: dict[str, Any] | str, **more: Any) -> dict[str, Any]:
    """Return one interface of `ip -j addr`; an address is a text when it is fixed."""
    rows = [a if isinstance(a, dict) else address(a) for a in addresses]
    return {"ifname": name, "flags": ["UP"], "link_type": "ether", "addr_info": rows, **more}


def address(text: str, **more: Any) -> dict[str, Any]:
    local, _, prefix = text.partition("/")
    family = "inet6" if ":" in local else "inet"
    return {"family": family, "local": local, "prefixlen": int(prefix), "scope": "global", **more}


def host(
    *links: dict[str, Any], routes: list[dict[str, Any]], at: str = "", bridges: tuple[str, ...] = (),
    wireless: str = "", virtual: tuple[str, ...] = (), routes6: list[dict[str, Any]] | None = None, pppoe: str = "", configured: str = "",
) -> Facts:  # fmt: skip
    """Return the facts of a machine with three cards, by what its network shows."""
    built = [Pci(bdf, code="028000" if name == wireless else "020000") for name, bdf in WIRED.items()]
    real = [
        f"/sys/class/net/{row['ifname']} ../../devices/pci0000:00/{WIRED[row['ifname']]}/net/{row['ifname']}"
        for row in links
        if row["ifname"] in WIRED
    ]
    said = {
        "ip_addr_json": json.dumps(list(links)),
        "ip_route_json": json.dumps(routes),
        "session": f"192.168.1.2 50000 {at} 22\n" if at else None,
        "net_links": "\n".join(
            [
                *real,
                *(f"/sys/class/net/{v} ../../devices/virtual/net/{v}" for v in virtual),
                *(f"/sys/class/net/{b}/bridge " for b in bridges),
            ]
        )
        + "\n",
    }
    more = {
        network.ROUTE6: Answer(0, json.dumps(routes6 or [])),
        network.PPPOE: Answer(0, pppoe),
        cards.CONFIGURED: Answer(0, configured),
    }
    facts = root(devices(*built, **said))
    return Facts({**{ask: facts[ask] for ask in facts}, **more})


def written(facts: Facts):
    """Return the file, the bridges as (name, ports, ipv4), and the names of the cards that guests can have."""
    text = proposal.write("box", Ssh(to="root@box"), proposal.read(facts))
    asked = loads(text, Path("box.yml"))
    names = {bdf: name for name, bdf in WIRED.items()}
    bridges = [(b.name, b.ports, b.ipv4) for b in asked.network.bridges]
    assert asked.passthrough.devices == ()
    return text, bridges, [names[bdf] for bdf in offered(text)]


OUT = [{"dst": "default", "gateway": "192.168.1.1", "dev": "eno1"}]
MAIN = link("eno1", "192.168.1.10/24")
OUTSIDE = ("xenbr0", ("eno1",), "keep")
ROUTED = ("xenbr0", (), "192.168.150.1/24")
STORAGE = {"dst": "10.8.0.0/16", "gateway": "10.0.5.1", "dev": "eno2", "protocol": "static"}
SLAAC = address("2001:db8::1a/64", dynamic=True, mngtmpaddr=True)
HOSTS: dict[str, tuple[Facts, list[tuple[str, tuple[str, ...], str]], list[str], str]] = {
    "nothing on the others": (
        host(MAIN, link("eno2"), link("eno3"), routes=OUT, at="192.168.1.10"),
        [OUTSIDE, ("xenbr1", ("eno2",), "none")],
        ["eno3"],
        "it keeps 192.168.1.10/24 (fixed)",
    ),
    "br0 of KVM": (
        host(
            link("br0", "192.168.1.10/24", SLAAC), link("eno1", master="br0"), link("vnet0", master="br0"),
            link("virbr0", "192.168.122.1/24"), link("eno2"), link("eno3"),
            routes=[{**OUT[0], "dev": "br0"}], at="192.168.1.10", bridges=("br0", "virbr0"),
        ),
        [("br0", ("eno1",), "keep"), ("xenbr1", ("eno2",), "none")],
        ["eno3"],
        "it is there, and this session came in by it; it keeps 192.168.1.10/24 (fixed), 2001:db8::1a/64 (from router",
    ),
    "new-on-br0-host": (
        host(
            link("eno1", master="br0"), link("eno2"), link("eno3"), link("br0", "192.168.1.10/24"),
            routes=[{**OUT[0], "dev": "br0"}], at="192.168.1.10", bridges=("br0",),
        ),
        [("br0", ("eno1",), "keep"), ("xenbr1", ("eno2",), "none")],
        ["eno3"],
        "it is there, and this session came in by it; it keeps 192.168.1.10/24 (fixed)",
    ),
    "nic-with-address-offered": (
        host(
            link("eno1"), link("eno1.10", "192.168.1.10/24", link="eno1"), link("eno2", "10.1.0.2/24"), link("eno3"),
            routes=[{**OUT[0], "dev": "eno1.10"}], at="192.168.1.10",
        ),
        [("xenbr0", ("eno1.10",), "keep"), ("xenbr1", ("eno3",), "none")],
        [],
        "must stay: it carries the address 10.1.0.2/24 (eno2)",
    ),
    "an address, a route": (
        host(MAIN, link("eno2", "10.0.5.2/24"), link("eno3"), routes=[*OUT, STORAGE], at="192.168.1.10"),
        [OUTSIDE, ("xenbr1", ("eno3",), "none")],
        [],
        "must stay: it carries the address 10.0.5.2/24 (eno2)",
    ),
    "a route alone": (
        host(MAIN, link("eno2"), link("eno3"), routes=[*OUT, STORAGE], at="192.168.1.10"),
        [OUTSIDE, ("xenbr1", ("eno3",), "none")],
        [],
        "must stay: it carries the route to 10.8.0.0/16 (eno2)",
    ),
    "a VLAN": (
        host(MAIN, link("eno2"), link("eno2.7", "10.7.0.2/24", link="eno2"), link("eno3"), routes=OUT, at="192.168.1.10"),
        [OUTSIDE, ("xenbr1", ("eno3",), "none")],
        [],
        "must stay: it carries eno2.7, which stands on it (eno2)",
    ),
    "Open vSwitch": (
        host(MAIN, link("ovs-system"), link("eno2", master="ovs-system"), link("eno3"), routes=OUT, at="192.168.1.10"),
        [OUTSIDE, ("xenbr1", ("eno3",), "none")],
        [],
        "must stay: it carries a port of Open vSwitch (eno2)",
    ),
    "Open vSwitch is the way out": (
        host(
            link("ovs-system"), link("eno1", master="ovs-system"), link("ovsbr0", "192.168.1.10/24"), link("eno2"), link("eno3"),
            routes=[{**OUT[0], "dev": "ovsbr0"}], at="192.168.1.10", virtual=("ovs-system", "ovsbr0"),
        ),
        [ROUTED],
        ["eno2", "eno3"],
        "ovsbr0 is Open vSwitch's, which makes its bridges itself: a guest gets onto it by "
        "`nics: [{bridge: ovsbr0, script: vif-openvswitch}]`",
    ),
    "a router: PPPoE on the second card": (
        host(
            MAIN, link("eno2"), link("eno3"), link("ppp0", "203.0.113.9/32", link_type="ppp"),
            routes=[{"dst": "default", "dev": "ppp0"}], at="192.168.1.10", pppoe="00000002 02:00:5e:10:00:01 eno2\n",
        ),
        [OUTSIDE, ("xenbr1", ("eno3",), "none")],
        [],
        "must stay: it carries the PPPoE connection (eno2)",
    ),
    "PPPoE is the way out": (
        host(
            link("eno1"), link("eno2"), link("ppp0", "203.0.113.9/32", link_type="ppp"),
            routes=[{"dst": "default", "dev": "ppp0"}], pppoe="/etc/ppp/peers/dsl:plugin rp-pppoe.so eno1\n",
        ),
        [ROUTED],
        ["eno2", "eno3"],
        "No bridge on the way out: ppp0 is a PPP connection over eno1",
    ),
    "a bond": (
        host(
            link("bond0", "192.168.1.10/24"), link("eno1", master="bond0"), link("eno2", master="bond0"), link("eno3"),
            routes=[{**OUT[0], "dev": "bond0"}], at="192.168.1.10",
        ),
        [("xenbr0", ("bond0",), "keep"), ("xenbr1", ("eno3",), "none")],
        [],
        "this session came in by it as the bond of eno1, eno2",
    ),
    "a VLAN is the way out": (
        host(
            link("eno1"), link("eno1.10", "192.168.1.10/24", link="eno1"), link("eno2"), link("eno3"),
            routes=[{**OUT[0], "dev": "eno1.10"}], at="192.168.1.10",
        ),
        [("xenbr0", ("eno1.10",), "keep"), ("xenbr1", ("eno2",), "none")],
        ["eno3"],
        "this session came in by it as the VLAN on eno1",
    ),
    "IPv6 alone, without a session": (
        host(
            link("eno1", SLAAC), link("eno2"), link("eno3"), routes=[],
            routes6=[{"dst": "default", "gateway": "fe80::1", "dev": "eno1"}],
        ),
        [OUTSIDE, ("xenbr1", ("eno2",), "none")],
        ["eno3"],
        "the default route goes out by it; it keeps 2001:db8::1a/64 (from router advertisements)",
    ),
    "a fixed IPv6 and DHCP": (
        host(
            link("eno1", address("192.168.1.10/24", dynamic=True), "2001:db8::10/64"), link("eno2"), link("eno3"),
            routes=OUT, at="192.168.1.10",
        ),
        [OUTSIDE, ("xenbr1", ("eno2",), "none")],
        ["eno3"],
        "it keeps 192.168.1.10/24 (from DHCP), 2001:db8::10/64 (fixed)",
    ),
    "Wi-Fi": (
        host(MAIN, link("eno2"), link("eno3"), routes=OUT, at="192.168.1.10", wireless="eno1"),
        [ROUTED],
        ["eno2", "eno3"],
        "No bridge on the way out: eno1 is a wireless card",
    ),
    "Wi-Fi on a bus that is not PCI": (
        host(link("wlan0", "192.168.1.10/24"), routes=[{"dst": "default", "gateway": "192.168.1.1", "dev": "wlan0"}]),
        [ROUTED],
        ["eno1", "eno2", "eno3"],
        "No bridge on the way out: wlan0 is a wireless card",
    ),
    "WireGuard in front": (
        host(MAIN, link("wg0", "10.99.0.1/24", link_type="none"), link("eno2"), link("eno3"), routes=OUT, at="10.99.0.1"),
        [OUTSIDE, ("xenbr1", ("eno2",), "none")],
        ["eno3"],
        "the default route goes out by it",
    ),
    "all through a tunnel": (
        host(
            link("eno1", "192.168.1.10/24"), link("wg0", "10.99.0.1/24", link_type="none"),
            routes=[{"dst": "default", "dev": "wg0"}], at="10.99.0.1",
        ),
        [ROUTED],
        ["eno2", "eno3"],
        "No bridge on the way out: wg0 is no Ethernet",
    ),
    "Wi-Fi, and the usual network is taken": (
        host(
            link("eno1", "192.168.150.7/23"), routes=[OUT[0], {"dst": "192.168.152.0/24", "dev": "eno1"}], at="192.168.150.7",
            wireless="eno1",
        ),
        [("xenbr0", (), "192.168.153.1/24")],
        ["eno2", "eno3"],
        "this host leads them out",
    ),
    "Wi-Fi, and OpenVPN has all in two halves": (
        host(
            MAIN, link("eno2"), link("eno3"), link("tun0", "10.8.0.6/24", link_type="none"), at="192.168.1.10", wireless="eno1",
            routes=[*({"dst": half, "gateway": "10.8.0.1", "dev": "tun0"} for half in ("0.0.0.0/1", "128.0.0.0/1")), *OUT],
        ),
        [ROUTED],
        ["eno2", "eno3"],
        "No bridge on the way out: eno1 is a wireless card",
    ),
    "a bridge of Docker's with a name of its own": (
        host(
            MAIN, link("eno2", master="lab"), link("lab", "10.7.0.1/24"), link("eno3"), link("traefik", "172.20.0.1/16"),
            routes=OUT, at="192.168.1.10", bridges=("traefik", "lab"), configured="eno1 /etc/network/interfaces\n",
        ),
        [OUTSIDE, ("xenbr1", ("eno3",), "none")],
        [],
        "lab, traefik: no file of a network manager names it, so what made it keeps it; it is not among these",
    ),
    "Wi-Fi beside a bridge of Docker's": (
        host(
            MAIN, link("eno2"), link("eno3"), link("traefik", "172.20.0.1/16"), routes=OUT, at="192.168.1.10", wireless="eno1",
            bridges=("traefik",), configured="eno1 /etc/network/interfaces\n",
        ),
        [ROUTED],
        ["eno2", "eno3"],
        "traefik: no file of a network manager names it",
    ),
    "a bridge for guests alone, and one that is the way out by a file elsewhere": (
        host(
            link("br0", "192.168.1.10/24"), link("eno1", master="br0"), link("lan0", "10.5.0.1/24"), link("eno2"), link("eno3"),
            routes=[{**OUT[0], "dev": "br0"}], at="192.168.1.10", bridges=("br0", "lan0"), configured="lan0 /etc/network/interfaces\n",
        ),
        [("br0", ("eno1",), "keep"), ("lan0", (), "keep")],
        ["eno2", "eno3"],
        "it is there, and guests can be on it",
    ),
    "no way out": (
        host(link("eno1"), link("eno2"), link("eno3"), routes=[]), [], ["eno1", "eno2", "eno3"], "no way out was seen",
    ),
    "a modem": (
        host(link("wwan0", "10.64.0.2/30", link_type="none"), link("eno1"), routes=[{"dst": "default", "dev": "wwan0"}]),
        [ROUTED],
        ["eno1", "eno2", "eno3"],
        "No bridge on the way out: wwan0 is no Ethernet",
    ),
    "a card that sleeps": (
        host(
            MAIN, link("eno2"), link("eno3"), routes=OUT, at="192.168.1.10",
            configured="eno1 /etc/network/interfaces\neno2 /etc/systemd/network/20-lan.network\n",
        ),
        [OUTSIDE, ("xenbr1", ("eno3",), "none")],
        [],
        "eno2 is configured in /etc/systemd/network/20-lan.network, though it has nothing to do now",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTS)
def test_the_cards_of(case):
    """What a card is used for stays so: bridges keep their names, cards in use are neither bridged nor offered."""
    facts, bridges, given, said = HOSTS[case]
    text, found, on_offer = written(facts)
    assert found == bridges
    assert on_offer == given
    assert said in " ".join(text.replace("#", " ").split())


def test_a_card_that_pppoe_runs_on_is_given_to_no_guest():
    """Nothing of `ip` tells that the card is in use; the kernel's table of PPPoE does, and the survey refuses it."""
    facts, *_ = HOSTS["a router: PPPoE on the second card"]
    assert network.PPPOE in survey_devices.asks(params())
    (finding,) = survey_devices.plan(params({"bdf": TWO}), facts).stops
    assert finding.what == f"{TWO} (a card) must stay with dom0: it carries the PPPoE connection (eno2)"


def test_where_xen_runs_no_bridge_is_made_beside_the_owners():
    """A dom0 with a bridge of its owner's gets no inside one: what `new` writes changes nothing, and its idle card is on offer."""
    facts, *_ = HOSTS["br0 of KVM"]
    runs = {
        Ask.read("/sys/hypervisor/type"): Answer(0, DOM0["hypervisor"]),
        Ask.read("/proc/xen/capabilities"): Answer(0, DOM0["capabilities"]),
        xl.INFO: Answer(0, XL_INFO),
    }
    _, found, on_offer = written(Facts({**{ask: facts[ask] for ask in facts}, **runs}))
    assert found == [("br0", ("eno1",), "keep")]
    assert on_offer == ["eno2", "eno3"]
