"""Xen from source, when the parameters ask for it: one package, built in a clean root and kept."""

from __future__ import annotations

import re

from runbook import releases
from runbook.actions import Deliver
from runbook.builds import xen as build
from runbook.facts import delivered, space
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import apt, room

TITLE = "Build Xen from source, when the parameters ask for it"
GUIDE = (
    "“Compiling and Installing Xen”: `git clone`, `./configure`, `make` and `make debball` on the host "
    "itself (H501–H512)"
)
RISK = "safe"

NAME = "xen"
"""The folder of the built package on the host, and the beginning of its recipe's key."""
NEED_MIB = 64


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not apt.supply(params).is_built:
        return ()
    return (*apt.asks(params), *delivered.commands(NAME), *space.commands("/var"))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Build and copy the package, unless exactly this one is on the host or is installed already."""
    if not apt.supply(params).is_built:
        note = "Debian's packages bring Xen, and nothing is built."
        return Plan(note=note, unasked="xen.source is packages")
    findings = (*apt.clashes(params, apt.read(params, facts)), *_branch(params))
    recipe = build.recipe(params)
    if is_installed(params, facts):
        return Plan(findings=findings, note="What would be built is installed.")
    if delivered.parse(facts, NAME).recipe == recipe.key:
        return Plan(findings=findings)
    note = "A few minutes of building on the controller, unless it is kept from before."
    return Plan(
        (Deliver(recipe, delivered.folder(NAME)),),
        (*findings, *room.lacking(facts, "/var", NEED_MIB, "the package, which is kept there")),
        note,
    )


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The package is on the host, or is installed."""
    if not apt.supply(params).is_built or is_installed(params, facts):
        return []
    there = delivered.parse(facts, NAME)
    if there.recipe == build.recipe(params).key and there.named(build.PACKAGE):
        return []
    return [
        Finding(
            "fail",
            "The built package of Xen is not on the host",
            f"{delivered.folder(NAME)} holds {there.recipe or 'nothing whole'}",
            "run the step build_xen in mode apply",
            "H505",
        )
    ]


def is_installed(params: HostParams, facts: Facts) -> bool:
    """Return True when the installed package is the one that these parameters make."""
    version = apt.read(params, facts).installed.get(build.PACKAGE, "")
    return version.endswith(f"+{build.recipe(params).digest()}")


def _branch(params: HostParams) -> list[Finding]:
    """Debian's device model brings libraries that talk to one version of the hypervisor only."""
    wanted, named = releases.get(params.release).xen, build.branch(params)
    if params.xen.source != "git" or re.search(rf"(?<![0-9.]){re.escape(wanted)}(?![0-9])", named):
        return []
    return [
        Finding(
            "refuse",
            f"The branch {named} is not Xen {wanted}",
            f"Debian's device model, qemu-system-xen, is made for Xen {wanted} and cannot talk to another",
            f"set `xen.branch: stable-{wanted}`, or leave it empty",
            "xenctrl.h: its interface changes with every version",
        )
    ]
