"""What systemd-networkd is told (systemd.network(5), systemd.netdev(5), systemd.link(5)), and which file has which link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath

from runbook.facts.unit_files import Section, UnitFile
from runbook.facts.unit_files import parse as parse_unit
from runbook.model.ask import Ask, Facts

FOLDER = "/etc/systemd/network"
_FOLDERS = (FOLDER, "/run/systemd/network", "/usr/local/lib/systemd/network", "/usr/lib/systemd/network")
"""A file hides one of the same name in a later folder (systemd.network(5))."""
_FILES = Ask.files(*(f"{folder}/{name}" for folder in _FOLDERS for name in ("*", "*/*.conf")))
_STATUS = Ask.run("networkctl", "--no-pager", "--full", "--lines=0", "status", "--all")

COMMANDS = (_FILES, _STATUS)

_OF_CARDS = ("Path", "WLANInterfaceType", "SSID", "BSSID", "PermanentMACAddress")
"""What only a real card has."""


@dataclass(frozen=True)
class Link:
    """A link as files are matched with it."""

    name: str
    mac: str = ""
    kind: str = ""
    """As ip-link(8) says it, such as `bridge`; '' for a card."""
    more_names: tuple[str, ...] = ()
    """What udev calls it besides, which files can match it by as well (systemd.network(5), Name=)."""


@dataclass(frozen=True)
class Unit:
    """A file with its drop-ins."""

    file: UnitFile
    drop_ins: tuple[UnitFile, ...] = ()

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def name(self) -> str:
        """The name that its place in the order, and what it hides, come from."""
        return self.file.name

    @property
    def sections(self) -> tuple[Section, ...]:
        """Its sections, then those of its drop-ins: in the order in which they count."""
        return tuple(section for file in (self.file, *self.drop_ins) for section in file.sections)

    def values(self, section: str, key: str) -> tuple[str, ...]:
        """Return what is assigned to a key, in order; an empty assignment takes back what stands before it."""
        found: list[str] = []
        for value in (v for s in self.sections if s.name == section for v in s.values(key)):
            found = [*found, value] if value else []
        return tuple(found)

    def value(self, section: str, key: str) -> str:
        """Return the last of them, '' when there is none."""
        return next(reversed(self.values(section, key)), "")

    def matches(self, link: Link) -> bool | None:
        """Return whether its [Match] takes a link in, None when that depends on what is not known here."""
        known = [self._test(link, key) for key in self._match_keys]
        if False in known:
            return False
        return None if None in known else bool(known)

    @cached_property
    def _match_keys(self) -> tuple[str, ...]:
        keys = (e.key for s in self.sections if s.name == "Match" for e in s.entries)
        return tuple(key for key in dict.fromkeys(keys) if self.values("Match", key))

    def _test(self, link: Link, key: str) -> bool | None:
        words = [word for value in self.values("Match", key) for word in _words(value, key)]
        if key == "MACAddress" or (key == "PermanentMACAddress" and not link.kind):
            return link.mac.lower() in (re.sub("[-.]", ":", word.lower()) for word in words)
        if key in _OF_CARDS and link.kind:
            return False
        has: dict[str, tuple[str, ...]] = {
            "Name": (link.name, *link.more_names),
            "OriginalName": (link.name,),
            "Kind": (link.kind,) if link.kind else (),
            "Type": (_type(link.kind),),
        }
        return _takes(words, has[key]) if key in has else None


@dataclass(frozen=True)
class Status:
    """What networkd says of a link."""

    file: str = ""
    """The .network file that it has the link by, '' for none."""
    iaid: str = ""
    """What DHCP servers know the link by, beside the host's own DUID (RFC 4361), such as `0xe09cd7cf`; '' for none."""
    iaid6: str = ""
    """The same of DHCPv6 (RFC 8415)."""


@dataclass(frozen=True)
class Networkd:
    """What systemd-networkd is told, the files of each kind in the order in which they are tried."""

    networks: tuple[Unit, ...]
    netdevs: tuple[Unit, ...]
    links: tuple[Unit, ...]
    status: dict[str, Status]

    def network(self, link: Link) -> Unit | None:
        """Return the file that a link is configured by, None for none.

        What cannot be told from the files is decided by what networkd says of a link that is there.
        """
        said = self.status.get(link.name, Status()).file
        return next((u for u in self.networks if _has(u, link, said)), None)

    def netdev(self, name: str) -> Unit | None:
        """Return the file that makes a virtual link, None for none."""
        return next((u for u in self.netdevs if u.value("NetDev", "Name") == name), None)


def parse(facts: Facts) -> Networkd:
    """Return what networkd is told by the facts."""
    texts = facts.files(_FILES)
    networks, netdevs, links = (tuple(_units(texts, kind)) for kind in (".network", ".netdev", ".link"))
    return Networkd(networks, netdevs, links, status(facts[_STATUS].out))


def status(text: str) -> dict[str, Status]:
    """Return what networkd says of each link.

    >>> status("● 3: eno1\\n  Network File: /etc/systemd/network/20-lan.network\\n  DHCPv4 Client ID: IAID:0xe09cd7cf/DUID\\n")
    {'eno1': Status(file='/etc/systemd/network/20-lan.network', iaid='0xe09cd7cf', iaid6='')}
    """
    found: dict[str, Status] = {}
    for block in re.split(r"(?m)^[^\w\n]*(?=\d+: \S+ *$)", text):
        head, _, rest = block.partition("\n")
        name = head.partition(": ")[2].strip()
        patterns = (
            r"Network File: (/.*)",
            r"DHCPv?4 Client ID: IAID:(0x[0-9a-f]+)",
            r"DHCPv?6 Client IAID: (0x[0-9a-f]+)",
        )
        said = (re.search(rf"(?m)^ *{pattern}", rest) for pattern in patterns)
        if name:
            found[name] = Status(*(match[1].strip() if match else "" for match in said))
    return found


def _units(texts: dict[str, str], suffix: str) -> Iterator[Unit]:
    """Yield the files of a kind with their drop-ins; an empty one, such as a link to /dev/null, hides and does nothing."""
    for path in _in_force(texts, suffix):
        if texts[path].strip():
            parts = _in_force(texts, ".conf", PurePosixPath(path).name + ".d")
            yield Unit(parse_unit(path, texts[path]), tuple(parse_unit(part, texts[part]) for part in parts))


def _in_force(texts: dict[str, str], suffix: str, folder: str = "") -> list[str]:
    """Return the paths of a kind, or of the drop-ins in a folder, by name: of each name the one that hides the others."""
    found: dict[str, str] = {}
    for base in _FOLDERS:
        for path in map(PurePosixPath, texts):
            if path.suffix == suffix and path.parent == PurePosixPath(base, folder):
                found.setdefault(path.name, str(path))
    return [found[name] for name in sorted(found)]


def _has(unit: Unit, link: Link, said: str) -> bool:
    matches = unit.matches(link)
    return unit.path == said if matches is None else matches


def _words(value: str, key: str) -> list[str]:
    """Return the words of a list; a `!` in front of it stands before each of them then."""
    is_inverted = value.startswith("!") and "MAC" not in key
    return [f"!{word}" for word in value[1:].split()] if is_inverted else value.split()


def _takes(words: list[str], texts: tuple[str, ...]) -> bool:
    """Return whether a list of patterns takes one of some texts in: no inverted one may match, and one of the others must.

    >>> _takes(["!*"], ()), _takes(["en*"], ("eth0", "enp3s0")), _takes(["!enp*"], ("eth0", "enp3s0"))
    (True, True, False)
    """
    if any(fnmatchcase(text, word[1:]) for text in texts for word in words if word.startswith("!")):
        return False
    plain = [word for word in words if not word.startswith("!")]
    return not plain or any(fnmatchcase(text, word) for text in texts for word in plain)


def _type(kind: str) -> str:
    return kind if kind in ("bridge", "bond", "vlan", "vxlan", "wireguard", "wlan") else "ether"
