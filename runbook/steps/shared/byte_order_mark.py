"""A byte order mark in front of a file, which editors on other systems write and none shows: not every program passes over it.

systemd and libyaml, which netplan reads with, pass over it. ifup takes it for a word of its own and reads nothing of the
files (`misplaced option`), GLib's keyfiles, which NetworkManager's are, are no such files with it, and to the shell that
reads GRUB's defaults it is a part of the first command's name; sshd says so itself. Seen with ifupdown 0.8.41, GLib 2.74,
dash and OpenSSH 9.2.

The same editors end lines with CR LF. To a shell the CR is a part of the line: an empty one is a command that does not exist.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from runbook.facts.interfaces import MARK as MARK
from runbook.model.plan import Finding


def refused(paths: Iterable[str], reads_nothing: str) -> list[Finding]:
    """Return a reason to refuse for each file that begins with the mark; `reads_nothing` says who does not get on with it.

    >>> refused(["/etc/network/interfaces"], "ifup reads nothing")[0].do
    "take it off on the host (`sed -i '1s/^\\\\xEF\\\\xBB\\\\xBF//' /etc/network/interfaces`), then run again"
    """
    return [
        Finding(
            "refuse",
            f"{path} begins with a byte order mark",
            f"editors do not show it, and with it {reads_nothing}",
            f"take it off on the host (`sed -i '1s/^\\xEF\\xBB\\xBF//' {shlex.quote(path)}`), then run again",
        )
        for path in paths
    ]


def windows_ends(paths: Iterable[str], what_becomes: str) -> list[Finding]:
    """Return a reason to refuse for each file whose lines end with CR LF; `what_becomes` says what its program makes of that.

    >>> windows_ends(["/etc/default/grub"], "nothing")[0].do
    "take them off on the host (`sed -i 's/\\\\r$//' /etc/default/grub`), then run again"
    """
    return [
        Finding(
            "refuse",
            f"{path} has line ends of Windows (CR LF)",
            f"editors do not show them, and with them {what_becomes}",
            f"take them off on the host (`sed -i 's/\\r$//' {shlex.quote(path)}`), then run again",
        )
        for path in paths
    ]
