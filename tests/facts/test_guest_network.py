"""Whether the host's own packet filter lets guests behind it out and ask it, judged from what real programs had in force.

Each sample is what nft 1.1.3 and iptables 1.8.11 said under Linux 6.18 while a network namespace on the bridge asked dnsmasq
for an address, and reached a machine behind the host, or did not; `-allowed` is behind the move that the refusal advises.
"""

import json
from pathlib import Path

import pytest

from runbook.facts import guest_network as facts_of
from runbook.facts.forward_chains import read
from runbook.facts.guest_network import GuestNetwork

SAMPLES = Path(__file__).parent / "guest_network"
OWN = "the chain {} of the table inet own"
CHAIN = "iptables' chain {}"
# Who stopped what was sent out, and what the host was asked; '' where it went through.
SEEN = {
    "own": (OWN.format("pass"), OWN.format("in")),
    "own-allowed": ("", ""),
    "ufw": ("ufw", "ufw"),
    "ufw-allowed": ("", ""),
    "firewalld": ("", "firewalld"),
    "firewalld-allowed": ("", ""),
    "iptables": (CHAIN.format("FORWARD"), CHAIN.format("INPUT")),
    "iptables-allowed": ("", ""),
}


def network(rules="", chains=""):
    return GuestNetwork(True, True, "", "card0", (), (), rules, read(chains))


def sample(name):
    texts = [SAMPLES / f"{name}.{kind}" for kind in ("txt", "json")]
    return network(*(file.read_text() if file.exists() else "" for file in texts))


@pytest.mark.parametrize("name", SEEN)
def test_what_became_of_a_guest_s_packets_is_foreseen(name):
    """What drops is named, in its own program's name; behind the move nothing is."""
    now = sample(name)
    assert (now.stops("xenbr0"), now.shuts("xenbr0")) == SEEN[name]


def test_the_way_out_may_be_another():
    """firewalld passes on among the interfaces of a zone, and card1 is in none with the bridge."""
    elsewhere = GuestNetwork(True, True, "", "card1", (), (), "", sample("firewalld").chains)
    assert elsewhere.stops("xenbr0") == "firewalld"


@pytest.mark.parametrize("rule", ["-i xenbr1 -j ACCEPT", "-i xenbr0 -p tcp -m tcp --dport 80 -j ACCEPT", "! -i xenbr0 -j ACCEPT",
                                  "-i xenbr0 -s 10.0.0.1/32 -j ACCEPT", "-i xenbr0 -m mark --mark 0x1 -j ACCEPT", "-i xenbr0 -j LOG"])  # fmt: skip
def test_a_rule_for_something_else_lets_nothing_out(rule):
    """One for another bridge, one port or what nobody can tell is none."""
    passing = (
        "-P FORWARD DROP\n-A FORWARD {}\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
    )
    assert network(passing.format(rule)).stops("xenbr0") == CHAIN.format("FORWARD")
    assert network(passing.format("-i xenbr0 -j ACCEPT")).stops("xenbr0") == ""
    assert network(passing.format("-i xenbr+ -j ACCEPT")).stops("xenbr0") == ""


@pytest.mark.parametrize("ports", ["67", "53", "{ 53, 67 }", "53-67"])
def test_both_ports_have_to_be_open(ports):
    """An address without names, or names without an address, is no network."""
    rights = {"67": 67, "53": 53, "{ 53, 67 }": {"set": [53, 67]}, "53-67": {"range": [53, 67]}}
    chain = {"family": "inet", "table": "own", "name": "in", "hook": "input", "policy": "drop"}
    match = {
        "match": {
            "op": "==",
            "left": {"payload": {"protocol": "udp", "field": "dport"}},
            "right": rights[ports],
        }
    }
    rule = {"family": "inet", "table": "own", "chain": "in", "expr": [match, {"accept": None}]}
    now = network("", json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]}))
    assert now.shuts("xenbr0") == (OWN.format("in") if ports in ("67", "53") else "")


def chain_of(hook, policy, *rules):
    """Return one chain of nft's with rules, each its words."""
    chain = {"family": "inet", "table": "own", "name": "in", "hook": hook, "policy": policy}
    rows = [
        {"rule": {"family": "inet", "table": "own", "chain": "in", "expr": list(words)}} for words in rules
    ]
    return network("", json.dumps({"nftables": [{"chain": chain}, *rows]}))


def match(left, right, op="=="):
    return {"match": {"op": op, "left": left, "right": right}}


L4, IP = {"meta": {"key": "l4proto"}}, {"payload": {"protocol": "ip", "field": "protocol"}}
TCP_PORT = {"payload": {"protocol": "tcp", "field": "dport"}}


@pytest.mark.parametrize(("word", "is_stopped"), [
    (match(L4, "tcp", "!="), True),
    (match(IP, "tcp", "!="), True),
    (match(IP, {"set": ["tcp", "icmp"]}, "!="), True),
    (match(L4, "udp", "!="), False),
    (match(IP, "udp", "!="), False),
    (match(IP, "udp"), True),
    (match({"meta": {"key": "nfproto"}}, "ipv4"), True),
    (match({"meta": {"key": "nfproto"}}, "ipv6", "!="), True),
    (match({"meta": {"key": "protocol"}}, "ip6"), False),
    # The port of another protocol is none of this packet's, whether it is asked for or excluded.
    (match(TCP_PORT, 22, "!="), False),
    (match(TCP_PORT, 53), False),
])  # fmt: skip
def test_what_is_not_a_protocol_is_every_other_one(word, is_stopped):
    """Guests ask by UDP: `!= tcp` means them, and a rule about ports of TCP does not."""
    assert bool(chain_of("input", "accept", [word, {"drop": None}]).shuts("xenbr0")) is is_stopped
    assert bool(chain_of("input", "drop", [word, {"accept": None}]).shuts("xenbr0")) is not is_stopped


def test_a_rule_for_one_address_says_nothing_of_the_others():
    """Neither does it let all pass, nor does it drop all; what the next one says counts."""
    for field in ("saddr", "daddr"):
        for op in ("==", "!="):
            one = match({"payload": {"protocol": "ip", "field": field}}, "10.0.0.1", op)
            assert chain_of("input", "drop", [one, {"accept": None}]).shuts("xenbr0")
            assert not chain_of("input", "accept", [one, {"drop": None}]).shuts("xenbr0")


@pytest.mark.parametrize(("rule", "is_open"), [
    ("-p udp -m udp --dport 53:67 -j ACCEPT", True),
    ("-p udp -m udp --dport 54:67 -j ACCEPT", False),
    ("-p udp -m multiport --dports 50:60,67 -j ACCEPT", True),
    ("-p udp -m multiport --dports 53,68:70 -j ACCEPT", False),
    ("! -p tcp -j ACCEPT", True),
    ("! -p udp -j ACCEPT", False),
    ("! -p tcp -m physdev --physdev-is-bridged -j ACCEPT", False),
    ("-s 192.168.1.0/24 -p udp -j ACCEPT", False),
    ("! -s 192.168.1.0/24 -p udp -j ACCEPT", False),
    ("-d 10.0.0.5/32 -p udp -j ACCEPT", False),
    ("-p udp -m addrtype --dst-type LOCAL -j ACCEPT", True),
    ("-p udp -m addrtype ! --dst-type LOCAL -j ACCEPT", False),
    ("-p udp -m conntrack --ctstate NEW,UNTRACKED -m comment --comment \"names, and -s\" -j ACCEPT", True),
])  # fmt: skip
def test_ports_protocols_and_addresses_of_iptables(rule, is_open):
    """Both ports or none: a range has its ends in it, and what is not a protocol is every other one."""
    assert (network(f"-P INPUT DROP\n-A INPUT {rule}\n").shuts("xenbr0") == "") is is_open


def test_our_own_filter_is_not_in_the_way():
    """close_ports writes its table from the same parameters, and has it anew before 06 is there."""
    chain = {"family": "inet", "table": "xen_host", "name": "input", "hook": "input", "policy": "drop"}
    assert network("", json.dumps({"nftables": [{"chain": chain}]})).shuts("xenbr0") == ""
    chain["table"] = "mine"
    assert network("", json.dumps({"nftables": [{"chain": chain}]})).shuts("xenbr0")


def test_the_question_shows_no_sets():
    """What a set holds may be long, and is nobody's business here."""
    assert "--terse" in facts_of._RULESET.argv
