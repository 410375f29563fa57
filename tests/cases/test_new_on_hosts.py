"""`runbook new` on each host of tests/cases/host that shows its network, and the plan of what it wrote."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from runbook import proposal
from runbook.facts import pci
from runbook.model.ask import Answer, Ask, Facts
from runbook.model.plan import Plan
from runbook.params import HostParams, loads
from runbook.params.host import Ssh
from runbook.steps.xen_configuration import configure_bridges
from tests.cases.hosts import NAMES, Case
from tests.steps.machine import AskedSomethingNew
from tests.survey.machines import Pci, devices

SHOWN = [name for name in NAMES if Case(name).has("ip-addr.json")]


def answers(case: Case, asks: tuple[Ask, ...]) -> dict[Ask, Answer]:
    """Return what the host says to those of some questions that it can answer; its cards are in slots."""
    machine = case.machine()
    in_slots = devices(*(Pci(bdf) for bdf in machine.cards.values()))
    found = {ask: in_slots[ask] for ask in asks if ask in pci.COMMANDS}
    for ask in (a for a in asks if a not in found):
        with suppress(AskedSomethingNew, AssertionError, KeyError):
            found[ask] = machine.facts((ask,))[ask]
    return found | {Ask.run("id", "-u"): Answer(0, "0\n")}


def written(case: Case) -> tuple[str, HostParams]:
    text = proposal.write("box", Ssh(to="root@box"), proposal.read(Facts(answers(case, proposal.asks()))))
    return text, loads(text, Path("box.yml"))


def planned(case: Case, params: HostParams) -> Plan:
    asks = configure_bridges.asks(params)
    return configure_bridges.plan(params, Facts(answers(case, asks)))


IS_THERE = {
    "bridge-more-ports": ("vmbr0", ("enp2s0", "enp3s0", "enp4s0")),
    "bridge-nat-lines": ("br0", ("eno1",)),
    "bridge-vlan-aware": ("vmbr0", ("eno1",)),
    "port-ethtool": ("br0", ("eno1",)),
    "port-of-br0": ("br0", ("eno1",)),
    "port-of-br0-advice-followed": ("br0", ("eno1",)),
}
MADE = {"bond-as-port": "bond0", "session-on-vlan": "eno1.10"}
"""The port of the new bridge where it is not the first card itself."""
OTHER_FILES = {"session-through-wireguard", "source-local"}
"""Hosts that are configured by files which their folder does not hold: what cannot be kept is refused."""


@pytest.mark.parametrize("name", SHOWN)
def test_what_new_writes_is_planned_without_a_loss(name):
    """A bridge that is there is adopted and nothing is planned; else one is made that keeps what its port has, and nothing is lost."""
    case = Case(name)
    text, params = written(case)
    plan = planned(case, params)
    first = params.network.bridges[0]
    assert (first.ipv4, first.ipv6) == ("keep", "keep")
    assert not plan.losses
    if name in IS_THERE:
        assert (first.name, first.ports) == IS_THERE[name]
        assert (plan.actions, plan.findings) == ((), ())
        return
    assert (first.name, first.ports) == ("xenbr0", (MADE.get(name, "eno1"),))
    assert "it keeps" in text
    if name in OTHER_FILES:
        assert {f.level for f in plan.findings} == {"refuse"}
        assert all(f.why and f.do for f in plan.findings)
        return
    assert [type(action).__name__ for action in plan.actions] == ["ReplaceNetwork"]
    assert plan.findings == ()


def test_a_storage_card_stays_as_it_is():
    """The second card, with an address and a route of its own, is neither bridged nor offered to guests."""
    text, params = written(Case("storage-lan"))
    assert [b.ports for b in params.network.bridges] == [("eno1",)]
    assert params.passthrough.devices == ()
    assert "must stay: it carries the address 10.1.0.2/24 (eno2)" in " ".join(text.replace("#", " ").split())
