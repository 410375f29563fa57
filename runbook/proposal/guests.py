"""The guests of a host that runs Xen already: those whose files the runbook wrote, and those of a person's own, which stay."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from runbook import releases
from runbook.facts import guest_files
from runbook.facts.storage import GIB, Storage
from runbook.guests import config
from runbook.model.ask import Facts
from runbook.params import HostParams

COMMANDS = (guest_files.FILES, guest_files.AUTOSTART)


@dataclass(frozen=True)
class Found:
    """One configuration in /etc/xen."""

    path: str
    text: str
    starts_by: str
    """The link in /etc/xen/auto that starts it with the host, '' for none."""
    size_gib: int
    """Of its volume, rounded down; 0 where that is none of LVM's."""

    @property
    def is_ours(self) -> bool:
        return config.is_ours(self.text)

    @property
    def group(self) -> str:
        """The volume group of its first disk, '' where that is something else."""
        match = re.search(r"(?:target=|phy:|['\"])/dev/([A-Za-z0-9+_.-]+)/[A-Za-z0-9+_.-]+", self.text)
        return match[1] if match and match[1] not in ("mapper", "disk", "zvol") else ""


def read(facts: Facts, there: Storage) -> tuple[Found, ...]:
    """Return every configuration in /etc/xen, none where nobody asked."""
    if any(ask not in facts for ask in COMMANDS):
        return ()
    links = {e.target.rpartition("/")[2]: e.name for e in guest_files.parse_autostart(facts) or ()}
    return tuple(
        Found(path, text, links.get(path.rpartition("/")[2], ""), _size(text, there))
        for path, text in sorted(guest_files.parse_files(facts).items())
    )


def _size(text: str, there: Storage) -> int:
    match = re.search(r"target=/dev/([^/\s]+)/([^/\s\",]+)", text)
    volume = there.volume(match[1], match[2]) if match else None
    return volume.size // GIB if volume else 0


def entry(found: Found) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return a guest of ours as it stands in the parameters, and its devices by address."""
    text = found.text
    value = dict(re.findall(r'(?m)^(\w+) = "?([^"\[\n]+)"?$', text))
    guest: dict[str, Any] = {"name": value.get("name", ""), "what": _what(text, value.get("name", ""))}
    guest |= {"os": "windows"} if "localtime" in value else {}
    guest |= {"vcpus": _number(value, "vcpus"), "memory_mib": _number(value, "memory")}
    disks = re.findall(r'vdev=(hda|hdc),.*target=(.*)",$', text, re.MULTILINE)
    targets = dict(disks)
    guest["volume"] = {
        "name": targets.get("hda", "").rpartition("/")[2],
        "size_gib": max(found.size_gib, 1),
    }
    guest |= {"install_media": targets["hdc"]} if "hdc" in targets else {}
    cards = re.findall(r'"mac=(\S+), bridge=(\S+), model=(\S+)"', text)
    guest["nics"] = [
        {"bridge": bridge, "mac": mac} | _unless("model", model, "e1000") for mac, bridge, model in cards
    ]
    guest |= {"mmio_hole_mib": _number(value, "mmio_hole")} if "mmio_hole" in value else {}
    devices = _devices(text)
    guest["pci"] = list(devices)
    guest["vnc_display"] = _number(value, "vncdisplay")
    guest |= _unless("vnc_listen", value.get("vnclisten", ""), "127.0.0.1")
    if place := re.match(r"(\d\d)-", found.starts_by):
        guest["autostart"] = int(place[1])
    return {key: v for key, v in guest.items() if v not in ("", [], None)}, devices


def _number(values: dict[str, str], key: str) -> int | None:
    return int(values[key]) if values.get(key, "").isdecimal() else None


def _unless(key: str, value: str, usual: str) -> dict[str, str]:
    return {} if value == usual else {key: value}


def _what(text: str, name: str) -> str:
    first = text.partition("\n")[0].removeprefix("# ")
    return first.removeprefix(f"{name}: ") if first.startswith(f"{name}: ") else ""


def _devices(text: str) -> dict[str, dict[str, Any]]:
    """Return the devices of a guest by address, as they stand under passthrough.devices."""
    named = re.findall(r"(?m)^#   (\S+)  ([0-9a-f]{4}:[0-9a-f]{4})  (.+)$", text)
    found = {bdf: {"bdf": bdf, "id": number, "what": what} for bdf, number, what in named}
    for bdf in found:
        words = re.search(rf'"{re.escape(bdf)}((?:,[^"]*)?)"', text)
        said = words[1] if words else ""
        found[bdf] |= {"rdm_policy": "relaxed"} if "rdm_policy=relaxed" in said else {}
        found[bdf] |= {"permissive": True} if "permissive=1" in said else {}
    return found


@dataclass(frozen=True)
class Guests:
    """What becomes of the guests of a host."""

    adopted: tuple[dict[str, Any], ...]
    """Those that the parameters say exactly, in the order of their files."""
    devices: dict[str, dict[str, Any]]
    """Their devices by address, as they stand under passthrough.devices."""
    left: tuple[Found, ...]
    """Those that stay as they are, outside the parameters."""


def adopt(found: tuple[Found, ...], base: dict[str, Any]) -> Guests:
    """Return which guests can stand in parameters that begin so: those whose very file the runbook would write again."""
    adopted, devices, left = [], dict[str, dict[str, Any]](), []
    for one in found:
        guest, own = entry(one) if one.is_ours else ({}, {})
        if guest and _is_same(one, guest, {**base, "passthrough": {"devices": [*own.values()]}}):
            adopted.append(guest)
            devices |= own
        else:
            left.append(one)
    return Guests(tuple(adopted), devices, tuple(left))


def _is_same(found: Found, guest: dict[str, Any], params: dict[str, Any]) -> bool:
    try:
        host = HostParams.model_validate({**params, "guests": [guest]})
    except ValidationError:
        return False
    release = releases.get(host.release)
    return any(config.render(host, host.guests[0], release, done) == found.text for done in (True, False))
