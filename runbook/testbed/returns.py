"""The proof of the ways back, on the machine that the acceptance has finished.

Xen entries that cannot boot, a network that cuts the connection, a power cut in mid-step; at last everything
that all the runs did is taken back, and /etc, the packages and the boot menu must be what they were before
the first of them, apart from the exceptions that `runbook.testbed.state` names. A machine that never
comes back is not among these proofs: it needs a waiting time that is shorter than a boot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from runbook import params as parameters
from runbook.errors import CheckFailed
from runbook.runner.run import Run
from runbook.runner.way_back import go_back
from runbook.testbed import state
from runbook.testbed.boot_once import prove_boot_once
from runbook.testbed.cuts import prove_network, prove_power_cut
from runbook.testbed.machine import Machine
from runbook.testbed.proving import say
from runbook.testbed.remote import must, shell, stop_guests
from runbook.testbed.state import State

REPORTS = Path("reports")


def keep_state(machine: Machine, name: str = "before") -> State:
    """Return what the machine is now, and keep the answers in `state-NAME.txt` of its folder.

    Raises `CheckFailed` when the machine does not answer all of it.
    """
    text = shell(machine, state.SCRIPT)
    file = machine.state / f"state-{name}.txt"
    file.write_text(text)
    try:
        found = state.parse(text)
    except ValueError as error:
        raise CheckFailed("The machine's state is not known", where=str(file), why=str(error)) from None
    counts = ", ".join(f"{len(values)} {section}" for section, values in found.sections.items())
    say(f"the machine's state is kept in {file}: {counts}")
    return found


def kept_state(machine: Machine) -> State:
    """Return the state that `keep_state` kept before the first run. Raises `CheckFailed` when it did not."""
    file = machine.state / "state-before.txt"
    try:
        return state.parse(file.read_text())
    except (OSError, ValueError) as error:
        raise CheckFailed(
            "The machine's state before the first run is not known",
            where=str(file),
            why=str(error),
            do="begin again, without --only-prove",
        ) from None


def prove_returns(machine: Machine, params: str, before: State) -> None:
    """Prove every way back; afterwards the machine is what it was `before` the first run.

    Raises `CheckFailed`, or what the runbook raised, at the first claim that does not hold.
    """
    prove_boot_once(machine, params)
    prove_network(machine, params)
    prove_power_cut(machine, params)
    stop_guests(machine)
    take_back(machine, params)
    compare(before, keep_state(machine, "after"))


def compare(before: State, after: State, more: Iterable[str] = ()) -> None:
    """Raise `CheckFailed` with every difference that has no exception; say which exceptions there were.

    `more` are patterns of exceptions beside those of every machine.
    """
    wrong = state.difference(before, after, (*state.EXCEPTIONS, *more))
    must(
        not wrong,
        f"Undo did not return {len(wrong)} things",
        "\n".join(wrong),
        "mend the inverse of the step that made each, or name it with its reason in runbook/testbed/state.py",
    )
    for line in state.difference(before, after, ()):
        say(f"  not returned, as named: {line}")
    say("undo returned /etc, packages, boot menu, units, mounts, volumes and the network in force")


def agreed(text: str, digest: str) -> str:
    """Return the parameters' text with consent to the way back of that digest.

    Raises `CheckFailed` when the text has no list of consent.
    """
    agreed, count = re.subn(r"(?m)^consent: \[", f"consent: [undo, undo:{digest}, ", text, count=1)
    must(count == 1, "The parameters have no list of consent", "a line `consent: [` is looked for")
    return agreed


def take_back(machine: Machine, params: str, reports: Path = REPORTS) -> None:
    """Take back all that the runs did, with consent to exactly the plan that was shown.

    Raises `CheckFailed` when something is left, or it was not gone to its end.
    """
    way = go_back(params, (), "plan", reports, say)
    if isinstance(way, Run):
        raise CheckFailed("A plan of the way back was carried out", where=str(way.folder))
    file = machine.state / "params-undo.yml"
    file.write_text(agreed(parameters.find(params).read_text(), way.whole.digest()))
    say(f"taking back {len(way.whole.actions)} actions ({way.step.RISK}, digest {way.whole.digest()})")
    done = go_back(str(file), (), "apply", reports, lambda line: say(f"  {line}"))
    if not isinstance(done, Run) or done.exit_code:
        raise CheckFailed(
            "The way back was not gone to its end",
            where=str(getattr(done, "folder", "")),
            why=getattr(done, "message", "it was only planned"),
        )
    left = go_back(params, (), "plan", reports, say)
    must(not isinstance(left, Run) and not left.parts, "Something is left to take back", f"{left}")
    say(f"taken back: {done.folder}")
