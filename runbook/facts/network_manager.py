"""What NetworkManager has: its profiles, the cards that it manages, and its configuration (NetworkManager.conf(5)).

Secrets are kept back on the host: of sections that can hold one only the names of the keys are read.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from runbook.facts.keyfile import Keyfile
from runbook.model.ask import Ask, Facts

FOLDER = "/etc/NetworkManager/system-connections"
FOLDERS = (FOLDER, "/run/NetworkManager/system-connections", "/usr/lib/NetworkManager/system-connections")
DISPATCHER = "/etc/NetworkManager/dispatcher.d"
# Sections without any property that nm-settings-nmcli(5) calls a secret.
_OPEN = (
    r"connection|(802-3-)?ethernet|ipv[46]|bridge(-port)?|vlan|bond(-port)?|match|proxy|link|ethtool|tc|sriov|dcb"
    r"|user|loopback|ip-tunnel|vxlan|macvlan|\.nmmeta"
)
_SHOWN = (
    "awk 'BEGIN { open = 1 } /^[ \\t]*\\[/ { open = /^[ \\t]*\\[(" + _OPEN + ')\\]/; print " " $0; next } '
    'open || /^[ \\t]*(parent=|$)/ { print " " $0; next } '
    '{ kept = 1; if (!/^[ \\t]*#/ && sub(/=.*/, "=")) print " " $0 } '
    'END { if (kept) print "! it can hold secrets, which are not read" }\''
)
_DEVICES = Ask.run("nmcli", "-t", "-f", "DEVICE,STATE", "device")
_SHOW = Ask.run("nmcli", "-t", "-f", "NAME,UUID,TYPE,DEVICE,FILENAME", "connection", "show")
_FILES = Ask.files(*(f"{folder}/*" for folder in FOLDERS), shown=_SHOWN)
_CONFIG = Ask.run("NetworkManager", "--print-config")

COMMANDS = (_DEVICES, _SHOW, _FILES, _CONFIG)


@dataclass(frozen=True)
class Profile:
    """One connection profile."""

    name: str
    uuid: str
    kind: str
    """Such as `ethernet`, `bridge`, `wifi`."""
    device: str
    """The interface on which it is active, ''."""
    path: str
    """Its file; '' where another plugin than the keyfiles' made it."""
    file: Keyfile = field(repr=False)
    is_whole: bool
    """False where something of the file was kept back: then it cannot be written anew."""

    @property
    def is_generated(self) -> bool:
        """True for what NetworkManager made by itself, such as `Wired connection 1`."""
        return self.file.get(".nmmeta", "nm-generated") == "true"

    @property
    def is_external(self) -> bool:
        """True for what stands for a link that something else made."""
        return self.file.get(".nmmeta", "external") == "true"

    @property
    def interface(self) -> str:
        """The interface that it is bound to by name, ''."""
        return self.file.get("connection", "interface-name")

    @property
    def mac(self) -> str:
        """The card that it is bound to by its hardware address, in lower case, ''."""
        return self.file.get("ethernet", "mac-address").lower()

    @property
    def controller(self) -> str:
        """The name or the UUID of what its interface is a port of, ''."""
        return self.file.get("connection", "controller", "master")

    @property
    def parent(self) -> str:
        """The name or the UUID of what its interface stands on, ''."""
        return next((value for s in self.file.sections if (value := s.values.get("parent", ""))), "")


@dataclass(frozen=True)
class NetworkManager:
    """NetworkManager as it is."""

    profiles: tuple[Profile, ...]
    states: tuple[tuple[str, str], ...]
    """Each interface with its state, such as `connected`, `unavailable`, `unmanaged`."""
    config: Keyfile = field(repr=False)
    """All files of its configuration as one."""

    def state(self, interface: str) -> str:
        """Return the state of an interface, '' when NetworkManager does not know it."""
        return dict(self.states).get(interface, "")

    def defaults(self, interface: str, kind: str) -> dict[str, str]:
        """Return the values that profiles of an interface of a kind have by the configuration where they say none.

        Of a key that several sections have the first that matches counts, and [connection] last (NetworkManager.conf(5)).
        """
        found: dict[str, str] = {}
        names = dict.fromkeys(s.name for s in self.config.sections if s.name.startswith("connection"))
        for name in sorted(names, key=lambda name: name == "connection"):
            values = dict(self.config.values(name))
            specs = _specs(values.pop("match-device", ""))
            if not specs or _is_among(specs, interface, kind):
                found = values | found
        return {key: value for key, value in found.items() if key != "stop-match"}

    def is_left_alone(self, interface: str, kind: str) -> bool:
        """Return whether the configuration has an interface of a kind (`bridge`) left unmanaged."""
        return _is_among(_specs(self.config.get("keyfile", "unmanaged-devices")), interface, kind)


def parse(facts: Facts) -> NetworkManager:
    """Return what the facts say; nothing of all that where there is no NetworkManager.

    >>> fields(r"Wired connection 1:7670dc91:802-3-ethernet:eno1:/run/a\\:b.nmconnection")
    ['Wired connection 1', '7670dc91', '802-3-ethernet', 'eno1', '/run/a:b.nmconnection']
    """
    files = _files(facts[_FILES].out)
    rows = [fields(line) for line in facts.out(*_SHOW.argv).splitlines()]
    states = [line.rpartition(":") for line in facts.out(*_DEVICES.argv).splitlines()]
    return NetworkManager(
        profiles=tuple(_profile(row, files) for row in rows if len(row) == 5),
        states=tuple((name, state) for name, _, state in states if name),
        config=Keyfile.read(facts.out(*_CONFIG.argv)),
    )


_GREP = "grep -rosHE"


def dispatcher(names: tuple[str, ...]) -> Ask:
    """Return the question in which scripts that follow NetworkManager's events some interfaces are named."""
    pattern = f"[[:alnum:]_.:-]*({'|'.join(re.escape(name) for name in names) or '^$'})[[:alnum:]_.:-]*"
    return Ask.shell(f"{_GREP} {shlex.quote(pattern)} {DISPATCHER} | sort -u")


def named(facts: Facts, names: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """Return the interfaces that each script names, of these; more may have been asked for, of other managers' bridges."""
    found: dict[str, set[str]] = {}
    questions = [a for a in facts if a.argv[-1].startswith(_GREP) and DISPATCHER in a.argv[-1]]
    for line in facts[next(iter(questions), dispatcher(names))].out.splitlines():
        path, _, word = line.partition(":")
        if word in names:
            found.setdefault(path, set()).add(word)
    return {path: frozenset(words) for path, words in found.items()}


def fields(line: str) -> list[str]:
    """Return the fields of a line of `nmcli -t`, which escapes colons and backslashes."""
    return [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:^|:)((?:\\.|[^\\:])*)", line)]


def _profile(row: list[str], files: dict[str, tuple[Keyfile, bool]]) -> Profile:
    name, uuid, kind, device, path = row
    file, is_whole = files.get(path, (Keyfile(), False))
    kind = {"802-3-ethernet": "ethernet", "802-11-wireless": "wifi"}.get(kind, kind)
    return Profile(name, uuid, kind, device, path if path in files else "", file, is_whole)


def _files(text: str) -> dict[str, tuple[Keyfile, bool]]:
    """Return each file, and whether it is whole."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("= "):
            lines = found.setdefault(line.split(" ", 3)[3], [])
        else:
            lines.append(line)
    return {
        path: (
            Keyfile.read("".join(f"{line[1:]}\n" for line in lines if line.startswith(" "))),
            not any(line.startswith("! ") for line in lines),
        )
        for path, lines in found.items()
    }


def _specs(text: str) -> list[str]:
    return [spec for spec in re.split(r"[,;]\s*", text) if spec]


def _is_among(specs: list[str], interface: str, kind: str) -> bool:
    """Return whether a list of devices has an interface in it; one of exceptions alone means all others.

    >>> _is_among(["type:ethernet", "except:interface-name:eno2"], "eno1", "ethernet"), _is_among(["eno1"], "br0", "bridge")
    (True, False)
    """
    excepted = [s.removeprefix("except:") for s in specs if s.startswith("except:")]
    if any(_matches(spec, interface, kind) for spec in excepted):
        return False
    plain = [spec for spec in specs if not spec.startswith("except:")]
    return any(_matches(s, interface, kind) for s in plain) or bool(excepted and not plain)


def _matches(spec: str, interface: str, kind: str) -> bool:
    """Return whether one word of a list of devices means an interface; what needs the device itself does not."""
    what, _, value = spec.partition(":")
    if what == "interface-name":
        exact = value.removeprefix("=").removeprefix("~")
        return exact == interface if value.startswith("=") else fnmatchcase(interface, exact)
    return spec in ("*", f"type:{kind}", interface)
