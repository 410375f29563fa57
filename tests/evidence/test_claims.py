"""What a notebook claims at its end stands in a report only where it holds."""

import re

import nbformat
import pytest

import runbook.steps
from runbook.evidence import claims
from runbook.evidence.outcomes import ENDS, StepEnd
from runbook.runner.run import run
from tests.evidence.attested import alone
from tests.evidence.toys import ROOT, beat, notebook, parameterised, project, steps

CLAIM = "## What is now true\n\nThe bridges are up.\n\n### In short\n\nAll is well.\n\n"
REST = "## How to undo\n\nTake it back.\n\n## What is next\n\nThe next one."


def shown(status):
    nb = notebook("1", prose=CLAIM + REST)
    replaced = claims.withhold(nb, [StepEnd("one", status="changed"), StepEnd("two", status=status)])
    return replaced, nb.cells[0].source


@pytest.mark.parametrize("status", ENDS)
def test_it_stands_only_after_steps_that_held(status):
    """After any other end the section names the step and how it ended; what follows the section stays."""
    replaced, text = shown(status)
    assert replaced is (status not in ("unchanged", "changed"))
    assert ("The bridges are up" in text) is ("All is well" in text) is not replaced
    assert (f"`two` ({status})" in text) is replaced
    assert text.endswith(REST)


@pytest.mark.parametrize(("asked", "stands"), [(("no", "no"), False), (("no", ""), True), (("", ""), True)])
def test_it_does_not_stand_where_nothing_was_asked_for(asked, stands):
    """A chapter of which no step was asked for proves nothing, and names the parameter that would ask."""
    nb = notebook("1", prose=CLAIM + REST)
    ends = [
        StepEnd("one", status="unchanged", unasked="installation.method is none" if a else "") for a in asked
    ]
    assert claims.withhold(nb, ends) is not stands
    assert ("The bridges are up" in nb.cells[0].source) is stands
    assert ("installation.method is none" in nb.cells[0].source) is not stands


def test_every_notebook_has_a_section_that_is_found():
    """Withheld, no notebook of the project says anything of what its section said."""
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        nb = nbformat.read(path, 4)
        (cell,) = (c for c in nb.cells if "What is now true" in c.source)
        said = re.split(r"\n##? ", cell.source)[0].splitlines()[2:]
        assert claims.withhold(nb, [StepEnd("one", status="refused")]), path.name
        assert not [line for line in said if line and line in cell.source], path.name


@pytest.mark.parametrize(
    ("status", "stands"), [("changed", True), ("unchanged", True), ("skipped", False), ("refused", False)]
)
def test_the_archived_notebook_and_its_page_agree(tmp_path, monkeypatch, status, stands):
    """In the file and on the page it stands or is withheld alike."""
    alone(monkeypatch, tmp_path / "config")
    monkeypatch.setattr(runbook.steps, "notebooks", lambda: steps(n05_now=["one"]))
    place = project(tmp_path / "project", n05_now=parameterised(beat("one", status), prose=CLAIM + REST))
    done = run(place / "params/toy.yml", reports=tmp_path / "reports", notebooks=place / "notebooks")
    for name in ("05_now.ipynb", "05_now.html"):
        text = (done.folder / name).read_text()
        assert ("The bridges are up" in text) is stands, name
        assert "Take it back" in text, name
