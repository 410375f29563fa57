"""Each refusal's next move, carried out on the same machine, leads on: the refusal is gone, and nothing else stops.

A row is a machine with what is refused there, and the machine after a person did what the line `do` says.
"""

import json
import re
from dataclasses import dataclass, field

import pytest

from runbook.steps.introduction import survey_debian
from runbook.steps.kernel import build_kernel, install_kernel
from runbook.steps.xen_configuration import configure_bridges, set_boot_menu
from tests.steps import test_kernel as kernels
from tests.steps import test_network_manager as nm
from tests.steps.machine import like_testbed
from tests.steps.test_bridges import BY_HAND, FILE, OUTSIDE, addresses, ready, with_bridges, with_more
from tests.steps.test_survey_debian import BIOS, BTRFS, UEFI, facts
from tests.steps.test_xen_configuration import installed
from tests.survey.machines import params as survey_params

LO = "auto lo\niface lo inet loopback\n\n"
CARD = "auto enp0s3\niface enp0s3 inet dhcp\n"
DHCP = LO + CARD
SECOND = f"{DHCP}\nauto enp0s4\niface enp0s4 inet static\n    address 10.0.0.2/24\n"
PPP = f"{DHCP}\niface dsl inet ppp\n    pre-up /sbin/ip link set enp0s4 up\n    provider dsl\n"
BOND = f"{DHCP}\nauto bond0\niface bond0 inet manual\n    bond-slaves enp0s4\n"
BOND1 = "auto bond0\niface bond0 inet manual\n    bond-slaves enp0s4\n"
XENBR1 = "\nauto xenbr1\niface xenbr1 inet manual\n    bridge_stp off\n"
BR0 = f"{LO}auto br0\niface br0 inet dhcp\n    bridge_ports enp0s3\n"
BR9 = "auto br9\niface br9 inet static\n    address 10.0.9.2/24\n    bridge_ports none\n"
HOOK = f"{DHCP}    up /usr/local/bin/mine enp0s3\n"
BY_PERSON = f"{LO}iface enp0s3 inet manual\n\nauto xenbr0\niface xenbr0 inet dhcp\n    bridge_ports enp0s3\n    up /usr/local/bin/mine xenbr0\n"
UNIT = {"/etc/systemd/network/20.network": "[Match]\nName=enp0s3\n\n[Network]\nDHCP=yes\n"}
TWO = {
    "networkd": "  2 enp0s3 ether routable configured\n",
    "files": UNIT | {FILE: f"{LO}auto enp0s4\niface enp0s4 inet manual\n"},
}
LEASE = {"family": "inet", "local": "10.0.2.15", "prefixlen": 24, "scope": "global", "dynamic": True}


def link(name, *infos, **more):
    """Return one interface more."""
    return {"ifname": name, "flags": ["UP"], "link_type": "ether", "addr_info": list(infos), **more}


def links(*more, **changes):
    """Return the testbed's interfaces with changes, and more of them."""
    return json.dumps([*json.loads(addresses(**changes)), *more])


ON_BR0 = {"files": {FILE: BR0}, "bridges": ("br0",), "routes": json.dumps([{"dst": "default", "gateway": "10.0.2.2", "dev": "br0"}]),
          "address": links(link("br0", LEASE), enp0s3={"master": "br0", "addr_info": []})}  # fmt: skip
BONDED = {
    "files": {FILE: BOND},
    "address": links(link("bond0", flags=["UP", "MASTER"]), enp0s4={"master": "bond0"}),
}
BONDED1 = {"address": BONDED["address"]}
WIFI = {"wireless": "/sys/class/net/enp0s4/phy80211\n"}
TUNNEL = {"address": links(link("wg0", link_type="none"))}
INNER = {
    "files": {FILE: SECOND},
    "address": links(enp0s4={"addr_info": [{"family": "inet", "local": "10.0.0.2", "prefixlen": 24}]}),
}


@dataclass
class Move:
    """What is asked for and what the machine has, before and after; `does` are words of the move."""

    says: str
    before: list[dict]
    after: list[dict]
    does: str
    has: dict = field(default_factory=dict)
    then: dict | None = None
    """What the machine has after the move, where that is about the machine."""


def one(**bridge):
    return [{"name": "xenbr0", "ports": ["enp0s3"], **bridge}]


NAT = {"name": "xenbr1", "ipv4": "192.168.150.1/24", "nat": True}
INTO = {"name": "xenbr1", "ports": ["enp0s4"]}
MOVES = [
    Move("There is no network card … for …", one(ports=["eth0"]), one(), "ip -br link"),
    Move("… is a wireless card", [OUTSIDE, INTO], [OUTSIDE, NAT], "nat: true", WIFI),
    Move("… carries no Ethernet frames, and cannot be a port of …", [OUTSIDE, INTO | {"ports": ["wg0"]}], [OUTSIDE, NAT], "nat: true", TUNNEL),
    Move("… carries the connection …, and cannot be a port of …", [OUTSIDE, INTO], [OUTSIDE, NAT], "leave enp0s4 out", {"files": {FILE: PPP}}),
    Move("… already belongs to …", [INTO], [INTO | {"ports": ["bond0"]}], "name bond0 as port instead", BONDED),
    Move("… belongs to another by …", [INTO], [INTO | {"ports": ["bond0"]}], "of a bond, name the bond as port", {"files": {FILE: BOND}},
         {"files": {FILE: BOND}, "address": links(link("bond0", flags=["UP", "MASTER"]))}),
    Move("… is a bridge, and no bridge can be a port of …", one(ports=["br0"]), one(name="br0"), "call the bridge br0", ON_BR0),
    Move("… is a bridge in the file, and no bridge can be a port of another", [INTO | {"ports": ["br9"]}], [{"name": "br9"}], "br9",
         {"files": {FILE: f"{DHCP}\n{BR9}"}, "address": links(link("br9")), "bridges": ()},
         {"files": {FILE: f"{DHCP}\n{BR9}"}, "address": links(link("br9", {"family": "inet", "local": "10.0.9.2", "prefixlen": 24})),
          "bridges": ("br9",)}),
    Move("It is not sure what becomes of … when … is a port of …", one(), one(), "write the paragraphs of xenbr0", {"files": {FILE: HOOK}},
         {"files": {FILE: BY_PERSON}}),
    Move("… has rules for …, whose packets come by … then", one(), one(), "name xenbr0 there as well as enp0s3",
         {"files": {FILE: DHCP, "/etc/nftables.conf": '\tiifname "enp0s3" tcp dport 22 accept\n\t# enp0s3\n'}},
         {"files": {FILE: DHCP, "/etc/nftables.conf": '\tiifname { "enp0s3", "xenbr0" } tcp dport 22 accept\n'}}),
    Move("… manages …", one(), one(), "take it out of what NetworkManager is given", {"managers": "enp0s3:connected\n"},
         {"managers": "enp0s3:unmanaged\n"}),
    Move("… would be cut", one(ipv4="none"), one(), "leave `ipv4` of that bridge out"),
    Move("The host would have no default route", one(ipv4="10.0.2.15/24"), one(ipv4="10.0.2.15/24", gateway="10.0.2.2"), "and a gateway"),
    Move("… has …, and … would have no address", [OUTSIDE, INTO | {"ipv4": "none"}], [OUTSIDE, INTO], "leave `ipv4: none` of xenbr1 out", INNER),
    Move("… would not have …", one(), one(more_addresses=["10.0.2.77/24"]), "more_addresses: [10.0.2.77/24]", {"address": with_more(BY_HAND)}),
    Move("… takes in …, which is not read", one(), one(), "interfaces.d", {"files": {FILE: "source /srv/net/*\n"}},
         {"files": {FILE: "source /etc/network/interfaces.d/*\n"},
          "folder": "".join(f"/etc/network/interfaces.d/lan:{line}\n" for line in CARD.splitlines())}),
    Move("… leases an address, and … has a fixed one: … would be its second way out", one(name="br9"), one(name="br9"),
         "which of the two br9 is to have", {"files": {FILE: f"{LO}{BR9}{CARD}"}},
         {"files": {FILE: f"{LO}auto br9\niface br9 inet dhcp\n    bridge_ports none\niface enp0s3 inet manual\n"}}),
    Move("… comes up after …, which would be without it", [OUTSIDE, INTO | {"ports": ["bond0"]}], [OUTSIDE, INTO | {"ports": ["bond0"]}],
         "move the line `auto bond0` in front", {"files": {FILE: f"{DHCP}{XENBR1}\n{BOND1}"}, **BONDED1}, {"files": {FILE: f"{DHCP}\n{BOND1}{XENBR1}"}, **BONDED1}),
    Move("… comes up before …, and would get no address", one(name="br5"), one(name="br5"), "as a second `iface br5 inet static`",
         {"files": {FILE: f"auto br5:1\niface br5:1 inet static\n    address 10.5.0.2/24\n\n{DHCP}"}},
         {"files": {FILE: f"{DHCP}\niface enp0s3 inet static\n    address 10.5.0.2/24\n"}}),
    Move("… would have no address, and … has one: …", [OUTSIDE, INTO | {"ipv4": "none"}], [OUTSIDE, INTO], "leave `ipv4: none` of xenbr1 out",
         {"files": {FILE: SECOND}}),
    Move("The ports of … are managed by …", one(ports=["enp0s3", "enp0s4"]), [*one(), INTO], "the others to a bridge of their own", TWO),
]  # fmt: skip


ALONE = ("… manages …", "The ports of … are managed by …")


def what_stops(bridges, has):
    asked = with_bridges(*bridges)
    machine = ready(**has)
    return configure_bridges.plan(asked, machine.facts(configure_bridges.asks(asked)))


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.says)
def test_the_network_by_ifupdown(move):
    """With ifupdown, which most hosts have: what stopped is gone, and the plan has its actions or needs none."""
    before = what_stops(move.before, move.has)
    found = [f for f in before.stops if re.fullmatch(pattern(move.says), f.what)]
    assert found, [f.what for f in before.stops]
    assert move.does in found[0].do
    if move.says in ALONE:
        assert len(before.stops) == 1, (
            "where nobody writes anything, nothing is said of what would be in force"
        )
    after = what_stops(move.after, move.has if move.then is None else move.then)
    assert [f.what for f in after.stops] == []


OFFICE, TEXT = nm.OFFICE, nm.TEXT
MINE = "192.168.77.10/24"
NOT_BRIDGES = {"/etc/NetworkManager/NetworkManager.conf": "[keyfile]\nunmanaged-devices=type:bridge\n"}
BOTH = ({OFFICE: TEXT, f"{nm.FOLDER}/b": TEXT.replace(nm.UUID, "9")}, MINE)
PROFILES = {
    "NetworkManager leaves … alone": (nm.host({OFFICE: TEXT, **NOT_BRIDGES}, MINE, "192.168.77.11/24"), nm.office(), "take it away"),
    "… has no connection, and several profiles are there for it: …": (
        nm.host(*BOTH, active=""), nm.host(*BOTH, "192.168.77.11/24"), "nmcli connection up"),
    "… shares the host's connection by the profile '…' (method=shared)": (
        nm.office(TEXT.replace("method=manual", "method=shared")), nm.office(), ""),
    "… names …, whose addresses move to …": (
        nm.host({OFFICE: TEXT, f"{nm.DISPATCHER}/50-fw": "[ $1 = eno1 ] && nft -f /etc/fw\n"}, MINE, "192.168.77.11/24"),
        nm.host({OFFICE: TEXT, f"{nm.DISPATCHER}/50-fw": "case $1 in eno1|xenbr0) nft -f /etc/fw;; esac\n"}, MINE, "192.168.77.11/24"), "xenbr0"),
}  # fmt: skip


@pytest.mark.parametrize("says", PROFILES)
def test_the_network_by_networkmanager(says):
    """What NetworkManager's profiles stop goes on after the move."""
    before, after, does = PROFILES[says]
    found = [f for f in nm.planned(before).stops if re.fullmatch(pattern(says), f.what)]
    assert found, [f.what for f in nm.planned(before).stops]
    assert does in found[0].do
    assert [f.what for f in nm.planned(after).stops] == []


BOOTS = {
    "GRUB could not clear a choice for once on this /boot": [
        (facts(boot="/dev/md0 ext4", once=UEFI.replace("has efibootmgr\n", "")), facts(boot="/dev/md0 ext4", once=UEFI), "apt-get install efibootmgr"),
        (facts(boot="/dev/md0 ext4", once=UEFI.replace("esp sda 1\n", "")), facts(boot="/dev/md0 ext4", once=UEFI), "mount the EFI system partition"),
        (facts(boot=BTRFS, once=BIOS), facts(once=BIOS), "put /boot on a plain partition of its own with ext4"),
    ],
    "This host does not boot with GRUB": [(facts(boots="loader systemd-boot 257.7-1\n"), facts(), "apt-get install grub-efi-amd64")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("says", "which"), [(says, i) for says, rows in BOOTS.items() for i in range(len(rows))]
)
def test_the_boot_at_the_start(says, which):
    """What 00 says of the boot is gone after the move, before anything was done to the host."""
    before, after, does = BOOTS[says][which]
    (found,) = survey_debian.plan(survey_params(), before).stops
    assert (found.what, does in found.do) == (says, True)
    assert survey_debian.plan(survey_params(), after).stops == ()


def test_a_menu_without_plain_debian():
    """`update-grub` writes the entry that was missing, and the step goes on."""
    machine, asked = installed(), like_testbed()
    menu = machine.files["/boot/grub/grub.cfg"]
    machine.files["/boot/grub/grub.cfg"] = "menuentry 'x' $menuentry_id_option 'x' {\n\tchainloader /x\n}\n"
    (found,) = set_boot_menu.plan(asked, machine.facts(set_boot_menu.asks(asked))).stops
    assert (found.what, "run `update-grub`" in found.do) == (
        "The boot menu has no entry for plain Debian",
        True,
    )
    machine.files["/boot/grub/grub.cfg"] = menu
    assert set_boot_menu.plan(asked, machine.facts(set_boot_menu.asks(asked))).stops == ()


def pattern(says):
    return ".*".join(re.escape(part) for part in says.split("…"))


KERNELS = (
    "The boot menu has no other kernel to go back to",
    "The running kernel has the same name as the new one: …",
    "There is no configuration of a Debian kernel in /boot",
)


def kernel_stops(machine, step, asked):
    return step.plan(asked, machine.facts(step.asks(asked))).stops


def test_a_kernel_to_go_back_to():
    """With Debian's kernel in the menu again, the own one is installed."""
    machine = kernels.built(upto=(build_kernel,))
    debian, machine.kernels, machine.running = machine.kernels, ["6.12.100-xenhost"], "6.12.100-xenhost"
    asked = kernels.params()
    found = [
        f for f in kernel_stops(machine, install_kernel, asked) if f.what.startswith("The boot menu has")
    ]
    assert "`apt-get install linux-image-amd64`, then `update-grub`" in found[0].do
    machine.kernels = [*machine.kernels, *debian]
    assert [f.what for f in kernel_stops(machine, install_kernel, asked)] == []


def test_a_kernel_of_the_same_name():
    """Under Debian's kernel the new build of one's own is installed."""
    machine, asked = kernels.built(), kernels.params(more=["CONFIG_HZ_1000=y"])
    kernels.carry(machine, build_kernel, asked)
    (found,) = kernel_stops(machine, install_kernel, asked)
    assert found.what.startswith("The running kernel has the same name as the new one: ")
    assert "start Debian's kernel first" in found.do
    machine.running = kernels.DEBIAN
    assert [f.what for f in kernel_stops(machine, install_kernel, asked)] == []


@pytest.mark.parametrize("move", ["apt-get install linux-image-amd64", "kernel.base: small"])
def test_a_configuration_to_start_from(move):
    """Debian's kernel brings its configuration, and the small base needs none."""
    machine, asked = kernels.Machine(configs={}), kernels.params(base="running")
    (found,) = kernel_stops(machine, build_kernel, asked)
    assert (found.what, move in found.do) == ("There is no configuration of a Debian kernel in /boot", True)
    if move.startswith("kernel"):
        asked = kernels.params(base="small")
    else:
        machine = kernels.Machine()
    assert [f.what for f in kernel_stops(machine, build_kernel, asked)] == []
