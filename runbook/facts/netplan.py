"""What netplan is told (netplan(5)), file by file and together, and whether cloud-init writes it anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from runbook.errors import ParamsError
from runbook.facts.networkd import Unit
from runbook.model.ask import Ask, Facts
from runbook.params.yaml12 import parse as parse_yaml

FOLDER = "/etc/netplan"
_FOLDERS = ("/usr/lib/netplan", FOLDER, "/run/netplan")
"""A file hides one of the same name in an earlier folder (netplan-generate(8))."""
CLOUD_DROP_IN = "/etc/cloud/cloud.cfg.d/99-disable-network-config.cfg"
_FILES = Ask.files(*(f"{folder}/*.yaml" for folder in _FOLDERS), CLOUD_DROP_IN)
_CLOUD = Ask.shell(
    "ls -d /usr/bin/cloud-init /etc/cloud/cloud-init.disabled 2>/dev/null; "
    "grep -lrsE '^[^#]*config[\"'\\'']?:[[:space:]]*[\"'\\'']?disabled' /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d; true"
)

COMMANDS = (_FILES, _CLOUD)

KINDS = ("ethernets", "bonds", "vlans", "bridges", "dummy-devices", "tunnels", "vrfs", "wifis", "modems")
_GENERATED = re.compile(r"/run/systemd/network/10-netplan-(.+)\.network")


@dataclass(frozen=True)
class Netplan:
    """What netplan is told."""

    texts: Mapping[str, str]
    """The files that count, in the order in which a later one adds to an earlier one; without a byte order mark."""
    pieces: Mapping[str, Mapping[str, Any]]
    """What each says below `network`, all scalars as text."""
    broken: tuple[tuple[str, str], ...] = ()
    """Files that are no YAML that can be read here, each with the reason."""
    is_renewed: bool = False
    """True where cloud-init is at work and writes the network's files anew for what it takes for a new machine."""

    @cached_property
    def whole(self) -> dict[str, Any]:
        """All pieces together."""
        found: dict[str, Any] = {}
        for piece in self.pieces.values():
            found = merged(found, piece)
        return found

    def kind(self, name: str) -> str:
        """Return under which heading a definition stands, '' when it is in no file."""
        return next((kind for kind in KINDS if name in (self.whole.get(kind) or {})), "")

    def definition(self, name: str) -> dict[str, Any]:
        """Return a definition, {} when it is in no file."""
        return (self.whole.get(self.kind(name)) or {}).get(name) or {}

    def renderer(self, name: str) -> str:
        """Return the program that a definition is for."""
        kind = self.whole.get(self.kind(name)) or {}
        said = self.definition(name).get("renderer") or kind.get("renderer") or self.whole.get("renderer")
        return str(said or "networkd")

    def of_profile(self, name: str, mac: str) -> str:
        """Return the definition that NetworkManager has a card by, '' for none."""
        for kind in KINDS:
            for one, value in (self.whole.get(kind) or {}).items():
                match = value.get("match") if isinstance(value, dict) else None
                if one == name and not match:
                    return str(one)
                if match and _matches(match, name, mac):
                    return str(one)
        return ""


def parse(facts: Facts) -> Netplan:
    """Return what netplan is told by the facts."""
    every = facts.files(_FILES)
    names: dict[str, str] = {}
    for folder in _FOLDERS:
        names |= {PurePosixPath(p).name: p for p in every if str(PurePosixPath(p).parent) == folder}
    # netplan reads with libyaml, which passes over a byte order mark.
    texts = {names[name]: every[names[name]].removeprefix("\ufeff") for name in sorted(names)}
    pieces: dict[str, dict[str, Any]] = {}
    broken = []
    for path, text in texts.items():
        try:
            found = parse_yaml(text, Path(path))[0].get("network") or {}
        except ParamsError as error:
            line = error.where.rpartition(", ")[2]
            broken.append((path, f"{line}: {error.what}; {error.why}"))
            continue
        if isinstance(found, dict):
            pieces[path] = found
    said = facts[_CLOUD].out.split()
    is_renewed = said[:1] == ["/usr/bin/cloud-init"] and len(said) == 1
    return Netplan(texts, pieces, tuple(broken), is_renewed)


def generated(unit: Unit | None) -> str:
    """Return the definition that a file of networkd's was made from, '' for a file that netplan did not make."""
    match = _GENERATED.fullmatch(unit.path) if unit else None
    return match[1] if match else ""


def merged(old: Any, new: Any) -> Any:
    """Return what two files say together: mappings and lists grow, and of other values the later counts.

    >>> merged({"a": {"b": "1"}, "c": ["x"]}, {"a": {"d": "2"}, "c": ["y"]})
    {'a': {'b': '1', 'd': '2'}, 'c': ['x', 'y']}
    """
    if isinstance(old, dict) and isinstance(new, Mapping):
        return old | {key: merged(old.get(key), value) for key, value in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *(one for one in new if one not in old)]
    return dict(new) if isinstance(new, Mapping) else new


def _matches(match: Mapping[str, Any], name: str, mac: str) -> bool:
    has_name = "name" not in match or fnmatchcase(name, str(match["name"]))
    has_mac = "macaddress" not in match or str(match["macaddress"]).lower() == mac.lower()
    return has_name and has_mac and bool({"name", "macaddress"} & match.keys())
