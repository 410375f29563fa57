"""Keep or refuse, as a property: what interfaces files of any make had in force is in force in the new file."""

import ipaddress
import re
from types import SimpleNamespace

from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.facts.interfaces import FILE
from runbook.steps.shared.interfaces_file import edit
from tests.cases.hosts import HOSTS, NAMES, Case
from tests.steps.machine import like_testbed

NETWORKS = [name for name in NAMES if (HOSTS / name / "interfaces").exists()]
OPTIONS = (
    "mtu 9000", "dns-nameservers 192.168.1.1", "metric 10", "hwaddress ether 02:00:00:00:00:10", "wake-on-lan g",
    "up ip route add 10.8.0.0/24 via 192.168.1.2", "up ip route add 10.9.0.0/24 dev eno1", "accept_ra 2",
    "post-up ethtool -K eno1 tso off", "post-up ethtool -K $IFACE gso off", "up /root/notify eno1",
    "pre-up iptables-restore < /etc/rules", "post-up iptables -t nat -A POSTROUTING -o eno1 -j MASQUERADE",
    "post-up ip addr add 10.255.0.1/32 dev lo", "bond-mode 802.3ad", "# the switch's port 12", "offload-tso off",
    "up ip link set eno1 promisc on && ip route add default via 192.168.1.1", "unheard-of option",
    "post-up echo 1 > /proc/sys/net/ipv4/ip_forward", "down ip rule del from 10.0.0.0/8 dev eno1",
)  # fmt: skip
METHODS = {
    "inet": ("dhcp", "manual", "static\n    address 192.168.1.10/24\n    gateway 192.168.1.1",
             "static\n  address 192.168.1.10\n  netmask 255.255.255.0\n  broadcast 192.168.1.255", "static\n\taddress 10.1.0.2/24", "ppp"),
    "inet6": ("auto", "dhcp", "manual", "static\n    address 2001:db8::5/64"),
}  # fmt: skip
CARDS = ("eno1", "eno2", "eno1.10", "eno1:0", "lo", "br0", "wg0")


@st.composite
def stanzas(draw):
    name, family = draw(st.sampled_from(CARDS)), draw(st.sampled_from(("inet", "inet", "inet6")))
    method = draw(st.sampled_from(METHODS[family]))
    options = draw(st.lists(st.sampled_from(OPTIONS), max_size=4, unique=True))
    head = draw(st.sampled_from(("", "# a person's words\n", "\n", "\n# the modem\n")))
    auto = draw(st.sampled_from(("", f"auto {name}\n", f"allow-hotplug {name} wg1\n")))
    indent = draw(st.sampled_from(("", "    ", "\t")))
    body = "".join(f"{indent}{option}\n" for option in options)
    return f"{head}{auto}iface {name} {family} {method}\n{body}"


FILES = st.tuples(
    st.sampled_from(("", "source /etc/network/interfaces.d/*\n", "auto lo\niface lo inet loopback\n")),
    st.lists(stanzas(), max_size=5),
    st.sampled_from(("", "\n# the end\n", "auto tun9\n")),
).map(lambda parts: parts[0] + "".join(parts[1]) + parts[2])
BRIDGES = st.sampled_from([
    [{"name": "xenbr0", "ports": ["eno1"], "ipv4": "dhcp"}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv4": "192.168.1.10/24", "gateway": "192.168.1.1"}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv4": "192.168.1.10/24"}],
    [{"name": "br0", "ports": ["eno1"], "ipv4": "dhcp"}, {"name": "xenbr1", "ports": ["eno2"]}],
    [{"name": "xenbr0", "ports": ["eno1", "eno2"]}],
])  # fmt: skip


def edited(params, text):
    """Return the edit of a file that takes no other in."""
    done = edit(params, {FILE: text})
    return SimpleNamespace(text=done.files[FILE], findings=done.findings)


def read(text):
    """Return every option of every interface, its address among them, and all comments: a reader of the test's own."""
    options, comments, name = set(), set(), ""
    address = {}
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            comments |= {line.strip()} - {""}
        elif words[0] == "iface":
            name, address = words[1], {}
            if words[3] in ("dhcp", "auto", "ppp"):
                options.add((name, f"{words[2]} {words[3]}"))
        elif words[0] in ("auto", "source", "source-directory") or words[0].startswith("allow-"):
            options |= {("source", line.strip())} if words[0].startswith("source") else set()
            name = ""
        elif words[0] in ("address", "netmask"):
            address[words[0]] = words[1]
            if "/" in address.get("address", "") or len(address) == 2:
                options.add((name, str(ipaddress.ip_interface("/".join(address.values())))))
        else:
            options.add((name, " ".join(words)))
    return options, comments


def gone(params, text, done):
    """Return what the old file had in force and the new one has not, for the same card or for its bridge."""
    owner = {port: b.name for b in params.network.bridges for port in b.ports}
    (before, said), (after, says) = read(text), read(done.text)
    lost = said - says
    for name, option in before:
        port, colon, label = name.partition(":")
        bridge = next((b for b in params.network.bridges if b.name in (port, owner.get(port))), None)
        if option == "inet dhcp" and bridge and bridge.ipv4 not in ("dhcp", "none"):
            continue  # a fixed address in place of a leased one is what the parameters ask for
        if option.startswith("broadcast") and bridge and bridge.ipv4 != "192.168.1.10/24":
            continue  # it goes with its address, which is named
        heirs = {name, owner.get(port, port) + colon + label}
        spellings = {option}
        for card, bridge in owner.items():
            spellings |= {re.sub(rf"(?<![\w.:-]){card}(?![\w.:-])", bridge, one) for one in spellings}
        if not any((heir, spelling) in after for heir in heirs for spelling in spellings):
            lost.add(f"{name}: {option}")
    return lost


def assert_kept(params, text):
    done = edited(params, text)
    if any(finding.stops for finding in done.findings):
        assert all(f.why and f.do for f in done.findings)
        return
    named = " ".join(finding.what for finding in done.findings)
    unsaid = {
        what
        for what in gone(params, text, done)
        if what.split(": ")[-1].removeprefix("gateway ") not in named
    }
    assert unsaid == set()
    assert edited(params, done.text).text == done.text


@settings(max_examples=150, deadline=None)
@given(FILES, BRIDGES)
def test_nothing_is_dropped_from_any_file(text, bridges):
    """Whatever paragraphs there are: each option goes on, or the plan stops and names what it cannot place."""
    assert_kept(like_testbed(guests=[], management={}, network={"bridges": bridges}), text)


def test_nothing_is_dropped_from_the_known_hosts():
    """The same holds for the files of the hosts in tests/cases."""
    assert len(NETWORKS) > 15
    for name in NETWORKS:
        case = Case(name)
        assert_kept(case.params, case.text("interfaces"))
