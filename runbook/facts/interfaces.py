"""/etc/network/interfaces (interfaces(5)) in paragraphs, and who else manages network cards."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

FILE = "/etc/network/interfaces"
SOURCE_ALL = "source /etc/network/interfaces.d/*"
_FILE = Ask.read(FILE)
_FOLDER = Ask.shell("grep -sH . /etc/network/interfaces.d/*; true")
_NETWORK_MANAGER = Ask.run("nmcli", "-t", "-f", "DEVICE,STATE", "device")
_NETWORKD = Ask.run("networkctl", "--no-pager", "--no-legend", "list")
_WIRELESS = Ask.shell("for p in /sys/class/net/*/phy80211; do [ -e $p ] && echo $p; done; true")

COMMANDS = (_FILE, _FOLDER, _NETWORK_MANAGER, _NETWORKD, _WIRELESS)

_KEYWORDS = (
    "auto",
    "iface",
    "mapping",
    "source",
    "source-directory",
    "rename",
    "template",
    "no-auto-down",
    "no-scripts",
)


@dataclass(frozen=True)
class Paragraph:
    """One `auto`, `allow-hotplug`, `iface`, `source` … of the file with the lines that belong to it."""

    keyword: str
    words: tuple[str, ...]
    """What stands behind the keyword: for `iface` the name, the family and the method."""
    lines: tuple[str, ...]

    @property
    def is_list(self) -> bool:
        """True when the words are names of interfaces, such as those of `auto`."""
        return self.keyword.startswith("allow-") or self.keyword in ("auto", "no-auto-down", "no-scripts")

    @property
    def names(self) -> tuple[str, ...]:
        """The interfaces it is about."""
        if self.is_list:
            return self.words
        return self.words[:1] if self.keyword in ("iface", "mapping") else ()


@dataclass(frozen=True)
class Interfaces:
    """How the host's network cards are configured."""

    paragraphs: tuple[Paragraph, ...]
    """Of /etc/network/interfaces."""
    elsewhere: tuple[tuple[str, str], ...]
    """Interfaces that a file in interfaces.d configures, each with that file's path."""
    managers: tuple[tuple[str, str], ...]
    """Interfaces that NetworkManager or systemd-networkd manages, each with that name."""
    wireless: tuple[str, ...]

    def static_ipv6(self, names: Collection[str]) -> tuple[str, ...]:
        """Return which of the interfaces have a fixed IPv6 address in the file."""
        return tuple(p.words[0] for p in self.paragraphs if p.words[0:1] and p.words[0] in names
                     and p.words[1:3] == ("inet6", "static"))  # fmt: skip


def parse(facts: Facts) -> Interfaces:
    """Return the configuration of the facts."""
    folder = (line.partition(":") for line in facts[_FOLDER].out.splitlines())
    by_file: dict[str, list[str]] = {}
    for path, _, line in folder:
        by_file.setdefault(path, []).append(line)
    elsewhere = {
        (name, path)
        for path, lines in by_file.items()
        for paragraph in paragraphs("\n".join(lines))
        if paragraph.keyword == "iface"
        for name in paragraph.names
    }
    managed = [(name, "NetworkManager") for name in network_manager(facts[_NETWORK_MANAGER].out)]
    managed += [(name, "systemd-networkd") for name in networkd(facts[_NETWORKD].out)]
    return Interfaces(
        paragraphs=paragraphs(facts.text(FILE) or ""),
        elsewhere=tuple(sorted(elsewhere)),
        managers=tuple(managed),
        wireless=tuple(path.split("/")[4] for path in facts[_WIRELESS].out.splitlines()),
    )


def paragraphs(text: str) -> tuple[Paragraph, ...]:
    """Return the paragraphs of a file; comments and blank lines between them are left out.

    >>> [p.words for p in paragraphs("auto lo\\n# the outside\\niface lo inet loopback\\n    mtu 1500")]
    [('lo',), ('lo', 'inet', 'loopback')]
    """
    found: list[list[str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] in _KEYWORDS or words[0].startswith("allow-") or not found:
            found.append([line.rstrip()])
        else:
            found[-1].append(line.rstrip())
    heads = (lines[0].split() for lines in found)
    return tuple(
        Paragraph(head[0], tuple(head[1:]), tuple(lines)) for head, lines in zip(heads, found, strict=True)
    )


def network_manager(text: str) -> tuple[str, ...]:
    """Return the interfaces that NetworkManager manages.

    >>> network_manager("enp3s0:connected\\nenp4s0:unmanaged\\nlo:connected (externally)")
    ('enp3s0',)
    """
    rows = (line.rpartition(":") for line in text.splitlines())
    return tuple(name for name, _, state in rows if name not in ("", "lo") and not state.startswith("unm") and
                 "externally" not in state)  # fmt: skip


def networkd(text: str) -> tuple[str, ...]:
    """Return the interfaces that systemd-networkd manages, from `networkctl list`.

    >>> networkd("  2 enp3s0 ether routable configured\\n  3 enp4s0 ether off unmanaged")
    ('enp3s0',)
    """
    rows = (line.split() for line in text.splitlines())
    return tuple(row[1] for row in rows if len(row) >= 5 and row[4] not in ("unmanaged", "n/a"))
