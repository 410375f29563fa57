"""Rules of packet filters that name some network cards: in files of nft, ufw, firewalld, iptables and shorewall, and in force."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection

from runbook.facts import bridge_filter
from runbook.model.ask import Ask, Facts

_FILES = (
    "/etc/nftables.conf /etc/nftables.d/* /etc/nftables/* /etc/ufw/*.rules /etc/iptables/rules.v[46] "
    "/etc/firewalld/zones/*.xml /etc/firewalld/direct.xml /etc/shorewall/interfaces /etc/shorewall/rules"
)
# What a file includes (nft(8), INCLUDE FILES) may include others: three deep.
_INCLUDED = r"""grep -shoE '^[[:space:]]*include[[:space:]]+"[^"]+' $f | sed 's/.*"//; s,^[^/],/etc/&,'"""
_WILD = re.compile(r"(?<![\w.@:/-])([A-Za-z][\w.-]*)[+*](?![\w*])")
"""The names that begin so: `eth+` of iptables and shorewall, `"eth*"` of nft."""
_IN_FORCE = "`iptables -S`"


def patterns(names: Collection[str]) -> str:
    """Return grep(1)'s options that look for any of some names.

    >>> patterns(["eno1", "xenbr0"]), patterns([])
    ('-e eno1 -e xenbr0', "-e ''")
    """
    return " ".join(f"-e {shlex.quote(name)}" for name in names) or "-e ''"


def ask(names: Collection[str]) -> Ask:
    """Return the question which lines of those files name a card, a bridge, or another interface, or some by a wildcard."""
    return Ask.shell(
        f'f="{_FILES}"; for i in 1 2 3; do f="$f $({_INCLUDED})"; done\n'
        f"{{ grep -sHwF {patterns(names)} $f; grep -sHE '[[:alnum:]_][+*]' $f; }} | sort -u; true"
    )


def naming(facts: Facts, names: Collection[str]) -> dict[str, set[str]]:
    """Return for each file which of the names its rules are for, comments aside; nothing where nobody asked.

    Rules of iptables in force, where that was asked, count for what no file tells of: some script loads those.
    """
    question, rules = ask(names), bridge_filter.COMMANDS[1]
    found = read(facts[question].out, names) if question in facts else {}
    lines = facts[rules].out.splitlines() if rules in facts else []
    live = read("".join(f"/:{line}\n" for line in lines if line.startswith("-A ")), names).get("/", set())
    return found | ({_IN_FORCE: live} if live - set().union(*found.values()) else {})


def read(text: str, names: Collection[str]) -> dict[str, set[str]]:
    """Return what the lines of the question say.

    >>> read('/etc/nftables.conf:  iifname "eno1" tcp dport 80 accept\\n/etc/ufw/user.rules:### tuple ### allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eno1\\n', ["eno1"])
    {'/etc/nftables.conf': {'eno1'}}
    """
    found: dict[str, set[str]] = {}
    for file, line in re.findall(r"(?m)^(/[^:]*):\s*([^#\s].*)$", text):
        # A port of a bridge is named as such by physdev, and stays it.
        rule = re.sub(r"--physdev-(in|out) \S+", "", line)
        begins = tuple(_WILD.findall(rule))
        for name in names:
            if name.startswith(begins) or re.search(rf"(?<![\w.@:-]){re.escape(name)}(?![\w.@:-])", rule):
                found.setdefault(file, set()).add(name)
    return found
