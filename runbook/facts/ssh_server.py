"""The ssh server as it is configured: what `sshd -T` reports, and who could log in by key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import takewhile

from runbook.model.ask import Ask, Facts

DROP_IN = "/etc/ssh/sshd_config.d/10-xen-runbook.conf"
_EFFECTIVE = Ask.run("/usr/sbin/sshd", "-T")
_SESSION = Ask.run("printenv", "SSH_CONNECTION")
KEY = r"^[^#]*(ssh-(ed25519|rsa|dss)|ecdsa-sha2-[a-z0-9]+|sk-[a-z0-9@.-]+) +AAAA"
"""A line of authorized_keys with a public key, for grep -E."""
_KEYS = Ask.run("grep", "-hcsE", KEY, "/root/.ssh/authorized_keys", "/root/.ssh/authorized_keys2")

_MAIN = "/etc/ssh/sshd_config"
_FILES = Ask.shell("grep -sH '' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf; true")

COMMANDS = (_EFFECTIVE, _SESSION, _KEYS, Ask.read(DROP_IN), _FILES)


_KEY_FILES = tuple(f"{home}.ssh/authorized_keys{n}" for home in ("", "%h/") for n in ("", "2"))
_FORMERLY = {"challengeresponseauthentication": "kbdinteractiveauthentication"}


@dataclass(frozen=True)
class Match:
    """A block of settings for some connections alone, which `sshd -T` does not show."""

    criteria: str
    file: str
    settings: dict[str, str]
    """Keys in lower case."""

    @property
    def takes_passwords(self) -> bool:
        keys = ("passwordauthentication", "kbdinteractiveauthentication", "challengeresponseauthentication")
        return any(self.settings.get(key, "").lower() == "yes" for key in keys)


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
    matches: tuple[Match, ...] = ()
    ahead: dict[str, tuple[str, str]] | None = field(default_factory=dict)
    """Value and file of what is said before a file of ours is read; None where no such file is read for all."""
    unread: tuple[str, ...] = ()
    """What it takes in that was not read here."""

    @property
    def has_other_keys(self) -> bool:
        """True when a key, or a certificate, may let people in that stands in no authorized_keys of their homes."""
        files = self.settings.get("authorizedkeysfile", ("",))[0].split()
        more = (self.value("authorizedkeyscommand"), self.value("trustedusercakeys"))
        return any(f not in _KEY_FILES for f in files) or any(value not in ("", "none") for value in more)

    @property
    def ports(self) -> tuple[str, ...]:
        """Every port that others reach it by, those of ListenAddress too."""
        outside = (a for a in self.settings.get("listenaddress", ()) if not a.startswith(("127.", "[::1]")))
        listed = (value.rpartition(":")[2] for value in outside)
        return tuple(dict.fromkeys((*self.settings.get("port", ()), *(p for p in listed if p.isdigit()))))

    @property
    def second_proofs(self) -> tuple[str, ...]:
        """The lists of AuthenticationMethods that ask for a password or a code, where no list does without."""
        given = (
            self.value("authenticationmethods"),
            *(m.settings.get("authenticationmethods", "") for m in self.matches),
        )
        return tuple(value for value in given if value and not any(map(_by_key_alone, value.split())))

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
        matches=matches(facts[_FILES].out),
        ahead=ahead(facts[_FILES].out),
        unread=unread(facts[_FILES].out),
    )


def matches(text: str) -> tuple[Match, ...]:
    """Return the Match blocks of `FILE:LINE` lines; a block ends with its file (sshd_config(5)).

    >>> matches("/a:Match User ana # her\\n/a:  PasswordAuthentication=yes\\n/b:Port 22\\n")
    (Match(criteria='User ana', file='/a', settings={'passwordauthentication': 'yes'}),)
    """
    found: list[Match] = []
    for file, key, value in _lines(text):
        if key == "match":
            found.append(Match(value, file, {}))
        elif found and found[-1].file == file:
            found[-1].settings.setdefault(key, value.strip('"'))
    return tuple(found)


def ahead(text: str, file: str = DROP_IN) -> dict[str, tuple[str, str]] | None:
    """Return value and file of each setting that is read before one of sshd's files; None where that one is not read for all.

    Of several values of a setting sshd takes the first, and reads a folder's files in their order (sshd_config(5)).

    >>> ahead("/etc/ssh/sshd_config:UsePAM no\\n/etc/ssh/sshd_config:Include sshd_config.d/*.conf\\n")
    {'usepam': ('no', '/etc/ssh/sshd_config')}
    >>> ahead("/etc/ssh/sshd_config:UsePAM no\\n") is None
    True
    """
    found: dict[str, tuple[str, str]] = {}
    for _, key, value in (row for row in _lines(text) if row[0] == _MAIN):
        if key == "match":
            return None
        if key != "include":
            found.setdefault(_FORMERLY.get(key, key), (value.strip('"'), _MAIN))
        for pattern in _patterns(value) if key == "include" else ():
            rows = [row for row in _lines(text) if row[0] != _MAIN and fnmatchcase(row[0], pattern)]
            is_ours = fnmatchcase(file, pattern)
            for path in sorted({row[0] for row in rows if row[0] < file or not is_ours}):
                for more, said in _for_all((k, v) for f, k, v in rows if f == path):
                    found.setdefault(_FORMERLY.get(more, more), (said.strip('"'), path))
            if is_ours:
                return found
    return None if text else found


def unread(text: str) -> tuple[str, ...]:
    """Return the files that are taken in from elsewhere than sshd's own folder.

    >>> unread("/etc/ssh/sshd_config:Include /etc/ssh/sshd_config.d/*.conf /srv/ssh/*\\n")
    ('/srv/ssh/*',)
    """
    every = (p for _, key, value in _lines(text) if key == "include" for p in _patterns(value))
    return tuple(p for p in dict.fromkeys(every) if not re.fullmatch(rf"{_MAIN}\.d/[^/]*\.conf", p))


def _lines(text: str) -> list[tuple[str, str, str]]:
    """Return file, keyword in lower case and value of each line that is no comment."""
    rows = re.findall(r"(?m)^(/[^:\n]*):[ \t]*([^#\s].*?)[ \t]*(?:[ \t]#.*)?$", text)
    parted = ((file, (*re.split(r"\s*[=\s]\s*", line, maxsplit=1), "")) for file, line in rows)
    return [(file, words[0].lower(), words[1]) for file, words in parted]


def _for_all(lines: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return takewhile(lambda line: line[0] != "match", lines)


def _patterns(value: str) -> list[str]:
    """Return the paths of an Include in full; sshd looks for the others in its own folder."""
    return [p if p.startswith("/") else f"/etc/ssh/{p}" for p in value.replace('"', " ").split()]


def _by_key_alone(methods: str) -> bool:
    """Return whether a list of methods needs neither a password nor a code at the keyboard.

    >>> _by_key_alone("publickey"), _by_key_alone("publickey,keyboard-interactive:pam")
    (True, False)
    """
    return not {"password", "keyboard-interactive"} & {m.partition(":")[0] for m in methods.split(",")}


def settings(text: str) -> dict[str, tuple[str, ...]]:
    """Return the values of each setting, in order; some, such as `port`, may stand more than once.

    >>> settings("port 22\\nport 2222\\npermitrootlogin without-password\\n")
    {'port': ('22', '2222'), 'permitrootlogin': ('without-password',)}
    """
    found: dict[str, tuple[str, ...]] = {}
    for key, value in re.findall(r"(?m)^(\S+) (.+)$", text):
        found[key] = (*found.get(key, ()), value)
    return found
