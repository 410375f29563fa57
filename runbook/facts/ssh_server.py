"""The ssh server as it is configured: what `sshd -T` reports, and who could log in by key."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

DROP_IN = "/etc/ssh/sshd_config.d/10-xen-runbook.conf"
_EFFECTIVE = Ask.run("/usr/sbin/sshd", "-T")
_SESSION = Ask.run("printenv", "SSH_CONNECTION")
_KEY = r"^[^#]*(ssh-(ed25519|rsa|dss)|ecdsa-sha2-[a-z0-9]+|sk-[a-z0-9@.-]+) +AAAA"
_KEYS = Ask.run("grep", "-hcsE", _KEY, "/root/.ssh/authorized_keys", "/root/.ssh/authorized_keys2")

COMMANDS = (_EFFECTIVE, _SESSION, _KEYS, Ask.read(DROP_IN))


@dataclass(frozen=True)
class SshServer:
    """The ssh server of a host."""

    settings: dict[str, tuple[str, ...]]
    """Every setting in force with its values, keys in lower case; {} when sshd could not say."""
    error: str
    """Why it could not say."""
    root_keys: int
    """Public keys that may log in as root."""
    session_port: str
    """The server's port of this session, '' when it is no ssh session."""

    @property
    def is_session(self) -> bool:
        """True when the runbook itself came in by ssh."""
        return bool(self.session_port)

    def value(self, key: str) -> str:
        """Return a setting's values as one text, '' when it is not set."""
        return " ".join(self.settings.get(key, ()))


def parse(facts: Facts) -> SshServer:
    """Return the ssh server of the facts."""
    answer, session = facts[_EFFECTIVE], facts[_SESSION].out.split()
    return SshServer(
        settings=settings(answer.out) if answer.ok else {},
        error="" if answer.ok else answer.err.strip() or f"status {answer.status}",
        root_keys=sum(int(count) for count in facts[_KEYS].out.split()),
        session_port=session[3] if len(session) == 4 else "",
    )


def settings(text: str) -> dict[str, tuple[str, ...]]:
    """Return the values of each setting, in order; some, such as `port`, may stand more than once.

    >>> settings("port 22\\nport 2222\\npermitrootlogin without-password\\n")
    {'port': ('22', '2222'), 'permitrootlogin': ('without-password',)}
    """
    found: dict[str, tuple[str, ...]] = {}
    for key, value in re.findall(r"(?m)^(\S+) (.+)$", text):
        found[key] = (*found.get(key, ()), value)
    return found
