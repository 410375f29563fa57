"""Which packages this chapter needs, each with its reason; and what keeps apt from installing them."""

from __future__ import annotations

from runbook.facts import packages, space
from runbook.facts.packages import DOWNLOADS, Packages
from runbook.facts.services import Unit
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.releases.packages import of_group
from runbook.steps.shared import room
from runbook.steps.shared.apt import before_installing

CPU = Ask.run("grep", "-m2", "-E", "^(vendor_id|flags)", "/proc/cpuinfo")
_MICROCODE = ("intel-microcode", "amd64-microcode")
_OTHERS = ("dpkg",)  # dpkg-query without a name would list all
_PATHS = (DOWNLOADS, "/usr")


def wanted(params: HostParams) -> dict[str, str]:
    """Return each package that the parameters ask for, and for what."""
    asked = params.configuration
    found = {
        name: f"group {group}" for group in asked.package_groups for name in of_group(params.release, group)
    }
    found |= dict.fromkeys(asked.more_packages, "more_packages")
    if asked.gui == "minimal":
        found |= dict.fromkeys(of_group(params.release, "gui"), "gui: minimal")
    services = {
        "systemd-timesyncd": asked.clock.synchronise == "timesyncd",
        "chrony": asked.clock.synchronise == "chrony",
        "locales": bool(asked.locales.generate),
        "unattended-upgrades": asked.updates == "security",
        "nftables": asked.firewall.kind == "ssh-only",
        "sudo": any("sudo" in user.groups for user in asked.users),
    }
    return found | {name: "a step below" for name, is_needed in services.items() if is_needed}


def microcode(facts: Facts) -> str:
    """Return the package of the processor's own updates, '' in a virtual machine, which cannot load any."""
    cpu = facts[CPU].out
    if " hypervisor" in cpu or "vendor_id" not in cpu:
        return ""
    return _MICROCODE[0] if "GenuineIntel" in cpu else _MICROCODE[1]


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about packages, apt and the room it needs."""
    own = packages.commands(tuple(wanted(params)), _OTHERS)
    return (*own, *(_processor() if _wants_firmware(params) else ()), *space.commands(*_PATHS))


def read(params: HostParams, facts: Facts) -> Packages:
    """Return the packages of the facts."""
    return packages.parse(facts, tuple(wanted(params)), _OTHERS)


def missing(params: HostParams, facts: Facts) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Return the packages that are not installed, what apt would bring, and the bytes to download."""
    now = read(params, facts)
    found, delta, size = now.missing(tuple(wanted(params))), now.delta, now.download_bytes
    if _wants_firmware(params) and (name := microcode(facts)):
        extra = packages.parse(facts, (name,))
        found += extra.missing((name,))
        delta, size = (*delta, *extra.delta), size + extra.download_bytes
    return found, tuple(dict.fromkeys(delta)), size


def stops(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what keeps apt from installing what is missing."""
    now, (_, _, size) = read(params, facts), missing(params, facts)
    found = before_installing(now)
    if not now.lists:
        found.append(
            Finding(
                "wait",
                "apt has no package lists yet",
                "so it cannot say what it would install",
                "run the step fetch_package_lists first",
                after="fetch_package_lists",
            )
        )
    elif now.unknown:
        found.append(
            Finding(
                "refuse",
                f"apt finds no package {', '.join(now.unknown)}",
                "one name that does not exist stops the whole installation",
                "correct configuration.more_packages, or look whether /etc/apt/sources.list.d names this release",
                "H303",
            )
        )
    elif now.apt_error:
        found.append(
            Finding(
                "refuse",
                "apt cannot install these packages together",
                now.apt_error.splitlines()[-1],
                "run `apt-get -s install` with the names of the table on the host, and correct what it says",
                "apt-get(8)",
            )
        )
    return [*found, *room.for_packages(facts, size)]


def switched_off(unit: Unit) -> tuple[str, ...]:
    """Return the way back from `systemctl enable --now`: only what was off before goes off again."""
    if unit.starts_at_boot:
        return ("systemctl", "stop", unit.name)
    return ("systemctl", "disable", *(() if unit.active == "active" else ("--now",)), unit.name)


def not_installed(name: str, *, step: str) -> Finding:
    """Return the finding of a step whose package is not there yet."""
    return Finding(
        "wait",
        f"{name} is not installed",
        f"{step} configures what that package brings",
        "run the step install_packages first",
        after="install_packages",
    )


def _wants_firmware(params: HostParams) -> bool:
    return "firmware" in params.configuration.package_groups


def _processor() -> tuple[Ask, ...]:
    return (CPU, *(ask for name in _MICROCODE for ask in packages.commands((name,))))
