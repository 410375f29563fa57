"""Who has an account on the machine made like another one, and how the testbed comes in."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runbook.facts import ssh_server
from runbook.facts.likeness import File, Likeness, Person
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.params.host import Ssh
from runbook.rehearsal.files import Files
from runbook.testbed.machines.model import User, Way

ACCOUNT = re.compile(r"[a-z][a-z0-9-]*")


def grouped(people: Iterable[Person]) -> list[str]:
    """Return the commands that put people into the groups that they are in, where the machine has those.

    >>> grouped([Person("ana", 1000, "/home/ana", "/bin/bash", ("ana", "sudo"))])
    ['for g in sudo; do ! getent group $g >/dev/null || usermod -aG $g ana; done']
    """
    found = []
    for person in people:
        groups = [g for g in person.groups if g != person.name and re.fullmatch(r"[a-z_][a-z0-9_-]*", g)]
        if person.number and groups and ACCOUNT.fullmatch(person.name):
            look = "! getent group $g >/dev/null || usermod -aG $g"
            found.append(f"for g in {' '.join(groups)}; do {look} {person.name}; done")
    return found


def read(
    seen: Likeness, params: HostParams, facts: Facts, carried: Files, at: str
) -> tuple[tuple[User, ...], Way, list[str]]:
    """Return the accounts, how the testbed comes in, and what of that is not the host's way."""
    told, named = (
        ["a key of the testbed's lets in, and no password does"],
        [p for p in seen.people if p.number],
    )
    users = [p for p in named if ACCOUNT.fullmatch(p.name)]
    told += [f"the account {p.name!r} is not there" for p in named if p not in users]
    server = ssh_server.parse(facts) if all(ask in facts for ask in ssh_server.COMMANDS) else None
    ports = server.ports if server else ()
    comes = (
        params.connection.to.removeprefix("ssh://").rpartition("@")[0]
        if isinstance(params.connection, Ssh)
        else ""
    )
    no_root = server is not None and server.settings.get("permitrootlogin", ("",))[0] == "no"
    if (not comes or comes == "root") and no_root:
        comes = next((p.name for p in users if {"sudo", "wheel"} & set(p.groups)), "")
        told += [f"the testbed comes in as {comes}, for root does not"] if comes else []
    if comes not in {p.name for p in users}:
        comes = "root"
    if server and server.second_proofs:
        carried.carried.append(
            File(
                "/etc/ssh/sshd_config.d/00-rehearsal.conf",
                "0644",
                "root:root",
                "AuthenticationMethods publickey\n",
            )
        )
        told.append(f"ssh asks for a key alone, and not for {' or '.join(server.second_proofs)}")
    port = int(ports[0]) if ports and ports[0].isdigit() and 0 < int(ports[0]) < 65536 else 22
    accounts = tuple(User(name=p.name, sudo="without-password" if p.name == comes else "none") for p in users)
    return accounts, Way(user=comes, port=port, at=at), told
