"""Security updates every day, but never of what the guests and the next boot stand on."""

from __future__ import annotations

from runbook.actions import Action, WriteFile
from runbook.facts import apt_settings, files
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import wanted_packages

TITLE = "Install security updates by night, except Xen, kernels and GRUB"
GUIDE = "The template: an unattended `aptitude upgrade` of everything (H304, H308)"
RISK = "safe"

FILE = "/etc/apt/apt.conf.d/52xen-runbook"
PROGRAM = "/usr/bin/unattended-upgrade"
HELD = ("xen-", "xenstore-", "libxen", "qemu-system-", "seabios", "linux-", "grub", "shim-")
"""Beginnings of package names, as Python's `re.match` reads them (unattended-upgrade's own README)."""
ORIGIN = "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"
_LISTS = {
    "Unattended-Upgrade::Origins-Pattern::": (ORIGIN,),
    "Unattended-Upgrade::Package-Blacklist::": HELD,
}
_VALUES = {
    "APT::Periodic::Update-Package-Lists": "1",
    "APT::Periodic::Unattended-Upgrade": "1",
    "Unattended-Upgrade::Automatic-Reboot": "false",
}


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (Ask.read(FILE), *apt_settings.UNATTENDED, *files.commands(PROGRAM)) if _is_asked(params) else ()


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write one file that is read after the package's own, and empties its lists first."""
    if not _is_asked(params):
        return Plan(unasked="configuration.updates is keep")
    is_there = PROGRAM in files.parse(facts, PROGRAM)
    waits = () if is_there else (wanted_packages.not_installed("unattended-upgrades", step="this step"),)
    actions: list[Action] = [WriteFile(FILE, content())] if facts.text(FILE) != content() else []
    return Plan(tuple(actions), waits)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """apt itself reports these settings, whatever other files say."""
    if not _is_asked(params):
        return []
    now = apt_settings.unattended(facts)
    wrong = [key for key, value in _VALUES.items() if now.first(key) != value]
    wrong += [key for key, values in _LISTS.items() if now.values.get(key) != values]
    return [
        Finding(
            "fail",
            f"apt's setting {key.removesuffix('::')} is not as asked",
            f"it is {' '.join(now.values.get(key, ())) or 'not set'}; a file after {FILE} may change it",
            "look at `apt-config dump` and /etc/apt/apt.conf.d on the host",
            "H308",
        )
        for key in wrong
    ]


def content() -> str:
    """Return the file, as apt.conf(5) has it. `#clear` is no comment: it empties a list."""
    lines = ["// Security updates only, and none of what guests and the next boot stand on.", ""]
    for key, values in _LISTS.items():
        name = key.removesuffix("::")
        lines += [f"#clear {name};", f"{name} {{", *(f'  "{value}";' for value in values), "};"]
    return "\n".join([*lines, *(f'{key} "{value}";' for key, value in _VALUES.items())]) + "\n"


def _is_asked(params: HostParams) -> bool:
    return params.configuration.updates == "security"
