"""GRUB on the EFI partition, where the firmware finds it even when it has forgotten its entries."""

from __future__ import annotations

from runbook.actions import Action, Remove, RunIn, WriteFile
from runbook.facts import packages
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.debian_installation import install_base, install_system
from runbook.steps.debian_installation.install_system import APT, POLICY
from runbook.steps.shared import debian_files, target
from runbook.steps.shared.target import ROOT

TITLE = "Install the boot loader"
GUIDE = "“Wheezy Installation”: “the boot loader should install without any additional steps”"
RISK = "disruptive"

_PACKAGES = ("grub-efi-amd64", "efibootmgr")
_WORDS = f"{ROOT}/etc/default/grub.d/installation.cfg"
_CMDLINE = "/proc/cmdline"
_PROGRAMS = ("EFI/debian/grubx64.efi", "EFI/BOOT/BOOTX64.EFI")
_LOADERS = Ask.run("find", *(f"{ROOT}/boot/efi/{p}" for p in _PROGRAMS), "-maxdepth", "0", "-size", "+0")
_MENU = Ask.shell(
    f"cd {ROOT}/boot && grep -qs vmlinuz- grub/grub.cfg && "
    f'[ -z "$(find {_WORDS} vmlinuz-* -newer grub/grub.cfg 2>/dev/null)" ]'
)
# So that every later update of the package writes both places too.
_REMEMBER = "echo 'grub-efi-amd64 grub2/force_efi_extra_removable boolean true' | debconf-set-selections"
# Debian's signed GRUB cannot start Xen (H105).
_INSTALL = (
    "grub-install",
    "--target=x86_64-efi",
    "--efi-directory=/boot/efi",
    "--bootloader-id=debian",
    "--force-extra-removable",
    "--no-uefi-secure-boot",
)


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*install_system.asks(params), Ask.read(_WORDS), Ask.read(_CMDLINE), _LOADERS, _MENU)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Install the package, put GRUB in both places of the EFI partition, and make the menu."""
    here = target.read(params, facts)
    if nothing := target.nothing_to_do(params, here):
        return nothing
    waits = target.waits(install_system, params, facts)
    there = packages.installed(install_base.installed(facts))
    missing = tuple(name for name in _PACKAGES if name not in there)
    actions: list[Action] = []
    if missing:
        actions = [
            RunIn(ROOT, ("sh", "-ec", _REMEMBER), "also for the updates to come"),
            WriteFile(POLICY, debian_files.NO_SERVICES, "0755"),
            RunIn(ROOT, (*APT, "install", "--no-install-recommends", *missing), timeout_s=1800),
            Remove(POLICY),
        ]
    words = _words(params, facts)
    if facts.text(_WORDS) != words:
        actions.append(WriteFile(_WORDS, words) if words else Remove(_WORDS))
    if missing or len(facts[_LOADERS].out.split()) < len(_PROGRAMS):
        actions.append(
            RunIn(ROOT, _INSTALL, "the firmware's list gets an entry `debian`, in first place", 900)
        )
    if actions or not facts[_MENU].ok:
        actions.append(RunIn(ROOT, ("update-grub",), timeout_s=900))
    return Plan(tuple(actions), waits)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """GRUB is in both places, and its menu is newer than what it is made from."""
    here = target.read(params, facts)
    if target.needless(params, here):
        return []
    return target.still("install_boot_loader", plan(params, facts))


def _words(params: HostParams, facts: Facts) -> str | None:
    """Return the file with the kernel's words, None when there are none."""
    words = debian_files.console_words(params.installation.kernel_options, facts.text(_CMDLINE) or "")
    if not words:
        return None
    return f'# From installation.kernel_options, and from the live system.\nGRUB_CMDLINE_LINUX="{" ".join(words)}"\n'
