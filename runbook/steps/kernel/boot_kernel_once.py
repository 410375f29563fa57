"""The first start of the new kernel, for once only: the next start is Debian's kernel again."""

from __future__ import annotations

from runbook.actions import Foreseen, Reboot, Run
from runbook.facts import grub, kernel_config, xen
from runbook.guests import ending
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.kernel import install_kernel
from runbook.steps.shared import clean_ends, own_kernel

TITLE = "Start the new kernel once"
GUIDE = (
    "“Compiling a Custom Linux Kernel”: “reboot”, with the new kernel as the default and no way back (H618)"
)
RISK: Risk = "disruptive"

_WAIT = Run(
    ("sh", "-c", "systemctl is-system-running --wait || true"),
    "ssh answers before all services do",
    timeout_s=900,
)


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not params.kernel.build:
        return ()
    return (*install_kernel.asks(params), *xen.COMMANDS, *ending.COMMANDS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Choose the new kernel's entry for the next boot alone, and restart; nothing when it runs, with Xen or without."""
    if not params.kernel.build:
        return Plan(note=own_kernel.NOT_BUILT, unasked=own_kernel.UNASKED)
    now, menu = kernel_config.parse(facts, params), grub.parse(facts)
    release = (
        "" if own_kernel.no_base(params, now) else now.own_release(own_kernel.recipe(params, now).digest())
    )
    entry = own_kernel.plain_entry(menu, release) if release else None
    if entry is None:
        what = f"The kernel {release or 'of the parameters'} is not installed yet"
        why, do = "the menu has no entry for it", "run the step install_kernel first"
        waits = Finding("wait", what, why, do, after="install_kernel")
        choose = Foreseen(
            "run grub-reboot with the new kernel's entry", "$ grub-reboot …", "the menu has it then"
        )
        return Plan((choose, Reboot(into="the new kernel, once"), _WAIT), (waits,))
    if now.running == release:
        return Plan()
    actions = (
        *clean_ends.before_restart(facts),
        Run(
            ("grub-reboot", entry.path),
            "for the next boot only",
            undo=("grub-editenv", "-", "unset", "next_entry"),
        ),
        Reboot(into=f"Linux {release}, once"),
        _WAIT,
    )
    return Plan(actions, clean_ends.told(facts))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The new kernel runs, and the choice was for once."""
    if not params.kernel.build:
        return []
    now, menu = kernel_config.parse(facts, params), grub.parse(facts)
    release = now.own_release(own_kernel.recipe(params, now).digest())
    if now.running != release:
        return [
            Finding(
                "fail",
                f"The host runs {now.running}, not {release or 'the own kernel'}",
                "either it was never started, or it gave up and the safe default brought the old one back",
                "read its last words on the screen or the serial console, then run the step again",
                "H618",
            )
        ]
    if not menu.next_entry:
        return []
    return [
        Finding(
            "fail",
            f"The choice for once is still there: {menu.next_entry}",
            "GRUB could not clear it, so every boot would start it, with no way back",
            "run `grub-editenv - unset next_entry`, and see whether /boot is on a plain partition",
            "H618",
        )
    ]
