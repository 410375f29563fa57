"""A kernel of one's own, built on the controller in a clean root of the host's release, and brought to it."""

from __future__ import annotations

from runbook.actions import Deliver
from runbook.facts import delivered, kernel_config, space
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import own_kernel, room

TITLE = "Build the kernel, away from the host"
GUIDE = (
    "“Compiling a Custom Linux Kernel”: an unchecked tarball from kernel.org, make-kpkg, on the host itself "
    "(H401–H409)"
)
RISK: Risk = "safe"

_ROOM = "/var/cache"
_NEED_MIB = 256


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not params.kernel.build:
        return ()
    return (*kernel_config.commands(params), *delivered.commands(own_kernel.BUILD), *space.commands(_ROOM))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Bring the packages, unless they lie there or are installed. What was built before is not built again."""
    if not params.kernel.build:
        return Plan(note=own_kernel.NOT_BUILT, unasked=own_kernel.UNASKED)
    now = kernel_config.parse(facts, params)
    if stops := [
        *own_kernel.no_base(params, now),
        *room.lacking(facts, _ROOM, _NEED_MIB, "the packages of the new kernel"),
    ]:
        return Plan(findings=tuple(stops))
    recipe = own_kernel.recipe(params, now)
    if own_kernel.is_installed(params, now, recipe) or own_kernel.delivery(facts, recipe).packages:
        return Plan(note=f"{recipe.key} is there.")
    wanted = ("linux-image-*.deb", *(("linux-headers-*.deb",) if params.kernel.headers else ()))
    action = Deliver(recipe, delivered.folder(own_kernel.BUILD), wanted, params.kernel.jobs)
    note = "Kept packages are taken; a new kernel takes minutes (small) or hours, and goes on by itself."
    return Plan((action,), note=note)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The packages lie on the host whole, or are installed."""
    if not params.kernel.build:
        return []
    now = kernel_config.parse(facts, params)
    recipe = own_kernel.recipe(params, now)
    if own_kernel.is_installed(params, now, recipe) or own_kernel.delivery(facts, recipe).packages:
        return []
    return [
        Finding(
            "fail",
            f"{recipe.key} is not on the host",
            f"{delivered.folder(own_kernel.BUILD)} does not hold all of its packages",
            "run the step build_kernel in mode apply",
        )
    ]
