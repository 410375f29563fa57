"""Every capture in this folder, as it was sent: it can be read, surveyed, proposed for, and planned for.

A folder that holds `expect.json` says what is right besides: for an address the verdict.
"""

import json
from contextlib import suppress
from pathlib import Path

import pytest

from runbook import proposal, survey
from runbook.captures import seen
from runbook.errors import RunbookError
from runbook.hosts.captured import CapturedHost
from runbook.params import loads
from runbook.params.host import Local
from runbook.show import survey as views
from runbook.steps import notebooks, steps_of

KEPT = sorted(path.parent for path in Path(__file__).parent.glob("*/capture.json"))
TEXT = {path: path.name for path in KEPT}


@pytest.mark.parametrize("folder", KEPT, ids=TEXT.get)
def test_a_capture_that_somebody_sent(folder):
    """It is judged as `expect.json` says, `runbook new` writes a right file, and no step's plan ends in an error not ours."""
    facts = seen.see(folder).facts
    verdicts = dict(survey.survey_table(facts)[["address", "verdict"]].to_numpy().tolist())
    expected = folder / "expect.json"
    wanted = json.loads(expected.read_text()) if expected.exists() else {}
    assert {bdf: verdicts.get(bdf) for bdf in wanted} == wanted
    params = loads(proposal.write("box", Local(), proposal.read(facts)), Path("box.yml"))
    assert len(views.parts(params, facts)) == 6
    host = CapturedHost(folder)
    for notebook in notebooks():
        for step in steps_of(notebook, params.release).values():
            with suppress(RunbookError):  # what it was not asked, or what is refused, is said
                step.plan(params, host.gather(step.asks(params)))
