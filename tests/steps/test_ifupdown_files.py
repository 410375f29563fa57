"""ifupdown's files with bridges: which of them changes, what moves with a card, and what is refused."""

import pytest

from runbook.facts.interfaces import FILE
from runbook.facts.sourced import follow
from runbook.steps.shared import interfaces_held, port_paragraph
from runbook.steps.shared.interfaces_file import edit
from tests.steps.machine import like_testbed

LO = "auto lo\niface lo inet loopback\n\n"
ENO1, LOCAL = "/etc/network/interfaces.d/eno1", "/etc/network/interfaces.local"
STATIC = "auto eno1\niface eno1 inet static\n    address 192.168.1.10/24\n    gateway 192.168.1.1\n"
SIX = "iface eno1 inet6 static\n    address 2001:db8::5/64\n    gateway fe80::1\n"
BRIDGE = {"name": "xenbr0", "ports": ["eno1"]}


def edited(files, *bridges):
    """Return the edit of some files, or of one text."""
    files = {FILE: files} if isinstance(files, str) else files
    params = like_testbed(guests=[], management={}, network={"bridges": bridges or [BRIDGE]})
    return edit(params, follow(files).files)


def told(done):
    return [(f.level, f.what) for f in done.findings]


BY_COMMANDS = {
    "ip": ("pre-up ip link add name br0 type bridge", "pre-up ip link set eno1 master br0"),
    "ip, by ifupdown's own word": ("pre-up ip link add $IFACE type bridge || true", "up ip link set dev eno1 master ${IFACE}"),
    "brctl": ("pre-up brctl addbr br0", "pre-up brctl addif br0 eno1"),
}  # fmt: skip


@pytest.mark.parametrize("ports", [["eno1"], []])
@pytest.mark.parametrize("how", BY_COMMANDS)
def test_a_bridge_that_commands_make_stays_as_it_is(how, ports):
    """Its owner's commands make it and plug its ports in: a second way of doing so beside them would be a change for nothing."""
    hooks = "".join(f"    {line}\n" for line in BY_COMMANDS[how])
    text = (
        f"{LO}iface eno1 inet manual\n\nauto br0\niface br0 inet static\n{hooks}    address 192.168.1.10/24\n"
    )
    done = edited(text, {"name": "br0", "ports": ports})
    assert (done.files, told(done)) == ({FILE: text}, [])


def test_a_command_that_makes_another_bridge_makes_not_this_one():
    text = f"{LO}auto br0\niface br0 inet manual\n    pre-up brctl addbr br01\n    up ip link add br0 type dummy\n"
    done = edited(text, {"name": "br0", "ports": ["eno1"]})
    assert "    bridge_ports eno1\n" in done.files[FILE]


def test_the_file_that_has_the_card_is_the_one_that_changes():
    """The card stands in a file that the main one takes in; all others stay as they are, and what sleeps sleeps."""
    files = {
        FILE: f"{LO}source interfaces.d/*\nsource interfaces.local\n",
        ENO1: f"# uplink\n{STATIC}",
        LOCAL: "auto eno2\niface eno2 inet dhcp\n",
        "/etc/network/interfaces.old": STATIC,
    }
    done = edited(files)
    assert set(done.files) == {FILE, ENO1, LOCAL}
    assert {path for path in done.files if done.files[path] != files[path]} == {ENO1}
    assert "# uplink\niface eno1 inet manual\n\nauto xenbr0\niface xenbr0 inet static\n" in done.files[ENO1]
    done = edited(files, BRIDGE, {"name": "xenbr1", "ports": ["eno2"]})
    assert "iface xenbr1 inet dhcp\n" in done.files[LOCAL]
    assert "xenbr1" not in done.files[ENO1]
    assert done.files[FILE] == files[FILE]


def test_a_bridge_that_is_there_keeps_its_file():
    """A bridge's further paragraphs go where it stands, not where its new port does."""
    br0 = "auto br0\niface br0 inet manual\n    bridge_ports none\n"
    done = edited(
        {FILE: f"source interfaces.d/*\n{LO}{STATIC}{SIX}", "/etc/network/interfaces.d/br0": br0},
        BRIDGE | {"name": "br0"},
    )
    assert told(done) == []
    assert "br0" not in done.files[FILE]
    there = done.files["/etc/network/interfaces.d/br0"]
    assert (
        "iface br0 inet static\n    address 192.168.1.10/24\n    gateway 192.168.1.1\n    bridge_ports eno1"
        in there
    )
    assert "iface br0 inet6 static\n    address 2001:db8::5/64\n    gateway fe80::1" in there


def test_a_host_of_ipv6_alone():
    """Without any IPv4 the bridge gets the card's IPv6, and its ports in a paragraph of their own."""
    done = edited(f"{LO}auto eno1\n{SIX}")
    assert told(done) == []
    assert (
        "iface eno1 inet manual\n\nauto xenbr0\niface xenbr0 inet manual\n    bridge_ports eno1\n"
        in done.files[FILE]
    )
    assert "iface xenbr0 inet6 static\n    address 2001:db8::5/64\n    gateway fe80::1\n" in done.files[FILE]
    held = interfaces_held.held("xenbr0", done.paragraphs)
    assert (held.addresses, held.leases) == ({"2001:db8::5/64"}, set())


@pytest.mark.parametrize(
    ("asked", "losses", "has"),
    [
        ({}, [], SIX.replace("eno1", "xenbr0")),
        ({"ipv6": "2001:db8::5/64"}, [], SIX.replace("eno1", "xenbr0")),
        ({"ipv6": "2001:db8::5/64", "gateway6": "fe80::2"},
         ["the gateway fe80::1 gives way on xenbr0 to what the parameters say: fe80::2"],
         "inet6 static\n    address 2001:db8::5/64\n    gateway fe80::2\n"),
        ({"ipv6": "2001:db8::9/64"},
         ["2001:db8::5/64 with the gateway fe80::1 gives way on xenbr0 to what the parameters say: 2001:db8::9/64"],
         "inet6 static\n    address 2001:db8::9/64\n"),
        ({"ipv6": "auto"},
         ["2001:db8::5/64 with the gateway fe80::1 gives way on xenbr0 to what the parameters say: auto"], "iface xenbr0 inet6 auto\n"),
        ({"ipv6": "none"},
         ["2001:db8::5/64 with the gateway fe80::1 gives way on xenbr0 to what the parameters say: none"],
         "inet6 manual\n    up [ ! -e /proc/sys/net/ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/xenbr0/disable_ipv6\n"),
        ({"more_addresses": ["2001:db8::33/64", "192.168.1.11/24"]}, [],
         "iface xenbr0 inet6 static\n    address 2001:db8::33/64\n    autoconf 1\n\niface xenbr0 inet static\n    address 192.168.1.11/24\n"),
    ],
)  # fmt: skip
def test_ipv6_is_kept_or_named(asked, losses, has):
    """What a bridge's ipv6 asks for is written; what gives way to it is a loss; once is enough."""
    done = edited(f"{LO}{STATIC}{SIX}", BRIDGE | asked)
    assert told(done) == [("loss", what) for what in losses]
    assert has in done.files[FILE]
    assert edited(done.files, BRIDGE | asked).files == done.files
    assert ("2001:db8::5/64" in done.files[FILE]) == (not losses or "gateway6" in asked)


def test_an_alias_comes_up_behind_its_bridge():
    """`ifup -a` goes by the order of the auto lines: in front of the bridge an alias of it fails."""
    done = edited(f"{LO}auto eno1:0\n{STATIC}iface eno1:0 inet static\n    address 192.168.1.12/24\n")
    lines = done.files[FILE].splitlines()
    assert told(done) == []
    assert lines.index("auto xenbr0") < lines.index("auto xenbr0:0")
    assert "auto eno1:0" not in lines
    assert "iface xenbr0:0 inet static" in lines


BOND = (
    "iface bond0 inet static\n    address 192.168.1.10/24\n    bond-slaves eno1 eno2\n    bond-mode 802.3ad\n"
)
ON_BOND = {"name": "xenbr0", "ports": ["bond0"]}


@pytest.mark.parametrize(
    "text",
    [f"auto bond0\n{BOND}", f"{BOND}\nauto bond0\n", f"iface eno2 inet manual\n{BOND}auto wg0 bond0\n"],
)
def test_a_bond_comes_up_before_its_bridge(text):
    """Wherever its auto line stands, the bridge's comes behind it: a port that is not there yet is passed over."""
    done = edited(LO + text, ON_BOND)
    lines = done.files[FILE].splitlines()
    assert told(done) == []
    (own,) = [i for i, line in enumerate(lines) if line.startswith("auto") and "bond0" in line]
    assert own < lines.index("auto xenbr0")
    assert "    bond-slaves eno1 eno2" in lines[lines.index("iface bond0 inet manual") :]


def test_a_bond_that_another_file_brings_up_later_is_refused():
    """The bridge goes into the bond's file, which is taken in before the line that brings the bond up."""
    files = {FILE: f"{LO}source interfaces.d/*\nauto bond0\n", ENO1: BOND}
    assert told(edited(files, ON_BOND)) == [
        ("refuse", "bond0 comes up after xenbr0, which would be without it")
    ]
    files[FILE] = f"{LO}auto bond0\nsource interfaces.d/*\n"
    assert told(edited(files, ON_BOND)) == []


QUIET = "".join(f"{line}\n" for line in port_paragraph.NO_ADDRESS)


def test_a_vlan_with_nothing_but_ipv6_as_port():
    """It is brought up before its bridge, which else would find no hardware address to take, and takes none itself."""
    vlan = "auto eno1.20\niface eno1.20 inet6 static\n    address 2001:db8::5/64\n    gateway 2001:db8::1\n"
    done = edited(f"{LO}{vlan}", {"name": "xenbr0", "ports": ["eno1.20"]})
    assert told(done) == []
    alone, _, bridge = done.files[FILE].partition("auto xenbr0\n")
    assert f"auto eno1.20\n\niface eno1.20 inet manual\n{QUIET}" in alone
    assert "iface xenbr0 inet6 static\n    address 2001:db8::5/64\n    gateway 2001:db8::1" in bridge
    assert edited(done.files, {"name": "xenbr0", "ports": ["eno1.20"]}).files == done.files


def test_a_vlan_as_port():
    """Its tag and its card stay with it, and it is brought up for itself; the VLAN's card is not touched."""
    text = f"{LO}{STATIC}auto vlan5\niface vlan5 inet static\n    vlan-raw-device eno1\n    address 10.5.0.2/24\n"
    done = edited(text, {"name": "xenbr0", "ports": ["vlan5"]})
    assert told(done) == []
    alone = f"{STATIC}auto vlan5\niface vlan5 inet manual\n{QUIET}    vlan-raw-device eno1\n"
    assert alone in done.files[FILE]
    assert "iface xenbr0 inet static\n    address 10.5.0.2/24\n    bridge_ports vlan5\n" in done.files[FILE]
    done = edited(
        f"{LO}{STATIC}auto eno1.5\niface eno1.5 inet dhcp\n", {"name": "xenbr0", "ports": ["eno1.5"]}
    )
    assert (
        f"auto eno1.5\niface eno1.5 inet manual\n{QUIET}\nauto xenbr0\niface xenbr0 inet dhcp\n"
        in done.files[FILE]
    )


def test_a_port_that_comes_up_first_takes_no_announced_address():
    """A card with lines of its own is brought up before the bridge takes it; one without is not brought up at all."""
    with_mtu = STATIC.replace("    address", "    up ethtool -K eno1 tso off\n    address", 1)
    text = edited(f"{LO}{with_mtu}", BRIDGE).files[FILE]
    assert f"iface eno1 inet manual\n{QUIET}    up ethtool" in text
    assert "disable_ipv6" not in edited(f"{LO}{STATIC}", BRIDGE).files[FILE]


def test_a_comment_goes_with_its_paragraph():
    """What stands above a second address stands above it in the bridge's paragraphs."""
    text = f"{LO}{STATIC}\n# the printer\niface eno1 inet static\n    address 10.9.0.1/24\n"
    done = edited(text, BRIDGE).files[FILE]
    assert "# the printer\niface xenbr0 inet static\n    address 10.9.0.1/24\n" in done


AWARE = """\
auto vmbr0
iface vmbr0 inet static
    address 192.168.1.10/24
    bridge-ports eno1
    bridge-vlan-aware yes
    bridge-vids 2-4094
"""


def test_a_bridge_by_its_own_name_is_left_alone():
    """Whatever a bridge of this name has, it keeps; a port more is added and nothing else changes."""
    text = f"{LO}iface eno1 inet manual\n\n{AWARE}"
    assert edited(text, BRIDGE | {"name": "vmbr0"}).files[FILE] == text
    done = edited(text, {"name": "vmbr0", "ports": ["eno1", "eno2"]})
    expected = AWARE.replace("bridge-ports eno1", "bridge_ports eno1 eno2")
    assert (expected in done.files[FILE], told(done)) == (True, [])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{STATIC}mapping eno*\n    script /bin/where\n", "It is not sure what becomes of `mapping eno*`"),
        ("auto eno1=home\niface home inet dhcp\n", "It is not sure what becomes of `auto eno1=home`"),
        ("auto /eno*=home\niface home inet dhcp\n", "It is not sure what becomes of `auto /eno*=home`"),
        ("iface eno1 inet static inherits lan\n", "It is not sure what becomes of `iface eno1 inet static inherits lan`"),
        (f"{STATIC}iface eno2 inet static inherits eno1\n", "It is not sure what becomes of `iface eno2 inet static inherits eno1`"),
        (f"{STATIC}rename enp3s0=eno1\n", "It is not sure what becomes of `rename enp3s0=eno1`"),
        (f"{STATIC}no-scripts xenbr*\n", "It is not sure what becomes of `no-scripts xenbr*`"),
        ("iface eno1 inet ppp\n    provider dsl\n", "It is not sure what becomes of `iface eno1 inet ppp`"),
        ("iface dsl inet ppp\n    pre-up /sbin/ip link set eno1 up # x\n    provider dsl\n", "eno1 carries the connection dsl"),
        ("iface bond0 inet dhcp\n    bond-slaves eno1 eno2\n", "eno1 belongs to another by `bond-slaves eno1 eno2`"),
        ("auto br0\niface br0 inet dhcp\n    bridge_ports eno1\n", "eno1 belongs to another by `bridge_ports eno1`"),
    ],
)  # fmt: skip
def test_what_is_not_followed_is_refused(text, what):
    """Patterns, templates, names that change and connections over the card stop the plan, each with a next move."""
    done = edited(LO + text)
    assert [f.what.startswith(what) for f in done.findings if f.stops][:1] == [True]
    assert all(f.why and f.do for f in done.findings)


def test_what_is_about_others_is_followed():
    """Patterns and templates of other cards are no reason to stop."""
    text = f"{LO}{STATIC}mapping wlan*\n    script /x\nrename eth9=lan9\nauto /wlan*=home\niface eno2 inet static inherits lan\n"
    assert told(edited(text)) == []


def test_a_lease_beside_a_fixed_address_is_refused():
    """A card that leases its address does not become a port of a bridge with a fixed one unsaid."""
    br0 = "auto br0\niface br0 inet static\n    address 10.0.0.2/24\n    bridge_ports none\n"
    done = edited(f"{LO}{br0}auto eno1\niface eno1 inet dhcp\n", BRIDGE | {"name": "br0"})
    assert told(done) == [
        (
            "refuse",
            "eno1 leases an address, and br0 has a fixed one: `iface br0 inet dhcp` would be its second way out",
        )
    ]
    both = edited(f"{LO}{br0}{STATIC}", BRIDGE | {"name": "br0"}).files[FILE]
    assert "iface br0 inet static\n    address 10.0.0.2/24\n" in both
    assert "iface br0 inet static\n    address 192.168.1.10/24\n    gateway 192.168.1.1\n" in both


def test_what_the_files_give_a_bridge():
    """Addresses, leases, and every network that a hook names; a default route by a hook is a way out."""
    text = (
        f"{LO}auto eno1\niface eno1 inet static\n    address 192.168.1.10\n    netmask 255.255.255.0\n"
        "    up route add -net 10.0.0.0 netmask 255.0.0.0 gw 192.168.1.2\n    up ip -6 route add 2001:db8:5::/48 via fe80::9\n"
        "    post-up ip route add default via 192.168.1.1\niface eno2 inet manual\n    up ip route add 10.99.0.0/16 dev eno2\n"
    )
    params = like_testbed(guests=[], management={}, network={"bridges": [BRIDGE]})
    done = edit(params, {FILE: text})
    held = interfaces_held.held("xenbr0", done.paragraphs)
    assert (held.addresses, held.leases) == ({"192.168.1.10/24"}, {"ipv6"})
    assert {"10.0.0.0/8", "2001:db8:5::/48", "192.168.1.2"} <= held.named
    assert "10.99.0.0/16" not in held.named
    assert interfaces_held.ways_out(params, done.paragraphs) == {"xenbr0"}
    assert (
        interfaces_held.ways_out(
            params, edit(params, {FILE: text.replace("default", "10.9.0.0/16")}).paragraphs
        )
        == set()
    )


def test_the_files_that_are_in_force():
    """As ifquery reads them: patterns, folders, names in quotes, files taken in by others; what is not there is told."""
    texts = {
        FILE: 'source interfaces.d/*.cfg "/etc/network/interfaces.local"\nsource-directory /run/network/interfaces.d\n'
        "source /srv/net\nsource $HOME/x\nsource interfaces.d/gone\n",
        "/etc/network/interfaces.d/a.cfg": "source ../interfaces.more\n",
        "/etc/network/interfaces.d/b": "",
        "/etc/network/interfaces.d/.c.cfg": "",
        LOCAL: "",
        "/etc/network/interfaces.more": "",
        "/run/network/interfaces.d/eth0": "",
        "/run/network/interfaces.d/eth0.dpkg-old": "",
    }
    found = follow(texts)
    assert list(found.files) == [
        FILE, "/etc/network/interfaces.d/a.cfg", "/etc/network/interfaces.more", LOCAL, "/run/network/interfaces.d/eth0",
    ]  # fmt: skip
    assert found.unread == ("/srv/net", "$HOME/x", "/etc/network/interfaces.d/gone")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("    up ip link add mv0 link enp0s3 type macvlan mode bridge\n", "up ip link add mv0 link enp0s3 type macvlan mode bridge"),
        ("\nauto mv0\niface mv0 inet dhcp\n    pre-up ip l add link enp0s3 name mv0 type macvtap\n",
         "pre-up ip l add link enp0s3 name mv0 type macvtap"),
    ],
)  # fmt: skip
def test_what_takes_the_cards_frames_itself_is_refused(text, line):
    """A card gives its frames to a macvlan or to a bridge, never to both: the bridge would come up without it."""
    params = like_testbed(
        network={"bridges": [{"name": "xenbr0", "ports": ["enp0s3"]}]}, guests=[], management={}
    )
    done = edit(params, {"/etc/network/interfaces": f"auto enp0s3\niface enp0s3 inet dhcp\n{text}"})
    assert [f.what for f in done.findings] == [
        f"It is not sure what becomes of `{line}` when enp0s3 is a port of xenbr0"
    ]


def test_stateless_dhcp_goes_to_the_bridge():
    """`dhcp 1` of an announced address is about the address, as all of interfaces(5) about `inet6 auto` is."""
    params = like_testbed(
        network={"bridges": [{"name": "xenbr0", "ports": ["enp0s3"]}]}, guests=[], management={}
    )
    text = "auto enp0s3\niface enp0s3 inet dhcp\n\niface enp0s3 inet6 auto\n    privext 2\n    dhcp 1\n"
    done = edit(params, {"/etc/network/interfaces": text})
    assert done.findings == ()
    assert "iface xenbr0 inet6 auto\n    privext 2\n    dhcp 1\n" in done.files["/etc/network/interfaces"]


@pytest.mark.parametrize(
    ("line", "moved"),
    [
        ("up ifconfig eno1:0 10.0.0.9 netmask 255.255.255.0 up", "up ifconfig xenbr0:0 10.0.0.9 netmask 255.255.255.0 up"),
        ("down ifconfig eno1:0 down", "down ifconfig xenbr0:0 down"),
        ("up ip addr add 10.0.0.9/24 dev eno1 label eno1:1", "up ip addr add 10.0.0.9/24 dev xenbr0 label xenbr0:1"),
    ],
)  # fmt: skip
def test_a_label_of_the_card_is_the_bridges(line, moved):
    """An address under a label of the card is given to the bridge: left on the port it would be reached no more."""
    done = edited(f"{LO}{STATIC}    {line}\n")
    assert told(done) == []
    bridge = done.files[FILE].partition("iface xenbr0")[2]
    assert f"    {moved}\n" in bridge
    assert line not in done.files[FILE]


@pytest.mark.parametrize("hook", ["ifconfig eno1 192.168.1.10 netmask 255.255.255.0 up", "dhclient -4 eno1"])
def test_a_card_that_gets_its_address_by_a_hook(hook):
    """`inet manual` with a hook that gives the address is no wire's paragraph: the hook goes to the bridge."""
    text = f"{LO}auto eno1\niface eno1 inet manual\n    up ifconfig eno1 up\n    up {hook}\n    up route add default gw 192.168.1.1\n"
    done = edited(text)
    port, _, bridge = done.files[FILE].partition("auto xenbr0\n")
    assert told(done) == []
    assert "    up ifconfig eno1 up\n" in port
    assert f"    up {hook.replace('eno1', 'xenbr0')}\n" in bridge
    params = like_testbed(guests=[], management={}, network={"bridges": [BRIDGE]})
    held = interfaces_held.held("xenbr0", done.paragraphs)
    assert "192.168.1.10" in held.named or "ipv4" in held.leases
    assert interfaces_held.ways_out(params, done.paragraphs) == ({"xenbr0"} if "dhclient" in hook else set())


WG0 = "iface wg0 inet static\n    address 10.9.0.1/24\n    up ip route add 10.44.0.0/16 via 192.168.1.2\n"


@pytest.mark.parametrize(
    ("text", "auto"),
    [
        (f"auto eno1 wg0\n{STATIC.partition(chr(10))[2]}{WG0}", "auto xenbr0 wg0\n"),
        (f"auto eno1\nauto wg0\n{STATIC.partition(chr(10))[2]}{WG0}", "auto xenbr0\nauto wg0\n"),
        (f"auto eno1 wg0\n{STATIC.partition(chr(10))[2]}    up ethtool -K eno1 tso off\n{WG0}", "auto eno1 xenbr0 wg0\n"),
    ],
)  # fmt: skip
def test_what_came_up_behind_the_card_comes_up_behind_the_bridge(text, auto):
    """A tunnel's route goes by a router that is reached over the card, so the bridge has to be there before it."""
    done = edited(LO + text)
    assert told(done) == []
    assert auto in done.files[FILE]
    assert [
        line for line in done.files[FILE].splitlines() if line.startswith("auto") and "xenbr0" in line
    ] == [auto.splitlines()[0]]
    assert "10.44.0.0/16" in interfaces_held.held("xenbr0", done.paragraphs).named
    assert edited(done.files).files == done.files


def test_a_hook_of_another_card_holds_nothing():
    """What another paragraph's own card is told, or a comment, is no route of the bridge."""
    other = "iface eno2 inet manual\n    up ip route add 10.99.0.0/16 dev $IFACE\n    # up ip route add 10.98.0.0/16 via 192.168.1.2\n"
    held = interfaces_held.held("xenbr0", edited(f"{LO}{STATIC}{other}").paragraphs)
    assert {"10.99.0.0/16", "10.98.0.0/16"} & held.named == set()


def test_lists_of_every_kind_name_the_bridge():
    """What `ifdown -a` leaves alone, such as a card that the root file system comes by, it leaves alone as a bridge."""
    done = edited(f"{LO}no-auto-down lo eno1\nallow-rescue eno1\n{STATIC}")
    assert told(done) == []
    assert "no-auto-down lo xenbr0\nallow-rescue xenbr0\n" in done.files[FILE]
    assert [w.partition("`")[2] for _, w in told(edited(f"{LO}no-scripts eno1\n{STATIC}"))] == [
        "no-scripts eno1` when eno1 is a port of xenbr0"
    ]


def test_a_hook_that_sets_the_mtu_sets_that_of_both():
    """As with `mtu`: guests with another one would else bring the bridge's, and so the host's own, down to theirs."""
    done = edited(f"{LO}{STATIC}    up ip link set dev $IFACE mtu 9000\n    up ip link set eno1 promisc on\n")
    port, _, bridge = done.files[FILE].partition("auto xenbr0")
    assert told(done) == []
    assert "    up ip link set dev $IFACE mtu 9000\n" in port
    assert "    up ip link set dev $IFACE mtu 9000\n" in bridge
    assert "promisc" not in bridge
