"""The Xen that was built from source, with Debian's device model beside it."""

from __future__ import annotations

from runbook.actions import Action, Foreseen, InstallPackages, Run
from runbook.builds import xen as build
from runbook.facts import delivered
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import apt, xen_present
from runbook.steps.xen_installation import build_xen

TITLE = "Install the Xen that was built"
GUIDE = (
    "“Compiling and Installing Xen”: `dpkg -i` of a package without dependencies; then, in “Xen "
    "Configuration”, links and symbols deleted from /boot (H505, H601)"
)
RISK = "safe"

_MENU = Run(("update-grub",), "no package of Debian's does it for this one", timeout_s=900, again=True)
_RELOAD = Run(("systemctl", "daemon-reload"), "systemd reads the package's units", again=True)


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not apt.supply(params).is_built:
        return ()
    return (*apt.asks(params), *delivered.commands(build_xen.NAME), *xen_present.asks(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Keep plain Debian the default, install the package with what it needs, and renew the menu."""
    if not apt.supply(params).is_built:
        return Plan(note="There is no built Xen to install.", unasked="xen.source is packages")
    now = apt.read(params, facts)
    missing = now.missing(apt.wanted(params))
    package = delivered.parse(facts, build_xen.NAME).named(build.PACKAGE)
    findings = xen_present.beside(params, facts, now)
    actions: list[Action] = [*xen_present.keep_default(facts)]
    if build_xen.is_installed(params, facts):
        if missing:
            actions.append(InstallPackages(missing, now.delta))
    elif package is None or not package.version.endswith(f"+{build.recipe(params).digest()}"):
        actions += _foreseen(missing)
        findings.append(_not_built())
    else:
        actions += _installation(now.installed.get(build.PACKAGE), missing, now.delta, package)
    if not actions:
        return Plan(findings=tuple(findings))
    stops = (*apt.before_installing(now), *xen_present.boot_loader(facts), *apt.archive(now))
    return Plan(tuple(actions), (*stops, *apt.lacking_room(facts, now.download_bytes), *findings))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The package is the one that was asked for, and one hypervisor and the device model are there."""
    if not apt.supply(params).is_built:
        return []
    now = apt.read(params, facts)
    found = [*xen_present.missing(params, now), *xen_present.boot_files(params, facts)]
    if not build_xen.is_installed(params, facts):
        found.append(
            Finding(
                "fail",
                "The installed Xen is not the one that the parameters ask for",
                f"{build.PACKAGE} is {now.installed.get(build.PACKAGE, 'not installed')}",
                "run the steps build_xen and install_built_xen in mode apply",
                "H505",
            )
        )
    if len(images := xen_present.hypervisors(params, facts)) > 1:
        found.append(
            Finding(
                "warn",
                f"/boot has {len(images)} hypervisors: {', '.join(images)}",
                "the boot menu shows an entry for each, the newest first",
                "remove those that no package brings (`dpkg -S /boot/xen-*.gz` tells), then run `update-grub`",
                "H601",
            )
        )
    return [*found, *xen_present.microcode(now, facts)]


def _installation(
    old: str | None, missing: tuple[str, ...], delta: tuple[str, ...], package: delivered.Package
) -> list[Action]:
    """An older build goes first: apt compares versions, and these are as high as their recipes fall."""
    said = (*delta, f"{package.name} {package.version}")
    put_in = InstallPackages((*missing, package.file), said)
    take_out = Run(
        ("apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", "remove", build.PACKAGE), f"{old} makes way"
    )
    return [*([take_out] if old else []), put_in, _RELOAD, _MENU]


def _foreseen(missing: tuple[str, ...]) -> list[Action]:
    names = " ".join((*missing, f"{delivered.folder(build_xen.NAME)}/{build.PACKAGE}_…"))
    command = f"$ apt-get install --no-install-recommends {names}"
    return [Foreseen(f"install {build.PACKAGE}", command, "its package lies there"), _RELOAD, _MENU]


def _not_built() -> Finding:
    return Finding(
        "wait",
        "The package of Xen is not on the host yet",
        "it is built on the controller and copied here",
        "run the step build_xen first",
        after="build_xen",
    )
