"""Packages, services, accounts and settings, of those that some step asks about."""

from __future__ import annotations

import re

from runbook.drift.answers import runs, scripts
from runbook.drift.named import Things, listed
from runbook.facts import apt_settings, ssh_server
from runbook.facts.packages import installed
from runbook.model.ask import Facts

_STATUS = ("dpkg-query", "-W", "-f")


def packages(facts: Facts) -> Things:
    """Return the packages that were asked about: version, or that it is not installed."""
    found: Things = {}
    for answer in scripts(facts, "s=$(dpkg-query -W -f"):  # those that shall not be there
        for status, name in re.findall(r"(?m)^(\S+) *\|([a-z0-9.+-]+)$", answer.out):
            if not status.startswith("ii"):
                found[name] = {"": "not installed"}
    for argv, answer in runs(facts, *_STATUS):
        versions = installed(answer.out)
        names = {name for name in argv[1:] if "*" not in name} | versions.keys()
        found |= {name: {"": versions.get(name, "not installed")} for name in names}
    return found


def services(facts: Facts) -> Things:
    """Return the units that were asked about."""
    found = {}
    for argv, answer in runs(facts, "systemctl", "show", "-p"):
        blocks = (dict(re.findall(r"(?m)^(\w+)=(.*)$", b)) for b in answer.out.split("\n\n"))
        units = {block.get("Id", ""): block for block in blocks}
        for name in argv[1:]:
            unit = units.get(name, {})
            is_known = unit.get("LoadState", "not-found") != "not-found"
            state = unit.get("ActiveState", "inactive") if is_known else "not there"
            found[name] = {"is": state, "at boot": unit.get("UnitFileState") or "no"}
    return found


def accounts(facts: Facts) -> Things:
    """Return the accounts that were asked about: number, home and shell."""
    found: Things = {}
    for names, answer in runs(facts, "getent", "passwd"):
        rows = {row[0]: row for line in answer.out.splitlines() if len(row := line.split(":")) == 7}
        for name in names:
            account = rows.get(name)
            text = f"number {account[2]}, {account[5]}, {account[6]}" if account else "not there"
            found[name] = {"": text}
    return found


def groups(facts: Facts) -> Things:
    """Return all groups with their members."""
    found: Things = {}
    for _, answer in runs(facts, "getent", "group"):
        rows = (row for line in answer.out.splitlines() if len(row := line.split(":")) == 4)
        found |= {row[0]: {"members": listed(sorted(filter(None, row[3].split(","))))} for row in rows}
    return found


def settings(facts: Facts) -> Things:
    """Return the settings in force of the ssh server with its keys, and of what apt does by itself."""
    found: Things = {}
    for _, answer in runs(facts, "/usr/sbin/sshd", "-T"):
        found["ssh server"] = {k: " ".join(v) for k, v in ssh_server.settings(answer.out).items()}
    for answer in scripts(facts, "sha256sum /etc/ssh/ssh_host"):
        keys = re.findall(r"(?m)^(\w+) +/etc/ssh/(\S+)$", answer.out)
        found["ssh host keys"] = {name: digest[:12] for digest, name in keys}
    if all(ask in facts for ask in apt_settings.UNATTENDED):
        values = apt_settings.unattended(facts).values
        found["apt by itself"] = {key: listed(value) for key, value in values.items()}
    return found
