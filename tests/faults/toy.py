"""A machine that is one folder, with steps whose actions leave a mark there each time they are really done.

Both the runner and the kernels install it; all else in a run is the real thing. In the folder:

- `machine/log`: a line for each action that was completed, written by the action's own command;
- `machine/config`: a file that a step writes;
- `fault.sh`, `fault.py`: what happens in the middle of `second`, on the host and in the kernel;
- `wishes.json`: `risk`, `refuse`, `wrong`, `restart`, `timeout_s` (of an action), `cell_timeout_s`, `jump_s`
  (of the clock), `books` (other notebooks), `pause_s` (of an action), `moment` (see `moments.py`).
"""

from __future__ import annotations

import functools
import json
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from runbook.actions import Reboot, Run, WriteFile
from runbook.model.ask import Answer, Ask, Facts
from runbook.model.plan import Finding, Plan

ROOT = Path(__file__).parents[2]
BOOKS = {"05_work": ("first", "second", "third", "later")}
CONFIG = "".join(f"line {n} of a file that takes more than one packet\n" for n in range(6000))
FAULT_AT = "second.2"
MACHINE = {
    "id -u": Answer(0, "0\n"),
    "< /etc/os-release": Answer(0, 'VERSION_CODENAME=trixie\nPRETTY_NAME="Debian"\n'),
}


def wishes(place: Path) -> dict:
    """Return what the test wants of this machine now."""
    file = place / "wishes.json"
    return json.loads(file.read_text()) if file.exists() else {}


def mark(place: Path, name: str) -> Run:
    """Return the action that leaves its name in the log when it is completed, and not before."""
    fault = f"if [ -e {place}/fault.sh ]; then . {place}/fault.sh; fi; " if name == FAULT_AT else ""
    pause = f"sleep {wishes(place)['pause_s']}; " if "pause_s" in wishes(place) else ""
    script = f"{fault}{pause}echo {name} >>{place}/machine/log"
    return Run(("sh", "-c", script), timeout_s=wishes(place).get("timeout_s", 600))


def step(place: Path, name: str) -> SimpleNamespace:
    """Return one toy step: two marks, or for `third` a file."""
    log, config = str(place / "machine/log"), str(place / "machine/config")
    owner = f"{os.getuid()}:{os.getgid()}"

    def plan(params, facts):
        done = (facts.text(log) or "").split()
        wanted = [f"{name}.{n}" for n in (1, 2)]
        actions = tuple(mark(place, one) for one in wanted if one not in done)
        if name == "third":
            right = facts.text(config) == CONFIG
            actions = () if right else (WriteFile(config, CONFIG, owner=owner),)
        if actions and name == wishes(place).get("restart"):
            actions = (*actions, Reboot("nothing at all", wait_s=4))
        dangerous = name == wishes(place).get("refuse")
        return Plan(actions, (Finding("refuse", "that is dangerous", "", "leave it"),) if dangerous else ())

    def check(params, facts):
        return [Finding("fail", "it is off", "", "turn it on")] if name == wishes(place).get("wrong") else []

    risk = wishes(place).get("risk", {}).get(name, "safe")
    asks = (Ask.read(log), Ask.read(config))
    return SimpleNamespace(
        __name__=f"toys.{name}", TITLE=f"Do {name}", GUIDE="none", RISK=risk,
        asks=lambda params: asks, plan=plan, check=check,
    )  # fmt: skip


def install(place: Path) -> None:
    """Make this process take the folder for the machine."""
    import runbook.steps
    from runbook.engine import journal
    from runbook.evidence import ledger
    from runbook.hosts import script
    from runbook.hosts.shell import ShellHost
    from runbook.params import here

    runbook.steps.notebooks = lambda: {
        book: tuple(step(place, name) for name in names)
        for book, names in wishes(place).get("books", BOOKS).items()
    }
    here.step_names = lambda: [name for names in wishes(place).get("books", BOOKS).values() for name in names]
    script.LOCK = str(place / "lock")
    gather, run = ShellHost.gather, ShellHost.run

    def answered(host, asks):
        facts = gather(host, asks)
        return Facts({ask: MACHINE.get(ask.key, answer) for ask, answer in facts.items()})

    def faulty(host, argv, **options):
        if argv[-2:] == ("systemctl", "reboot"):
            (place / "unreachable").touch()
            return Answer(0)
        fault = place / "fault.py"
        if FAULT_AT in argv[-1] and fault.exists():
            exec(fault.read_text(), {"place": place})
        return run(host, argv, **options)

    ShellHost.gather, ShellHost.run = answered, faulty
    journal.datetime = ledger.datetime = _jumping(place)


def _jumping(place: Path) -> type[datetime]:
    """Return a time of day that somebody sets while the run goes on."""

    class Jumping(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=wishes(place).get("jump_s", 0))

    return Jumping


def main() -> None:
    """Be the command `runbook` on this machine: `python -m tests.faults.toy FOLDER run …`."""
    place = Path(sys.argv[1])
    if "moment" in wishes(place):
        from tests.faults.moments import count_calls

        count_calls(place, **wishes(place)["moment"])
    install(place)
    (place / "runner.pid").write_text(str(os.getpid()))
    from runbook.cli import main as command
    from runbook.runner import under_way

    if limit := wishes(place).get("cell_timeout_s"):
        under_way.papermill = SimpleNamespace(
            execute_notebook=functools.partial(under_way.papermill.execute_notebook, execution_timeout=limit)
        )
    command(sys.argv[2:], prog_name="runbook")


if __name__ == "__main__":
    main()
