"""Security updates every day, but never of what the guests and the next boot stand on."""

from __future__ import annotations

from runbook.actions import Action, WriteFile
from runbook.facts import apt_settings, files
from runbook.facts.apt_settings import Unattended
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import wanted_packages

TITLE = "Install security updates by night, except Xen, kernels and GRUB"
GUIDE = "The template: an unattended `aptitude upgrade` of everything (H304, H308)"
RISK = "safe"

FILE = "/etc/apt/apt.conf.d/52xen-runbook"
PROGRAM = "/usr/bin/unattended-upgrade"
HELD = (
    "xen-", "xenstore-", "libxen", "qemu-system-", "seabios", "ipxe-qemu", "ovmf", "linux-", "grub", "shim-",
    "intel-microcode", "amd64-microcode", "firmware-", "initramfs-tools",
)  # fmt: skip
"""Beginnings of package names, as Python's `re.match` reads them (unattended-upgrade's own README)."""
ORIGIN = "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"
_ORIGINS = "Unattended-Upgrade::Origins-Pattern::"
_HELD_BACK = "Unattended-Upgrade::Package-Blacklist::"
_LISTS = {_ORIGINS: (ORIGIN,), _HELD_BACK: HELD}
_REBOOT = "Unattended-Upgrade::Automatic-Reboot"
_YES = ("true", "yes", "with", "on", "enable", "1")
"""What apt takes for yes (apt.conf(5))."""
_VALUES = {
    "APT::Periodic::Update-Package-Lists": "1",
    "APT::Periodic::Unattended-Upgrade": "1",
    _REBOOT: "false",
}


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (Ask.read(FILE), *apt_settings.UNATTENDED, *files.commands(PROGRAM)) if _is_asked(params) else ()


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write one file that is read after the package's own, and empties its lists first."""
    if not _is_asked(params):
        return Plan(unasked="configuration.updates is keep")
    is_there = PROGRAM in files.parse(facts, PROGRAM)
    waits = () if is_there else (wanted_packages.not_installed("unattended-upgrades", step="this step"),)
    text = content(apt_settings.unattended(facts))
    actions: list[Action] = [WriteFile(FILE, text)] if facts.text(FILE) != text else []
    return Plan(tuple(actions), (*waits, *(_taken_off(facts) if actions else ())))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """apt itself reports these settings, whatever other files say."""
    if not _is_asked(params):
        return []
    now = apt_settings.unattended(facts)
    wrong = [key for key, value in _VALUES.items() if now.first(key) != value]
    wrong += [key for key in _LISTS if _asked(now, key) != _LISTS[key]]
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


def content(now: Unattended) -> str:
    """Return the file, as apt.conf(5) has it. `#clear` is no comment: it empties a list.

    A package that a person holds back has its reason, and stays held back.
    """
    lines = ["// Security updates only, and none of what guests and the next boot stand on.", ""]
    for key, values in _LISTS.items():
        name = key.removesuffix("::")
        kept = _others(now, key)
        told = ["  // Found on this list before, and kept."] if kept else []
        items = [*(f'  "{value}";' for value in values), *told, *(f'  "{value}";' for value in kept)]
        lines += [f"#clear {name};", f"{name} {{", *items, "};"]
    return "\n".join([*lines, *(f'{key} "{value}";' for key, value in _VALUES.items())]) + "\n"


def _asked(now: Unattended, key: str) -> tuple[str, ...]:
    """Return a list without a person's entries."""
    others = _others(now, key)
    return tuple(v for v in now.values.get(key, ()) if v not in others)


def _others(now: Unattended, key: str) -> tuple[str, ...]:
    """Return what a person put on the list of packages that are held back."""
    if key != _HELD_BACK:
        return ()
    return tuple(dict.fromkeys(v for v in now.values.get(key, ()) if v not in _LISTS[key]))


def _taken_off(facts: Facts) -> list[Finding]:
    """Say which archives of others were upgraded by night until now, and that the host restarted for it."""
    origins = apt_settings.unattended(facts).values.get(_ORIGINS, ())
    others = [o for o in dict.fromkeys(origins) if o not in _LISTS[_ORIGINS] and "origin=Debian," not in o]
    found = []
    if others:
        what = f"{', '.join(others)} will not be upgraded by night any more"
        found.append(_not_any_more(what, "`updates: security` means Debian's security updates alone"))
    if apt_settings.unattended(facts).first(_REBOOT).lower() in _YES:
        why = "a restart takes every guest along, and an update of what the next boot stands on waits for a person"
        found.append(_not_any_more("This host will not restart by itself after an update any more", why))
    return found


def _not_any_more(what: str, why: str) -> Finding:
    return Finding(
        "warn", what, why, "set configuration.updates: keep to leave apt's settings as they are", "H308"
    )


def _is_asked(params: HostParams) -> bool:
    return params.configuration.updates == "security"
