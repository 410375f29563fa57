"""A power cut in the middle of the switch to the bridges: the machine starts with the network that it had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runbook.evidence.record import Event
from runbook.runner.run import run
from runbook.runner.telling import OnEvent
from runbook.testbed import hardware, state
from runbook.testbed.cuts import NOTEBOOK, switching
from runbook.testbed.machine import Machine
from runbook.testbed.machines import Description
from runbook.testbed.proving import say
from runbook.testbed.remote import must
from runbook.testbed.returns import keep_state
from runbook.testbed.state import State
from runbook.testbed.zoo import building, in_force

STEP = "configure_bridges"
_STARTED_ANEW = "was not confirmed when the machine started anew"


def prove(
    described: Description,
    machine: Machine,
    params: str,
    start: str,
    before: State,
    keep: OnEvent,
    reports: Path,
) -> str:
    """Run the notebooks up to a power cut in the switch; return the one to go on with, '' when there was no switch.

    Raises `CheckFailed` when the network is not what it was `before`.
    """
    pulled: list[bool] = []
    plug = pulls_the_plug(
        machine, pulled, lambda: hardware.switch_on(machine.folder, building.spec_of(described))
    )

    def hear(event: Event) -> None:
        if event.get("event") == "step-end":
            say(f"  {event.get('notebook')}  {event.get('step')}: {event.get('status')}")
        keep(event)
        plug(event)

    say("run 1, mode apply, until the power is cut in the switch of the network")
    done = run(params, mode="apply", start=start or None, reports=reports, on_event=hear)
    if not pulled:
        must(not done.exit_code, "Run 1 failed before the switch", f"{done.folder}: {done.message}")
        say("no network was switched: there was nothing to cut")
        return ""
    must(
        done.exit_code == 1 and done.steps.get(STEP) == "failed" and _STARTED_ANEW in done.message,
        "The report does not say that the machine started anew in the middle of the switch",
        f"exit {done.exit_code}, {done.steps}, {done.message}; {done.folder}",
    )
    say(
        f"power cut in the switch, on again, and the run said so; answered ssh after {machine.wait_ready():.0f} s"
    )
    wrong = other(before, keep_state(machine, "cut"))
    must(not wrong, "After a power cut in the switch the network is not what it was", "\n".join(wrong))
    say("the network is what it was before the switch")
    return NOTEBOOK


def pulls_the_plug(machine: Machine, pulled: list[bool], switch_on: Callable[[], object]) -> OnEvent:
    """Return a listener that cuts the machine's power once, in the middle of the switch of its network, and restores it.

    It notes that in `pulled`. The run waits for the machine meanwhile, and does not have to wait for its whole time.
    """

    def listen(event: Event) -> None:
        if event.get("event") == "action-begin" and event.get("step") == STEP and not pulled:
            pulled.append(True)
            switching(machine)
            machine.kill_power()
            switch_on()

    return listen


def other(before: State, after: State) -> list[str]:
    """Return a line for each part of the network in force, and of the cards, that is not what it was.

    Rules of the firewall may be more: an earlier step of the same notebook lets bridged packets pass.
    """
    firewall, rest = ("firewall",), ("cards", *(name for name in in_force.SECTIONS if name != "firewall"))
    return [
        *state.difference(_part(before, rest), _part(after, rest), ()),
        *in_force.lost(_part(before, firewall), _part(after, firewall), {}),
    ]


def _part(whole: State, sections: tuple[str, ...]) -> State:
    return State({name: whole.sections[name] for name in sections})
