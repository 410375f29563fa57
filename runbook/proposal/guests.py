"""The guests that a host has already: those whose configurations lie there, and those that run without one."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runbook.facts import configurations, guest_files
from runbook.facts.guest_files import AutoEntry
from runbook.facts.storage import GIB, Storage
from runbook.facts.storage.asks import LONG
from runbook.guests import adoption, config, disk_spec
from runbook.guests.devices import words_of
from runbook.guests.running import started
from runbook.guests.syntax import Config, Unreadable, parse
from runbook.model.ask import Ask, Facts

XL_CONF = Ask.read("/etc/xen/xl.conf")
COMMANDS = (guest_files.FILES, configurations.ELSEWHERE, guest_files.AUTOSTART, LONG, XL_CONF)
_DEFAULT = re.compile(r"""(?m)^\s*vif\.default\.(bridge|script|gatewaydev|backend)\s*=\s*["']?([^"'#\n]+)""")
_USUAL = ("xenbr0", "vif-bridge", "/etc/xen/scripts/vif-bridge")
"""What a card has that neither its guest nor xl.conf(5) says anything of."""
_FIRST = re.compile(r"# (?:[^:\n]+: )?(.+)")
Fields = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """One guest that is there."""

    name: str
    path: str
    """Of its configuration; '' for one that runs without."""
    text: str
    config: Config | None
    """None where xl cannot read it."""
    why: str = ""
    """Why xl cannot."""
    starts_by: str = ""
    """The link, or the file itself, in /etc/xen/auto that starts it with the host, '' for none."""
    is_running: bool = False
    unsaid: tuple[str, ...] = ()
    """What libxl has of one that runs, and no configuration says."""
    link_target: str = ""
    """Where the link that starts it leads."""
    unstated: tuple[str, ...] = ()
    """What xl.conf(5) gives its network cards and its own file does not say, such as `bridge=br0`."""

    @property
    def is_ours(self) -> bool:
        return config.is_ours(self.text)

    @property
    def is_named_as_ours(self) -> bool:
        """True where its file is the one that notebook 08 writes for a guest of its name."""
        return self.path == config.path_of(self.name)

    @property
    def group(self) -> str:
        """The volume group of its first disk, '' where that is something else."""
        specs = map(disk_spec.parse, self.config.items("disk")) if self.config else iter(())
        path = next((disk.path for disk in specs if not disk.is_cdrom), "")
        match = re.fullmatch(r"/dev/([A-Za-z0-9+_.-]+)/[A-Za-z0-9+_.-]+", path)
        return match[1] if match and match[1] not in ("mapper", "disk", "zvol") else ""


@dataclass(frozen=True)
class Entry:
    """A guest as it would stand in the parameters."""

    found: Found
    guest: Fields
    devices: Mapping[str, Fields]
    """What its own file says of its devices, by address, as under passthrough.devices."""
    bridges: tuple[str, ...]
    secrets: Mapping[str, str]
    skipped: tuple[str, ...]
    """Words of its file that xl does not know."""


def read(facts: Facts) -> tuple[Found, ...]:
    """Return every guest that is there but dom0, none where nobody asked: those whose files the runbook would name so,
    then those of other files, each in the order of their paths; then those without."""
    if any(ask not in facts for ask in (guest_files.FILES, guest_files.AUTOSTART)):
        return ()
    links = {e.target.rpartition("/")[2]: e for e in guest_files.parse_autostart(facts) or ()}
    runs = dict(_running(facts))
    there = configurations.parse_all(facts)
    files = [_of_file(path, text, links, runs) for path, text in sorted(there.texts.items())]
    unread = [(path, why) for path, why in there.unread.items() if path not in there.texts]
    files += [Found(_stem(path), path, "", None, why) for path, why in unread]
    given = _given(facts)
    files = [replace(found, unstated=_unstated(found, given)) for found in files]
    files.sort(key=lambda found: not found.is_named_as_ours)  # of two that are one guest, it is the first
    named = {found.name for found in files}
    return (*files, *(_of_domain(name, entry) for name, entry in runs.items() if name not in named))


def _given(facts: Facts) -> dict[str, str]:
    """Return what xl.conf(5) gives each network card that does not say it, where that is not the usual; {} where nobody asked.

    >>> from runbook.model.ask import Answer
    >>> _given(Facts({XL_CONF: Answer(0, 'vif.default.bridge="br0"\\n#vif.default.script="x"\\n')}))
    {'bridge': 'br0'}
    """
    text = facts.text(XL_CONF.argv[0]) or "" if XL_CONF in facts else ""
    found = {key: value.strip() for key, value in _DEFAULT.findall(text)}
    return {key: value for key, value in found.items() if value and value not in _USUAL}


def _unstated(found: Found, given: Mapping[str, str]) -> tuple[str, ...]:
    cards = [words_of(spec) for spec in found.config.items("vif")] if found.config else []
    return tuple(f"{key}={value}" for key, value in given.items() if any(key not in card for card in cards))


def _stem(path: str) -> str:
    return posixpath.basename(path).removesuffix(".cfg")


def _of_file(path: str, text: str, links: Mapping[str, AutoEntry], runs: Mapping[str, Any]) -> Found:
    name = posixpath.basename(path)
    link = AutoEntry(name, "") if posixpath.dirname(path) == guest_files.AUTO else links.get(name)
    starts_by, target = (link.name, link.target) if link else ("", "")
    try:
        said = parse(text)
    except Unreadable as error:
        return Found(_stem(path), path, text, None, str(error), starts_by, link_target=target)
    name = said.text("name") or _stem(path)
    return Found(name, path, text, said, "", starts_by, name in runs, link_target=target)


def _of_domain(name: str, entry: Mapping[str, Any]) -> Found:
    one = started(entry)
    return Found(name, "", "", one.config, is_running=True, unsaid=one.unsaid)


def running(facts: Facts, name: str) -> Found | None:
    """Return a guest as it runs, whatever its file says; None where none of that name does."""
    return next((_of_domain(one, entry) for one, entry in _running(facts) if one == name), None)


def _running(facts: Facts) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and configuration of each running guest."""
    try:
        entries = json.loads(facts[LONG].out) if LONG in facts and facts[LONG].ok else []
    except ValueError:
        return
    for entry in entries if isinstance(entries, list) else ():
        name = entry.get("config", {}).get("c_info", {}).get("name")
        if entry.get("domid") and name:
            yield str(name), entry["config"]


def size_of(there: Storage) -> Callable[[str], int]:
    """Return what gives the GiB of a volume by its path, rounded down; 0 for what is none of LVM's."""

    def size(path: str) -> int:
        match = re.fullmatch(r"/dev/([^/]+)/([^/]+)", path)
        volume = there.volume(match[1], match[2]) if match else None
        return volume.size // GIB if volume else 0

    return size


def entry(found: Found, host: str, group: str, release: str, size: Callable[[str], int]) -> Entry:
    """Return a guest as it would stand in the parameters of a host. Raises `Unadoptable` with the reason."""
    if found.config is None:
        raise adoption.Unadoptable(f"xl cannot read it: {found.why}")
    if found.unstated:
        raise adoption.Unadoptable(
            f"what its network cards do not say stands in {XL_CONF.argv[0]}, and the runbook writes a card whole: write "
            f"`{', '.join(found.unstated)}` into its `vif`, which changes nothing"
        )
    made = adoption.parameters(found.config, group, size_gib=size, release=release)
    guest = dict(made.guest)
    if guest.get("uuid") == config.made_uuid(host, str(guest["name"])):
        del guest["uuid"]
    told = _devices(found.text) if found.is_ours else {}
    if found.is_ours:
        guest = _as_ours(guest, found.text)
    file = posixpath.basename(found.path)
    place = re.match(rf"(?!00)(\d\d)-{re.escape(file)}$", found.starts_by)
    # The runbook's own links lead to its own files: beside another one such a link would start the guest twice.
    if place and found.is_named_as_ours and found.link_target == f"../{file}":
        guest |= {} if "on_crash" in guest else {"on_crash": "preserve"}
        guest["autostart"] = int(place[1])
        guest = {key: v for key, v in guest.items() if (key, v) != ("on_crash", "restart")}
    devices = {bdf: {"bdf": bdf} | told.get(bdf, {}) | fields for bdf, fields in made.devices.items()}
    return Entry(found, guest, devices, made.bridges, made.secrets, tuple(made.skipped))


def _as_ours(guest: Fields, text: str) -> Fields:
    """Return a guest of ours with what its file says to people, and with the disc that it is installed from as such."""
    said = _FIRST.match(text)
    what = {"what": said[1]} if said and said[1] != guest["name"] else {}
    disks, boot = list(guest.get("disks", ())), guest.get("boot", {})
    if boot.get("order") in ("dc", "cd") and disks and set(disks[-1]) == {"cd"}:
        disc = disks.pop()["cd"]
        kept = {key: value for key, value in boot.items() if key != "order"}
        guest = {key: value for key, value in guest.items() if key not in ("disks", "boot")}
        guest |= {"install_media": disc} | ({"boot": kept} if kept else {})
        if len(disks) == 1 and set(disks[0]) == {"volume", "size_gib"}:
            guest["volume"] = {"name": disks[0]["volume"], "size_gib": disks[0]["size_gib"]}
        elif disks:
            guest["disks"] = disks
    return {"name": guest["name"], **what, **guest}


def _devices(text: str) -> dict[str, Fields]:
    """Return id and words of the devices that a file of ours names in its comments, by address."""
    named = re.findall(r"(?m)^#   (\S+)  ([0-9a-f]{4}:[0-9a-f]{4})  (.+)$", text)
    return {bdf: {"id": number, "what": what} for bdf, number, what in named}
