"""The guide's 81 flags, at the kernel that runs: which it has, which are gone, and what to make of them."""

from __future__ import annotations

from collections import Counter

from runbook.builds import flags
from runbook.facts import kernel_config
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import own_kernel

TITLE = "See what became of the guide's flags"
GUIDE = "“Compiling a Custom Linux Kernel”: 81 flags, added to .config unseen; those that are gone vanish silently"
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return kernel_config.commands(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Nothing is done: the note sums up the table that `book.show("kernel_flags")` shows."""
    now = kernel_config.parse(facts, params)
    if not now.config:
        return Plan(findings=(_unreadable(now.running),))
    rows = flags.table(own_kernel.linux_of(params, now.running), now.config)
    kinds = Counter("same" if r.got == r.wanted else "gone" if r.got == "–" else r.got for r in rows)
    parts = (
        f"{kinds['same']} are as the guide wants them",
        f"{kinds['gone']} are gone or have another name",
        f"{kinds['m']} are modules, loaded when they are needed",
        f"{kinds.total() - kinds['same'] - kinds['gone'] - kinds['m']} are not set",
    )
    return Plan(note=f"Of the guide's {len(rows)} flags in Linux {now.running}: {'; '.join(parts)}.")


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Xen's dom0 needs one flag of them all; without it GRUB writes no Xen entry."""
    now = kernel_config.parse(facts, params)
    if not now.config:
        return [_unreadable(now.running)]
    if now.config.get("CONFIG_XEN_DOM0") == "y":
        return []
    return [
        Finding(
            "fail",
            f"The running kernel {now.running} cannot be dom0",
            "CONFIG_XEN_DOM0 is not set in it, so GRUB writes no Xen entry for it",
            "boot Debian's own kernel (linux-image-amd64)",
        )
    ]


def _unreadable(running: str) -> Finding:
    return Finding(
        "warn",
        f"There is no /boot/config-{running}",
        "so nobody can tell how the running kernel was configured",
        "boot a kernel that came as a Debian package",
        "H403",
    )
