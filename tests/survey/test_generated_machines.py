"""Over machines made by chance: nothing that dom0 rests on, or may rest on, is ever offered; what is free, is.

`generated_uses.machine` builds each from its number, and knows what it built: that is the oracle. A failure names the number.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook import proposal, survey
from runbook.params import loads
from runbook.params.host import Ssh
from runbook.proposal.chosen import Choice
from runbook.show.form.picker import DOM0, rows
from runbook.survey import MAY, STAY
from runbook.survey.groups import groups
from tests.survey.generated import Box
from tests.survey.generated_uses import machine
from tests.survey.machines import params

FEW, MANY = 150, 5000


def dangers(box: Box, facts, seed: int):
    """Yield in words each device of a machine that is offered and must not be, in the groups of the picker and of `new`."""
    here = survey.read(facts)
    forbidden = box.mates() | box.doubted | box.used
    free = box.free()
    for group in groups(here):
        verdict = {m.device.bdf: survey.verdict(m.reasons) for m in group.members}
        for bdf in group.bdfs:
            if bdf in forbidden and group.is_offered:
                yield f"machine {seed}: {bdf} is offered: {forbidden[bdf]}"
            if bdf in free and not group.is_offered:
                yield f"machine {seed}: {bdf} is free and not offered: {group.why}"
            if bdf in box.used and verdict[bdf] != STAY:
                yield f"machine {seed}: {bdf} {verdict[bdf]}: {box.used[bdf]}"


def said_everywhere(box: Box, facts, seed: int):
    """Yield the same of the table, the form's picker and the file that is written."""
    forbidden = box.mates() | box.doubted | box.used
    found = survey.survey_table(facts)
    table = dict(zip(found["address"], found["verdict"], strict=True))
    yield from (
        f"machine {seed}: the table says that {b} may be passed: {why}"
        for b, why in forbidden.items()
        if table[b] == MAY
    )
    yield from (
        f"machine {seed}: the table says that {b} {table[b]}: {why}"
        for b, why in box.used.items()
        if table[b] != STAY
    )
    for row in rows(params().model_dump(mode="json"), survey.read(facts)):
        if {*row.group.bdfs} & {*box.used} and row.choices != (DOM0,):
            yield f"machine {seed}: the picker gives {row.group.bdfs} to {row.choices}"
    text = proposal.write("box", Ssh(to="root@box"), proposal.read(facts, Choice(takes_all=True)))
    written = loads(text, Path("box.yml"))
    given = {device.bdf for device in written.passthrough.devices} & {*forbidden}
    yield from (f"machine {seed}: {bdf} is in the written file: {forbidden[bdf]}" for bdf in given)
    without = [b for b in written.network.bridges if b.ipv4 == "none"]
    taken = {name for bridge in without for name in bridge.ports if box.card(name) in box.used | box.doubted}
    yield from (f"machine {seed}: {name} is a port without an address" for name in taken)


@pytest.mark.parametrize("hundred", range(FEW // 50))
def test_nothing_that_dom0_rests_on_is_offered(hundred):
    """Groups, table, picker and the written file of some machines; the seed stands in the message."""
    wrong = []
    for seed in range(hundred * 50, hundred * 50 + 50):
        box = machine(seed)
        facts = box.facts()
        wrong += [*dangers(box, facts, seed), *said_everywhere(box, facts, seed)]
    assert wrong == []


@pytest.mark.many
def test_nothing_is_offered_on_many_machines():
    """The same of five thousand, by their groups alone, which all others ask."""
    wrong = []
    for seed in range(MANY):
        box = machine(seed)
        wrong += dangers(box, box.facts(), seed)
    assert wrong == []


def test_the_machines_have_something_to_offer():
    """Silence would satisfy the oracle: most machines have an idle device that is offered, and each layout and wiring is met."""
    offered, kinds = 0, set()
    for seed in range(FEW):
        box = machine(seed)
        here = survey.read(box.facts())
        found = groups(here)
        offered += any(group.is_offered for group in found)
        kinds |= {reason.kind for group in found for m in group.members for reason in m.reasons}
    assert offered > FEW // 2
    assert kinds >= {
        "disk",
        "network",
        "keyboard",
        "carries",
        "domain",
        "vmd",
        "unplaced",
        "no-card",
        "unseen",
        "held",
    }
