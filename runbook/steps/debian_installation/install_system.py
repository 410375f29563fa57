"""Kernel, LVM, ssh and the network's tools in the new system, and the language they speak."""

from __future__ import annotations

from runbook import releases
from runbook.actions import Action, Remove, RunIn, WriteFile
from runbook.facts import packages
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.debian_installation import configure_base, install_base
from runbook.steps.shared import debian_files, target
from runbook.steps.shared.target import ROOT

TITLE = "Install kernel, LVM, ssh and language"
GUIDE = "“Wheezy Installation”: “De-select ‘Debian Desktop Environment’”"
RISK = "safe"

POLICY = f"{ROOT}/usr/sbin/policy-rc.d"
APT = ("apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0")
_LOCALE = f"{ROOT}/etc/default/locale"
_KEYBOARD = f"{ROOT}/etc/default/keyboard"
_LISTED = f"{ROOT}/etc/locale.gen"
_KERNELS = Ask.shell(f"ls {ROOT}/boot | grep -E '^(vmlinuz|initrd.img)-'; true")


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*configure_base.asks(params), *map(Ask.read, (POLICY, _LOCALE, _KEYBOARD, _LISTED)), _KERNELS)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Install what is missing, with every service kept from starting, and set locale and keyboard."""
    here = target.read(params, facts)
    if nothing := target.nothing_to_do(params, here):
        return nothing
    waits = target.waits(configure_base, params, facts)
    there = packages.installed(install_base.installed(facts))
    missing = tuple(name for name in releases.get(params.release).base_packages if name not in there)
    actions: list[Action] = []
    if missing:
        actions = [
            WriteFile(POLICY, debian_files.NO_SERVICES, "0755"),
            *_mend(facts),
            RunIn(ROOT, (*APT, "-o", "APT::Update::Error-Mode=any", "update"), timeout_s=900),
            RunIn(ROOT, (*APT, "full-upgrade"), "security updates since the release", 3600),
            RunIn(ROOT, (*APT, "install", "--no-install-recommends", *missing), "services stay off", 7200),
        ]
    elif _without_image(facts):
        actions = [
            RunIn(ROOT, ("update-initramfs", "-c", "-k", "all"), "the RAM disk was not finished", 1800)
        ]
    if missing or facts.text(POLICY) is not None:
        actions.append(Remove(POLICY))
    return Plan((*actions, *_language(params, facts)), waits)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The packages are whole, a kernel and its RAM disk are there, and services may start at the next boot."""
    here = target.read(params, facts)
    if target.needless(params, here):
        return []
    found = target.still("install_system", plan(params, facts))
    if not found and "vmlinuz-" not in facts[_KERNELS].out:
        found.append(
            Finding(
                "fail",
                "There is no kernel in the new /boot",
                "the package linux-image-amd64 is there and its kernel is not",
                f"run `chroot {ROOT} apt-get install --reinstall linux-image-amd64` on the host",
            )
        )
    return found


def _language(params: HostParams, facts: Facts) -> list[Action]:
    """Return what sets locale and keyboard; the packages write these files too, so it comes after them."""
    locale, actions = params.installation.locale, list[Action]()
    line = debian_files.locale_line(locale)
    if line and line not in (facts.text(_LISTED) or "").splitlines():
        script = f"echo '{line}' >>/etc/locale.gen; locale-gen"
        actions.append(RunIn(ROOT, ("sh", "-ec", script), timeout_s=1800))
    if facts.text(_LOCALE) != f"LANG={locale}\n":
        actions.append(WriteFile(_LOCALE, f"LANG={locale}\n"))
    if facts.text(_KEYBOARD) != debian_files.keyboard(params):
        actions.append(WriteFile(_KEYBOARD, debian_files.keyboard(params)))
    return actions


def _mend(facts: Facts) -> list[Action]:
    """Return what finishes the packages that an interrupted run left half installed."""
    states = {line[:2] for line in install_base.installed(facts).splitlines()}
    return (
        [RunIn(ROOT, ("dpkg", "--configure", "-a"), "an earlier run was cut off", 3600)]
        if states - {"ii", "rc"}
        else []
    )


def _without_image(facts: Facts) -> bool:
    names = facts[_KERNELS].out.split()
    kernels = {name.removeprefix("vmlinuz-") for name in names if name.startswith("vmlinuz-")}
    return not kernels <= {name.removeprefix("initrd.img-") for name in names}
