"""The things a plan can hold: frozen values that can show, and undo, what they will do.

Each has `title` (one line), `preview(facts)` (what would change, as text) and
`inverse(facts)` (the action that returns to what was there before, None when there is no
way back and the title says so). Carrying out is `runbook.apply`'s work alone.
"""

from runbook.actions.commands import InstallPackages, PurgePackages, Reboot, Run
from runbook.actions.delivery import Deliver
from runbook.actions.disks import RunIn, SetPassword, WritePartitionTable
from runbook.actions.files import Link, Remove, WriteFile
from runbook.actions.foreseen import Foreseen
from runbook.actions.switches import ReplaceNetwork, Switch

__all__ = [
    "Deliver",
    "Foreseen",
    "InstallPackages",
    "Link",
    "PurgePackages",
    "Reboot",
    "Remove",
    "ReplaceNetwork",
    "Run",
    "RunIn",
    "SetPassword",
    "Switch",
    "WriteFile",
    "WritePartitionTable",
]
