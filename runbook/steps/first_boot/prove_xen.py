"""Proof that Xen runs as asked: version, passthrough ability, dom0's share, its daemons."""

from __future__ import annotations

from runbook import releases
from runbook.actions import Run
from runbook.facts import grub, services, system, xen
from runbook.facts.xen import Xen
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import boot_menu

TITLE = "Prove that Xen runs as asked"
GUIDE = "“Xen Configuration”: “run xl dmesg and get status output”, judged by eye"
RISK = "safe"

_UNITS = ("xen.service", services.XEN_WATCHDOG)
_TOLERANCE_MIB = 16
_WAIT = Run(
    ("sh", "-c", "systemctl is-system-running --wait || true"),
    "the boot is not over: its last services are still being started",
    timeout_s=900,
)


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*system.COMMANDS, *xen.COMMANDS, *services.commands(*_UNITS), *grub.COMMANDS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Change nothing; wait for the end of the boot where it is still going on."""
    return Plan((_WAIT,) if services.is_booting(facts) else ())


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Xen runs, in the release's version, with an IOMMU, and dom0 has exactly what was asked."""
    if not system.parse(facts).is_dom0:
        return [boot_menu.not_under_xen(grub.parse(facts))]
    now = xen.parse(facts)
    return [
        *_version(params, now),
        *_capabilities(now),
        *_words(params, now),
        *_dom0(params, now),
        *_watchdog(params, facts),
    ]


def _version(params: HostParams, now: Xen) -> list[Finding]:
    if not now.version:
        do = "run `xl info` on the host and read its error; `systemctl status xen` shows the daemons"
        return [Finding("fail", "xl cannot talk to Xen", "`xl info` gave no version", do)]
    wanted = releases.get(params.release).xen
    if now.version == wanted:
        return []
    why = f"{params.release} comes with {wanted}; configuration files are checked for that version"
    return [Finding("warn", f"Xen {now.full_version} runs", why, "make sure that this is the Xen you want")]


def _capabilities(now: Xen) -> list[Finding]:
    told = {
        "hvm": (
            "guests like these need hardware virtualisation",
            "switch VT-x or SVM on in the firmware",
        ),
        "hvm_directio": (
            "no device can be passed to a guest without an IOMMU",
            "switch VT-d or AMD-Vi on in the firmware, then look for `I/O virtualisation enabled` in `xl "
            "dmesg`",
        ),
    }
    return [
        Finding("fail", f"Xen does not report {name}", why, do)
        for name, (why, do) in told.items()
        if now.version and name not in now.capabilities
    ]


def _words(params: HostParams, now: Xen) -> list[Finding]:
    wanted = (*boot_menu.xen_always(params), *boot_menu.xen_normal(params))
    lost = [word for word in wanted if word not in now.commandline]
    if not now.version or not lost:
        return []
    return [
        Finding(
            "fail",
            f"Xen was started without {' '.join(lost)}",
            "another entry of the menu was started, or the menu changed afterwards",
            "run 06_xen_configuration again; it starts Xen's own entry once more",
            "H610",
        )
    ]


def _dom0(params: HostParams, now: Xen) -> list[Finding]:
    dom0 = now.dom0
    if dom0 is None:
        why = "`xl list` shows no domain 0"
        return (
            [Finding("fail", "Xen's tools do not see dom0", why, "look at `systemctl status xen`")]
            if now.version
            else []
        )
    found = []
    if dom0.name != "Domain-0":
        found.append(
            Finding(
                "fail",
                "xenstored does not answer",
                f"dom0's name is read from it, and came back as '{dom0.name}'",
                "look at `systemctl status xen` and `journalctl -u xen`; it starts xenstored",
            )
        )
    if abs(dom0.memory_mib - params.dom0.memory_mib) > _TOLERANCE_MIB:
        found.append(
            Finding(
                "fail",
                f"dom0 has {dom0.memory_mib} MiB, not {params.dom0.memory_mib}",
                "dom0_mem was lost, or the machine has less memory than that",
                "compare `xl info` (xen_commandline, total_memory) with dom0.memory_mib",
                "H610, H613",
            )
        )
    vcpus = min(params.dom0.max_vcpus, now.cpus or params.dom0.max_vcpus)
    if dom0.vcpus != vcpus:
        what = f"dom0 has {dom0.vcpus} virtual CPUs, not {vcpus}"
        found.append(
            Finding("fail", what, "dom0_max_vcpus was lost", "compare `xl info` (xen_commandline)", "H610")
        )
    return found


def _watchdog(params: HostParams, facts: Facts) -> list[Finding]:
    units = services.parse(facts, *_UNITS)
    if not params.services.watchdog or units[services.XEN_WATCHDOG].active == "active":
        return []
    return [
        Finding(
            "fail",
            "The watchdog does not run",
            f"systemd says that {services.XEN_WATCHDOG} is {units[services.XEN_WATCHDOG].active}",
            f"look at `systemctl status {services.XEN_WATCHDOG}`, or run the step enable_services again",
        )
    ]
