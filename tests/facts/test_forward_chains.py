"""Whether nft's chains let guests' packets pass, judged from what real programs had in force; the kernel judged the same."""

import json
from pathlib import Path

import pytest

from runbook.facts import bridge_filter, forward_chains
from runbook.model.ask import MISSING, Answer, Facts
from runbook.steps.shared import bridges
from tests.steps.machine import like_testbed

SAMPLES = Path(__file__).parent / "forward_chains"
# What became of a TCP connection between two guests on gbr0, with firewalld 2.3.1 and nft 1.1.3 under Linux 6.18.
SEEN = {
    "firewalld": ("firewalld",),
    "firewalld-bound": (),
    "own-chain": ("the chain pass_on of the table inet own",),
    "own-chain-let-pass": (),
    "by-a-map": ("the chain pass_on of the table inet own",),
}
PARAMS = like_testbed(guests=[], management={}, network={"bridges": [{"name": "gbr0"}]})


def facts(text, is_called="1\n", rules="-P FORWARD ACCEPT\n"):
    return Facts({
        bridge_filter._CALLED: Answer(0, is_called),
        bridge_filter._RULES: Answer(0, rules),
        forward_chains.RULES: Answer(0, text),
    })  # fmt: skip


def sample(name):
    return (SAMPLES / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SEEN)
def test_the_kernel_s_verdict_is_foreseen(name):
    """What drops is named, and a rule that lets the bridge pass counts, in a chain of its own or in a map."""
    assert forward_chains.read(sample(name)).dropping("gbr0") == SEEN[name]


def test_only_what_is_sure_counts():
    """A rule with a match that nobody can tell is none: neither lets it pass nor does it drop."""
    chain = {"chain": {"family": "inet", "table": "own", "name": "f", "hook": "forward", "policy": "drop"}}
    unsure = {
        "match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "10.0.0.1"}
    }
    rule = {"rule": {"family": "inet", "table": "own", "chain": "f", "expr": [unsure, {"accept": None}]}}
    assert forward_chains.read(json.dumps({"nftables": [chain, rule]})).dropping("xenbr0")
    chain["chain"]["policy"], rule["rule"]["expr"][1] = "accept", {"drop": None}
    assert forward_chains.read(json.dumps({"nftables": [chain, rule]})).dropping("xenbr0") == ()


@pytest.mark.parametrize("text", ["", "nonsense", '{"nftables": []}'])
def test_what_says_nothing_drops_nothing(text):
    """No nft, or one without JSON."""
    assert forward_chains.read(text).dropping("xenbr0") == ()
    assert bridges.dropped(PARAMS, facts(text)) == []


@pytest.mark.parametrize(("name", "words"), [
    ("firewalld", "set `pass_bridged: true` under network"),
    ("own-chain", '`iifname "gbr0" oifname "gbr0" accept` in front'),
])  # fmt: skip
def test_guests_that_would_have_no_network_are_told_of_and_the_move_leads_on(name, words):
    """The move of each, carried out where the sample was taken, is the next sample: nothing is said of it any more."""
    (found,) = bridges.dropped(PARAMS, facts(sample(name)))
    assert (found.level, found.what) == (
        "warn",
        f"{SEEN[name][0]} drops forwarded packets, and bridged ones with them",
    )
    assert words in found.do
    moved = {"firewalld": "firewalld-bound", "own-chain": "own-chain-let-pass"}[name]
    assert bridges.dropped(PARAMS, facts(sample(moved))) == []
    assert bridges.dropped(PARAMS, facts(sample(name), is_called="0\n")) == []


def test_ufw_is_called_by_its_name_and_a_host_that_was_not_asked_is_quiet():
    """Of ufw's chains `iptables -S` tells; an answer that an old capture lacks is not known."""
    (found,) = bridges.dropped(PARAMS, facts("", rules="-P FORWARD DROP\n-N ufw-before-forward\n"))
    assert found.what == "ufw drops forwarded packets, and bridged ones with them"
    old = Facts({bridge_filter._CALLED: Answer(0, "1\n"), bridge_filter._RULES: Answer(MISSING)})
    assert bridges.dropped(PARAMS, old) == []


def test_a_move_that_is_made_already_is_not_advised():
    """Where the parameters ask for the rule, what is left is the step that adds it."""
    rules = "-P FORWARD DROP\n-N DOCKER-USER\n"
    (found,) = bridges.dropped(PARAMS, facts("", rules=rules))
    assert found.do.startswith("set `pass_bridged: true` under network")
    network = PARAMS.network.model_copy(update={"pass_bridged": True})
    (found,) = bridges.dropped(PARAMS.model_copy(update={"network": network}), facts("", rules=rules))
    assert found.do.startswith("run the step pass_bridged_packets in mode apply")


def test_firewalld_that_was_told_and_drops_all_the_same_names_its_own_words():
    """A zone that does not pass on among its interfaces is its owner's to change."""
    network = PARAMS.network.model_copy(update={"pass_bridged": True})
    (found,) = bridges.dropped(PARAMS.model_copy(update={"network": network}), facts(sample("firewalld")))
    assert "--permanent --zone=ZONE --add-interface=gbr0" in found.do


def test_a_rule_of_ufw_s_own_lets_one_bridge_pass():
    """It counts for the bridge that it names, in either spelling of another one not."""
    leads = "-A FORWARD -j ufw-before-forward\n-A ufw-before-forward -j ufw-user-forward\n"
    ufw = f"-P FORWARD DROP\n-N ufw-before-forward\n{leads}-A ufw-user-forward -i gbr{{0}} -o gbr{{0}} -j ACCEPT\n"
    assert bridges.dropped(PARAMS, facts("", rules=ufw.format(0))) == []
    assert [f.level for f in bridges.dropped(PARAMS, facts("", rules=ufw.format(1)))] == ["warn"]


def test_ufw_that_was_switched_off_is_told_nothing():
    """Its chains stay until the next start of the host, its policy does not."""
    chains = "-P FORWARD {}\n-N ufw-before-forward\n-N ufw-user-forward\n"
    off, on = (
        bridge_filter.parse(facts("", rules=chains.format(policy)), ["gbr0"]) for policy in ("ACCEPT", "DROP")
    )
    assert (off.drops, off.closed) == ("", ())
    assert (on.drops, on.closed) == ("ufw", ("gbr0",))


@pytest.mark.parametrize(("rule", "closed"), [
    ("-i eth0", ("gbr0", "gbr1")),
    ("-i eth0 -o eth1", ("gbr0", "gbr1")),
    ("-i gbr0 -o gbr0", ("gbr1",)),
    ("-i gbr1", ("gbr0",)),
    ("-i gbr0 -o eth0", ("gbr0", "gbr1")),
    ("-i gbr+ -o gbr+", ()),
    ("! -i eth0", ()),
    ("-m physdev --physdev-is-bridged", ()),
    ("-i gbr0 -m physdev --physdev-is-bridged", ("gbr1",)),
    ("-m physdev ! --physdev-is-bridged", ("gbr0", "gbr1")),
    ("-m conntrack --ctstate RELATED,ESTABLISHED", ("gbr0", "gbr1")),
])  # fmt: skip
def test_a_rule_lets_pass_the_bridges_that_it_means(rule, closed):
    """With br_netfilter a bridged packet comes and goes by its bridge: what lets a card pass, or another bridge, does not count."""
    rules = f"-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n-A DOCKER-USER {rule} -j ACCEPT\n"
    now = bridge_filter.parse(facts("", rules=rules), ["gbr0", "gbr1"])
    assert (now.drops, now.closed) == ("Docker" if closed else "", closed)


def test_the_guests_that_lose_their_network_are_named_by_their_bridge():
    """Of two bridges the one that no rule lets pass is told of."""
    two = like_testbed(guests=[], management={}, network={"bridges": [{"name": "gbr0"}, {"name": "gbr1"}]})
    rules = "-P FORWARD DROP\n-A FORWARD -i gbr0 -o gbr0 -j ACCEPT\n"
    (found,) = bridges.dropped(two, facts("", rules=rules))
    assert "so guests on gbr1 would get neither an address nor answers" in found.why
