"""Nothing dangerous is offered on any machine of the corpus, by the survey or in the file that `new` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runbook import proposal
from runbook.params import loads
from runbook.params.host import Ssh
from runbook.survey import STAY
from tests.machines.answers import known, seen
from tests.machines.form import full, machines

NAMES = tuple(m.name for m in machines())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_dom0_uses_is_offered(name):
    """What is on the path of a use, cannot be told from it, or is never to be offered, is offered nowhere."""
    now = seen(name)
    right = now.form.right
    lightly = {full(a.split()[2]) for a in known() if a.startswith(f"{name} never")}
    assert not (set(right.stay) | now.form.used | set(right.never)) & set(now.offered) - lightly
    assert not (set(right.stay) | now.form.used) & set(now.offered)


@pytest.mark.parametrize("name", NAMES)
def test_what_dom0_uses_itself_must_stay(name):
    """Every device that is no bridge on the path of a use has the verdict that it must stay, not only no offer."""
    now = seen(name)
    verdicts = {m.device.bdf: g.verdict for g in now.groups for m in g.members}
    assert {bdf: verdicts[bdf] for bdf in now.form.used if bdf in verdicts and verdicts[bdf] != STAY} == {}


@pytest.mark.parametrize("name", NAMES)
def test_the_file_that_new_writes_names_nothing_dangerous(name):
    """The file validates; what it hides and what it only offers are devices that may be had, and no guest has another."""
    now = seen(name)
    right = now.form.right
    text = proposal.write("box", Ssh(to="root@box"), proposal.read(now.facts))
    wanted = loads(text, Path("box.yml"))
    lightly = {full(a.split()[2]) for a in known() if a.startswith(f"{name} never")}
    bad = set(right.stay) | now.form.used | set(right.never) - lightly
    hidden = {device.bdf for device in wanted.passthrough.devices}
    part = text[text.index("\npassthrough:") :].partition("Not offered")[0].partition("\nstorage:")[0]
    offered = {full(bdf) for bdf in re.findall(r"(?m)^ *(?:# )?- bdf: [\"']?([0-9a-f:.]+)", part)}
    assert not (hidden | offered | {bdf for guest in wanted.guests for bdf in guest.pci}) & bad
    assert hidden <= offered <= set(now.offered)
    bridged = {c for bridge in proposal.read(now.facts).bridges for c in bridge.controllers}
    taken = {bdf for bdf in now.offered if now.offered[bdf] & bridged}
    assert set(now.offered) - offered <= taken


@pytest.mark.parametrize("name", [m.name for m in machines() if m.right.ports])
def test_new_puts_the_bridge_where_the_uplink_is(name):
    """The first bridge of the proposal has the port that an expert would give it."""
    now = seen(name)
    bridges = proposal.read(now.facts).bridges
    assert tuple(bridges[0].ports if bridges else ()) == now.form.right.ports
