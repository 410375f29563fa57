"""The mail server and os-prober, taken away whole: parts, configuration, and what earlier removals left."""

from __future__ import annotations

from runbook.actions import Run
from runbook.facts import grub, grub_menu, removals
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import wanted_packages
from runbook.steps.shared.apt import obstacles

TITLE = "Remove the mail server and os-prober"
GUIDE = (
    "“Wheezy Configuration”: purged the empty package exim4, which leaves its parts, and unregistered a "
    "service that was gone (H301, H302)"
)
RISK = "safe"
_PROBER = "os-prober"
_PURGE = ("apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", "purge")
_INSTALL = ("apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends")


def patterns(params: HostParams) -> tuple[str, ...]:
    """Return what shall not be there: names, or dpkg-query's patterns for all the parts of one."""
    asked = params.configuration
    mail = ("exim4*",) if asked.mail == "remove" else ()
    return (*mail, *((_PROBER,) if asked.remove_os_prober else ()))


def asks(params: HostParams) -> tuple[Ask, ...]:
    menu = (Ask.read(grub.CONFIG),) if params.configuration.remove_os_prober else ()
    return (*removals.commands(patterns(params)), *menu, *wanted_packages.asks(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Purge every part by its name: the installer marks them as wanted, so nothing goes by itself."""
    if not patterns(params):
        return Plan(unasked="configuration.mail is keep, and remove_os_prober is false")
    now, others = removals.parse(facts, patterns(params)), _other_systems(params, facts)
    present = _removable(now, others)
    if not present:
        return Plan(findings=_kept(now, others))
    findings = [*_kept(now, others), *obstacles(wanted_packages.read(params, facts)), *_others(now)]
    why = f"also goes: {', '.join(now.others)}" if now.others else ""
    # With its own defaults: configuration that was purged is in no package.
    back = (*(name for name in now.installed if name in present), *now.others)
    undo = (*_INSTALL, *back) if back else ()
    return Plan((Run((*_PURGE, *present), why, undo=undo),), tuple(findings))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Nothing is left, not even configuration."""
    return [
        Finding(
            "fail",
            f"{name} is still there",
            "removed or not, dpkg still knows files of it",
            f"run `apt-get purge {name}` on the host and read what it says",
            "H301",
        )
        for name in _removable(removals.parse(facts, patterns(params)), _other_systems(params, facts))
    ]


def _other_systems(params: HostParams, facts: Facts) -> tuple[str, ...]:
    """Return the systems that only os-prober puts into the boot menu."""
    if not params.configuration.remove_os_prober:
        return ()
    menu = grub_menu.entries(facts.text(grub.CONFIG) or "")
    return tuple(e.title for e in menu if e.id.startswith(grub_menu.OTHER_SYSTEM))


def _removable(now: removals.Removals, others: tuple[str, ...]) -> tuple[str, ...]:
    """Return what goes: os-prober stays where other systems are started by what it found."""
    return tuple(name for name in now.present if not (others and name == _PROBER))


def _kept(now: removals.Removals, others: tuple[str, ...]) -> tuple[Finding, ...]:
    if not others or _PROBER not in now.present:
        return ()
    return (
        Finding(
            "warn",
            f"os-prober stays: it put {others[0]} into the boot menu",
            f"without it the next `update-grub` drops {', '.join(others)}",
            "set configuration.remove_os_prober: false to say so; to be rid of it, write an entry of your own "
            "for that system into /etc/grub.d/40_custom, set GRUB_DISABLE_OS_PROBER=true in /etc/default/grub, "
            "run `update-grub`, then run again",
            "H302",
        ),
    )


def _others(now: removals.Removals) -> list[Finding]:
    if now.error:
        return [
            Finding(
                "refuse",
                "apt cannot remove these packages",
                now.error.splitlines()[-1],
                f"run `apt-get -s purge {' '.join(now.present)}` on the host and correct what it names",
                "apt-get(8)",
            )
        ]
    if now.new:
        return [
            Finding(
                "refuse",
                f"apt would install {', '.join(now.new)} instead",
                "another package needs a mail server, and apt finds it a different one",
                "set `mail: keep`, or remove by hand what needs mail (`apt-get -s purge` shows it)",
                "apt-get(8)",
            )
        ]
    if now.others:
        return [
            Finding(
                "warn",
                f"With it goes {', '.join(now.others)}",
                "it needs what is removed here",
                "set `mail: keep` or `remove_os_prober: false` if you want to keep it",
                "apt-get(8)",
            )
        ]
    return []
