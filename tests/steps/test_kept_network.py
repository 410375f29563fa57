"""Keep or refuse, as a property: what interfaces files of any make had in force is in force in the new file."""

import ipaddress
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.facts.interfaces import FILE
from runbook.facts.sourced import follow
from runbook.steps.shared.interfaces_file import edit
from tests.cases.hosts import HOSTS, NAMES, Case
from tests.steps.machine import like_testbed

NETWORKS = [name for name in NAMES if (HOSTS / name / "interfaces").exists()]
OPTIONS = (
    "mtu 9000", "dns-nameservers 192.168.1.1", "metric 10", "hwaddress ether 02:00:00:00:00:10", "wake-on-lan g",
    "up ip route add 10.8.0.0/24 via 192.168.1.2", "up ip route add 10.9.0.0/24 dev eno1", "accept_ra 2",
    "post-up ethtool -K eno1 tso off", "pre-up iptables-restore < /etc/rules", "# the switch's port 12", "offload-tso off",
    "post-up iptables -t nat -A POSTROUTING -o eno1 -j MASQUERADE", "post-up ip addr add 10.255.0.1/32 dev lo",
    "bond-mode 802.3ad", "post-up echo 1 > /proc/sys/net/ipv4/ip_forward", "down ip rule del from 10.0.0.0/8 dev eno1",
)  # fmt: skip
ODD = (
    "post-up ethtool -K $IFACE gso off", "up /root/notify eno1", "unheard-of option",
    "up ip link set eno1 promisc on && ip route add default via 192.168.1.1",
)  # fmt: skip
METHODS = {
    "inet": ("dhcp", "manual", "static\n    address 192.168.1.10/24\n    gateway 192.168.1.1",
             "static\n  address 192.168.1.10\n  netmask 255.255.255.0\n  broadcast 192.168.1.255", "static\n\taddress 10.1.0.2/24"),
    "inet6": ("auto", "dhcp", "manual", "static\n    address 2001:db8::5/64", "static\n  address 2001:db8::6\n  netmask 64\n  gateway fe80::1"),
}  # fmt: skip
CARDS = ("eno1", "eno2", "eno1.10", "eno1:0", "lo", "br0", "wg0", "bond0", "vlan5")
MADE = {
    "bond0": ("bond-slaves eno2", "bond-mode active-backup", "slaves eno1 eno2"),
    "vlan5": ("vlan-raw-device eno1", "vlan_raw_device bond0"),
    "eno1.10": ("vlan-raw-device eno1",),
    "br0": ("bridge_ports eno1", "bridge-ports eno2 eno1.10", "bridge-vlan-aware yes\n    bridge-vids 2-4094\n    bridge_ports bond0"),
}  # fmt: skip
LISTS = (
    "no-auto-down eno1\n",
    "auto /eno*\n",
    "mapping wlan*\n    script /usr/local/bin/where\n",
    "rename eth9=lan9\n",
)
ODD_LISTS = (
    "mapping eno*\n    script /usr/local/bin/where\n", "rename eno9=eno1\n", "auto /eno*=home\n", "iface eno2 inet ppp\n",
    "iface wan inet static inherits eno2\n    address 10.7.0.2/24\n", "iface eno1 inet static inherits lan\n",
    "auto dsl\niface dsl inet ppp\n    pre-up /sbin/ip link set eno2 up\n    provider dsl\n",
)  # fmt: skip
SOURCES = (
    "", "source /etc/network/interfaces.d/*\n", "auto lo\niface lo inet loopback\n", "source-directory interfaces.d\n",
    "source interfaces.local\nauto lo\niface lo inet loopback\n",
)  # fmt: skip
FOLDER, LOCAL = "/etc/network/interfaces.d/", "/etc/network/interfaces.local"


@st.composite
def stanzas(draw):
    name, family = draw(st.sampled_from(CARDS)), draw(st.sampled_from(("inet", "inet", "inet6")))
    method = draw(st.sampled_from(METHODS[family]))
    options = draw(st.lists(st.sampled_from(OPTIONS), max_size=3, unique=True))
    if name in MADE and family == "inet":
        options = [*draw(st.lists(st.sampled_from(MADE[name]), max_size=1)), *options]
    if draw(st.integers(0, 19)) == 7:
        options.append(draw(st.sampled_from(ODD)))
    head = draw(st.sampled_from(("", "# a person's words\n", "\n", "\n# the modem\n")))
    auto = draw(st.sampled_from(("", f"auto {name}\n", f"allow-hotplug {name} wg1\n")))
    indent = draw(st.sampled_from(("", "    ", "\t")))
    body = "".join(f"{indent}{option}\n" for option in options)
    return f"{head}{auto}iface {name} {family} {method}\n{body}"


@st.composite
def files_of_a_host(draw):
    """Return files, of which some are in force: each with some stanzas, now and then with what nobody follows."""

    def text(most):
        parts = draw(st.lists(stanzas(), max_size=most))
        if (chance := draw(st.integers(0, 19))) < 4:
            parts.append(draw(st.sampled_from(ODD_LISTS if chance == 0 else LISTS)))
        return "".join(parts)

    sources = draw(st.sampled_from(SOURCES))
    end = draw(st.sampled_from(("", "\n# the end\n", "auto tun9\n", "source interfaces.d/*.cfg\n")))
    return {
        FILE: sources + text(4) + end,
        f"{FOLDER}lan": text(2),
        f"{FOLDER}uplink.cfg": text(2),
        LOCAL: text(1),
    }


FILES = files_of_a_host()
BRIDGES = st.sampled_from([
    [{"name": "xenbr0", "ports": ["eno1"]}],
    [{"name": "br0", "ports": ["eno1"]}, {"name": "xenbr1", "ports": ["eno2"]}],
    [{"name": "xenbr0", "ports": ["bond0"]}],
    [{"name": "xenbr0", "ports": ["eno1.10"]}, {"name": "xenbr1", "ports": ["vlan5"], "ipv6": "auto"}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv6": "2001:db8::5/64", "gateway6": "2001:db8::1"}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv6": "none", "more_addresses": ["10.3.0.2/24"]}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv4": "dhcp"}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv4": "192.168.1.10/24", "gateway": "192.168.1.1"}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv4": "192.168.1.10/24"}],
    [{"name": "br0", "ports": ["eno1"], "ipv4": "dhcp"}, {"name": "xenbr1", "ports": ["eno2"], "ipv4": "none"}],
    [{"name": "xenbr0", "ports": ["eno1", "eno2"]}],
])  # fmt: skip


def read(files):
    """Return every option of every interface, its address among them, and all comments: a reader of the test's own."""
    options, comments, name, family = set(), set(), "", ""
    address = {}
    for line in "\n".join(files.values()).replace("\\\n", " ").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            comments |= {line.strip()} - {""}
        elif words[0] == "iface":
            name, family, address = words[1], words[2], {}
            if words[3] in ("dhcp", "auto", "ppp") or "inherits" in words:
                options.add((name, " ".join(words[2:])))
        elif words[0] in ("auto", "source", "source-directory", "mapping", "rename", "no-auto-down") or words[
            0
        ].startswith("allow-"):
            is_kept = words[0] not in ("auto", "no-auto-down") and not words[0].startswith("allow-")
            options |= {("file", line.strip())} if is_kept else set()
            name = ""
        elif words[0] in ("address", "netmask"):
            address[words[0]] = words[1]
            if "/" in address.get("address", "") or len(address) == 2:
                options.add((name, f"{family} {ipaddress.ip_interface('/'.join(address.values()))}"))
        else:
            options.add((name, " ".join(words)))
    return options, comments


def gone(params, files, done):
    """Return what the old files had in force and the new ones have not, for the same card or for its bridge."""
    owner = {port: b.name for b in params.network.bridges for port in b.ports}
    (before, comments), (after, still) = read(files), read(done)
    lost = comments - still
    for name, option in before:
        port, colon, label = name.partition(":")
        heirs = {name, owner.get(port, port) + colon + label}
        spellings = {option}
        for card, bridge in owner.items():
            spellings |= {re.sub(rf"(?<![\w.:-]){card}(?![\w.:-])", bridge, one) for one in spellings}
        if not any((heir, spelling) in after for heir in heirs for spelling in spellings):
            lost.add((owner.get(port, port), option))
    return lost


def is_named(what, losses):
    """Return whether a finding tells of what is lost: an address, its gateway, what is leased or announced."""
    bridge, option = what if isinstance(what, tuple) else ("", what)
    kind, _, value = option.partition(" ")
    word = {
        "inet dhcp": "what DHCP leases",
        "inet6 dhcp": "what DHCP leases",
        "inet6 auto": "what routers announce",
    }
    if kind == "broadcast":  # it goes with the address that it is of
        value = "192.168.1.10/24"
    return any(f" on {bridge} " in loss and word.get(option, value) in loss for loss in losses)


def assert_kept(params, files):
    """The property: kept, or a reason to stop, or a loss that is named; done twice is done once, and nobody wakes."""
    in_force = follow(files).files
    done = edit(params, in_force)
    assert set(done.files) == set(in_force)
    if any(finding.stops for finding in done.findings):
        assert all(f.why and f.do for f in done.findings)
        return
    losses = [f.what for f in done.findings if f.level == "loss"]
    assert {what for what in gone(params, in_force, done.files) if not is_named(what, losses)} == set()
    if all(b.ipv4 == b.ipv6 == "keep" for b in params.network.bridges):
        assert losses == []
    assert edit(params, done.files).files == done.files
    assert follow({**files, **done.files}).files == done.files


@settings(max_examples=300, deadline=None)
@given(FILES, BRIDGES)
def test_nothing_is_dropped_from_any_file(files, bridges):
    """Whatever paragraphs there are: each option goes on, or the plan stops and names what it cannot place."""
    assert_kept(like_testbed(guests=[], management={}, network={"bridges": bridges}), files)


def test_nothing_is_dropped_from_the_known_hosts():
    """The same holds for the files of the hosts in tests/cases."""
    assert len(NETWORKS) > 15
    for name in NETWORKS:
        case = Case(name)
        assert_kept(case.params, {FILE: case.text("interfaces")})
