"""Files of packet filters that name some network cards: nft's, ufw's, firewalld's, iptables' kept rules, shorewall's."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection

from runbook.model.ask import Ask, Facts

_FILES = (
    "/etc/nftables.conf /etc/nftables.d/* /etc/nftables/* /etc/ufw/*.rules /etc/iptables/rules.v[46] "
    "/etc/firewalld/zones/*.xml /etc/firewalld/direct.xml /etc/shorewall/interfaces /etc/shorewall/rules"
)


def ask(names: Collection[str]) -> Ask:
    """Return the question which lines of those files name a card, a bridge, or another interface."""
    words = " ".join(f"-e {shlex.quote(name)}" for name in names) or "-e ''"
    return Ask.shell(f"grep -sHwF {words} {_FILES}; true")


def naming(facts: Facts, names: Collection[str]) -> dict[str, set[str]]:
    """Return for each file which of the names stand in it outside of comments; nothing where nobody asked."""
    question = ask(names)
    return read(facts[question].out, names) if question in facts else {}


def read(text: str, names: Collection[str]) -> dict[str, set[str]]:
    """Return what the lines of the question say.

    >>> read('/etc/nftables.conf:  iifname "eno1" tcp dport 80 accept\\n/etc/ufw/user.rules:### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eno1\\n', ["eno1"])
    {'/etc/nftables.conf': {'eno1'}}
    """
    found: dict[str, set[str]] = {}
    for file, line in re.findall(r"(?m)^(/[^:]+):\s*([^#\s].*)$", text):
        for name in names:
            if re.search(rf"(?<![\w.@:-]){re.escape(name)}(?![\w.@:-])", line):
                found.setdefault(file, set()).add(name)
    return found
