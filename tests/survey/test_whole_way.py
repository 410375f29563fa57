"""What dom0 needs of a network counts through every layer; where it ends on no card, no card is offered."""

import json

import pytest

from runbook import survey
from runbook.survey import CARE, MAY, STAY
from tests.storage_answers import findmnt, lsblk, node
from tests.survey.machines import Pci, devices

FIRST, SECOND = "0000:02:00.0", "0000:03:00.0"


def box(*rows, routes=(), routes6=(), session="", **changes):
    """Return a machine with the cards eth0 and eth1; the rows exchange and add interfaces."""
    named = {"eth0": {"ifname": "eth0", "addr_info": []}, "eth1": {"ifname": "eth1", "addr_info": []}}
    named |= {row["ifname"]: row for row in rows}
    links = {"eth0": f"pci0000:00/0000:00:1c.0/{FIRST}", "eth1": f"pci0000:00/0000:00:1d.0/{SECOND}"}
    lines = [f"/sys/class/net/{n} ../../devices/{links.get(n, 'virtual')}/net/{n}\n" for n in named]
    lines += [f"/sys/class/net/{n}/bridge \n" for n in named if n.startswith("br") and n != "br-ex"]
    return devices(
        Pci("0000:00:1c.0", code="060400", bus=2), Pci("0000:00:1d.0", code="060400", bus=3),
        Pci(FIRST, above=("0000:00:1c.0",)), Pci(SECOND, above=("0000:00:1d.0",)),
        ip_addr_json=json.dumps(list(named.values())), ip_route_json=json.dumps(list(routes)),
        ip_route6_json=json.dumps(list(routes6)), session=session, net_links="".join(lines), **changes,
    )  # fmt: skip


def interface(name, *addresses, **columns):
    return {
        "ifname": name, "flags": ["UP"],
        "addr_info": [{"local": a.partition("/")[0], "prefixlen": int(a.partition("/")[2])} for a in addresses], **columns,
    }  # fmt: skip


def default(name):
    return {"dst": "default", "gateway": "192.0.2.1", "dev": name}


def said(facts, *addresses):
    """Return verdict and kinds of reasons, each once, about each card."""
    machine = survey.read(facts)
    found = [survey.judge(machine, machine.device(bdf)) for bdf in addresses or (FIRST, SECOND)]
    return [(survey.verdict(reasons), sorted({reason.kind for reason in reasons})) for reasons in found]


def why(facts, bdf=SECOND):
    machine = survey.read(facts)
    return [reason.text for reason in survey.judge(machine, machine.device(bdf))]


SESSION = "192.0.2.9 5000 192.0.2.10 22\n"
STAYS, FREE = (STAY, ["network"]), (MAY, [])


def test_open_vswitch_ends_on_all_of_its_ports():
    """The bridge of Open vSwitch has no ports that Linux knows; every card of it may carry what is on the bridge."""
    facts = box(
        interface("eth0", master="ovs-system"), interface("ovs-system"), interface("br-ex", "192.0.2.10/24"),
        routes=[default("br-ex")], session=SESSION,
    )  # fmt: skip
    assert said(facts) == [STAYS, FREE]
    assert why(facts, FIRST)[:2] == [
        "it carries this ssh session (eth0)",
        "it carries the default route (eth0)",
    ]


def test_a_way_that_ends_on_no_card():
    """With no card in use at all any may carry it: none may be passed."""
    facts = box(interface("br-ex", "192.0.2.10/24"), routes=[default("br-ex")], session=SESSION)
    assert said(facts) == [(STAY, ["no-card"])] * 2
    assert why(facts) == [
        "no card is seen to carry this ssh session (br-ex), the default route (br-ex), so it may be this one"
    ]


def test_a_tunnel_over_a_card_with_an_address():
    """The card that has the address stays; another one is for a person to decide, and never offered."""
    tunnel = interface("wg0", "10.9.0.2/24", link_type="none")
    facts = box(
        interface("eth0", "198.51.100.7/24"),
        tunnel,
        routes=[default("wg0")],
        session="10.9.0.1 5 10.9.0.2 22\n",
    )
    assert said(facts) == [STAYS, (CARE, ["unseen"])]


def test_a_router_in_a_guest():
    """A bridge whose ports are all guests' says nothing about cards; one without ports leads nowhere, and that is known."""
    guests = box(
        interface("br0", "192.0.2.10/24"),
        interface("vif1.0", master="br0"),
        routes=[default("br0")],
        session=SESSION,
    )
    assert said(guests) == [(STAY, ["no-card"])] * 2
    assert said(box(interface("br0", "192.0.2.10/24"), session=SESSION)) == [FREE] * 2


def test_a_session_from_the_host_itself():
    """It rests on no card, and nothing is said because of it."""
    assert said(box(interface("lo", "127.0.0.1/8"), session="127.0.0.1 5 127.0.0.1 22\n")) == [FREE] * 2


@pytest.mark.parametrize(
    "row",
    [
        interface("eth1", "203.0.113.2/24"),
        interface("eth1", "2001:db8::2/64"),
        interface("mv0", link="eth1"),
        interface("eth1", master="bond0"),
        interface("vlan7", "203.0.113.2/24", link="eth1"),
    ],
)
def test_whatever_is_on_a_card_is_a_use(row):
    """An address of either family, a macvlan, a bond, a VLAN: the card stays, and is no port of a bridge."""
    facts = box(
        interface("eth0", "192.0.2.10/24"),
        row,
        interface("bond0", flags=["UP", "MASTER"]),
        routes=[default("eth0")],
    )
    assert said(facts) == [STAYS, STAYS]


def test_a_route_alone_is_a_use():
    """A route that somebody set, of either family, on a card without an address."""
    for routes in (
        {"routes": [{"dst": "10.0.0.0/8", "dev": "eth1"}]},
        {"routes6": [{"dst": "2001:db8:1::/48", "dev": "eth1", "protocol": "static"}]},
    ):
        assert said(box(**routes)) == [FREE, STAYS]
    assert said(box(interface("eth1", "fe80::1/64"))) == [FREE, FREE]


@pytest.mark.parametrize(
    ("mount", "address"),
    [
        (("/srv", "198.51.100.9:/export", "nfs4", "rw,addr=198.51.100.9"), "198.51.100.9"),
        (("/srv", "nas:/export", "nfs", "rw,addr=198.51.100.9"), "198.51.100.9"),
        (("/srv", "[2001:db8:5::9]:/export", "nfs4", "rw"), "2001:db8:5::9"),
        (("/srv", "//nas/share", "cifs", "rw,addr=2001:db8:5::9"), "2001:db8:5::9"),
        (("/srv", "198.51.100.9:6789,198.51.100.8:6789:/", "ceph", "rw"), "198.51.100.9"),
    ],
)
def test_a_mount_over_the_network_names_its_card(mount, address):
    """By its address, which source or options tell, and the networks that the host is in."""
    facts = box(
        interface("eth0", "192.0.2.10/24"), interface("eth1", "198.51.100.2/24", "2001:db8:5::2/64"),
        routes=[default("eth0")], findmnt_json=findmnt(mount),
    )  # fmt: skip
    assert f"it carries the mount /srv from {address} (eth1)" in why(facts)


def test_a_mount_behind_a_tunnel():
    """A network's mount that is reached by an interface without a card makes the other cards doubtful."""
    facts = box(
        interface("eth0", "192.0.2.10/24"), interface("wg0", "10.9.0.2/24", link_type="none"), routes=[default("eth0")],
        findmnt_json=findmnt(("/srv", "10.9.0.7:/x", "nfs4", "rw,addr=10.9.0.7")),
    )  # fmt: skip
    assert said(facts) == [STAYS, (CARE, ["unseen"])]
    assert why(facts) == [
        "no card is seen to carry the mount /srv from 10.9.0.7 (wg0), so it may be this one"
    ]


@pytest.mark.parametrize(
    ("link", "name", "session"),
    [
        (
            "platform/host3/session1/target3:0:0/3:0:0:0/block/sdz",
            "sdz",
            "/sys/class/iscsi_connection/connection1:0/persistent_address:203.0.113.9",
        ),
        (
            "virtual/nvme-fabrics/ctl/nvme5/nvme5n1",
            "nvme5n1",
            "/sys/class/nvme/nvme5/address:traddr=203.0.113.9,trsvcid=4420",
        ),
    ],
)
def test_a_disk_from_the_network_rests_on_a_card(link, name, session):
    """The other side of its session is reached by a card, through a route here; the disk is on no controller of the machine."""
    given = {
        "block_links": f"{name} ../../devices/{link}\n",
        "lsblk_json": lsblk(node(name, "disk", at=["/"], fstype="ext4")),
        "findmnt_json": findmnt(("/", f"/dev/{name}", "ext4", "rw")),
        "sessions": f"{session}\n",
    }
    routes = [{"dst": "203.0.113.0/24", "dev": "eth1", "protocol": "boot"}]
    assert f"it carries the disk {name} from 203.0.113.9 (eth1)" in why(box(routes=routes, **given))


def test_nothing_is_said_where_nobody_asked_for_the_links():
    """Older answers do not tell cards from tunnels."""
    facts = devices(
        Pci(FIRST), ip_addr_json=json.dumps([interface("br-ex", "192.0.2.10/24")]), session=SESSION
    )
    assert said(facts, FIRST) == [FREE]
