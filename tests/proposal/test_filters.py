"""What `runbook new` writes of packet filters and ways in: nothing in use is shut by what it suggests, and guests have a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runbook import proposal
from runbook.facts import bridge_filter, firewalld, forward_chains, listening, ssh_server
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams, loads
from runbook.params.host import Ssh
from runbook.proposal import filters
from runbook.steps.shared import bridges, ways_in
from runbook.steps.xen_configuration import pass_bridged_packets
from tests.proposal.test_cards import MAIN, OUT, host, link

CASES = Path(__file__).parents[1] / "cases/host"
SAMPLES = Path(__file__).parents[1] / "facts/forward_chains"
CALLED = {bridge_filter._CALLED: Answer(0, "1\n")}
DOCKER = CALLED | {
    bridge_filter._RULES: Answer(0, (CASES / "docker-forward-drop/iptables-S").read_text("utf-8"))
}
UFW = CALLED | {bridge_filter._RULES: Answer(0, "-P FORWARD DROP\n-N ufw-before-forward\n")}


def sample(name: str) -> str:
    """Return what nft said of all rules, for a bridge of the name that is suggested here."""
    return (SAMPLES / f"{name}.json").read_text(encoding="utf-8").replace("gbr0", "xenbr0")


def written(said: dict[Ask, Answer]) -> tuple[str, HostParams]:
    """Return the file for a machine whose first card is its way out, and that said something more."""
    there = host(MAIN, link("eno2"), link("eno3"), routes=OUT, at="192.168.1.10")
    quiet = {ask: Answer(MISSING) if ask.kind == "read" else Answer(127) for ask in filters.COMMANDS}
    facts = quiet | {ask: there[ask] for ask in there} | said
    text = proposal.write("box", Ssh(to="root@box"), proposal.read(Facts(facts)))
    return text, loads(text, Path("box.yml"))


@pytest.mark.parametrize(("said", "who"), [
    (DOCKER, "Docker"),
    (UFW, "ufw"),
    (CALLED | {forward_chains.RULES: Answer(0, sample("firewalld"))}, "firewalld"),
    (CALLED | {bridge_filter._RULES: Answer(0, "-P FORWARD DROP\n")}, "iptables' chain FORWARD"),
])  # fmt: skip
def test_a_filter_that_would_drop_guests_packets(said, who):
    """The parameter stands in the file with the reason, and nothing is left for notebook 06 to warn of but to act."""
    text, asked = written(said)
    assert asked.network.pass_bridged
    assert f"pass_bridged: true  # {who} drops what it forwards" in text
    asks = pass_bridged_packets.asks(asked)
    quiet = {ask: Answer(MISSING) if ask.kind == "read" else Answer(0) for ask in asks}
    zones = {firewalld.ask([*("xenbr0", "xenbr1"), "eno1", "eno2"]): Answer(0, "default public\n")}
    assert pass_bridged_packets.plan(
        asked, Facts(quiet | {bridge_filter._RULES: Answer(127)} | zones | said)
    ).actions
    warned = bridges.dropped(asked, Facts(quiet | said))
    assert all("set `pass_bridged" not in finding.do for finding in warned)


def test_a_chain_of_one_s_own_stays_its_owner_s():
    """The file says that it drops, and asks nobody to change it."""
    text, asked = written(CALLED | {forward_chains.RULES: Answer(0, sample("own-chain"))})
    assert not asked.network.pass_bridged
    assert "the chain pass_on of the table inet own drops packets that guests send over a bridge" in " ".join(
        text.replace("#", " ").split()
    )


def test_what_drops_nothing_is_no_reason():
    """Without br_netfilter, or with a policy that accepts, the file has no word of it; what passes by our unit keeps it."""
    for said in (
        {},
        {bridge_filter._RULES: DOCKER[bridge_filter._RULES]},
        CALLED | {bridge_filter._RULES: Answer(0, "-P FORWARD ACCEPT\n")},
    ):
        assert "pass_bridged" not in written(said)[0]
    unit = {filters._UNIT: Answer(0, pass_bridged_packets.content())}
    assert written(unit)[1].network.pass_bridged


def test_every_port_of_the_ssh_server_and_the_tunnel_stands_in_the_file():
    """With `kind: ssh-only` put there, none of the ways in that are in use is shut."""
    ports = {ssh_server._EFFECTIVE: Answer(0, (CASES / "sshd-two-ports/sshd-T").read_text("utf-8"))}
    tunnel = {
        listening._SOCKETS: Answer(0, (CASES / "session-through-wireguard/ss-lun").read_text("utf-8")),
        listening._ADDR: Answer(0, json.dumps([MAIN, link("wg0", "10.9.0.1/24", link_type="none")])),
        listening._SESSION: Answer(0, "10.9.0.2 5 10.9.0.1 2222\n"),
    }
    said = ports | tunnel
    _, asked = written(said)
    found = asked.configuration.firewall
    assert (found.kind, found.ssh_port, found.open_tcp, found.open_udp) == ("keep", 2222, (22,), (51820,))
    closing = asked.model_copy(update={
        "configuration": asked.configuration.model_copy(update={"firewall": found.model_copy(update={"kind": "ssh-only"})})
    })  # fmt: skip
    quiet = {ask: Answer(0) for ask in (*ssh_server.COMMANDS, *listening.COMMANDS)}
    facts = Facts(quiet | said)
    assert ways_in.shut(closing, ssh_server.parse(facts), listening.parse(facts)) == []
    assert [
        f.level for f in ways_in.shut(asked_plainly(closing), ssh_server.parse(facts), listening.parse(facts))
    ] == ["refuse"] * 2


def asked_plainly(params: HostParams) -> HostParams:
    """Return the parameters with port 22 alone."""
    plain = params.configuration.firewall.model_copy(update={"ssh_port": 22, "open_tcp": (), "open_udp": ()})
    return params.model_copy(
        update={"configuration": params.configuration.model_copy(update={"firewall": plain})}
    )
