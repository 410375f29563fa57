"""Hosts of every network manager whose names, files and addresses are attacks: the plan is text, the switch quotes it."""

from __future__ import annotations

import random
import shlex
from collections import Counter

import pytest

from runbook.actions import ReplaceNetwork
from runbook.engine.network_switch import _what
from runbook.errors import RunbookError
from runbook.model.ask import Answer, Facts
from runbook.show import steps as show
from tests.cases.hosts import Case
from tests.text.hostile import MARK, mutated
from tests.text.inert import inert, plain

HOSTS = ("networkd-dhcp", "networkmanager", "comments-head", "port-mtu-routes-dns", "bridge-vlan-aware")
"""Cases whose plan replaces network files: systemd-networkd's, NetworkManager's and ifupdown's."""
WORLDS = 60


def hostile(case: Case, seed: int) -> Facts:
    """Return the host's answers with attacks in some of them; few enough that many a plan is still made."""
    rng = random.Random(f"{case.name} {seed}")
    share = rng.choice((0.01, 0.05, 0.2))
    honest = case.facts()
    return Facts({
        ask: Answer(said.status, mutated(said.out, share, rng), said.err)
        for ask in case.step.asks(case.params)
        if (said := honest[ask])
    })  # fmt: skip


def quoted(action: ReplaceNetwork) -> bool:
    """Look that what the program on the host is told is assignments of one quoted word each; True when an attack is in it."""
    told = _what(action)
    words = shlex.split(told)
    assert all(word.partition("=")[0].isidentifier() for word in words), told
    assert "".join(f"{w.partition('=')[0]}={shlex.quote(w.partition('=')[2])}\n" for w in words) == told
    return MARK in told


@pytest.mark.parametrize("name", HOSTS)
def test_a_hostile_network_is_text(name):
    """Whatever a manager's files, links and profiles are called: no plan of the bridges has more of it than text."""
    case, seen = Case(name), Counter[str]()
    for seed in range(WORLDS):
        facts = hostile(case, seed)
        try:
            plan = case.step.plan(case.params, facts)
        except RunbookError as error:
            seen["errors"] += plain(str(error))
            continue
        bundle = show.plan(case.step, plan, facts)._repr_mimebundle_()
        seen["plans"] += inert(bundle["text/html"]) + plain(bundle["text/plain"])
        for action in plan.actions:
            if isinstance(action, ReplaceNetwork):
                seen["switches"] += 1
                seen["attacks in a switch"] += quoted(action)
    assert seen["plans"], "no attack came out, so nothing was looked at"
    assert seen["switches"], "no plan was made, so no switch was looked at"
