"""The graphical desktop, started by hand only: a host has better things to do with its memory."""

from __future__ import annotations

from runbook.actions import Run
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams

TITLE = "Start without the graphical desktop"
GUIDE = "The template's page on the GUI: moved its services off the default run level"
RISK = "safe"

_DEFAULT = Ask.run("systemctl", "get-default")
_TEXT, _GRAPHICAL = "multi-user.target", "graphical.target"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (_DEFAULT,) if _is_asked(params) else ()


def plan(params: HostParams, facts: Facts) -> Plan:
    """Let the boot end at the text login when it goes on to the desktop."""
    if not _is_asked(params):
        return Plan(unasked="configuration.gui is none")
    if facts[_DEFAULT].out.strip() != _GRAPHICAL:
        return Plan()
    undo = ("systemctl", "set-default", _GRAPHICAL)
    return Plan(
        (Run(("systemctl", "set-default", _TEXT), "`systemctl isolate graphical` starts it", undo=undo),)
    )


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The boot does not start the desktop."""
    if not _is_asked(params) or facts[_DEFAULT].out.strip() != _GRAPHICAL:
        return []
    return [
        Finding(
            "fail",
            "The host starts with the graphical desktop",
            "it takes memory that dom0 has only so much of",
            "run `systemctl set-default multi-user.target` on the host",
            "systemctl(1)",
        )
    ]


def _is_asked(params: HostParams) -> bool:
    return params.configuration.gui == "minimal"
