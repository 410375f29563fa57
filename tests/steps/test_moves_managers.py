"""Each refusal's next move where networkd, netplan or NetworkManager has the cards, carried out: it leads on.

As in test_moves.py, a row is a machine with what is refused there, and the machine after a person did what `do` says.
"""

import re
from dataclasses import dataclass, field

import pytest

from runbook.facts import network_manager as nm_facts
from runbook.model.ask import Answer, Facts
from runbook.steps.xen_configuration import configure_bridges
from tests.steps import test_network_manager as nm
from tests.steps.test_bridges import FILE, ready, with_bridges
from tests.steps.test_moves import LO, link, links, pattern

ETC, MADE, PACKAGED = "/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network"
CARD = "[Match]\nName=enp0s3\n\n[Network]\n"
OWN = "[Match]\nName=xenbr0\n\n[Network]\n"
DEVICE = "[NetDev]\nName=xenbr0\nKind=bridge\n"
XENBR0 = {"name": "xenbr0", "ports": ["enp0s3"]}
FIXED = XENBR0 | {"ipv4": "10.0.2.15/24", "gateway": "10.0.2.2"}
BR0 = links(link("xenbr0"))
PLAN = "/etc/netplan/01.yaml"


@dataclass
class Move:
    """What is asked for and what files the machine has, before and after; `does` are words of the move."""

    says: str
    before: dict[str, str]
    after: dict[str, str]
    does: str
    asked: list[dict] = field(default_factory=lambda: [XENBR0])
    then: list[dict] | None = None
    has: dict = field(default_factory=dict)
    now: dict | None = None


def both(text):
    """Return what two cards' files of networkd say together with one of the bridge."""
    return {f"{ETC}/20-xenbr0.netdev": DEVICE, f"{ETC}/20-xenbr0.network": OWN + text}


def plan(text):
    """Return netplan's file, and that networkd has the cards by what netplan made of it."""
    made = {
        f"{MADE}/10-netplan-{name}.network": f"[Match]\nName={name}\n\n[Network]\nDHCP=yes\n"
        for name in ("enp0s3", "enp0s4")
    }
    return {PLAN: f"network:\n  version: 2\n{text}", **made}


def status(path):
    """Return that networkd has the card by a file."""
    return {"networkd_status": f"● 2: enp0s3\n  Network File: {path}\n"}


BOTH_PORTS = [XENBR0 | {"ports": ["enp0s3", "enp0s4"]}]
ADOPTED = (
    "  ethernets: {enp0s3: {}, enp0s4: {}}\n  bridges:\n    xenbr0: {interfaces: [enp0s3], dhcp4: true}\n"
)
HALF = "  ethernets: {enp0s3: {}}\n  bridges:\n    xenbr0: {interfaces: [enp0s3], dhcp4: true}\n"
MOVES = [
    Move("… makes … a …, not a bridge", {f"{ETC}/20.network": f"{CARD}DHCP=yes\n", f"{ETC}/9.netdev": DEVICE.replace("=bridge", "=dummy")},
         {f"{ETC}/20.network": f"{CARD}DHCP=yes\n"}, "take /etc/systemd/network/9.netdev away"),
    Move("… does not give … what network.bridges asks for",
         {f"{ETC}/20.network": f"{CARD}Bridge=xenbr0\n", f"{PACKAGED}/30.netdev": DEVICE, f"{PACKAGED}/30.network": f"{OWN}DHCP=yes\n"},
         {f"{ETC}/20.network": f"{CARD}Bridge=xenbr0\n", f"{PACKAGED}/30.netdev": DEVICE, f"{PACKAGED}/30.network": f"{OWN}DHCP=yes\n",
          f"{ETC}/30.network": f"{OWN}DHCP=yes\n"}, "copy it to /etc/systemd/network", [FIXED]),
    Move("… has addresses by …, and … has some too", {f"{ETC}/20.network": f"{CARD}DHCP=yes\n", **both("Address=10.9.0.1/24\n")},
         {f"{ETC}/20.network": CARD, **both("Address=10.9.0.1/24\nDHCP=yes\n")}, "take them out of the file of enp0s3"),
    Move("No file for … can come before …", {f"{ETC}/0-all.network": "[Match]\nName=en*\n\n[Network]\nDHCP=yes\n"},
         {f"{ETC}/50-0-all.network": "[Match]\nName=en*\n\n[Network]\nDHCP=yes\n"}, "such as 50-0-all.network"),
    Move("networkd has … by …, and by the files as they are it would be …", {f"{ETC}/20.network": f"{CARD}DHCP=yes\n"},
         {f"{ETC}/20.network": f"{CARD}DHCP=yes\n"}, "networkctl reload", has=status(f"{ETC}/30-old.network"), now=status(f"{ETC}/20.network")),
    Move("… would have no address, and … has one: …", {f"{ETC}/20.network": f"{CARD}DHCP=yes\n", f"{ETC}/21.network":
         "[Match]\nName=enp0s4\n\n[Network]\nAddress=10.0.0.2/24\n"}, {f"{ETC}/20.network": f"{CARD}DHCP=yes\n", f"{ETC}/21.network":
         "[Match]\nName=enp0s4\n\n[Network]\nAddress=10.0.0.2/24\n"}, "leave `ipv4: none` of xenbr1 out",
         [XENBR0, {"name": "xenbr1", "ports": ["enp0s4"], "ipv4": "none"}], [XENBR0, {"name": "xenbr1", "ports": ["enp0s4"]}]),
    Move("… cannot be read", plan("  ethernets:\n    enp0s3: {dhcp4: true\n"), plan("  ethernets:\n    enp0s3: {dhcp4: true}\n"),
         "netplan generate"),
    Move("… and … both have addresses, and both become ports of …", plan("  ethernets:\n    enp0s3: {dhcp4: true}\n    enp0s4: {dhcp4: true}\n"),
         plan("  ethernets:\n    enp0s3: {dhcp4: true}\n    enp0s4: {}\n"), "take those of enp0s4 out of its file", BOTH_PORTS),
    Move("… is not among the interfaces of … in …", plan(ADOPTED), plan(ADOPTED.replace("[enp0s3]", "[enp0s3, enp0s4]")),
         "add enp0s4 to `interfaces` of xenbr0", BOTH_PORTS),
    Move("… stands in …, and network.bridges asks for other addresses",
         {**plan(HALF), "/etc/netplan/02.yaml": "network:\n  bridges:\n    xenbr0: {mtu: 1500}\n"},
         {**plan(HALF), "/etc/netplan/02.yaml": "network:\n  bridges:\n    xenbr0: {mtu: 1500}\n"}, "leave `ipv4` and `ipv6` of xenbr0 out",
         [FIXED], [XENBR0]),
]  # fmt: skip


def stopped(bridges, files, has):
    managed = "  2 enp0s3 ether routable configured\n  3 enp0s4 ether routable configured\n"
    machine = ready(networkd=managed, files={FILE: LO, **files}, **has)
    params = with_bridges(*bridges)
    return configure_bridges.plan(params, machine.facts(configure_bridges.asks(params))).stops


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.says)
def test_the_network_by_networkd_and_netplan(move):
    """What a file of networkd or of netplan stops goes on after the move, and nothing else stops instead."""
    every = stopped(move.asked, move.before, move.has)
    found = [f for f in every if re.fullmatch(pattern(move.says), f.what)]
    assert found, [f.what for f in every]
    assert move.does in found[0].do
    after = stopped(move.then or move.asked, move.after, move.has if move.now is None else move.now)
    assert [f.what for f in after] == []


@pytest.mark.parametrize(
    "text",
    ["  ethernets: {enp0s3: {dhcp4: true\n", "  ethernets: {}\n  ethernets: {enp0s3: {dhcp4: true}}\n"],
)
def test_where_nothing_is_written_nothing_else_is_said(text):
    """A file that cannot be read here, though netplan may read it, is the one reason: what it would give is not known."""
    (found,) = stopped([XENBR0], plan(text), {})
    assert found.what == f"{PLAN} cannot be read"
    assert found.why.startswith("line ")


MINE, OTHER = "192.168.77.10/24", "192.168.77.11/24"
TEXT, OFFICE = nm.TEXT, nm.OFFICE
ENO2 = "[connection]\nid=two\nuuid=22\ntype=ethernet\ninterface-name=eno2\n\n[ipv4]\nmethod=manual\naddress1=10.9.0.2/24\n"
BOND = "[connection]\nid=bond0\nuuid=55\ntype=bond\ninterface-name=bond0\n\n[ipv4]\nmethod=auto\n"
BRIDGE = "[connection]\nid=br\nuuid=8\ntype=bridge\ninterface-name=xenbr0\n\n[bridge]\nstp=false\n\n[ipv4]\nmethod=auto\n"
IN_BRIDGE = TEXT.partition("[ipv4]")[0].replace("zone=work", "master=xenbr0\nslave-type=bridge")
IN_BOND = TEXT.partition("[ipv4]")[0].replace("zone=work", "master=bond0\nslave-type=bond")
TWO = {"name": "xenbr0", "ports": ["eno1", "eno2"]}
ENO1 = {"name": "xenbr0", "ports": ["eno1"]}
INNER = {"name": "xenbr1", "ports": ["eno2"]}
SECOND = {"name": "xenbr0", "ports": ["eno2"]}
BY_PPPOE = f"{nm.FOLDER}/dsl"
NETPLAN = f"{nm.FOLDERS[1]}/netplan-eno1.nmconnection"
IN_NETPLAN = "network:\n  renderer: NetworkManager\n  ethernets: {eno1: {}}\n  bridges:\n    xenbr0: {interfaces: [eno1], dhcp4: true}\n"


def office(**files):
    """Return the office's host, whose card has a profile of its own, with more profiles by their names in the folder."""
    return nm.host(
        {OFFICE: TEXT, **{f"{nm.FOLDER}/{name}": text for name, text in files.items()}}, MINE, OTHER
    )


def bridged(path, *more, **changes):
    """Return a host whose bridge has the profile at a path, with the card as its port."""
    host = nm.host({path: BRIDGE, OFFICE: IN_BRIDGE}, active="xenbr0")
    host.active[OFFICE] = "eno1"
    rows = [
        nm.row("xenbr0", MINE),
        nm.row("eno1") | {"master": "xenbr0"},
        nm.row("eno2", mac="52:54:00:aa:00:02"),
    ]
    host.address, host.bridges = nm.json.dumps(rows), ("xenbr0",)
    host.routes = nm.json.dumps(
        [{"dst": "default", "gateway": "192.168.77.1", "dev": "xenbr0", "metric": 425}]
    )
    host.managers += "xenbr0:connected\n"
    return host


def by_bond():
    """Return the office's host whose card is a part of a bond."""
    host = nm.host(
        {f"{nm.FOLDER}/bond0": BOND, OFFICE: IN_BOND},
        active="bond0",
        states="bond0:connected\neno1:connected\neno2:unavailable\n",
    )
    host.active[OFFICE] = "eno1"
    rows = [
        nm.row("bond0", MINE) | {"flags": ["UP", "MASTER"]},
        nm.row("eno1") | {"master": "bond0"},
        nm.row("eno2", mac="52:54:00:aa:00:02"),
    ]
    host.address = nm.json.dumps(rows)
    host.routes = nm.json.dumps(
        [{"dst": "default", "gateway": "192.168.77.1", "dev": "bond0", "metric": 300}]
    )
    return host


def left_to_others(host):
    """Return the host with a bridge in ifupdown's hands, its card out of NetworkManager's."""
    host.files = {
        FILE: f"{LO}auto xenbr0\niface xenbr0 inet dhcp\n    bridge_ports eno1\n    bridge_stp off\n    bridge_fd 0\n"
    }
    host.managers, host.active = "eno1:unmanaged\neno2:unavailable\n", {}
    host.modes["/usr/sbin/brctl"] = "0755"
    rows = [
        nm.row("xenbr0", MINE),
        nm.row("eno1") | {"master": "xenbr0"},
        nm.row("eno2", mac="52:54:00:aa:00:02"),
    ]
    host.address, host.bridges = nm.json.dumps(rows), ("xenbr0",)
    host.routes = nm.json.dumps([{"dst": "default", "gateway": "192.168.77.1", "dev": "xenbr0"}])
    return host


def external():
    """Return a host with a bridge that NetworkManager found."""
    return nm.host({OFFICE: TEXT, f"{nm.FOLDERS[1]}/br": nm.BR}, MINE, OTHER)


def configured(devices):
    """Return the office's host, whose configuration says something of some devices."""
    host = office()
    host.files["/etc/NetworkManager/NetworkManager.conf"] = (
        f"[connection-private]\nmatch-device={devices}\nipv6.ip6-privacy=2\nethernet.wake-on-lan=0\n"
    )
    return host


def shown(host, change):
    """Return the facts of a host, with what nmcli lists of its profiles changed."""
    facts = host.facts(configure_bridges.asks(nm.asked()))
    return Facts({**dict(facts.items()), nm_facts._SHOW: Answer(0, change(facts[nm_facts._SHOW].out))})


PROFILES = {
    "… is served by the profile '…' of the kind …": (
        nm.office(TEXT.replace("type=ethernet", "type=infiniband")), [ENO1], nm.office(TEXT.replace("type=ethernet", "type=infiniband")),
        [SECOND], "name another card as port of xenbr0"),
    "The profile '…' of … is made by netplan at each start": (
        nm.host({NETPLAN: TEXT}, MINE), [ENO1], nm.host({NETPLAN: IN_BRIDGE, PLAN: IN_NETPLAN}), [ENO1], "write the bridge into the file of /etc/netplan"),
    "… belongs to … by the profile '…', and cannot be a port of … as well": (
        by_bond(), [ENO1], by_bond(), [ENO1 | {"ports": ["bond0"]}], "name the bond as port"),
    "The profile '…' (…) stands on …": (
        office(dsl=nm.PPPOE), [ENO1], office(dsl=nm.PPPOE.replace("parent=eno1", "parent=xenbr0")), [ENO1], "pppoe.parent xenbr0"),
    "NetworkManager has … connected, and none of its profiles is known to be active there": (
        nm.host({}, MINE), [ENO1], office(), [ENO1], "nmcli connection up NAME ifname eno1"),
    "NetworkManager.conf says … for …, and not for …": (
        configured("type:ethernet"), [ENO1], configured("type:ethernet,interface-name:xenbr0"), [ENO1], "add `interface-name:xenbr0`"),
    "… is there, and no profile of NetworkManager makes it": (
        external(), [ENO1], left_to_others(external()), [ENO1], "take the cards of xenbr0 out of NetworkManager's hands"),
    "The profile '…' of … is in memory only": (
        bridged(f"{nm.FOLDERS[1]}/br"), [ENO1 | {"ipv4": MINE, "gateway": "192.168.77.1"}],
        bridged(f"{nm.FOLDER}/br"), [ENO1 | {"ipv4": MINE, "gateway": "192.168.77.1"}], "connection.autoconnect yes"),
    "… has addresses of its own by the profile '…', and … has those of …": (
        office(two=ENO2), [TWO], office(two=ENO2.replace("method=manual\naddress1=10.9.0.2/24", "method=disabled") + "\n[ipv6]\nmethod=disabled\n"),
        [TWO | {"more_addresses": ["10.9.0.2/24"]}], "ipv4.method disabled ipv6.method disabled"),
    "… would have no address, and … has one: …": (
        office(two=ENO2), [ENO1, INNER | {"ipv4": "none"}], office(two=ENO2), [ENO1, INNER], "leave `ipv4: none` of xenbr1 out"),
}  # fmt: skip


@pytest.mark.parametrize("says", PROFILES)
def test_the_network_by_networkmanager(says):
    """What a profile stops goes on after the move, and nothing else stops instead."""
    before, bridges, after, then, does = PROFILES[says]
    every = nm.planned(before, *bridges).stops
    found = [f for f in every if re.fullmatch(pattern(says), f.what)]
    assert found, [f.what for f in every]
    assert does in found[0].do
    assert [f.what for f in nm.planned(after, *then).stops] == []


def stopped_by(facts):
    return [(f.what, f.do) for f in configure_bridges.plan(nm.asked(), facts).stops]


def test_a_file_that_networkmanager_does_not_take():
    """Moved away, it is no hindrance any more."""
    host = office(xenbr0=BRIDGE)
    host.files[nm.BRIDGE] = host.files.pop(f"{nm.FOLDER}/xenbr0")
    ((what, do),) = stopped_by(
        shown(
            host, lambda said: "".join(line for line in said.splitlines(keepends=True) if ":8:" not in line)
        )
    )
    assert (what, "mend it or move it away" in do) == (
        f"{nm.BRIDGE} is there, and NetworkManager does not take it",
        True,
    )
    assert nm.planned(office()).stops == ()


def test_a_profile_of_another_plugin():
    """Cloned into a file of NetworkManager's own, it can be made a port's."""
    elsewhere = shown(office(), lambda said: said.replace(OFFICE, "/srv/other/office"))
    ((what, do),) = [one for one in stopped_by(elsewhere) if "in no file" in one[0]]
    assert what == "The profile 'Office' of eno1 is in no file of NetworkManager's own"
    assert "nmcli connection clone 'Office' eno1" in do
    cloned = TEXT.replace("id=Office", "id=eno1").replace(nm.UUID, "77")
    assert nm.planned(nm.host({f"{nm.FOLDER}/eno1.nmconnection": cloned}, MINE, OTHER)).stops == ()
