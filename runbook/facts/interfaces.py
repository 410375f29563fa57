"""/etc/network/interfaces (interfaces(5)) in paragraphs, and who else manages network cards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath

from runbook.model.ask import Ask, Facts

FILE = "/etc/network/interfaces"
MARK = "\ufeff"
"""The byte order mark; ifup reads no file that begins with it."""
_ROOT, _DIRECTORY = "/etc/network", "/etc/network/interfaces.d"
_SOURCES = ("source", "source-directory", "source-dir")
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
    "source-dir",
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
    """Word for word; a line that goes on in the next stands with its line end, and comments between are among them."""
    before: tuple[str, ...] = ()
    """Comments and blank lines in front of it."""
    file: str = FILE
    """Where it stands."""

    @property
    def options(self) -> tuple[tuple[str, ...], ...]:
        """The words of each line that belongs to it."""
        split = (tuple(words_of(line)) for line in self.lines[1:])
        return tuple(words for words in split if words and not words[0].startswith("#"))

    def option(self, *keys: str) -> tuple[str, ...]:
        """Return what stands behind a key under any of its spellings, () when it is not there."""
        return next((words[1:] for words in self.options if words[0] in keys), ())

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
    """Interfaces that a file in interfaces.d configures, each with that file's path; sleeping files are none."""
    managers: tuple[tuple[str, str], ...]
    """Interfaces that NetworkManager or systemd-networkd manages, each with that name."""
    wireless: tuple[str, ...]

    @property
    def unread(self) -> tuple[str, ...]:
        """What the file takes in besides the folder that was read."""
        return tuple(
            path
            for p in self.paragraphs
            if p.keyword in _SOURCES
            for path in p.words
            if str(PurePosixPath(_ROOT, path)).rstrip("/") != _DIRECTORY
            and str(PurePosixPath(_ROOT, path).parent) != _DIRECTORY
        )


def parse(facts: Facts) -> Interfaces:
    """Return the configuration of the facts."""
    folder = (line.partition(":") for line in facts[_FOLDER].out.splitlines())
    by_file: dict[str, list[str]] = {}
    for path, _, line in folder:
        by_file.setdefault(path, []).append(line)
    own = paragraphs(facts.text(FILE) or "")
    elsewhere = {
        (name, path)
        for path, lines in by_file.items()
        if _takes_in(own, path)
        for paragraph in paragraphs("\n".join(lines))
        if paragraph.keyword == "iface"
        for name in paragraph.names
    }
    managed = [(name, "NetworkManager") for name in network_manager(facts[_NETWORK_MANAGER].out)]
    managed += [(name, "systemd-networkd") for name in networkd(facts[_NETWORKD].out)]
    return Interfaces(
        paragraphs=own,
        elsewhere=tuple(sorted(elsewhere)),
        managers=tuple(managed),
        wireless=tuple(path.split("/")[4] for path in facts[_WIRELESS].out.splitlines()),
    )


def paragraphs(text: str, file: str = FILE) -> tuple[Paragraph, ...]:
    """Return the paragraphs of a file; what stands behind the last one is a paragraph without a keyword.

    A byte order mark in front of them is passed over, which ifup does not do (`Sourced.marked`).

    >>> [p.words for p in paragraphs("auto lo\\n# the outside\\niface lo inet loopback\\n    mtu 1500")]
    [('lo',), ('lo', 'inet', 'loopback')]
    """
    found: list[tuple[list[str], list[str]]] = []
    between: list[str] = []
    for line in re.findall(
        r"(?:[^\\\n]|\\(?:\n|.|\Z))*\n|(?:[^\\\n]|\\(?:\n|.|\Z))+\Z", text.removeprefix(MARK)
    ):
        line, words = line.rstrip("\n").rstrip(), words_of(line)
        if not words or words[0].startswith("#"):
            between.append(line)
            continue
        if words[0] in _KEYWORDS or words[0].startswith("allow-") or not found:
            found.append((between, [line]))
        else:
            found[-1][1].extend((*between, line))
        between = []
    heads = (words_of(lines[0]) for _, lines in found)
    read = [
        Paragraph(head[0], tuple(head[1:]), tuple(lines), tuple(before), file)
        for head, (before, lines) in zip(heads, found, strict=True)
    ]
    return (*read, Paragraph("", (), (), tuple(between), file)) if between else tuple(read)


def words_of(line: str) -> list[str]:
    """Return the words of a line that may go on behind a backslash.

    >>> words_of("up echo \\\\\\n hello")
    ['up', 'echo', 'hello']
    """
    return line.replace("\\\n", " ").split()


def _takes_in(own: tuple[Paragraph, ...], path: str) -> bool:
    """Return whether a file of the folder is in force: a file that no line names sleeps."""
    for paragraph in own:
        for word in paragraph.words if paragraph.keyword in _SOURCES else ():
            pattern = str(PurePosixPath(_ROOT, word))
            if paragraph.keyword == "source" and fnmatch(path, pattern):
                return True
            # ifup passes over names with anything else in them (interfaces(5)).
            if paragraph.keyword.startswith("source-dir") and fnmatch(
                str(PurePosixPath(path).parent), pattern
            ):
                return re.fullmatch(r"[A-Za-z0-9_-]+", PurePosixPath(path).name) is not None
    return False


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
