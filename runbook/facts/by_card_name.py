"""Files beside those of the network's manager that do something for a card by its name: sysctl, DHCP clients, scripts, units."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from runbook.facts import filter_files
from runbook.model.ask import Ask, Facts

_SETTINGS = (
    "/etc/sysctl.conf",
    "/etc/sysctl.d/*.conf",
    "/etc/dhcp/dhclient.conf",
    "/etc/dhcpcd.conf",
    "/etc/network/if-*.d/*",
    "/etc/networkd-dispatcher/*.d/*",
)
"""Each line of them is about what comes by a card, or is run when a card comes up."""
_COMMANDS = (
    "/etc/wireguard/*.conf",
    "/etc/ppp/ip-up.d/*",
    "/etc/rc.local",
    "/etc/systemd/system/*.service",
    "/etc/systemd/system/*.service.d/*.conf",
)
"""What runs commands on other occasions, of which only those count that are about addresses."""


@dataclass(frozen=True)
class Line:
    """One line that names a card."""

    file: str
    text: str
    """Without what stands in front of a command, such as `ExecStart=` or `PostUp =`."""
    names: frozenset[str]

    @property
    def is_setting(self) -> bool:
        """False in a file that says many other things, where a line counts for what its command does."""
        return not self.file.startswith(tuple(path.partition("*")[0] for path in _COMMANDS))


def ask(names: Collection[str]) -> Ask:
    """Return the question which lines name a card or a bridge; of files with keys in them no other line is read."""
    return Ask.shell(f"grep -sHwF {filter_files.patterns(names)} {' '.join((*_SETTINGS, *_COMMANDS))}; true")


def lines(facts: Facts, names: Collection[str]) -> tuple[Line, ...]:
    """Return the lines, comments aside; none where nobody asked."""
    question = ask(names)
    return read(facts[question].out, names) if question in facts else ()


def read(text: str, names: Collection[str]) -> tuple[Line, ...]:
    """Return what the question says.

    >>> [one] = read("/etc/wireguard/wg0.conf:PostUp = iptables -A FORWARD -o eno1 -j ACCEPT\\n", ["eno1"])
    >>> one.text, one.is_setting
    ('iptables -A FORWARD -o eno1 -j ACCEPT', False)
    >>> read("/etc/sysctl.conf:#net.ipv4.conf.eno1.rp_filter=2\\n/etc/rc.local:ip link set eno1.20 up\\n", ["eno1"])
    ()
    """
    found = []
    for file, line in re.findall(r"(?m)^(/[^:]*):\s*([^#;\s].*)$", text):
        said = frozenset(n for n in names if re.search(rf"(?<![\w@:-]){re.escape(n)}(?![\w@-]|[./]\d)", line))
        if said:
            command = re.sub(r"^\w+\s*=\s*[-+!@:]*\s*(?=[a-z/])", "", line)
            found.append(Line(file, command, said))
    return tuple(found)
