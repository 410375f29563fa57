"""What would happen if …: the power, the uplink's cable or Xen fails once, at a moment that the person names."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from runbook.errors import ParamsError
from runbook.evidence.record import Event
from runbook.params.here import step_names
from runbook.testbed import qemu
from runbook.testbed.cuts import switching
from runbook.testbed.machine import Machine
from runbook.testbed.monitor import monitor

FORM = re.compile(r"network|xen|power@([a-z0-9_]+)")
_SWITCH, _ONCE = "configure_bridges", "boot_xen_once"
LEADS_NOWHERE_S = 900
"""How long the cable stays out: longer than the host waits for its confirmation, with time to start anew."""


def step_of(broken: str) -> str:
    """Return the step in which something is broken. Raises `ParamsError` for what can break nowhere.

    >>> step_of("power@set_boot_menu"), step_of("network")
    ('set_boot_menu', 'configure_bridges')
    """
    match = FORM.fullmatch(broken)
    step = {"network": _SWITCH, "xen": _ONCE}.get(broken) or (match[1] if match else "")
    if step not in step_names():
        raise ParamsError(
            f"'{broken}' is nothing that can be broken",
            why=f"there is no step '{step}'" if match else "there are power@STEP, network and xen",
            do="say --break power@STEP with a step's name, --break network, or --break xen",
        )
    return step


def told(broken: str) -> str:
    """Return in words what is broken.

    >>> told("power@set_boot_menu")
    'the power was cut when set_boot_menu began to act'
    """
    return {
        "network": "the uplink's cable was pulled in the switch of the network",
        "xen": "the power was cut while Xen started for the first time",
    }.get(broken) or f"the power was cut when {step_of(broken)} began to act"


@dataclass
class Breaker:
    """A listener of a run that breaks something once; `switch_on` starts the PC again."""

    broken: str
    machine: Machine
    switch_on: Callable[[], object]
    done: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Hear what the run says of itself."""
        if self.done or event.get("event") != "action-begin" or event.get("step") != step_of(self.broken):
            return
        if self.broken == "xen" and not str(event.get("title")).startswith("reboot"):
            return  # first the choice for once, then the restart
        self.done.append(self.broken)
        if self.broken == "network":
            switching(self.machine)
            self._cable(is_in=False)
        elif self.broken == "xen":
            self._cut_while_it_starts()
        else:
            time.sleep(2)
            self.machine.kill_power()
            self.switch_on()

    def mend(self) -> None:
        """Put the cable back in."""
        if self.done == ["network"]:
            self._cable(is_in=True)

    def _cable(self, *, is_in: bool) -> None:
        with monitor(self.machine.folder / qemu.Spec(0).monitor_socket) as tell:
            tell.tell("set_link", name=qemu.UPLINK.name, up=is_in)

    def _cut_while_it_starts(self) -> None:
        """Wait until Xen says its first word on the console, and pull the plug then."""
        log, until = self.machine.console_log, time.monotonic() + LEADS_NOWHERE_S
        start = log.stat().st_size if log.exists() else 0
        while time.monotonic() < until:
            text = log.read_bytes()[start:] if log.exists() else b""
            if b"(XEN) " in text:
                break
            time.sleep(0.5)
        self.machine.kill_power()
        self.switch_on()
