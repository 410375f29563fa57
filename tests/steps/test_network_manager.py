"""Chapter 06 on a host whose cards NetworkManager has: profiles of its own, and nothing of a card's dropped."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.facts import network_manager
from runbook.facts.keyfile import Keyfile
from runbook.facts.network_manager import DISPATCHER, FOLDER, FOLDERS
from runbook.model.ask import Answer, Facts
from runbook.steps.shared.writers import network_manager as writer
from runbook.steps.shared.writers.nm_addresses import given as given_by
from runbook.steps.shared.writers.nm_addresses import section_of
from runbook.steps.xen_configuration import configure_bridges
from tests.steps.machine import Machine, like_testbed

UUID = "305071be-4ac3-3812-a7ca-b84a3d686b3f"
OFFICE = f"{FOLDER}/office.nmconnection"
MADE = f"{FOLDERS[1]}/Wired connection 1.nmconnection"
BRIDGE, PORT = f"{FOLDER}/xenbr0.nmconnection", f"{FOLDER}/xenbr0-eno1.nmconnection"
ASKED = {"name": "xenbr0", "ports": ["eno1"]}
MAC = "52:54:00:aa:00:01"
TEXT = f"""\
# eno1, the office
[connection]
id=Office
uuid={UUID}
type=ethernet
interface-name=eno1
zone=work
permissions=user:ana;

[ethernet]
mtu=9000
wake-on-lan=64

[ipv4]
# the router's other address
address1=192.168.77.10/24,192.168.77.1
address2=192.168.77.11/24
dns=192.168.77.1;
method=manual
route1=10.8.0.0/16,192.168.77.2,50

[ipv6]
method=disabled
"""
AUTO = f"""\
[connection]
id=Wired connection 1
uuid={UUID}
type=ethernet
autoconnect-priority=-999
interface-name=eno1

[ethernet]

[ipv4]
method=auto

[ipv6]
addr-gen-mode=default
method=auto

[proxy]

[.nmmeta]
nm-generated=true
"""


def row(name, *addresses, mac=MAC, **more):
    """Return a link as `ip -j addr` says it."""
    info = [
        {
            "family": "inet6" if ":" in a else "inet",
            "local": a.split("/")[0],
            "prefixlen": int(a.split("/")[1]),
        }
        for a in addresses
    ]
    return {
        "ifname": name,
        "flags": ["UP"],
        "address": mac,
        "addr_info": [i | {"scope": "global"} | more for i in info],
    }


def host(files, *addresses, active="eno1", states="eno1:connected\neno2:unavailable\n", routes=(), **more):
    """Return a machine with two cards that NetworkManager has; the first profile is active."""
    lo = row("lo", mac="00:00:00:00:00:00")
    machine = Machine(
        files={"/etc/network/interfaces": "", **files},
        managers=states,
        active={next(iter(files)): active} if files and active else {},
        address=json.dumps([lo, row("eno1", *addresses, dynamic=True), row("eno2", mac="52:54:00:aa:00:02")]),
        routes=json.dumps(
            [{"dst": "default", "gateway": "192.168.77.1", "dev": "eno1", "metric": 100}, *routes]
        ),
        cards={"eno1": "0000:01:00.0", "eno2": "0000:02:00.0"},
        session="192.168.77.5 51234 192.168.77.10 22\n",
        bridges=(),
    )
    for name, value in more.items():
        setattr(machine, name, value)
    return machine


def office(text=TEXT, **more):
    return host({OFFICE: text}, "192.168.77.10/24", "192.168.77.11/24", **more)


def desk(*addresses, **more):
    return host({MADE: AUTO}, "192.168.77.102/24", *addresses, **more)


def asked(*bridges):
    return like_testbed(network={"bridges": bridges or (ASKED,)}, guests=[], management={})


def planned(machine, *bridges):
    params = asked(*bridges)
    return configure_bridges.plan(params, machine.facts(configure_bridges.asks(params)))


def written(machine, *bridges):
    """Return the files of a plan that nothing stops, by their paths."""
    plan = planned(machine, *bridges)
    assert plan.stops == ()
    return {file.path: Keyfile.read(file.content) for action in plan.actions for file in action.files}


def applied(machine, *bridges):
    """Plan, and carry it out."""
    plan = planned(machine, *bridges)
    assert plan.stops == ()
    return carried_out(machine, plan)


def carried_out(machine, plan):
    """Do what NetworkManager does with a plan's files: bring all of them up, and move the addresses."""
    rows = {r["ifname"]: r for r in json.loads(machine.address)}
    held = rows["eno1"]["addr_info"]
    for file in (file for action in plan.actions for file in action.files):
        machine.files[file.path] = file.content
        text = Keyfile.read(file.content)
        name, master = text.get("connection", "interface-name"), text.get("connection", "master")
        if master:
            card = name or "eno1"
            machine.active = {p: d for p, d in machine.active.items() if d != card} | {file.path: card}
            rows[card] |= {"master": master, "addr_info": []}
        elif text.get("connection", "type") == "bridge":
            machine.active[file.path], machine.bridges = name, (name,)
            has = sorted(addresses(text, "ipv4") | addresses(text, "ipv6"))
            rows[name] = row(name, *has) if has else row(name) | {"addr_info": held}
    machine.managers += "".join(f"{name}:connected\n" for name in machine.bridges)
    machine.address = json.dumps(list(rows.values()))
    machine.routes = machine.routes.replace('"eno1"', json.dumps(machine.bridges[0]))


def test_a_card_with_a_profile_of_its_own():
    """The wire stays with the card's profile, whose UUID and name stay; all else is the bridge's, comments too."""
    files = written(office())
    bridge, port = files[BRIDGE], files[OFFICE]
    assert port.text == (
        f"# eno1, the office\n[connection]\nid=Office\nuuid={UUID}\ntype=ethernet\ninterface-name=eno1\n"
        "permissions=user:ana;\nmaster=xenbr0\nslave-type=bridge\n\n[ethernet]\nmtu=9000\nwake-on-lan=64\n"
    )
    old = Keyfile.read(TEXT)
    assert bridge.values("ipv4") == old.values("ipv4") | {"route-metric": "99"}
    assert bridge.values("ipv6") == old.values("ipv6")
    assert "# the router's other address" in bridge.text
    assert bridge.values("bridge") == {"mac-address": MAC, "stp": "false"}
    assert bridge.values("ethernet") == {"mtu": "9000"}
    said = bridge.values("connection")
    assert (said["zone"], said["permissions"], said["type"]) == ("work", "user:ana;", "bridge")
    assert said["autoconnect-slaves"] == "1"


def test_a_profile_that_was_made_by_itself():
    """The card gets a profile in a file, and the bridge what was in memory; on the way back it comes by itself."""
    plan = planned(desk())
    (action,) = plan.actions
    files = {file.path: Keyfile.read(file.content) for file in action.files}
    assert set(files) == {BRIDGE, PORT, writer.GUESTS}
    assert files[PORT].values("connection") == {
        "id": "xenbr0-eno1", "uuid": files[PORT].get("connection", "uuid"), "type": "ethernet",
        "interface-name": "eno1", "master": "xenbr0", "slave-type": "bridge",
    }  # fmt: skip
    assert files[BRIDGE].get("ipv4", "method") == "auto"
    assert "nmmeta" not in files[BRIDGE].text + files[PORT].text
    assert action.manager == "network-manager"
    assert action.up == tuple(files[path].get("connection", "uuid") for path in (BRIDGE, PORT))
    assert (action.up_before, action.made) == (("eno1",), ("xenbr0",))
    assert {file.mode for file in action.files if file.path != writer.GUESTS} == {"0600"}


def test_guests_ends_are_left_to_xen():
    """NetworkManager would ask for an address on each of a guest's cables."""
    assert written(desk())[writer.GUESTS].values("device-xen-guests") == {
        "match-device": "interface-name:vif*", "managed": "0",
    }  # fmt: skip


@pytest.mark.parametrize("binding", ["", "mac-address=52:54:00:AA:00:01"])
def test_what_a_profile_is_bound_to(binding):
    """One that is bound to nothing goes on serving other cards; one that is bound by hardware address is the card's."""
    text = TEXT.replace("interface-name=eno1\n", "").replace("mtu=9000", f"mtu=9000\n{binding}".rstrip())
    files = written(office(text))
    if binding:
        assert files[OFFICE].get("ethernet", "mac-address") == "52:54:00:AA:00:01"
        assert PORT not in files
    else:
        assert OFFICE not in files
        assert files[PORT].get("connection", "interface-name") == "eno1"
        assert files[PORT].get("connection", "autoconnect-priority") == "1", "it goes before the general one"
        assert files[PORT].get("ethernet", "wake-on-lan") == "64"


def test_the_way_out_stays_where_it_is():
    """A bridge's own metric is worse than any card's; it gets one that keeps its place among all default routes."""
    other = {"dst": "default", "gateway": "192.168.88.1", "dev": "eno2", "metric": 101}
    assert written(office(routes=[other]))[BRIDGE].get("ipv4", "route-metric") == "99"
    worse = office(routes=[other | {"metric": 50}])
    assert written(worse)[BRIDGE].get("ipv4", "route-metric") == "100"
    own = office(TEXT.replace("method=manual", "method=manual\nroute-metric=7"))
    assert written(own)[BRIDGE].get("ipv4", "route-metric") == "7"


def test_ipv6_addresses_stay():
    """An address that is made from the link's name is kept by a token; one that is made from the card needs none."""
    made = written(desk("fd00:77::938e:1b03:e540:4111/64"))[BRIDGE].values("ipv6")
    assert (made["addr-gen-mode"], made["token"]) == ("eui64", "::938e:1b03:e540:4111")
    assert "token" not in written(desk("fd00:77::5054:ff:feaa:1/64"))[BRIDGE].values("ipv6")
    plan = planned(desk("fd00:77::938e:1b03:e540:4111/64", "fd00:78::1:2:3:4/64"))
    assert [(f.level, f.what) for f in plan.findings] == [
        ("warn", "xenbr0 will have other addresses than fd00:78::1:2:3:4/64")
    ]


def test_a_card_without_a_cable_is_not_brought_up():
    """What cannot be brought up is no failed switch: the bridge takes the card when there is a cable."""
    plan = planned(desk(), ASKED, {"name": "xenbr1", "ports": ["eno2"], "ipv4": "10.0.0.2/24"})
    files = {file.path: Keyfile.read(file.content) for file in plan.actions[0].files}
    assert files[f"{FOLDER}/xenbr1-eno2.nmconnection"].get("connection", "uuid") not in plan.actions[0].up
    assert files[f"{FOLDER}/xenbr1.nmconnection"].get("ipv4", "address1") == "10.0.0.2/24"
    assert files[f"{FOLDER}/xenbr1.nmconnection"].get("bridge", "mac-address") == "52:54:00:aa:00:02"


@pytest.mark.parametrize("machine", [office, desk])
def test_again_there_is_nothing_to_do(machine):
    """A bridge that is as asked is left as it is, also when its profile was written by a person."""
    there = machine()
    applied(there)
    assert planned(there).actions == ()
    there.files[BRIDGE] = there.files[BRIDGE].replace("stp=false", "stp=true\npriority=1")
    assert planned(there).actions == ()


def test_a_bridge_of_ones_own_is_adopted():
    """By its own name, with the port it has; a further port joins it, and nothing of its profile is touched."""
    there = office()
    applied(there, ASKED | {"name": "br0"})
    assert planned(there, ASKED | {"name": "br0"}).actions == ()
    more = written(there, {"name": "br0", "ports": ["eno1", "eno2"]})
    assert set(more) == {f"{FOLDER}/br0-eno2.nmconnection"}
    alone = planned(there, {"name": "br0", "ports": ["eno2"]})
    assert "eno1 stays on br0, where the parameters do not name it" in [f.what for f in alone.findings]


@pytest.mark.parametrize(
    ("bridge", "expected", "losses"),
    [
        ({}, {"method": "manual", "address1": "192.168.77.10/24,192.168.77.1"}, []),
        ({"ipv4": "192.168.77.10/24"}, {"address1": "192.168.77.10/24,192.168.77.1"}, []),
        ({"ipv4": "192.168.77.11/24", "gateway": "192.168.77.1"}, {"address2": "192.168.77.11/24"}, []),
        (
            {"ipv4": "dhcp"},
            {"method": "auto", "address1": "192.168.77.11/24"},
            ["192.168.77.10/24 with the gateway 192.168.77.1 gives way on xenbr0 to what the parameters say: dhcp"],
        ),
        (
            {"ipv4": "192.168.77.20/24", "gateway": "192.168.77.9"},
            {"address1": "192.168.77.20/24,192.168.77.9", "address2": "192.168.77.11/24"},
            ["192.168.77.10/24 with the gateway 192.168.77.1 gives way on xenbr0 to what the parameters say: "
             "192.168.77.20/24"],
        ),
        (
            {"ipv4": "192.168.77.10/24", "gateway": "192.168.77.9"},
            {"address1": "192.168.77.10/24,192.168.77.9"},
            ["the gateway 192.168.77.1 gives way on xenbr0 to what the parameters say: 192.168.77.9"],
        ),
        ({"more_addresses": ["192.168.78.2/24"]}, {"address3": "192.168.78.2/24"}, []),
        ({"ipv6": "2001:db8::2/64"}, {"method": "manual"}, []),
    ],
)  # fmt: skip
def test_addresses_as_the_parameters_say(bridge, expected, losses):
    """What is asked for is written; what gives way to it is named as a loss, and all else stays."""
    plan = planned(office(), ASKED | bridge)
    found = {f.path: Keyfile.read(f.content) for a in plan.actions for f in a.files}[BRIDGE].values("ipv4")
    assert expected.items() <= found.items()
    assert (found["dns"], found["route1"]) == ("192.168.77.1;", "10.8.0.0/16,192.168.77.2,50")
    named = [f.what for f in plan.findings if f.level == "loss" and "gives way" in f.what]
    assert named == losses


def test_a_fixed_address_beside_what_routers_announce():
    """A link has as many IPv6 addresses as it is given; a fixed IPv4 one stands in the place of a leased one."""
    files = written(desk(), ASKED | {"ipv6": "2001:db8::2/64"})
    assert files[BRIDGE].get("ipv6", "method") == "auto"
    assert files[BRIDGE].get("ipv6", "address1") == "2001:db8::2/64"
    plan = planned(desk(), ASKED | {"ipv4": "192.168.77.102/24", "gateway": "192.168.77.1"})
    assert "what DHCP leases gives way on xenbr0 to what the parameters say: 192.168.77.102/24" in [
        f.what for f in plan.losses
    ]


PPPOE = "[connection]\nid=dsl\nuuid=7\ntype=pppoe\n\n[pppoe]\nparent=eno1\n"
BR = "[connection]\nid=br\nuuid=8\ntype=bridge\ninterface-name=xenbr0\n\n[.nmmeta]\nnm-generated=true\nexternal=true\n"


@pytest.mark.parametrize(
    ("machine", "what"),
    [
        (office(TEXT.replace("type=ethernet", "type=infiniband")), "eno1 is served by the profile 'Office' of the kind"),
        (office(TEXT.replace("method=manual", "method=shared")), "eno1 shares the host's connection by the profile"),
        (office(TEXT.replace("zone=work", "master=bond0\nslave-type=bond")), "eno1 belongs to bond0 by the profile"),
        (host({f"{FOLDERS[1]}/netplan-eno1.nmconnection": TEXT}, "192.168.77.10/24"), "The profile 'Office' of eno1 is"
         " made by netplan"),
        (host({OFFICE: TEXT, f"{FOLDER}/dsl": PPPOE}, "192.168.77.10/24"), "The profile 'dsl' (pppoe) stands on eno1"),
        (host({OFFICE: TEXT, f"{FOLDER}/b": TEXT.replace(UUID, "9")}, "192.168.77.10/24", active=""),
         "eno1 has no connection, and several profiles are there for it: 'Office', 'Office'"),
        (host({}, "192.168.77.10/24"), "NetworkManager has eno1 connected, and none of its profiles is known"),
        (host({OFFICE: TEXT, f"{FOLDERS[1]}/br": BR}, "192.168.77.10/24"), "xenbr0 is there, and no profile of"),
        (host({OFFICE: TEXT, f"{DISPATCHER}/50-fw": "[ $1 = eno1 ] && nft -f /etc/fw\n"}, "192.168.77.10/24"),
         f"{DISPATCHER}/50-fw names eno1, whose addresses move to xenbr0"),
        (host({OFFICE: TEXT, "/etc/NetworkManager/NetworkManager.conf": "[keyfile]\nunmanaged-devices=type:bridge\n"},
              "192.168.77.10/24"), "NetworkManager leaves xenbr0 alone"),
    ],
)  # fmt: skip
def test_what_cannot_be_placed_is_refused(machine, what):
    """Each with why, and with a move that helps."""
    stops = planned(machine).stops
    assert any(f.what.startswith(what) for f in stops), [f.what for f in stops]
    assert all(f.why and f.do for f in stops)


def test_a_script_that_knows_the_bridge_is_no_danger():
    """The move that the refusal names leads on."""
    script = {f"{DISPATCHER}/50-fw": "case $1 in eno1|xenbr0) nft -f /etc/fw;; esac\n"}
    assert planned(host({OFFICE: TEXT, **script}, "192.168.77.10/24", "192.168.77.11/24")).stops == ()


def changed(machine, ask, change):
    """Return the machine's facts with one answer changed."""
    asks = configure_bridges.asks(asked())
    facts = machine.facts(asks)
    return Facts({a: facts[a] for a in asks} | {ask: Answer(0, change(facts[ask].out))})


def test_secrets_are_never_written_anew():
    """A profile of which something was kept back is left to its owner; made a port by hand, it is taken as it is."""

    def closed(machine):
        return changed(
            machine, network_manager._FILES, lambda said: said.replace(" [ipv4]", "! secrets\n [ipv4]", 1)
        )

    (stop,) = [f for f in configure_bridges.plan(asked(), closed(office())).stops if "secrets" in f.what]
    assert f"`master=xenbr0` and `slave-type=bridge` under [connection] of {OFFICE}" in stop.do
    by_hand = office()
    applied(by_hand)
    port = by_hand.files.pop(OFFICE)
    by_hand.files = {OFFICE: port + "\n[ipv4]\n", **by_hand.files}
    assert configure_bridges.plan(asked(), closed(by_hand)).actions == ()


def test_a_file_in_the_way_is_not_overwritten():
    """A file of the bridge's name that NetworkManager does not take was written by somebody."""
    machine = office()
    machine.files[BRIDGE] = "[connection]\nid=mine\nuuid=5\ntype=bridge\n"
    facts = changed(machine, network_manager._SHOW, lambda said: said.splitlines()[0] + "\n")
    stops = configure_bridges.plan(asked(), facts).stops
    assert [f.what for f in stops] == [f"{BRIDGE} is there, and NetworkManager does not take it"]


KEYS = {
    "connection": ("zone=home", "metered=1", "mdns=2", "llmnr=0", "permissions=user:ana;", "autoconnect-retries=3",
                   "lldp=1", "stable-id=${CONNECTION}/${BOOT}", "mptcp-flags=0x22", "autoconnect=false", "dns-over-tls=1"),
    "ethernet": ("mtu=9000", "wake-on-lan=64", "cloned-mac-address=random", "speed=1000\nduplex=full\nauto-negotiate=true"),
    "ipv4": ("may-fail=false", "dns=1.1.1.1;9.9.9.9;", "dns-search=a.example;", "never-default=true", "route-metric=300",
             "route1=10.8.0.0/16,192.168.77.2", "route2=10.9.0.0/16,192.168.77.3,5\nroute2_options=table=100",
             "routing-rule1=priority 5 from 10.0.0.1 table 100", "dhcp-hostname=desk", "dhcp-client-id=stable",
             "ignore-auto-dns=true", "dad-timeout=0", "# a person's words", "unheard-of=1", "route-table=7"),
    "ipv6": ("ip6-privacy=2", "addr-gen-mode=stable-privacy", "dhcp-iaid=mac", "ra-timeout=30", "token=::5",
             "dns=2606:4700::1111;", "addr-gen-mode=eui64\nip6-privacy=0"),
    "proxy": ("method=1\npac-url=http://wpad/x",),
    "ethtool": ("feature-tso=false",),
    "user": ("note=x",),
}  # fmt: skip
METHODS = {
    "ipv4": ("method=auto", "method=disabled", "method=manual\naddress1=192.168.77.10/24,192.168.77.1",
             "method=manual\naddress=192.168.77.10/24\naddresses3=192.168.77.11;24;0.0.0.0;\ngateway=192.168.77.1"),
    "ipv6": ("method=auto", "method=disabled", "method=ignore", "method=manual\naddress1=2001:db8::5/64", "method=dhcp"),
}  # fmt: skip
BRIDGES = st.sampled_from([
    {}, {"ipv4": "dhcp"}, {"ipv4": "192.168.77.10/24"}, {"ipv4": "192.168.77.20/24", "gateway": "192.168.77.1"},
    {"ipv6": "auto"}, {"ipv6": "2001:db8::7/64"}, {"more_addresses": ["10.3.0.1/24", "2001:db8:1::1/64"]},
])  # fmt: skip


@st.composite
def profiles(draw):
    lines = [f"[connection]\nid=Office\nuuid={UUID}\ntype=ethernet"]
    lines += draw(st.lists(st.sampled_from(KEYS["connection"]), max_size=4, unique=True))
    lines += draw(st.sampled_from([["interface-name=eno1"], []]))
    for section in draw(st.permutations([s for s in KEYS if s != "connection"])):
        own = draw(st.lists(st.sampled_from(KEYS[section]), max_size=4, unique=True))
        method = [draw(st.sampled_from(METHODS[section]))] if section in METHODS else []
        if own or method:
            lines += [draw(st.sampled_from(["", "# about what follows"])), f"[{section}]", *method, *own]
    return "\n".join(lines) + "\n"


def options(file):
    """Return every value of a profile with its section, of a key that is there twice the later one."""
    return {(s.name, key): value for s in file.sections for key, value in file.values(s.name).items()}


def gone(old, files, named):
    """Return what a profile had and neither it nor the bridge's has now, as far as no loss names it."""
    bridge, port = files[BRIDGE], files.get(OFFICE) or files[PORT]
    new = {**options(bridge)}, {**options(port)}
    lost = set()
    for (section, key), value in options(old).items():
        if section == "connection" and key in ("id", "uuid", "type", "autoconnect", "interface-name"):
            continue  # what it is called is the port's, and a bridge comes up by itself
        if section in ("ipv4", "ipv6") and re.fullmatch(r"address(es)?\d*|gateway|method", key):
            continue  # told apart below
        if not any(have.get((section, key)) == value for have in new):
            lost.add(f"{section}.{key}={value}")
    for family in ("ipv4", "ipv6"):
        had = addresses(old, family)
        has = addresses(bridge, family)
        lost |= {a for a in had - has if a not in named}
    comments = [line for s in old.sections for line in s.lines if line.startswith("#")]
    return lost | {c for c in comments if c not in bridge.text + port.text}


def addresses(file, family):
    """Return the addresses of a profile."""
    return {one.address for one in given_by(section_of(file, family))}


@settings(max_examples=60, deadline=None)
@given(profiles(), BRIDGES)
def test_nothing_of_any_profile_is_dropped(text, bridge):
    """Whatever a profile says goes on in the bridge's or in the port's, or the plan names it; again nothing changes."""
    there = office(text)
    plan = planned(there, ASKED | bridge)
    if plan.stops:
        assert all(f.why and f.do for f in plan.stops)
        return
    files = {f.path: Keyfile.read(f.content) for a in plan.actions for f in a.files}
    assert gone(Keyfile.read(text), files, " ".join(f.what for f in plan.findings)) == set()
    carried_out(there, plan)
    params = asked(ASKED | bridge)
    facts = there.facts(configure_bridges.asks(params))
    assert writer.write(params, facts).changes(facts) == ()


def test_what_is_in_force_is_not_interrupted():
    """On a host whose bridge is as asked only the guests' ends are told of: no profile is brought up for that."""
    there = office()
    applied(there)
    del there.files[writer.GUESTS]
    (action,) = planned(there).actions
    assert ([file.path for file in action.files], action.up, action.up_before) == ([writer.GUESTS], (), ())
    there.active.pop(BRIDGE)
    (action,) = planned(there).actions
    assert action.up != ()
