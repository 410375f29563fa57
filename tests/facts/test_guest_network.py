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


def test_our_own_filter_is_not_in_the_way():
    """close_ports writes its table from the same parameters, and has it anew before 06 is there."""
    chain = {"family": "inet", "table": "xen_host", "name": "input", "hook": "input", "policy": "drop"}
    assert network("", json.dumps({"nftables": [{"chain": chain}]})).shuts("xenbr0") == ""
    chain["table"] = "mine"
    assert network("", json.dumps({"nftables": [{"chain": chain}]})).shuts("xenbr0")


def test_the_question_shows_no_sets():
    """What a set holds may be long, and is nobody's business here."""
    assert "--terse" in facts_of._RULESET.argv
