"""The ssh server without passwords, switched with an automatic way back."""

from __future__ import annotations

from runbook.actions import Switch
from runbook.facts import ssh_server, sudo_rules
from runbook.facts.ssh_server import DROP_IN, SshServer
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Level, Plan
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
    "permitrootlogin": ("without-password", "prohibit-password", "no", "forced-commands-only"),
    "x11forwarding": ("no",),
}
_TIGHTER = ("no", "forced-commands-only")
# The new file is read first, so it stands first here: sshd judges it together with all that is there.
_WHOLE = ("sh", "-c", 'cat -- "$1" /etc/ssh/sshd_config | /usr/sbin/sshd -t -f /dev/stdin', "sshd")
_KEPT = Ask.read(Switch("ssh", DROP_IN, CONTENT, "").kept)


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not _is_asked(params):
        return ()
    return (*ssh_server.COMMANDS, _KEPT, *(sudo_rules.KEYS if params.is_by_sudo else ()))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write a file of our own that sshd reads first, unless sshd already says all of it."""
    if not _is_asked(params):
        return Plan(unasked="configuration.ssh is keep")
    now, is_confirmed = ssh_server.parse(facts), facts[_KEPT].status != 0
    if is_confirmed and not _wrong(now) and not _passwords_by_match(now, "refuse"):
        return Plan()
    by_sudo = sudo_rules.keys(facts)
    if findings := _refusals(params, now, by_sudo):
        return Plan(findings=tuple(findings))
    action = Switch(
        "ssh",
        DROP_IN,
        content(now),
        enter="/usr/sbin/sshd -t && systemctl try-reload-or-restart ssh.service",
        revert_s=params.network.revert_s,
        is_new=facts.text(DROP_IN) is None,
        check=_WHOLE,
        doubt=_doubt(now, f"the home of {by_sudo[0]}" if by_sudo else "/root"),
    )
    note = f"Unless a new connection gets in within {params.network.revert_s} s, the host takes the file back by itself."
    return Plan((action,), tuple(_unread(now)), note)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """sshd itself reports the values, whatever else its files say."""
    if not _is_asked(params):
        return []
    now = ssh_server.parse(facts)
    if now.error:
        return _refusals(params, now, None)
    return [*_passwords_by_match(now, "fail"), *_unread(now)] + [
        Finding(
            "fail",
            f"sshd says {key} {now.value(key)}",
            f"a line above its `Include`, or a file that sorts before {DROP_IN}, says so first",
            "look for it in /etc/ssh/sshd_config and /etc/ssh/sshd_config.d, then run again",
            "sshd_config(5)",
        )
        for key in _wrong(now)
    ]


def content(now: SshServer) -> str:
    """Return our file; where root may do less already, nothing is said of root."""
    if now.value("permitrootlogin") not in _TIGHTER:
        return CONTENT
    return "".join(line for line in CONTENT.splitlines(keepends=True) if "PermitRootLogin" not in line)


def _is_asked(params: HostParams) -> bool:
    return params.configuration.ssh == "keys-only"


def _wrong(now: SshServer) -> list[str]:
    return [key for key, values in _WANTED.items() if now.value(key) not in values]


def _refusals(params: HostParams, now: SshServer, by_sudo: tuple[str, int] | None) -> list[Finding]:
    """What would lock people out, the runbook first of all."""
    if now.error:
        return [
            _refuse(
                "The ssh server does not accept its own configuration",
                now.error.splitlines()[-1],
                "run `sshd -t` on the host and correct what it names; install openssh-server if it is missing",
            )
        ]
    return [
        *_passwords_by_match(now, "refuse"),
        *_second_proofs(now),
        *_ahead(now),
        *_keys(params, now, by_sudo),
        *([] if by_sudo else _root(now)),
    ]


def _ahead(now: SshServer) -> list[Finding]:
    """A file of ours that is not read, or not first, would change nothing."""
    wrong = _wrong(now)
    if wrong and now.ahead is None:
        return [
            _refuse(
                f"The ssh server does not read {DROP_IN}",
                "no line of /etc/ssh/sshd_config takes that folder in, above its Match blocks: an upgrade keeps a file of "
                "older releases, which has none",
                "write `Include /etc/ssh/sshd_config.d/*.conf` as the first line of /etc/ssh/sshd_config (`head "
                "/etc/ssh/sshd_config.d/*` shows what else it puts in force), or set `configuration.ssh: keep`, then run again",
            )
        ]
    first = {key: said for key, said in (now.ahead or {}).items() if key in wrong}
    return [
        _refuse(
            f"The ssh server reads {key} {value} in {file} before ours",
            "of several values it takes the first",
            f"take that line out of {file}, or set `configuration.ssh: keep`, then run again",
        )
        for key, (value, file) in first.items()
        if value.lower() not in _WANTED[key]
    ]


def _unread(now: SshServer) -> list[Finding]:
    """What sshd takes in from elsewhere may have a Match block that takes passwords."""
    return [
        Finding(
            "warn",
            f"sshd takes in {path}, which was not read here",
            "a Match block in there may take passwords, and goes before every setting for all",
            f"look with `grep -n -i -A 9 '^ *match' {path}`; in /etc/ssh/sshd_config.d it would be read",
            "sshd_config(5)",
        )
        for path in now.unread
    ]


def _doubt(now: SshServer, home: str) -> str:
    if now.has_other_keys:
        return (
            "see by which key or certificate you get in (`sshd -T | grep -i -e authorizedkeys -e trustedusercakeys` shows "
            "where the ssh server looks), then run again"
        )
    return f"see that a key of yours is in .ssh/authorized_keys of {home} on the host, then run again"


def _second_proofs(now: SshServer) -> list[Finding]:
    """Beside the key sshd may ask for what nobody could give any more."""
    found = []
    if now.second_proofs:
        found.append(
            _refuse(
                "The ssh server asks for a second proof beside the key",
                f"AuthenticationMethods {now.second_proofs[0]}; with passwords and keyboard-interactive off nobody "
                "could give it, and sshd would not start again",
                "set `configuration.ssh: keep`: no password alone lets anybody in here; or take AuthenticationMethods "
                "out of its configuration, then run again",
            )
        )
    return found


def _keys(params: HostParams, now: SshServer, by_sudo: tuple[str, int] | None) -> list[Finding]:
    """Somebody has to come in by a key."""
    found = []
    if now.value("pubkeyauthentication") != "yes":
        found.append(
            _refuse(
                "The ssh server takes no keys",
                "pubkeyauthentication is switched off; without passwords nobody could log in at all",
                "remove that line from its configuration, then run again",
            )
        )
    if now.has_other_keys:
        return found  # nobody can count those; the new connection shows whether one does
    if by_sudo and not by_sudo[1]:
        found.append(
            _refuse(
                f"No key may log in as {by_sudo[0]}",
                "there is none in .ssh/authorized_keys of that home, and the runbook logs in as this user",
                f"run `ssh-copy-id` to {by_sudo[0]} on this host, log in with that key, then run again",
            )
        )
    elif not by_sudo and not now.root_keys and (now.is_session or not params.configuration.users):
        found.append(
            _refuse(
                "No key may log in as root",
                "there is none in /root/.ssh/authorized_keys, and the runbook logs in as root by key",
                "run `ssh-copy-id` to root on this host, log in with that key, then run again",
            )
        )
    return found


def _root(now: SshServer) -> list[Finding]:
    """A session of root's goes with the next reload where root may not log in."""
    by_match = any(m.settings.get("permitrootlogin", "no") not in _TIGHTER for m in now.matches)
    if now.value("permitrootlogin") != "no" or not now.is_session or by_match:
        return []
    return [
        _refuse(
            "The ssh server says that root may not log in at all, and this session is root's",
            "it has not read its files since they were changed; the next reload ends the runbook's way in",
            "set `PermitRootLogin prohibit-password` in its configuration, then run again",
        )
    ]


def _passwords_by_match(now: SshServer, level: Level) -> list[Finding]:
    """A Match block goes before what our file says for all (sshd_config(5))."""
    return [
        Finding(
            level,
            f"Passwords are taken by `Match {block.criteria}`",
            f"the block stands in {block.file}, and goes before every setting for all",
            f"take what says yes to passwords out of that block in {block.file}, or set `configuration.ssh: keep`, "
            "then run again",
            "sshd_config(5)",
        )
        for block in now.matches
        if block.takes_passwords
    ]


def _refuse(what: str, why: str, do: str) -> Finding:
    return Finding("refuse", what, why, do, "sshd_config(5)")
