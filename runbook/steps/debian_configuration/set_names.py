"""The host's name and its full name, without asking a name server."""

from __future__ import annotations

from runbook.actions import Action, Run, WriteFile
from runbook.facts import names
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared.edits import with_line

TITLE = "Give the host its name"
GUIDE = "The template: /etc/hostname, and the full name on 127.0.1.1 in /etc/hosts"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return names.commands(params.host)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the two files where they differ, and tell the running kernel."""
    if not params.configuration.set_names:
        return Plan(unasked="configuration.set_names is false")
    now, actions = names.parse(facts, params.host), list[Action]()
    if now.written != params.host:
        actions.append(WriteFile(names.HOSTNAME, params.host + "\n"))
    if (text := hosts(params, now.hosts)) != now.hosts:
        actions.append(WriteFile(names.HOSTS, text))
    if now.running != params.host:
        actions.append(Run(("hostname", params.host), undo=("hostname", now.running)))
    return Plan(tuple(actions))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The kernel, the file and the look-up agree."""
    if not params.configuration.set_names:
        return []
    now = names.parse(facts, params.host)
    seen = (
        (names.HOSTNAME, now.written, params.host),
        ("the kernel", now.running, params.host),
        (names.HOSTS, now.canonical, full_name(params)),
    )
    return [
        Finding(
            "fail",
            f"{where} says '{is_}', not '{wanted}'",
            "sudo and mail look the name up, and wait for a name server that does not know it",
            "run the step set_names in mode apply; a line above 127.0.1.1 may name it too",
            "hosts(5)",
        )
        for where, is_, wanted in seen
        if is_ != wanted
    ]


def full_name(params: HostParams) -> str:
    """Return the host's name with its domain, when it has one."""
    domain = params.configuration.domain
    return f"{params.host}.{domain}" if domain else params.host


def hosts(params: HostParams, text: str) -> str:
    """Return /etc/hosts with the line of 127.0.1.1 that Debian gives every host.

    The full name stands first: that is what makes it the full one (hosts(5)).
    """
    words = dict.fromkeys((full_name(params), params.host))
    line = "127.0.1.1\t" + " ".join(words)
    if any(old.split() == line.split() for old in text.splitlines()):
        return text
    return with_line(text, r"127\.0\.1\.1\s.*", line)
