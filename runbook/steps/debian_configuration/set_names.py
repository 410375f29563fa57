"""The host's name and its full name, without asking a name server."""

from __future__ import annotations

from runbook.actions import Action, Run, WriteFile
from runbook.facts import names
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared.edits import lines_of, with_line

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
    if (text := hosts(params, now.hosts, _former(params, now))) != now.hosts:
        actions.append(WriteFile(names.HOSTS, text))
    if now.running != params.host:
        actions.append(Run(("hostname", params.host), undo=("hostname", now.running)))
    return Plan(tuple(actions), tuple(_written_anew(now)) if actions else ())


def _written_anew(now: names.Names) -> list[Finding]:
    """cloud-init says at the head of /etc/hosts that it writes that file."""
    if "manage_etc_hosts" not in now.hosts:
        return []
    return [
        Finding(
            "warn",
            f"cloud-init writes {names.HOSTS} anew at each start, and the host's name with it",
            "what is set here would hold until then",
            "write `preserve_hostname: true` and `manage_etc_hosts: false` into /etc/cloud/cloud.cfg.d/99-names.cfg on the host; "
            "`touch /etc/cloud/cloud-init.disabled` ends all that cloud-init does",
            "hosts(5)",
        )
    ]


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


def _former(params: HostParams, now: names.Names) -> str:
    """Return the name that the host had until now, '' when it is the right one or the installer's localhost."""
    return now.written if now.written not in ("", "localhost", params.host) else ""


def full_name(params: HostParams) -> str:
    """Return the host's name with its domain, when it has one."""
    domain = params.configuration.domain
    return f"{params.host}.{domain}" if domain else params.host


def hosts(params: HostParams, text: str, former: str = "") -> str:
    """Return /etc/hosts with the line of 127.0.1.1 that Debian gives every host; other names on it stay.

    The full name stands first: that is what makes it the full one (hosts(5)). Where a line gives the host that
    name already, as on one with a fixed address, nothing is to do.
    """
    rows = [(line.partition("#")[0].split(), line) for line in lines_of(text)]
    found = next((words for words, _ in rows if params.host in words[1:]), [])
    if found[1:2] == [full_name(params)]:
        return text
    words, old = next((row for row in rows if row[0][:1] == ["127.0.1.1"]), ([], ""))
    # By Debian's custom the line begins with the host's own names, the full one first.
    own = [former, *(words[2:3] if words[1:2] and words[1].startswith(f"{''.join(words[2:3])}.") else ())]
    others = [n for n in words[1:] if not any(one and (n == one or n.startswith(f"{one}.")) for one in own)]
    names = dict.fromkeys((full_name(params), params.host, *others))
    mark, comment = old.partition("#")[1:]
    line = "127.0.1.1\t" + " ".join(names) + (f" {mark}{comment}" if mark else "")
    if not old:
        return with_line(text, r"127\.0\.1\.1\s.*", line)
    return "".join(f"{line if one == old else one}\n" for one in lines_of(text))
