"""Prove that this machine can run Xen and pass devices, before hours go into it."""

from __future__ import annotations

from collections.abc import Iterator

from runbook import survey
from runbook.facts import sudo_rules
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import xen_dangers
from runbook.survey import Machine

TITLE = "Survey the machine: processor, firmware, IOMMU, memory"
GUIDE = "Introduction and UEFI Configuration: a list of settings to make, none of which was checked (H103)"
RISK: Risk = "safe"

BOOT_FREE_MIB = 300
"""What a kernel, its initramfs and the hypervisor need on /boot, once more than now (H206)."""


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions of the survey, and of sudo where the runbook is root by it."""
    return (*survey.asks(), *(sudo_rules.COMMANDS if params.is_by_sudo else ()))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return no action: what is wrong here is changed in the firmware, by hand."""
    by_sudo = _sudo(sudo_rules.parse(facts)) if params.is_by_sudo else ()
    return Plan(findings=(*_findings(params, survey.read(facts, params.xen.options)), *by_sudo))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what stops this machine from becoming a host."""
    return [f for f in _findings(params, survey.read(facts, params.xen.options)) if f.stops]


def _findings(params: HostParams, machine: Machine) -> Iterator[Finding]:
    if machine.system.is_dom0 and not machine.cpu.xen_caps:
        yield Finding(
            "warn",
            "Xen is running, but `xl info` does not say what it can do",
            "the tools of Xen do not answer; what plain Debian showed is used instead",
            "see that the notebook 05_xen_installation has run",
            "xl(1), info",
        )
    yield from _processor(machine)
    yield from _iommu(machine)
    yield from xen_dangers.iommu(params, machine)
    yield from _firmware(machine)
    yield from _memory(params, machine)
    if not machine.system.is_dom0:
        yield from _boot(machine)


def _sudo(rules: sudo_rules.Rules) -> Iterator[Finding]:
    """What is sent to the host goes through sudo."""
    if rules.logs_input:
        yield Finding(
            "warn",
            f"sudo keeps on the host's disk what is sent for {rules.user}",
            "by log_input; files that the runbook writes and hashes of passwords are in it, and each copied build whole",
            f"add `Defaults:{rules.user} !log_input` with `visudo -f /etc/sudoers.d/{rules.user}`, or mean it",
            "sudoers(5)",
        )


def _processor(machine: Machine) -> Iterator[Finding]:
    caps = machine.cpu.xen_caps
    if machine.system.is_dom0 and not caps and machine.kept is None:
        return
    virtual, nested = machine.virtualisation
    if not virtual:
        yield Finding(
            "refuse",
            "The processor shows no hardware virtualisation (VT-x or AMD-V)",
            "virt_caps of `xl info` has no hvm" if caps else f"{machine.cpu.model}: no flag vmx or svm",
            "switch it on in the firmware: Intel Virtualization Technology, VT-x, or SVM Mode",
        )
    elif not nested:
        yield Finding(
            "refuse",
            "The processor has no nested paging (EPT or NPT)",
            "Debian's Xen is built without the older way, shadow paging: no guest would start",
            "use another machine; nearly every processor since 2010 has it",
        )


def _iommu(machine: Machine) -> Iterator[Finding]:
    caps = machine.cpu.xen_caps
    tables = machine.firmware.tables or (machine.kept.tables if machine.kept else ())
    setting = "switch it on in the firmware: VT-d, or AMD-Vi, or IOMMU; VT-x alone is not it"
    if machine.system.is_dom0 and caps:
        if "hvm_directio" not in caps:
            yield Finding(
                "refuse",
                "Xen runs without an IOMMU, so it can pass no device",
                f"virt_caps of `xl info` has no hvm_directio: {' '.join(caps)}",
                f"{setting}; `xl dmesg` tells what Xen found",
            )
    elif not tables and not (machine.system.is_dom0 and machine.kept is None):
        yield Finding(
            "refuse",
            "The firmware announces no IOMMU, so no device can be passed",
            "there is neither the ACPI table DMAR (Intel) nor IVRS (AMD)",
            setting,
        )
    else:
        yield from _groups(machine)
    if machine.firmware.interrupt_remapping is False:
        yield Finding(
            "warn",
            "The IOMMU does not remap interrupts",
            "a guest with a device could then send false interrupts to the host",
            "look for Interrupt Remapping in the firmware; pass devices only to guests you trust",
        )


def _groups(machine: Machine) -> Iterator[Finding]:
    if machine.isolation.is_forced:
        yield Finding(
            "warn",
            "The kernel was told to split IOMMU groups by force (pcie_acs_override)",
            "a kernel that knows the word shows groups that the hardware does not keep apart, so they are not believed",
            "take it off the kernel's command line, start once without it, and survey again",
        )
    elif not any(d.group is not None for d in machine.devices) and not machine.system.is_dom0:
        yield Finding(
            "warn",
            "Linux shows no IOMMU groups",
            "this kernel does not use the IOMMU, so what goes together is judged by the buses and ACS, or not known",
            "start once with intel_iommu=on on the kernel's command line, and survey again",
        )


def _firmware(machine: Machine) -> Iterator[Finding]:
    if machine.firmware.secure_boot:
        yield Finding(
            "refuse",
            "Secure Boot is on",
            "Debian's signed GRUB cannot start Xen at all: it lacks the command multiboot2",
            "switch Secure Boot off in the firmware",
            "H105",
        )
    is_uefi = machine.firmware.is_uefi or (machine.kept is not None and machine.kept.is_uefi)
    if not is_uefi:
        yield Finding(
            "warn",
            "The machine was started the BIOS way, not by UEFI",
            "Xen runs so too, but this runbook was proven on UEFI machines only",
            "go on, or switch CSM (legacy boot) off in the firmware and install Debian again",
            "H209",
        )


def _memory(params: HostParams, machine: Machine) -> Iterator[Finding]:
    needed, there = params.memory_needed_mib, machine.memory.machine_mib
    if there < needed:
        yield Finding(
            "refuse",
            f"The machine has {there} MiB of memory, the parameters need {needed} MiB",
            "dom0, every guest with its overhead, and 256 MiB for Xen have to fit at the same time",
            "give dom0 (dom0.memory_mib) or a guest (memory_mib) less, or build memory in",
        )


def _boot(machine: Machine) -> Iterator[Finding]:
    mount = machine.storage.mount_of("/boot")
    free = machine.boot_free_mib
    if free is not None and free < BOOT_FREE_MIB:
        yield Finding(
            "warn",
            f"/boot has only {free} MiB free" + (f" (on {mount.source})" if mount else ""),
            f"a kernel, its initramfs and Xen need about {BOOT_FREE_MIB} MiB more",
            "remove old kernels (`apt-get autoremove`), or make /boot larger",
            "H206",
        )
