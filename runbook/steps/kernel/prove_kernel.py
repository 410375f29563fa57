"""The running kernel is the one that was built, and it has what was asked of it."""

from __future__ import annotations

from runbook.builds import kernel
from runbook.facts import kernel_config
from runbook.facts.kernel_config import Kernels, values
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import own_kernel

TITLE = "Prove the running kernel"
GUIDE = "“Compiling a Custom Linux Kernel”: nothing; a flag that is gone was never noticed"
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return kernel_config.commands(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Nothing is done; the check proves."""
    now = kernel_config.parse(facts, params)
    if not params.kernel.build:
        return Plan(note=own_kernel.NOT_BUILT, unasked=own_kernel.UNASKED)
    return Plan(note=f"Linux {now.running} runs.")


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """`uname -r` is the kernel that was built, and its configuration has each line that was asked for."""
    if not params.kernel.build:
        return []
    now = kernel_config.parse(facts, params)
    release = now.own_release(own_kernel.recipe(params, now).digest())
    if not release or now.running != release:
        return [
            Finding(
                "fail",
                f"The host runs {now.running}, not {release or 'the own kernel'}",
                "",
                "run the step boot_kernel_once in mode apply",
            )
        ]
    return [*_lost(params, now), *_pciback(now), *_older(now)]


def _lost(params: HostParams, now: Kernels) -> list[Finding]:
    """The lines that vanished; of the guide's list that is expected, of one's own lines it is a fault."""
    asked = values("\n".join((*kernel.config_lines(params.kernel), *params.kernel.more)))
    lost = {name for name, value in asked.items() if now.own_config.get(name, "n") != value}
    if not lost:
        return []
    mine = sorted(lost & set(values("\n".join(params.kernel.more))))
    found = [
        Finding(
            "warn",
            f"{name} was asked for and is {now.own_config.get(name, 'not known to this kernel')}",
            "something that it needs is not set, or it has another name now",
            "`runbook build kernel PARAMS --flags` says what",
        )
        for name in mine
    ]
    if others := len(lost) - len(mine):
        what = f"{others} of the {len(asked)} flags are not as asked; the table of flags says why"
        found.append(Finding("info", what))
    return found


def _pciback(now: Kernels) -> list[Finding]:
    if now.builtin:
        return []
    return [
        Finding(
            "fail",
            "xen-pciback is not built into the running kernel",
            "it is what the kernel was built for: hiding devices from the first moment (H410)",
            "look for XEN_PCIDEV_BACKEND in /boot/config-" + now.running,
            "H410",
        )
    ]


def _older(now: Kernels) -> list[Finding]:
    """Debian mends its kernel every few weeks; one's own is mended by nobody else."""
    if _number(now.newest) <= _number(now.running):
        return []
    return [
        Finding(
            "warn",
            f"Debian's kernel {now.newest} is newer than {now.running}",
            "it mends faults that the own kernel still has",
            "build it again with another `kernel.suffix`, or go back to Debian's",
        )
    ]


def _number(release: str) -> tuple[int, ...]:
    """Return a kernel's version to compare; Debian 12 names an ABI (6.1.0-44), which says nothing of it.

    >>> _number("6.12.117+deb13-amd64") < _number("6.12.120-xenhost"), _number("6.1.0-44-amd64")
    (True, (0,))
    """
    parts = release.split("+")[0].split("-")[0].split(".")
    numbers = tuple(int(part) for part in parts if part.isdigit())
    return (0,) if numbers[2:] in ((), (0,)) else numbers
