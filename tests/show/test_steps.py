"""A plan is read from above: each action has a title of one line, and what it runs stands below it, once."""

import re

import pytest

from runbook.actions import Run, RunIn
from runbook.model.ask import Facts
from runbook.model.plan import Plan
from runbook.show import steps
from runbook.show.steps import Outcome
from runbook.steps.first_boot import keep_proved_pair
from runbook.steps.shared import kept_pair

PROGRAM = ("sh", "-euc", kept_pair._FORGET, "sh", "xen.gz")
WHY = "a second name for each file"


@pytest.mark.parametrize(("action", "title"), [
    (Run(PROGRAM, WHY), f"run a shell program: {WHY}"),
    (Run(PROGRAM), "run a shell program of 5 lines"),
    (RunIn("/mnt", PROGRAM, WHY), f"run in /mnt: a shell program: {WHY}"),
    (Run(("sh", "-c", 'printf %s "$1" >/x', "sh", "two\nlines"), WHY), f"run a shell program: {WHY}"),
    (Run(("sh", "-c", f": {'x' * 90}"), WHY), f"run a shell program: {WHY}"),
])  # fmt: skip
def test_a_long_program_is_shown_once_and_called_by_what_it_is_for(action, title):
    """Its title is one line in words, and so is the line that says that it was done."""
    shown = steps.plan(keep_proved_pair, Plan((action,)), Facts({}))
    assert f"  1. {title}\n     $ " in shown.text
    assert shown.text.count(action.argv[2].splitlines()[0]) == 1
    assert shown.text.count(WHY) <= 1
    assert re.search(f"<summary>1. {title}</summary>|<details open><summary>1. {title}</summary>", shown.html)
    done = steps.outcome(keep_proved_pair, Outcome("keep_proved_pair", "changed", done=((action.title, ""),)))
    assert done.text.endswith(f"\n  1. {title}")


def test_a_command_of_one_line_is_its_own_title():
    """Who reads the title alone knows what is run; why stands below it."""
    shown = steps.plan(keep_proved_pair, Plan((Run(("update-grub",), WHY),)), Facts({}))
    assert f"  1. run update-grub\n     $ update-grub\n       # {WHY}" in shown.text


def test_the_way_back_of_a_long_program_says_what_it_undoes():
    """Its own title and reason are a line each."""
    back = Run(PROGRAM, WHY, undo=("rm", "-rf", "--", "/boot/proved")).inverse(Facts({}))
    assert (back.title, back.why) == ("run rm -rf -- /boot/proved", f"undo: {WHY}")
    back = Run(("update-grub",), WHY, undo=PROGRAM).inverse(Facts({}))
    assert (back.title, back.why) == ("run a shell program: undo: update-grub", "undo: update-grub")
