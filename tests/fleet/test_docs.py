"""docs/fleet.md shows commands that exist, and programs that can be read."""

import re
import shlex
import shutil
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import ClassVar

import papermill
import pytest

from runbook.cli import main
from runbook.evidence.fleets.record import WORST_FIRST
from runbook.steps import notebooks
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


class Operator:
    """Stands in for Airflow's PapermillOperator: keeps what it was given, and takes `before >> task`."""

    made: ClassVar[list[dict]] = []

    def __init__(self, **given):
        self.made.append(given)

    def __rshift__(self, other):
        return other


def test_what_airflow_is_given_runs(monkeypatch, tmp_path):
    """The DAG makes a task for each notebook; papermill carries one out with just what the DAG hands over."""
    operators = SimpleNamespace(PapermillOperator=Operator)
    for name, module in {
        "airflow": SimpleNamespace(DAG=lambda *_, **__: nullcontext()),
        "airflow.providers.papermill.operators.papermill": operators,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    Operator.made.clear()
    params = tmp_path / "absolute.yml"
    params.write_text((ROOT / "params/example.yml").read_text().replace("recordings/", f"{ROOT}/recordings/"))
    (dag,) = (block for kind, block in BLOCKS if kind == "python" and "PapermillOperator" in block)
    dag = dag.replace("/srv/xen-runbook", str(ROOT)).replace(
        'PROJECT / "params/victory.yml"', repr(str(params))
    )
    exec(compile(dag, "docs/fleet.md", "exec"), {})
    assert [task["task_id"] for task in Operator.made] == list(notebooks())
    (task,) = (task for task in Operator.made if task["task_id"] == "10_references")
    assert task["parameters"] == {"params": str(params), "mode": "check"}
    monkeypatch.chdir(tmp_path)  # a worker's folder is any
    done = papermill.execute_notebook(
        task["input_nb"], tmp_path / "out.ipynb", parameters=task["parameters"], progress_bar=False
    )
    assert "10_references on testbed" in done.cells[-1].outputs[0]["data"]["text/plain"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(tmp_path):
    """systemd finds nothing wrong with the service and the timer, but that a user and a program are not here."""
    for name, mark in (("service", "[Service]"), ("timer", "[Timer]")):
        (unit,) = (block for kind, block in BLOCKS if kind == "ini" and mark in block)
        unit = unit.replace("/srv/xen-runbook", str(tmp_path)).replace("User=operator\n", "")
        (tmp_path / f"xen-hosts.{name}").write_text(unit)
    units = [str(tmp_path / f"xen-hosts.{name}") for name in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    about_ours = [line for line in done.stderr.splitlines() if "xen-hosts" in line and "tell-me" not in line]
    assert about_ours == []


def test_exit_codes_are_those_of_the_code():
    """The table of exit codes has them all, the worst first after 0."""
    table = TEXT.partition("| code | what |")[2].partition("\n\n")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)] == [0, *WORST_FIRST]
