"""docs/fleet.md shows commands that exist, and programs that can be read."""

import re
import shlex

import pytest

from runbook.cli import main
from runbook.fleet.record import WORST_FIRST
from tests.evidence.toys import ROOT

TEXT = (ROOT / "docs/fleet.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.S)
COMMANDS = sorted(
    set(
        re.findall(
            r"\brunbook ((?:fleet|facts|check) .*?)(?=\s+#|'?$)", "\n".join(b for _, b in BLOCKS), re.M
        )
    )
)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_right(line):
    """Every command in the text is one that the command line takes."""
    name, *words = shlex.split(line)
    command = main.commands[name]
    assert command.make_context(name, words, parent=None).params


def test_programs_can_be_read():
    """Every Python example compiles, and there are commands, units and a DAG at all."""
    assert len(COMMANDS) >= 8
    kinds = [kind for kind, _ in BLOCKS]
    assert {"sh", "ini", "cron", "python"} <= set(kinds)
    for kind, block in BLOCKS:
        if kind == "python":
            compile(block, "docs/fleet.md", "exec")


def test_exit_codes_are_those_of_the_code():
    """The table of exit codes has them all, the worst first after 0."""
    table = TEXT.partition("| code | what |")[2].partition("\n\n")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)] == [0, *WORST_FIRST]
