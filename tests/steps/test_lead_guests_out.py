"""A network of the guests' own behind the host: first run, again, refused, broken, and taken away."""

import json

import pytest
from pydantic import ValidationError

from runbook.actions import InstallPackages, Remove, Run, WriteFile
from runbook.facts import forward_chains, guest_network
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params.host import Bridge
from runbook.steps.debian_configuration import close_ports
from runbook.steps.shared import guests_way_out
from runbook.steps.shared.guests_way_out import UNIT, UNIT_FILE, files, rules
from runbook.steps.xen_configuration import lead_guests_out as step
from tests.facts.test_guest_network import SAMPLES
from tests.steps.machine import like_testbed

PARAMS = like_testbed(
    network={"bridges": [{"name": "xenbr0", "ipv4": "192.168.150.1/24", "nat": True}, {"name": "xenbr1"}]},
    configuration={"firewall": {"kind": "ssh-only"}},
)
NONE = like_testbed()
DNS = 'udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:* users:(("named",pid=612,fd=5))\n'


WIFI = '[{"dst": "default", "dev": "wlp4s0"}, {"dst": "192.168.0.0/16", "dev": "wlp4s0"}]'
TABLE = "table inet xen_guests { }"
BEFORE = {
    "ip_forward": Answer(0, "0\n"),
    "nft --stateless list": Answer(1),
    "unshare": Answer(0, TABLE),
    "list ruleset": Answer(0, '{"nftables": []}'),
    "systemctl show": Answer(0, f"Id={UNIT}\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n"),
    "ip -j addr": Answer(0, "[]"),
    **dict.fromkeys(files(PARAMS), Answer(MISSING)),
}
AFTER = {
    **BEFORE,
    "ip_forward": Answer(0, "1\n"),
    "xen_guests": Answer(0, TABLE),
    "systemctl show": Answer(0, f"Id={UNIT}\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"),
    "dpkg-query": Answer(0, "ii |dnsmasq-base|2.91\nii |nftables|1.1"),
    **{path: Answer(0, text) for path, text in files(PARAMS).items()},
}


def host(known, **answers):
    """Return the facts of a host; an answer is known by words of its question, and the last that fits counts."""
    known = {**known, **{words: Answer(0, text) for words, text in answers.items()}}
    return Facts(
        {
            ask: next(
                (answer for words, answer in reversed(known.items()) if words in " ".join(ask.argv)),
                Answer(0),
            )
            for ask in step.asks(PARAMS)
        }
    )


def test_first_run_installs_writes_and_starts():
    """Packages first, the unit before it is enabled, and the way out last."""
    actions = step.plan(PARAMS, host(BEFORE)).actions
    assert isinstance(actions[0], InstallPackages)
    assert [a.path for a in actions if isinstance(a, WriteFile)] == list(files(PARAMS))
    assert [a.argv[:2] for a in actions if isinstance(a, Run)] == [
        ("install", "-d"),
        ("systemctl", "daemon-reload"),
        ("sysctl", "-q"),
        ("systemctl", "enable"),
        ("systemctl", "restart"),
    ]


def test_finished_host_is_left_alone():
    """Nothing is planned and nothing found where all is in force."""
    assert step.plan(PARAMS, host(AFTER)).actions == ()
    assert step.check(PARAMS, host(AFTER)) == []


@pytest.mark.parametrize(
    ("word", "answer", "what"),
    [
        ("ip_forward", "0\n", "hands on no packets"),
        ("nft --stateless list table inet xen_guests", "", "not in force"),
        (
            "systemctl show",
            f"Id={UNIT}\nLoadState=loaded\nActiveState=failed\nUnitFileState=enabled\n",
            "does not run",
        ),
        ("guests.dnsmasq", "interface=other\n", "is not as asked"),
    ],
)
def test_what_broke_is_found_and_mended(word, answer, what):
    """Each part that is gone is a finding of the check, and the plan does something about it."""
    broken = host(AFTER, **{word: answer})
    assert any(what in finding.what for finding in step.check(PARAMS, broken))
    assert step.plan(PARAMS, broken).actions


def test_a_machine_that_was_carried_into_the_same_network():
    """It was free when it was chosen; now half of the guests' packets would go into the house's network."""
    here = '[{"dst": "default", "dev": "wlp4s0"}, {"dst": "192.168.150.0/24", "dev": "wlp4s0"}]'
    (found,) = step.check(PARAMS, host(AFTER, **{"ip -j route": here}))
    assert (
        found.what == "The network 192.168.150.0/24 of xenbr0 overlaps 192.168.150.0/24, which wlp4s0 reaches"
    )
    own = here.replace("wlp4s0", "xenbr0")
    assert step.check(PARAMS, host(AFTER, **{"ip -j route": own})) == []


OPENVPN = json.dumps([
    {"dst": "0.0.0.0/1", "gateway": "10.8.0.1", "dev": "tun0"},
    {"dst": "default", "gateway": "192.168.1.1", "dev": "eno1"},
    {"dst": "10.8.0.0/24", "dev": "tun0"},
    {"dst": "128.0.0.0/1", "gateway": "10.8.0.1", "dev": "tun0"},
])  # fmt: skip
"""What OpenVPN's `redirect-gateway def1` makes of a host's routes."""


def test_two_halves_of_all_networks_are_the_way_out_and_no_network_that_is_taken():
    """OpenVPN leaves the default route as it is, and goes before it with two routes that are longer by one bit."""
    assert step.check(PARAMS, host(AFTER, **{"ip -j route": OPENVPN})) == []
    now = guest_network.parse(host(AFTER, **{"ip -j route": OPENVPN}), rules(PARAMS))
    assert (now.way_out, now.networks) == ("tun0", (("10.8.0.0/24", "tun0"),))


def chain(**more):
    return json.dumps(
        {
            "nftables": [
                {"chain": {"family": "inet", "table": "own", "name": "fwd", "hook": "forward", **more}}
            ]
        }
    )


@pytest.mark.parametrize(
    ("word", "answer", "what"),
    [
        ("iptables -S", "-P FORWARD DROP\n-N DOCKER-USER\n", "Docker drops"),
        ("iptables -S", "-P FORWARD DROP\n-N ufw-before-forward\n", "ufw drops"),
        ("list ruleset", chain(policy="drop"), "the chain fwd of the table inet own drops"),
        ("ip -j route", WIFI, "192.168.150.0/24 of xenbr0 overlaps 192.168.0.0/16, which wlp4s0"),
        ("ss -Hlntup", DNS, "udp 53 (named) is taken"),
    ],
)
def test_who_stands_in_the_way_is_named_before_anything_is_done(word, answer, what):
    """A rule that drops is the last word, and two programs cannot answer on one port."""
    refusals = step.plan(PARAMS, host(BEFORE, **{word: answer})).refusals
    assert any(what in finding.what for finding in refusals)
    assert not step.plan(
        PARAMS,
        host(
            BEFORE,
            **{
                word: answer.replace("drop", "accept")
                .replace("DROP", "ACCEPT")
                .replace(":53", ":54")
                .replace("/16", "/24")
            },
        ),
    ).refusals


def test_docker_s_own_chain_for_people_lets_guests_pass():
    """The advised commands are seen when they have been run; a chain that nothing leads to lets nothing pass."""
    allowed = "-A DOCKER-USER -i xenbr0 -j ACCEPT\n-A DOCKER-USER -o xenbr0 -j ACCEPT\n"
    policy, leads = "-P FORWARD DROP\n-N DOCKER-USER\n", "-A FORWARD -j DOCKER-USER\n"
    (refusal,) = step.plan(PARAMS, host(BEFORE, **{"iptables -S": policy + leads})).refusals
    assert "iptables -I DOCKER-USER -i xenbr0 -j ACCEPT" in refusal.do
    assert step.plan(PARAMS, host(BEFORE, **{"iptables -S": policy + allowed})).refusals
    assert not step.plan(PARAMS, host(BEFORE, **{"iptables -S": policy + leads + allowed})).refusals


@pytest.mark.parametrize(("who", "kind", "does"), [
    ("own", "json", ['`iifname "xenbr0" accept`, `oifname "xenbr0" ct state established,related accept`', '`iifname "xenbr0" udp dport { 53, 67 } accept`']),
    ("ufw", "txt", ["ufw route allow in on xenbr0; ufw allow in on xenbr0", "ufw allow in on xenbr0"]),
    ("firewalld", "json", ["firewall-cmd --add-service=dhcp --add-service=dns"]),
    ("iptables", "txt", ["iptables -I FORWARD -i xenbr0 -j ACCEPT", "iptables -I INPUT -i xenbr0 -p udp --dport 67 -j ACCEPT"]),
])  # fmt: skip
def test_the_move_for_each_packet_filter_leads_on(who, kind, does):
    """What a real one had in force is refused with the commands that were run then; with those in force nothing is."""
    ask = {"txt": "iptables -S", "json": "list ruleset"}[kind]
    way = Answer(0, '[{"dst": "default", "dev": "card0"}]')

    def refused(name):
        text = (SAMPLES / f"{name}.{kind}").read_text()
        return step.plan(PARAMS, host({**BEFORE, "ip -j route": way}, **{ask: text})).refusals

    assert [words in f.do for words, f in zip(does, refused(who), strict=True)] == [True] * len(does)
    assert refused(f"{who}-allowed") == ()


def test_what_nobody_asks_for_any_more_is_taken_away():
    """The unit is stopped, and no file of it stays; a host that never had it is left alone."""
    ask = Ask.read(UNIT_FILE)
    assert step.asks(NONE) == (ask,)
    there = step.plan(NONE, Facts({ask: Answer(0, guests_way_out.unit())}))
    removed = {a.path for a in there.actions if isinstance(a, Remove)}
    assert removed | set(there.actions[2].argv[3:]) == set(files(PARAMS))
    for action in there.actions:  # what the way back reads was asked
        action.inverse(Facts({ask: Answer(0, guests_way_out.unit())}))
    by_hand = Facts({ask: Answer(0, "[Unit]\nDescription=mine\n")})
    assert step.plan(NONE, by_hand).actions == ()
    assert there.actions[0].argv == ("systemctl", "disable", "--now", UNIT)
    assert step.plan(NONE, Facts({ask: Answer(MISSING)})).actions == ()


@pytest.mark.parametrize(
    ("address", "leases"),
    [
        ("192.168.150.1/24", "192.168.150.128,192.168.150.254"),
        ("192.168.150.200/24", "192.168.150.1,192.168.150.127"),
        ("10.0.0.1/28", "10.0.0.8,10.0.0.14"),
        ("10.0.0.14/28", "10.0.0.1,10.0.0.7"),
    ],
)
def test_no_lease_is_the_host_s_own_address(address, leases):
    """The half without dom0's address is leased, without the network's own name and the address of all."""
    own = guests_way_out._Own(Bridge(name="b", ipv4=address, nat=True))
    assert own.leases.startswith(f"{leases},255.255.255.")


def test_the_filter_lets_guests_ask_the_host():
    """Where only ssh is open, guests still get their address and names from the host; without such a bridge nothing opens."""
    assert 'iifname { "xenbr0" } udp dport { 53, 67 } accept' in close_ports.rules(PARAMS)
    assert "iifname" not in close_ports.rules(NONE)


def test_nothing_comes_in_uninvited():
    """The answers pass before all else into the guests' network is dropped."""
    text = rules(PARAMS)
    assert text.index("established,related accept") < text.index('oifname { "xenbr0" } drop')


def test_guests_of_one_bridge_reach_each_other():
    """With br_netfilter what they send each other meets the chain, too: with its own line alone it passes."""

    def dropping(text):
        chain = {"family": "inet", "table": "xen_guests", "name": "in", "hook": "forward", "policy": "accept"}
        names = [{"meta": {"key": "iifname"}}, {"meta": {"key": "oifname"}}]
        match = [{"match": {"op": "==", "left": name, "right": "xenbr0"}} for name in names]
        drop = [{"match": {"op": "==", "left": names[1], "right": {"set": ["xenbr0"]}}}, {"drop": None}]
        rules = {
            'iifname "xenbr0" oifname "xenbr0" accept': [*match, {"accept": None}],
            'oifname { "xenbr0" } drop': drop,
        }
        own = [rules[line.strip()] for line in text.splitlines() if line.strip() in rules]
        rows = [
            {"rule": {"family": "inet", "table": "xen_guests", "chain": "in", "expr": expr}} for expr in own
        ]
        return forward_chains.read(json.dumps({"nftables": [{"chain": chain}, *rows]})).dropping("xenbr0")

    assert dropping(rules(PARAMS)) == ()
    assert dropping(rules(PARAMS).replace('iifname "xenbr0" oifname "xenbr0" accept', "")) != ()


@pytest.mark.parametrize(
    "bad", [{"ports": ["enp0s3"]}, {"ipv4": "dhcp"}, {"ipv4": "keep"}, {"ipv4": "10.0.0.1/30"}]
)
def test_what_cannot_be_is_refused_with_the_move(bad):
    """A card on such a bridge would have its neighbours leased addresses, and guests need room in a network."""
    with pytest.raises(ValidationError, match=r"leave `ports` out|a network of their own"):
        Bridge(**{"name": "xenbr0", "ipv4": "192.168.150.1/24", "nat": True, **bad})
