"""Keep or refuse for netplan in front of NetworkManager: bridges stay in netplan's files, and each refusal's move leads on."""

import configparser
import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.facts import netplan, network, network_manager
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.steps.shared.writers import netplan as writer
from runbook.steps.shared.writers.network_manager import GUESTS, GUESTS_TEXT
from tests.steps.machine import files_said, like_testbed
from tests.steps.test_kept_netplan import (
    FOLDER,
    MAC,
    PARAMS,
    carried_out,
    comments,
    files,
    parts,
    run_netplan,
    whole,
)
from tests.steps.test_kept_netplan import facts as netplan_facts

PATH, OWN = f"{FOLDER}/01-nm.yaml", "/run/NetworkManager/system-connections/netplan-{}.nmconnection"
WAYS = [{"dst": "default", "dev": "eno1", "metric": 100}, {"dst": "default", "dev": "eno2", "metric": 101}]
ENO1 = like_testbed(guests=[], management={}, network={"bridges": [{"name": "xenbr0", "ports": ["eno1"]}]})


def facts(name, texts, routes=(), addresses=()):
    """Return what a host says whose NetworkManager has the card by one of netplan's definitions."""
    told = netplan_facts("eno1", {})  # networkd has no file for what NetworkManager has
    rows = json.loads(told[network._ADDR].out)
    rows[0]["addr_info"] = list(addresses)
    path = OWN.format(name)
    keyfile = f"[connection]\nid=netplan-{name}\ntype=ethernet\n[ipv4]\nmethod=auto\n[ipv6]\nmethod=auto\n"
    said = {
        network._ADDR: Answer(0, json.dumps(rows)),
        network._ROUTE: Answer(0, json.dumps(list(routes))),
        network_manager._DEVICES: Answer(0, "eno1:connected\neno2:connected\n"),
        network_manager._SHOW: Answer(0, f"netplan-{name}:10838d80-caeb:802-3-ethernet:eno1:{path}\n"),
        network_manager._FILES: Answer(0, f"= 0600 root:root {path}\n" + "".join(f" {line}\n" for line in keyfile.splitlines())),
        network_manager._CONFIG: Answer(0, ""),
        Ask.read(GUESTS): Answer(0, GUESTS_TEXT) if GUESTS in texts else Answer(MISSING),
    }  # fmt: skip
    said[netplan._FILES] = Answer(
        0, files_said({p: t for p, t in texts.items() if p.endswith(".yaml") or "cloud" in p}, {})
    )
    return Facts({**dict(told.items()), **said})


def for_nm(texts, where):
    """Return netplan's files with NetworkManager as the renderer of all, of Ethernet cards, or of one card."""
    first = min(texts)
    new = {p: t.replace("renderer: networkd\n", "") for p, t in texts.items()}
    if where == "all":
        new[first] = new[first].replace("network:\n", "network:\n  renderer: NetworkManager\n", 1)
    elif where == "cards":
        new[first] = new[first].replace("  ethernets:\n", "  ethernets:\n    renderer: NetworkManager\n", 1)
    else:
        body = said_by(new[first])
        name = next(iter(body["ethernets"]))
        new[first] = new[first].replace(f"    {name}: {{}}\n", f"    {name}:\n      renderer: NetworkManager\n", 1) if (
            f"    {name}: {{}}\n" in new[first]) else new[first].replace(
            f"    {name}:\n", f"    {name}:\n      renderer: NetworkManager\n", 1)  # fmt: skip
    return new


def said_by(text):
    """Return what one file says."""
    return whole({"one": text})


def renderer(told, kind, name):
    """Return the program that a definition is for, by a reader of the test's own."""
    of = told.get(kind) or {}
    return (of.get(name) or {}).get("renderer") or of.get("renderer") or told.get("renderer") or "networkd"


@settings(max_examples=100, deadline=None)
@given(files(), st.sampled_from(["all", "cards", "card"]), st.sampled_from([0, 2, 3]))
def test_nothing_is_dropped_from_any_file(host, where, which):
    """What the card's definition has in however many files is the bridge's or stays; both are NetworkManager's."""
    (name, texts), params = host, PARAMS[which]
    texts, bridge = for_nm(texts, where), params.network.bridges[0].name
    done = writer.write(params, facts(name, texts, WAYS))
    if any(finding.stops for finding in done.findings):
        assert all(f.why and f.do for f in done.findings)
        return
    new = carried_out(texts, done)
    before, after = (
        whole({p: t for p, t in texts.items() if p != GUESTS}),
        whole({p: t for p, t in new.items() if p != GUESTS}),
    )
    above = after["bridges"][bridge]
    assert above["interfaces"] == [name]
    assert renderer(after, "bridges", bridge) == renderer(after, "ethernets", name) == "NetworkManager"
    named = " ".join(finding.what for finding in done.findings)
    kept = parts(after["ethernets"][name]) | parts(above)
    for version in (4, 6):  # what is added to the words about DHCP is ours, and drops none of them
        old, now = (d.get(f"dhcp{version}-overrides") or {} for d in (before["ethernets"][name] or {}, above))
        assert old.items() <= now.items()
        kept |= parts({f"dhcp{version}-overrides": old})
    lost = {
        one
        for one in parts(before["ethernets"][name]) - kept
        if not any(w in named for w in one.replace('"', "").split(": ")[1:])
    }
    assert {one for one in lost if not (one.startswith("dhcp4") and "DHCP" in named)} == set()
    assert not {"dhcp4", "dhcp6", "addresses", "routes", "nameservers"} & set(after["ethernets"][name] or {})
    assert [c for c in comments(texts) if c not in comments(new)] == []
    assert new[GUESTS] == GUESTS_TEXT
    again = writer.write(params, facts(name, new, WAYS))
    assert again.changes(facts(name, new, WAYS)) == ()
    assert not [p for p in new if p.startswith("/etc/systemd")]


LEASED = (
    "network:\n  renderer: NetworkManager\n  ethernets:\n    eno1:\n      dhcp4: true\n      dhcp6: true\n"
)


def test_the_way_out_stays_where_it_was():
    """A bridge's routes come behind every card's, so it gets the metric that goes before; what is said of it is kept."""
    done = writer.write(ENO1, facts("eno1", {PATH: LEASED}, WAYS))
    assert whole({PATH: done.files[0].content})["bridges"]["xenbr0"] == {
        "interfaces": ["eno1"], "macaddress": MAC, "parameters": {"stp": False, "forward-delay": 0},
        "dhcp4": True, "dhcp6": True, "dhcp4-overrides": {"route-metric": 99}, "dhcp6-overrides": {"route-metric": 99},
    }  # fmt: skip
    assert [file.path for file in done.files] == [PATH, GUESTS]
    assert done.made == ("xenbr0",)
    fixed = LEASED.replace(
        "dhcp4: true\n      dhcp6: true", "addresses: [10.0.0.2/24]\n      dhcp4-overrides: {route-metric: 7}"
    )
    bridge = whole({PATH: writer.write(ENO1, facts("eno1", {PATH: fixed}, WAYS)).files[0].content})[
        "bridges"
    ]["xenbr0"]
    assert bridge["dhcp4-overrides"] == {"route-metric": 7}
    assert "dhcp6-overrides" not in bridge


def test_an_address_that_is_made_from_the_links_name_stays():
    """What NetworkManager made by RFC 7217 is told to the bridge; the two words exclude each other in netplan."""
    private = LEASED + "      ipv6-address-generation: stable-privacy\n"
    own = {"family": "inet6", "local": "2001:db8::a1b2:c3d4:e5f6:789", "prefixlen": 64, "dynamic": True}
    done = writer.write(ENO1, facts("eno1", {PATH: private}, WAYS, [own]))
    bridge = whole({PATH: done.files[0].content})["bridges"]["xenbr0"]
    assert bridge["ipv6-address-token"] == "::a1b2:c3d4:e5f6:789"
    assert "ipv6-address-generation" not in bridge
    by_mac = own | {"local": "2001:db8::5054:ff:fe00:1"}
    done = writer.write(ENO1, facts("eno1", {PATH: private}, WAYS, [by_mac]))
    assert "ipv6-address-token" not in whole({PATH: done.files[0].content})["bridges"]["xenbr0"]


def refused(text, params=ENO1, name="eno1"):
    """Return the one thing that stops."""
    (found,) = [f for f in writer.write(params, facts(name, {PATH: text}, WAYS)).findings if f.stops]
    return found


def leads_on(text, params=ENO1, name="eno1"):
    """Assert that with this file, which the move asks for, the bridge is written."""
    done = writer.write(params, facts(name, {PATH: text}, WAYS))
    assert [f.what for f in done.findings if f.stops] == []
    assert done.made == ("xenbr0",)


def test_a_definition_of_several_cards_is_refused_and_one_for_each_leads_on():
    """NetworkManager chooses among two profiles for one card by what nobody can foresee."""
    several = LEASED.replace("eno1:", "all-en:\n      match: {name: en*}")
    found = refused(several, name="all-en")
    assert found.what == "`all-en`, by which NetworkManager has eno1, is about other cards too"
    assert "by its own name in its place" in found.do
    leads_on(LEASED + "    eno2:\n      dhcp4: true\n")


def test_no_ipv6_is_refused_and_keep_leads_on():
    """netplan 1.1 has NetworkManager ignore IPv6, which is not none."""
    none = like_testbed(
        guests=[], management={}, network={"bridges": [{"name": "xenbr0", "ports": ["eno1"], "ipv6": "none"}]}
    )
    plain = LEASED.replace("      dhcp6: true\n", "")
    assert refused(plain, none).what == "netplan has no word by which NetworkManager gives xenbr0 no IPv6"
    leads_on(plain)


def test_ports_of_two_programs_are_refused_and_of_one_lead_on():
    """The move gives both the same renderer."""
    both = like_testbed(
        guests=[], management={}, network={"bridges": [{"name": "xenbr0", "ports": ["eno1", "eno2"]}]}
    )
    divided = LEASED + "    eno2:\n      renderer: networkd\n"
    assert refused(divided, both).what == "netplan gives the ports of xenbr0 to NetworkManager and networkd"
    leads_on(LEASED + "    eno2: {}\n", both)


def test_a_bridge_that_somebody_wrote_is_left_as_it_is():
    """Only the guests' cables are told to NetworkManager."""
    text = "network:\n  renderer: NetworkManager\n  ethernets:\n    eno1: {}\n  bridges:\n    xenbr0: {interfaces: [eno1], dhcp4: true}\n"
    done = writer.write(ENO1, facts("eno1", {PATH: text}))
    assert [f.path for f in done.changes(facts("eno1", {PATH: text}))] == [GUESTS]
    told = {PATH: text, GUESTS: GUESTS_TEXT}
    assert writer.write(ENO1, facts("eno1", told)).changes(facts("eno1", told)) == ()


def profiles(texts):
    """Return the profiles that the installed netplan makes of some files, each as a set of `[section] key=value`."""
    made, wrong = run_netplan(texts, "run/NetworkManager/system-connections")
    found = {}
    for path, text in made.items():
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        parser.read_string(text)
        found[path.rpartition("/")[2].removesuffix(".nmconnection")] = {
            f"[{section}] {key}={value}"
            for section in parser.sections()
            for key, value in parser[section].items()
        }
    return found, wrong


@pytest.mark.skipif(not shutil.which("netplan"), reason="netplan is not installed here")
@settings(max_examples=40, deadline=None)
@given(files(), st.sampled_from(["all", "cards", "card"]))
def test_netplan_makes_profiles_that_hold_the_same(host, where):
    """What netplan itself has NetworkManager do for the card it has it do for the bridge, which takes the card."""
    name, texts = host
    texts = for_nm(texts, where)
    made, wrong = profiles(texts)
    if wrong:
        return
    done = writer.write(PARAMS[0], facts(name, texts, WAYS))
    if any(finding.stops for finding in done.findings):
        return
    after, wrong = profiles(carried_out(texts, done))
    assert wrong == []
    before, wire, above = made[f"netplan-{name}"], after[f"netplan-{name}"], after["netplan-xenbr0"]
    of_kind = {f"[connection] id=netplan-{name}", "[connection] type=ethernet"}
    assert before - wire - above - of_kind == set()
    assert {"[connection] master=xenbr0", "[connection] slave-type=bridge"} <= wire
    assert f"[ethernet] cloned-mac-address={MAC}" in {line.lower() for line in above}
    leads = before & {"[ipv4] method=auto", "[ipv4] method=manual"}
    assert bool(leads) == any(line.startswith("[ipv4] route-metric=") for line in above)
