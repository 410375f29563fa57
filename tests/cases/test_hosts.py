"""What each host of tests/cases/host needs is what its steps do: nothing that was in force is lost unsaid."""

import pytest

from tests.cases.hosts import NAMES, Case


@pytest.fixture(params=NAMES)
def case(request):
    return Case(request.param)


def test_the_plan_is_the_right_one(case):
    """Actions, findings and the lines that are written are those that this host needs."""
    plan, expected = case.plan(), case.expected
    if "actions" in expected:
        assert [action.title for action in plan.actions] == expected["actions"]
    assert [[f.level, f.what] for f in plan.findings] == expected.get("findings", [])
    assert all(f.why and f.do for f in plan.findings if f.stops)
    assert expected.get("note", "") in plan.note
    files = (file for action in plan.actions for file in getattr(action, "files", (action,)))
    text = "\n".join(getattr(file, "content", None) or "" for file in files)
    lines = [line.strip() for line in text.splitlines()]
    assert [line for line in expected.get("has", []) if line not in lines] == []
    assert [line for line in expected.get("lacks", []) if line in lines] == []


def test_the_check_says_what_is_true(case):
    """A healthy host passes, and what is not as asked is found."""
    if "check" not in case.expected:
        pytest.skip("this host is about its plan")
    assert [[f.level, f.what] for f in case.check()] == case.expected["check"]
