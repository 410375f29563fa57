"""The survey is quick, on the largest machine too."""

from __future__ import annotations

import time

from runbook import survey
from runbook.survey.groups import groups
from tests.machines import build
from tests.machines.form import machines


def test_the_largest_machine_is_surveyed_in_half_a_second():
    """Reading the facts, every verdict and every group of the machine with the most functions takes under 0.5 s of a processor."""
    largest = max(machines(), key=lambda m: len(m.devices))
    facts = build.facts(largest)
    start = time.process_time()
    machine = survey.read(facts)
    for device in machine.devices:
        survey.judge(machine, device)
    groups(machine)
    assert time.process_time() - start < 0.5
