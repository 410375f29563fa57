"""The UEFI firmware that knows Xen, built and installed where a guest starts by it."""

from __future__ import annotations

from runbook.actions import Action, Deliver, Run
from runbook.builds import ovmf
from runbook.facts import delivered, packages, space
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import apt, room

TITLE = "Install the guests' UEFI firmware"
GUIDE = "Not in the guide: its guests had a BIOS, and Windows 11 wants UEFI"
RISK: Risk = "safe"
_ROOM, _NEED_MIB = "/var/cache", 64
_STATUS = Ask.run(
    "dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Package}|${Version}\\n", ovmf.PACKAGE, "dpkg"
)


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions whether it is installed, and whether it is brought; none where no guest starts by it."""
    if not _wants(params):
        return ()
    return (_STATUS, packages.AUDIT, *delivered.commands(ovmf.PACKAGE), *space.commands(_ROOM))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Build it, or take the kept one, and install its package, unless exactly this one is installed."""
    if not _wants(params):
        return Plan(unasked=f"no guest has firmware_image: {ovmf.IMAGE}")
    if _is_installed(params, facts):
        return Plan()
    recipe, folder = ovmf.recipe(params), delivered.folder(ovmf.PACKAGE)
    is_there = delivered.parse(facts, ovmf.PACKAGE).recipe == recipe.key
    bring: tuple[Action, ...] = () if is_there else (Deliver(recipe, folder),)
    # It needs no other package, and its name is known when it is built.
    install = Run(
        ("sh", "-euc", f"dpkg --install {folder}/{ovmf.PACKAGE}_*_all.deb"),
        f"{ovmf.IMAGE}, with which the guests start",
        undo=("dpkg", "--purge", ovmf.PACKAGE),
    )
    lacking = room.lacking(facts, _ROOM, _NEED_MIB, "the package of the firmware")
    note = "Some minutes of building on the controller, unless it is kept from before."
    stops = (*apt.unfinished(packages.unfinished(facts[packages.AUDIT].out)), *lacking)
    return Plan((*bring, install), stops, note)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The installed firmware is the one of this recipe."""
    if not _wants(params) or _is_installed(params, facts):
        return []
    what = f"The firmware {ovmf.IMAGE} is not installed, so no guest starts by it"
    return [Finding("fail", what, do="run this step in mode apply", source="guide, Xen DomU Configurations")]


def _wants(params: HostParams) -> bool:
    return any(guest.firmware_image == ovmf.IMAGE for guest in params.guests)


def _is_installed(params: HostParams, facts: Facts) -> bool:
    version = packages.installed(facts[_STATUS].out).get(ovmf.PACKAGE, "")
    return version.endswith(f"+{ovmf.recipe(params).digest()}")
