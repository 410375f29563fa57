"""What the journal's lines mean."""

import pytest

from runbook.errors import RunbookError
from runbook.evidence.outcomes import ENDS, error_class, standing, step_ends, stopped_by_steps

AT = "2026-01-31T10:15:0{}.000Z"


def begin(step="grub", at=0, **more):
    return {"event": "step-begin", "at": AT.format(at), "notebook": "05", "step": step, **more}


def end(status, step="grub", at=2, **more):
    return {
        "event": "step-end",
        "at": AT.format(at),
        "notebook": "05",
        "step": step,
        "status": status,
        **more,
    }


def only(*lines):
    (found,) = step_ends(lines, "05", [("grub", "Set the boot menu")])
    return found


def consent(how="keyboard", **more):
    return {"event": "consent", "at": AT.format(1), "notebook": "05", "step": "grub", "how": how, **more}


def test_a_step_says_how_it_was_agreed_to():
    """The consent of its last beginning counts; an earlier one's, or another step's, is not taken for it."""
    assert only(begin(), consent("parameter"), end("changed")).consent == "parameter"
    assert only(begin(), end("changed")).consent == ""
    assert only(begin(), consent(), end("failed"), begin(), end("changed")).consent == ""
    assert only(begin(), consent(step="other"), end("changed")).consent == ""


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([], "never-run"),
        ([begin()], "killed"),
        ([begin(), end("changed")], "changed"),
        ([begin(), end("changed"), begin()], "killed"),
        ([begin(), end("failed"), begin(), end("unchanged")], "unchanged"),
        ([end("refused")], "refused"),
        ([begin(), end("fine")], "failed"),
        ([{**begin(), "notebook": "06"}], "never-run"),
        ([begin("other"), end("changed", "other")], "never-run"),
    ],
)
def test_each_step_ends_in_one_way(lines, status):
    """Begun without an end is killed, not begun is never-run, and the last word of a step counts."""
    assert only(*lines).status == status
    assert status in ENDS


def test_a_duration_does_not_follow_the_time_of_day():
    """Where both lines count seconds, those tell the duration; the clock may have been set in between."""
    assert only(begin(at=5, tick_s=10.5), end("changed", at=2, tick_s=12.0)).seconds == 1.5


def test_an_end_carries_what_the_journal_said():
    """Title, message, number of actions, digest and duration come from the step's own lines."""
    found = only(begin(actions=3, digest="abc"), end("changed", message="done"))
    assert (found.title, found.message, found.actions, found.digest, found.seconds) == (
        "Set the boot menu",
        "done",
        3,
        "abc",
        2.0,
    )


@pytest.mark.parametrize(
    ("statuses", "stopped"),
    [
        (["changed", "unchanged", "skipped"], None),
        ([], None),
        (["changed", "failed"], ("failed", 1)),
        (["refused", "failed"], ("refused", 3)),
        (["timed-out"], ("timed-out", 6)),
        (["killed"], ("killed", 1)),
        (["unchanged", "never-run"], ("failed", 1)),
    ],
)
def test_a_notebook_is_only_as_good_as_its_steps(statuses, stopped):
    """A step that did not end well, or never began, keeps its notebook from counting as completed."""
    lines = [
        line
        for i, status in enumerate(statuses)
        if status != "never-run"
        for line in (begin(f"s{i}"), end(status, f"s{i}"))
    ]
    ends = step_ends(lines, "05", [(f"s{i}", "") for i in range(len(statuses))])
    assert stopped_by_steps(ends) == stopped


@pytest.mark.parametrize(
    ("name", "code"), [("Refused", 3), ("ConsentMissing", 4), ("HostError", 5), ("NotRecorded", 7)]
)
def test_our_own_errors_are_known_by_name(name, code):
    """An error that a cell raised has its exit code back on this side of the kernel."""
    kind = error_class(name)
    assert kind
    assert kind.exit_code == code


def test_errors_defined_elsewhere_are_known_and_strangers_are_not():
    """Any subclass counts, however deep; a name that is no runbook error gives None."""

    class Deep(RunbookError):
        exit_code = 99

    assert error_class("Deep") is Deep
    assert error_class("ZeroDivisionError") is None


def test_standing_tells_what_ended_and_what_was_running():
    """After an interruption a person reads what is done, what was running, and at which action."""
    lines = [
        begin("packages"),
        end("changed", "packages"),
        begin("grub"),
        {"event": "action-begin", "title": "write /etc/default/grub"},
    ]
    text = standing(lines)
    assert "Ended well before: packages." in text
    assert "Running when it stopped: grub (05), last begun: write /etc/default/grub." in text
    assert "Run it again" in text
    assert standing([*lines, end("killed")]) == text
    assert "No step was running" in standing([*lines, end("failed")])
