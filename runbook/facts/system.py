"""What the host is and what it runs right now: release, kernel, boot, hypervisor."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.facts.shell_words import shell_words
from runbook.model.ask import Ask, Facts

_ID = Ask.run("id", "-u")
_OS = Ask.read("/etc/os-release")
_BOOT = Ask.read("/proc/sys/kernel/random/boot_id")
_KERNEL = Ask.run("uname", "-r")
_NAME = Ask.run("uname", "-n")
_HYPERVISOR = Ask.read("/sys/hypervisor/type")
_CAPABILITIES = Ask.read("/proc/xen/capabilities")

COMMANDS = (_ID, _OS, _BOOT, _KERNEL, _NAME, _HYPERVISOR, _CAPABILITIES)


@dataclass(frozen=True)
class System:
    """One host at one moment."""

    is_root: bool
    codename: str
    """Debian's code name, such as `trixie`; '' when it is not a Debian."""
    pretty_name: str
    boot_id: str
    kernel: str
    hostname: str
    is_dom0: bool
    """True when this is dom0 under a running Xen."""


def parse(facts: Facts) -> System:
    """Return the system of the facts.

    >>> os_release('PRETTY_NAME="Debian GNU/Linux 13 (trixie)"')["PRETTY_NAME"]
    'Debian GNU/Linux 13 (trixie)'
    """
    release = os_release(facts[_OS].out)
    return System(
        is_root=facts[_ID].out.strip() == "0",
        codename=release.get("VERSION_CODENAME", ""),
        pretty_name=release.get("PRETTY_NAME", "an unknown system"),
        boot_id=facts[_BOOT].out.strip(),
        kernel=facts[_KERNEL].out.strip(),
        hostname=facts[_NAME].out.strip(),
        is_dom0=facts[_HYPERVISOR].out.strip() == "xen" and "control_d" in facts[_CAPABILITIES].out,
    )


def os_release(text: str) -> dict[str, str]:
    """Return the assignments of an os-release(5) file."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {
        key.strip(): "".join(shell_words(value)) if "'" in value or '"' in value else value.strip()
        for key, _, value in pairs
        if not key.startswith("#")
    }
