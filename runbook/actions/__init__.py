"""The things a plan can hold: frozen values that can show, and undo, what they will do.

Each is an `Action`. Carrying out is `runbook.engine.apply`'s work alone.
"""

from runbook.actions.commands import InstallPackages, PurgePackages, Reboot, Run
from runbook.actions.delivery import Deliver
from runbook.actions.disks import RunIn, SetPassword, WritePartitionTable
from runbook.actions.files import Link, Remove, WriteFile
from runbook.actions.foreseen import Foreseen
from runbook.actions.network import NetworkFile, Renumbered, ReplaceNetwork
from runbook.actions.switches import Switch
from runbook.model.action import Action

__all__ = [
    "Action",
    "Deliver",
    "Foreseen",
    "InstallPackages",
    "Link",
    "NetworkFile",
    "PurgePackages",
    "Reboot",
    "Remove",
    "Renumbered",
    "ReplaceNetwork",
    "Run",
    "RunIn",
    "SetPassword",
    "Switch",
    "WriteFile",
    "WritePartitionTable",
]
