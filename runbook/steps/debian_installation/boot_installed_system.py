"""The restart that leaves the live system behind."""

from __future__ import annotations

from runbook.actions import Reboot, Run
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.debian_installation import install_boot_loader
from runbook.steps.shared import target
from runbook.steps.shared.target import ROOT

TITLE = "Start the new system"
GUIDE = "“Wheezy Installation”: the restart at the installer's end"
RISK = "disruptive"

_WAIT = Run(
    ("sh", "-c", "systemctl is-system-running --wait || true"), "ssh answers before all is up", timeout_s=900
)


def asks(params: HostParams) -> tuple[Ask, ...]:
    return install_boot_loader.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Let go of the new file systems and restart; nothing when the host runs from the disk already."""
    here = target.read(params, facts)
    if nothing := target.nothing_to_do(params, here):
        return nothing
    waits = target.waits(install_boot_loader, params, facts)
    leave = Run(("umount", "--recursive", ROOT), "everything is on the disk before it goes down")
    return Plan((leave, Reboot(into=f"the system on {here.path}"), _WAIT), waits)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The host runs from the new root."""
    here = target.read(params, facts)
    if params.installation.method != "live" or here.is_installed:
        return []
    root = here.storage.mount("/")
    return [
        Finding(
            "fail",
            "The live system came up again, not the new one",
            f"the root is {root.source if root else 'unknown'}; the firmware chose the live medium",
            "take the medium out, or put `debian` first in the firmware's boot order, restart, and run again",
            "01_uefi, efibootmgr(8)",
        )
    ]
