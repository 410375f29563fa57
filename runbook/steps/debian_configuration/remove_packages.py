"""The mail server and os-prober, taken away whole: parts, configuration, and what earlier removals left."""

from __future__ import annotations

from runbook.actions import Run
from runbook.facts import grub, grub_menu, os_prober, removals
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
    other = (Ask.read(grub.CONFIG), *os_prober.COMMANDS) if params.configuration.remove_os_prober else ()
    return (*removals.commands(patterns(params)), *other, *wanted_packages.asks(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Purge every part by its name: the installer marks them as wanted, so nothing goes by itself."""
    if not patterns(params):
        return Plan(unasked="configuration.mail is keep, and remove_os_prober is false")
    now, stays = removals.parse(facts, patterns(params)), _stays(params, facts)
    present = _removable(now, stays)
    kept = stays if _PROBER in now.present else ()
    if not present:
        return Plan(findings=kept)
    findings = [*kept, *obstacles(wanted_packages.read(params, facts)), *_others(now)]
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
        for name in _removable(removals.parse(facts, patterns(params)), _stays(params, facts))
    ]


def _stays(params: HostParams, facts: Facts) -> tuple[Finding, ...]:
    """Return why os-prober stays, () where it may go: systems that it alone put into the menu, or its owner's own word."""
    if not params.configuration.remove_os_prober:
        return ()
    menu = grub_menu.entries(facts.text(grub.CONFIG) or "")
    if others := [e.title for e in menu if e.id.startswith(grub_menu.OTHER_SYSTEM)]:
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
    if path := os_prober.switched_on_by(facts):
        return (
            Finding(
                "warn",
                f"os-prober stays: {path} switches it on",
                "whoever wrote that wants the systems in the boot menu that it finds; it looks into the guests' volumes, too",
                "set configuration.remove_os_prober: false to say so; to be rid of it, take GRUB_DISABLE_OS_PROBER=false out "
                "of that file, run `update-grub`, then run again",
                "H302",
            ),
        )
    return ()


def _removable(now: removals.Removals, stays: tuple[Finding, ...]) -> tuple[str, ...]:
    """Return what goes."""
    return tuple(name for name in now.present if not (stays and name == _PROBER))


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
