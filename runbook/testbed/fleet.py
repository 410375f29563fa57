"""The proof of fleets: several virtual PCs at once through `runbook fleet`, one of which loses its power in mid-step.

What is claimed: the others complete, the exit code tells, `--resume` runs the lost one alone and finishes its
job, a check of all finds nothing, every report is as it was written and speaks of its own machine alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from runbook.drift import kept
from runbook.engine.journal import read
from runbook.errors import RunbookError
from runbook.evidence.fleets.record import FleetRecord, HostState
from runbook.evidence.record import Event
from runbook.testbed.cuts import NO_HOST, pulls_the_plug
from runbook.testbed.errors import TestbedError
from runbook.testbed.proving import say
from runbook.testbed.remote import must, shell
from runbook.testbed.siblings import NAMES, Sibling, boot, machine_of, switch_on_again

PARAMS = "params/testbed.yml"
REPORTS = Path("reports")
NOTEBOOK = "03"
#: The action during which the power is cut: it takes long, and what it leaves half done shows.
CUT_IN = "run locale-gen"
_RUNBOOK = (sys.executable, "-c", "from runbook.cli import main; main(prog_name='runbook')")


def main(machines: int = 2, *, keep: bool = False) -> int:
    """Boot so many fresh machines, prove the claims, and power them off; return an exit code."""
    began = time.monotonic()
    names = NAMES[:machines]
    try:
        siblings = boot(names, PARAMS)
        say(f"{machines} machines answer, after {time.monotonic() - began:.0f} s")
        _prove(siblings)
    except (RunbookError, TestbedError) as error:
        print(f"\nThe proof of fleets failed.\n{error}")
        return 1
    finally:
        for name in names if not keep else ():
            machine_of(name).down()
    say(f"all held, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def _prove(siblings: list[Sibling]) -> None:
    before = {sibling.name: runs_of(sibling.name) for sibling in siblings}
    lost, paths = siblings[-1], [str(sibling.params) for sibling in siblings]
    plug = pulls_the_plug(lost.machine.kill_power, CUT_IN, lambda: time.sleep(2))
    words = ("--only", NOTEBOOK, "--parallel", str(len(siblings)))
    code, first = _fleet([*paths, *words, "--mode", "apply"], lambda: _replay(lost.name, before, plug))
    must(lost.machine.running is None, "The power was never cut", f"{CUT_IN} was not reached; {first}")
    only_one_was_lost(code, first.hosts, lost.name)
    say(f"on again, answered ssh after {switch_on_again(lost):.0f} s")
    code, again = _fleet([*words, "--mode", "apply", "--resume"])
    only_one_was_resumed(code, again, first.id, lost.name)
    code, checked = _fleet([*paths, *words, "--mode", "check"])
    must(code == 0, "A check of the finished machines failed", f"exit {code}: {checked.unfinished}")
    for sibling in siblings:
        others = [w for s in siblings if s is not sibling for w in (s.name, s.installation, s.machine_id)]
        made = sorted(runs_of(sibling.name) - before[sibling.name])
        expected = 3 if sibling is lost else 2
        must(len(made) == expected, f"{sibling.name} was not run {expected} times", f"{made}")
        for folder in made:
            speaks_of_its_own(folder, sibling.name, sibling.installation, [*others, sibling.machine_id])
        name = shell(sibling.machine, "cat /etc/hostname").strip()
        must(name == sibling.name, f"{sibling.name} calls itself {name}", "set_names was run elsewhere")
        _verified(sibling.name)
    say("every report is as it was written, and speaks of its own machine alone")


def only_one_was_lost(code: int, hosts: Sequence[HostState], lost: str) -> None:
    """Raise `CheckFailed` unless the lost host failed as unreachable and every other one completed."""
    ends = {host.host: (host.state, host.exit_code) for host in hosts}
    wanted = {name: ("failed", NO_HOST) if name == lost else ("completed", 0) for name in ends}
    must(
        ends == wanted and lost in ends and code == NO_HOST,
        f"Not {lost} alone was lost",
        f"exit {code}: {ends}; {[host.message for host in hosts if host.message]}",
    )


def only_one_was_resumed(code: int, record: FleetRecord, earlier: str, lost: str) -> None:
    """Raise `CheckFailed` unless that host alone was run again, and completed now."""
    ran = [host.host for host in record.hosts if host.earlier != earlier]
    must(
        code == 0 and ran == [lost] and not record.unfinished,
        f"--resume did not run {lost} alone, to its end",
        f"exit {code}; ran {ran}; {record.unfinished}",
    )


def speaks_of_its_own(folder: Path, name: str, installation: str, others: Sequence[str]) -> None:
    """Raise `CheckFailed` unless a report is of this host and installation and holds no word of others."""
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    seen = kept.machine(kept.load(folder))
    must(
        (record["host"], seen) == (name, installation),
        f"A report is not of {name}, installation {installation}",
        f"it is of {record['host']}, installation {seen}; {folder}",
    )
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        found = [word for word in others if word.encode() in data]
        must(not found, f"The report of {name} speaks of another machine", f"{path} holds {', '.join(found)}")


def runs_of(name: str) -> set[Path]:
    """Return the folders of a host's runs."""
    return {path.parent for path in (REPORTS / name).glob("*/journal.jsonl")}


def _replay(name: str, before: dict[str, set[Path]], listen: Callable[[Event], None]) -> None:
    """Tell what the journal of a host's new run says so far; a listener has to know what it heard before."""
    for folder in runs_of(name) - before[name]:
        for line in read(folder / "journal.jsonl"):
            listen(line)


def _fleet(words: Sequence[str], meanwhile: Callable[[], None] = lambda: None) -> tuple[int, FleetRecord]:
    """Return exit code and record of `runbook fleet`; `meanwhile` is called twice a second while it runs."""
    say(f"runbook fleet {' '.join(words)}")
    began = time.monotonic()
    with tempfile.TemporaryFile() as out:
        with subprocess.Popen([*_RUNBOOK, "fleet", *words, "--json"], stdout=out) as process:
            while process.poll() is None:
                meanwhile()
                time.sleep(0.5)
        out.seek(0)
        said = out.read().decode()
    must(said.startswith("{"), "runbook fleet did not begin", f"exit {process.returncode}: {said}")
    record = FleetRecord.from_dict(json.loads(said))
    took = {host.host: host.seconds for host in record.hosts if not host.earlier}
    say(f"exit {process.returncode} after {time.monotonic() - began:.0f} s; seconds a host: {took}")
    return process.returncode, record


def _verified(name: str) -> None:
    done = subprocess.run(
        [*_RUNBOOK, "report", "verify", str(REPORTS / name)], capture_output=True, text=True
    )
    must(
        done.returncode == 0, f"The reports of {name} are not as they were written", done.stdout + done.stderr
    )
