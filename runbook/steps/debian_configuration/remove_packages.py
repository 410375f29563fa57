"""The mail server and os-prober, taken away whole: parts, configuration, and what earlier removals left."""

from __future__ import annotations

from runbook.actions import Run
from runbook.facts import removals
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
_PURGE = ("apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", "purge")
_INSTALL = ("apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0", "install", "--no-install-recommends")


def patterns(params: HostParams) -> tuple[str, ...]:
    """Return what shall not be there: names, or dpkg-query's patterns for all the parts of one."""
    asked = params.configuration
    mail = ("exim4*",) if asked.mail == "remove" else ()
    return (*mail, *(("os-prober",) if asked.remove_os_prober else ()))


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*removals.commands(patterns(params)), *wanted_packages.asks(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Purge every part by its name: the installer marks them as wanted, so nothing goes by itself."""
    if not patterns(params):
        return Plan(unasked="configuration.mail is keep, and remove_os_prober is false")
    now = removals.parse(facts, patterns(params))
    if not now.present:
        return Plan()
    findings = [*obstacles(wanted_packages.read(params, facts)), *_others(now)]
    why = f"also goes: {', '.join(now.others)}" if now.others else ""
    # With its own defaults: configuration that was purged is in no package.
    back = (*now.installed, *now.others)
    undo = (*_INSTALL, *back) if back else ()
    return Plan((Run((*_PURGE, *now.present), why, undo=undo),), tuple(findings))


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
        for name in removals.parse(facts, patterns(params)).present
    ]


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
