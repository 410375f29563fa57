"""Whether the controller, the machine that the runbook runs on, has all that the runbook needs.

Each check is a function without arguments that returns a `Check`; it looks and changes nothing.
"""

from __future__ import annotations

from runbook.doctor import environment, machine, ssh
from runbook.doctor.check import LACKS, OK, WRONG, Check

__all__ = ["CHECKS", "LACKS", "OK", "WRONG", "Check", "examine"]

CHECKS = (
    environment.python,
    environment.packages,
    environment.kernel,
    environment.engine,
    machine.project_folder,
    machine.disk,
    machine.locale,
    ssh.client,
    ssh.keys,
    machine.signing_key,
    machine.builds,
    machine.testbed_tools,
)


def examine() -> tuple[Check, ...]:
    """Return what every check found, in their order."""
    return tuple(check() for check in CHECKS)
