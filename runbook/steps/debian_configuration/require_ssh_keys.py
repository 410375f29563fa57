"""The ssh server without passwords, switched with an automatic way back."""

from __future__ import annotations

from runbook.actions import Switch
from runbook.facts import ssh_server
from runbook.facts.ssh_server import DROP_IN, SshServer
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams

TITLE = "Let nobody log in with a password over ssh"
GUIDE = "The template: another port, no passwords, no root, straight into sshd_config and a restart (H310)"
RISK = "disruptive"

CONTENT = """\
# From params configuration.ssh. sshd takes the first value that it reads, and reads this file first.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
X11Forwarding no
"""
_WANTED = {
    "passwordauthentication": ("no",),
    "kbdinteractiveauthentication": ("no",),
    "permitrootlogin": ("without-password", "prohibit-password", "no"),
    "x11forwarding": ("no",),
}
_KEPT = Ask.read(Switch("ssh", DROP_IN, CONTENT, "").kept)


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*ssh_server.COMMANDS, _KEPT) if _is_asked(params) else ()


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write a file of our own that sshd reads first, unless sshd already says all of it."""
    if not _is_asked(params):
        return Plan(unasked="configuration.ssh is keep")
    now, is_confirmed = ssh_server.parse(facts), facts[_KEPT].status != 0
    if is_confirmed and not _wrong(now):
        return Plan()
    if findings := _refusals(params, now):
        return Plan(findings=tuple(findings))
    action = Switch(
        "ssh",
        DROP_IN,
        CONTENT,
        enter="systemctl try-reload-or-restart ssh.service",
        revert_s=params.network.revert_s,
        is_new=facts.text(DROP_IN) is None,
        check=("/usr/sbin/sshd", "-t", "-f"),
        doubt="see that a key of yours is in /root/.ssh/authorized_keys on the host, then run again",
    )
    note = f"Unless a new connection gets in within {params.network.revert_s} s, the host takes the file back by itself."
    return Plan((action,), note=note)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """sshd itself reports the values, whatever else its files say."""
    if not _is_asked(params):
        return []
    now = ssh_server.parse(facts)
    if now.error:
        return _refusals(params, now)
    return [
        Finding(
            "fail",
            f"sshd says {key} {now.value(key)}",
            f"a line above its `Include`, or a file that sorts before {DROP_IN}, says so first",
            "look for it in /etc/ssh/sshd_config and /etc/ssh/sshd_config.d, then run again",
            "sshd_config(5)",
        )
        for key in _wrong(now)
    ]


def _is_asked(params: HostParams) -> bool:
    return params.configuration.ssh == "keys-only"


def _wrong(now: SshServer) -> list[str]:
    return [key for key, values in _WANTED.items() if now.value(key) not in values]


def _refusals(params: HostParams, now: SshServer) -> list[Finding]:
    """What would lock people out, the runbook first of all."""
    if now.error:
        return [
            _refuse(
                "The ssh server does not accept its own configuration",
                now.error.splitlines()[-1],
                "run `sshd -t` on the host and correct what it names; install openssh-server if it is missing",
            )
        ]
    found = []
    if now.value("pubkeyauthentication") != "yes":
        found.append(
            _refuse(
                "The ssh server takes no keys",
                "pubkeyauthentication is switched off; without passwords nobody could log in at all",
                "remove that line from its configuration, then run again",
            )
        )
    if not now.root_keys and (now.is_session or not params.configuration.users):
        found.append(
            _refuse(
                "No key may log in as root",
                "there is none in /root/.ssh/authorized_keys, and the runbook logs in as root by key",
                "run `ssh-copy-id` to root on this host, log in with that key, then run again",
            )
        )
    if now.value("permitrootlogin") == "no" and now.is_session:
        found.append(
            _refuse(
                "The ssh server says that root may not log in at all, and this session is root's",
                "it has not read its files since they were changed; the next reload ends the runbook's way in",
                "set `PermitRootLogin prohibit-password` in its configuration, then run again",
            )
        )
    return found


def _refuse(what: str, why: str, do: str) -> Finding:
    return Finding("refuse", what, why, do, "sshd_config(5)")
