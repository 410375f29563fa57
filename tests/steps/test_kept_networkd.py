"""Keep or refuse for systemd-networkd, as a property: what files of any make had in force, the new ones have in force."""

import configparser
import json
from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.facts import network, networkd
from runbook.model.ask import Answer, Facts
from runbook.steps.shared.writers import networkd as writer
from tests.steps.machine import files_said, like_testbed

FOLDER = "/etc/systemd/network"
MAC = "52:54:00:00:00:01"
LINES = {
    "Link": ("MTUBytes=9000", "RequiredForOnline=routable", "RequiredForOnline=no", "ARP=no", "Promiscuous=yes",
             "ActivationPolicy=up", f"MACAddress={MAC}"),
    "Network": ("DHCP=yes", "DHCP=ipv4", "DNS=192.168.1.1", "DNS=192.168.1.1 \\\n  9.9.9.9", "Domains=~.", "NTP=a.b",
                "Address=192.168.1.10/24", "Address=2001:db8::5/64", "Gateway=192.168.1.1", "VLAN=eno1.10", "LLDP=yes",
                "IPv6AcceptRA=no", "LinkLocalAddressing=no", "IPMasquerade=both",
                "Description=the outside", "ConfigureWithoutCarrier=yes"),
    "Address": ("Address=10.1.0.2/24", "Address=10.1.0.2/24\nLabel=eno1:x", "Address=2001:db8::6/64\nPreferredLifetime=0"),
    "Route": ("Gateway=192.168.1.2\nDestination=10.8.0.0/16", "Gateway=192.168.1.1\nMetric=50",
              "Destination=10.9.0.0/16\nScope=link"),
    "RoutingPolicyRule": ("IncomingInterface=eno1\nTable=7", "From=10.1.0.0/24\nTable=7"),
    "DHCPv4": ("UseDNS=no", "RouteMetric=50", "ClientIdentifier=mac", "IAID=5"),
    "IPv6AcceptRA": ("UseDNS=no", "Token=::5"),
    "DHCPServer": ("PoolSize=9",),
    "CAKE": ("Bandwidth=10M",),
}  # fmt: skip
REFUSED = ("[Mystery]\nA=b\n", "[Link]\nActivationPolicy=manual\n", "[Network]\nBond=bond0\n", "[Network]\nUnheardOf=1\n",
           "[Network]\nMACVLAN=mv0\n", "[IPv6AcceptRA]\nToken=prefixstable\n")  # fmt: skip
COMMENTS = ("", "", "# a person's words\n", "; the switch's port 12\n\n")


@st.composite
def sections(draw):
    name = draw(st.sampled_from(("Network", "Network", *LINES)))
    lines = draw(st.lists(st.sampled_from(LINES[name]), min_size=1, max_size=3, unique=True))
    body = "".join(draw(st.sampled_from(COMMENTS)) + f"{line}\n" for line in lines)
    return draw(st.sampled_from(COMMENTS)) + f"[{name}]\n{body}" + draw(st.sampled_from(("", "\n")))


MATCHES = st.sampled_from((
    "Name=eno1", "Name=eno1", f"MACAddress={MAC}", f"PermanentMACAddress={MAC}", "Name=en*", "Type=ether", "Name=eno1 eno2",
    "Name=!lo", "Name=en*\nType=!bridge", f"MACAddress={MAC}\nName=eno1", "Name=enp9s1", "Type=ether\nKind=!*", "Kind=!bridge !vlan",
))  # fmt: skip
BODIES = st.lists(sections(), max_size=4).map("".join)
FEW = st.integers(0, 15).flatmap(lambda n: st.just("") if n else st.sampled_from(REFUSED))
HOSTS = st.fixed_dictionaries({
    "name": st.sampled_from(("20-lan.network", "00-all.network", "zz.network", "10-eno1.network", "05-first.network")),
    "folder": st.sampled_from((FOLDER, FOLDER, FOLDER, "/run/systemd/network", "/usr/lib/systemd/network")),
    "file": st.tuples(st.sampled_from(COMMENTS), MATCHES, BODIES, FEW).map(lambda p: f"{p[0]}[Match]\n{p[1]}\n\n{p[2]}{p[3]}"),
    "drop_in": st.none() | st.tuples(BODIES, st.sampled_from(COMMENTS)).map("".join),
    "other": st.none() | st.sampled_from((
        "[Match]\nName=wg0\n[RoutingPolicyRule]\nIncomingInterface=eno1\nTable=9\n",
        "[Match]\nName=*\n[Network]\nDHCP=yes\n", "[Match]\nType=bridge\n[Network]\nDHCP=no\n")),
})  # fmt: skip
BRIDGES = [
    [{"name": "xenbr0", "ports": ["eno1"]}],
    [{"name": "xenbr0", "ports": ["eno1"]}, {"name": "xenbr1", "ports": ["eno2"]}, {"name": "xenbr2"}],
    [{"name": "br0", "ports": ["eno1"], "ipv4": "dhcp"}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv4": "192.168.1.10/24", "gateway": "192.168.1.1"}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv6": "none", "more_addresses": ["10.1.0.9/24"]}],
]  # fmt: skip
PARAMS = [like_testbed(guests=[], management={}, network={"bridges": bridges}) for bridges in BRIDGES]
BESIDES = {"eno1": ("enp9s1",)}
"""What udev calls a card besides."""
LINKS = {"eno1": (MAC, ""), "eno2": ("52:54:00:00:00:02", ""), "lo": ("00:00:00:00:00:00", "")}


def read(texts):
    """Return the files as they count, by a reader of the test's own: for each its match, its assignments, its comments."""
    winners = {}
    for folder in (FOLDER, "/run/systemd/network", "/usr/lib/systemd/network"):
        for path, text in texts.items():
            if path.rpartition("/")[0] == folder and path.endswith(".network"):
                winners.setdefault(path.rpartition("/")[2], text)
    for name in sorted(winners):
        extra = [t for p, t in sorted(texts.items()) if f"/{name}.d/" in p]
        yield assignments("\n".join((winners[name], *extra)))


def assignments(text):
    found, section, number = [], "", 0
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("["):
            section, number = line.strip("[]"), number + 1
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            found.append((section, number, key, " ".join(value.split())))
    return found


def takes(rows, name, mac, kind):
    """Return whether a file's [Match] takes a link in."""
    for key in {key for section, _, key, _ in rows if section == "Match"}:
        words = [w for s, _, k, v in rows if (s, k) == ("Match", key) for w in v.split()]
        has = {
            "Name": (name, *BESIDES.get(name, ())),
            "MACAddress": (mac,),
            "PermanentMACAddress": ("" if kind else mac,),
            "Type": (kind or "ether",),
            "Kind": (kind,) if kind else (),
        }[key]
        hit = any(fnmatchcase(one, word.lstrip("!")) for one in has for word in words)
        if hit == words[0].startswith("!"):
            return False
    return True


def effective(texts, name, mac, kind=""):
    """Return what is in force for a link: each assignment, those of an address or a route as one."""
    rows = next((rows for rows in read(texts) if takes(rows, name, mac, kind)), [])
    plain, whole = set(), {}
    for section, number, key, value in rows:
        if section in ("Address", "Route", "RoutingPolicyRule"):
            whole.setdefault((section, number), []).append((key, value))
        elif section != "Match":
            plain.add((section, key, value))
    last = {}
    for section, _, key, value in rows:
        if (section, key) in {("Network", "DHCP"), ("Link", "RequiredForOnline")}:
            plain -= {(section, key, v) for v in (last.get((section, key)),)}
            plain.add((section, key, value))
            last[section, key] = value
    return plain | {(section, tuple(sorted(pairs))) for (section, _), pairs in whole.items()}


def facts(texts):
    rows = [
        {"ifname": n, "address": m, "flags": ["UP"], "addr_info": [], "altnames": BESIDES.get(n, [])}
        for n, (m, _) in LINKS.items()
    ]
    said = {ask: Answer(0, "[]") for ask in network.COMMANDS}
    said[network._ADDR] = Answer(0, json.dumps(rows))
    said[network._SESSION] = Answer(0, "")
    said[network._LINKS] = Answer(0, "".join(
        f"/sys/class/net/eno{i} ../../devices/pci0000:00/0000:0{i}:00.0/net/eno{i}\n" for i in (1, 2)))  # fmt: skip
    said[networkd._FILES] = Answer(0, files_said(texts, {}))
    said[networkd._STATUS] = Answer(0, "● 2: eno1\n  DHCPv4 Client ID: IAID:0xe09cd7cf/DUID\n")
    return Facts(said)


def texts_of(host):
    texts = {f"{host['folder']}/{host['name']}": host["file"]}
    if host["drop_in"] is not None:
        texts[f"{host['folder']}/{host['name']}.d/50-more.conf"] = host["drop_in"]
    if host["other"]:
        texts[f"{FOLDER}/90-other.network"] = host["other"]
    return texts


def comments(texts):
    return {
        line.strip()
        for text in texts.values()
        for line in text.splitlines()
        if line.strip()[:1] in ("#", ";")
    }


def carried_out(texts, done):
    new = texts | {file.path: file.content for file in done.files}
    return {path: text for path, text in new.items() if text is not None}


@settings(max_examples=150, deadline=None)
@given(HOSTS, st.sampled_from(range(len(BRIDGES))))
def test_nothing_is_dropped_from_any_file(host, which):
    """Whatever files there are: each assignment goes on, for the bridge or for its port, or the plan stops or names it."""
    params, bridges, texts = PARAMS[which], BRIDGES[which], texts_of(host)
    done = writer.write(params, facts(texts))
    if any(finding.stops for finding in done.findings):
        assert all(f.why and f.do for f in done.findings)
        return
    new = carried_out(texts, done)
    bridge = bridges[0]["name"]
    before, wire = effective(texts, "eno1", MAC), effective(new, "eno1", MAC)
    above = effective(new, bridge, MAC, "bridge")
    named = " ".join(finding.what for finding in done.findings)
    lost = set()
    for item in before - wire - above:
        moved = tuple(
            tuple((k, bridge if v == "eno1" else v) for k, v in part) if isinstance(part, tuple) else part
            for part in item
        )
        if moved not in above and not given_up(item, named, bridges[0]):
            lost.add(item)
    assert lost == set()
    assert ("Network", "Bridge", bridge) in wire
    assert not {key for section, key, *_ in wire if section in ("Network", "Address")} & {
        "DHCP",
        "Address",
        "Gateway",
        "DNS",
    }
    for name in ("eno2", "wg0"):
        if not any(name in one.get("ports", ()) for one in bridges):
            mac = LINKS.get(name, ("02:00:00:00:00:09", ""))[0]
            was = {tuple(renamed(part, bridge) for part in item) for item in effective(texts, name, mac)}
            is_shared = (
                effective(texts, name, mac) == before
            )  # what one file says to several cards is left to the others
            assert effective(new, name, mac) in (was, *([effective(texts, name, mac)] if is_shared else []))
    assert not [pair for item in above for pair in item[-1] if pair == ("IncomingInterface", "eno1")]
    assert comments(texts) <= comments(new)
    again = writer.write(params, facts(new))
    assert again.changes(facts(new)) == ()
    assert again.holds == done.holds


def renamed(part, bridge):
    """Return a part of an assignment with the bridge where packets came in by its port."""
    if isinstance(part, tuple):
        return tuple(
            (key, bridge if (key, value) == ("IncomingInterface", "eno1") else value) for key, value in part
        )
    return part


def given_up(item, named, bridge):
    """Return whether something is not there because the parameters ask for something else, which is named."""
    if item[0] == "Network" and item[1] in ("DHCP", "IPv6AcceptRA", "LinkLocalAddressing"):
        return bridge.get("ipv4", "keep") != "keep" or bridge.get("ipv6") == "none"
    values = [value for _, value in item[1]] if isinstance(item[1], tuple) else [item[-1]]
    return any(value and value in named for value in values)


def test_configparser_reads_what_is_written():
    """A reader that nobody here wrote takes the new files in: one section after the other, no line outside of them."""
    params = like_testbed(
        guests=[], management={}, network={"bridges": [{"name": "xenbr0", "ports": ["eno1"]}]}
    )
    texts = {f"{FOLDER}/20-lan.network": "[Match]\nName=eno1\n[Network]\nDHCP=yes\n"}
    for file in writer.write(params, facts(texts)).files:
        reader = configparser.ConfigParser(delimiters="=", comment_prefixes="#", interpolation=None)
        reader.optionxform = str
        reader.read_string(file.content)
        assert reader.sections()


@pytest.mark.parametrize("match", ["Name=enp9s1", "Type=ether\nKind=!*"])
def test_a_card_by_another_of_its_names_or_by_what_it_is_not(match):
    """udev's further names count in Name=, and a card has no kind that `!*` could match: its file is found."""
    texts = {f"{FOLDER}/20-lan.network": f"[Match]\n{match}\n[Network]\nAddress=192.168.1.10/24\n"}
    done = writer.write(PARAMS[0], facts(texts))
    assert done.findings == ()
    assert done.holds["xenbr0"].addresses == {"192.168.1.10/24"}


def test_a_file_that_networkd_has_and_nobody_finds_is_named():
    """Where no file seems to match and networkd has one, the plan stops with that file's name, not with an empty bridge."""
    path = f"{FOLDER}/20-lan.network"
    told = dict(facts({path: "[Match]\nName=lan0\n[Network]\nDHCP=yes\n"}).items())
    told[networkd._STATUS] = Answer(0, f"● 2: eno1\n  Network File: {path}\n")
    (found,) = writer.write(PARAMS[0], Facts(told)).findings
    assert found.what == f"networkd has eno1 by {path}, and by the files as they are it would be none"
    assert f"if that is {path} still, write `Name=eno1` into its [Match]" in found.do


def test_a_hop_of_a_route_goes_by_the_bridge():
    """A route of several hops names the link behind each router: over the port it could not be set."""
    card = "[Match]\nName=eno1\n[Route]\nDestination=10.7.0.0/16\n"
    hops = "MultiPathRoute=192.168.1.4@eno1 10\nMultiPathRoute=192.168.9.4@eno10\n"
    texts = {f"{FOLDER}/20-lan.network": card + hops}
    new = carried_out(texts, writer.write(PARAMS[0], facts(texts)))
    assert hops.replace("@eno1 ", "@xenbr0 ") in new[f"{FOLDER}/10-xenbr0.network"]


BOTH = like_testbed(
    guests=[], management={}, network={"bridges": [{"name": "xenbr0", "ports": ["eno1", "eno2"]}]}
)


@pytest.mark.parametrize("leased", [(), ("eno1",), ("eno1", "eno2")])
def test_two_cards_of_one_file(leased):
    """What one file says to both is the bridge's once; where both have a lease, one of them would be lost unsaid."""
    texts = {f"{FOLDER}/20-lan.network": "[Match]\nName=en*\n[Network]\nDHCP=yes\n"}
    told = dict(facts(texts).items())
    rows = json.loads(told[network._ADDR].out)
    for number, row in enumerate(rows):
        one = {"family": "inet", "local": f"192.168.1.1{number}", "prefixlen": 24, "dynamic": True}
        row["addr_info"] = [one] if row["ifname"] in leased else []
    told[network._ADDR] = Answer(0, json.dumps(rows))
    done = writer.write(BOTH, Facts(told))
    assert carried_out(texts, done)[f"{FOLDER}/10-xenbr0.network"].count("DHCP=yes") == 1
    assert [(f.level, f.what) for f in done.findings] == [
        ("refuse", "eno1 and eno2 both have addresses, and both become ports of xenbr0")
    ] * (len(leased) == 2)


@pytest.mark.parametrize(
    ("match", "is_for_all"), [("Type=ether", True), ("Name=*", True), ("Name=en*", False), ("Type=ether\nDriver=e1000e", False)]
)  # fmt: skip
def test_the_guests_ends_are_left_alone(match, is_for_all):
    """A file for all Ethernet links would take a guest's cable out of the bridge: one before it keeps networkd away."""
    texts = {f"{FOLDER}/20-all.network": f"[Match]\n{match}\n[Network]\nDHCP=yes\n"}
    new = carried_out(texts, writer.write(PARAMS[0], facts(texts)))
    path = f"{FOLDER}/10-xen-guests.network"
    assert (path in new) == is_for_all
    if is_for_all:
        assert new[path].endswith("[Match]\nName=vif*\n\n[Link]\nUnmanaged=yes\n")
        first = min(
            name for name in new if name.endswith(".network") and "eno1" not in name and "xenbr0" not in name
        )
        assert first == path
        assert writer.write(PARAMS[0], facts(new)).changes(facts(new)) == ()
