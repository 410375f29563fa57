"""What two guests cannot both have, told by what it is and not by how it is spelt: disks, devices, screens, addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from runbook.guests import devices, disk_spec
from runbook.guests.disk_spec import DiskSpec
from runbook.guests.effect import kind_of
from runbook.guests.syntax import Config, Unreadable, parse
from runbook.model.plan import Finding

Same = Callable[[str], str]
"""Gives all names of one block device or file the same text."""
Holds = Callable[[str, str], bool]
"""Tells of two such texts whether the one thing is a part of the other, such as a partition of a disk."""
_EVERY_ADDRESS = ("0.0.0.0", "::", "*", "")
_FUNCTIONS = 8
_WHY = {
    "disk": "only one of these guests can run at a time; a disk written by two is destroyed",
    "read": "one of these guests writes to it while the other reads: what that one reads is wrong",
    "device": "only one of these guests can run at a time",
    "USB device": "only one of these guests can have it at a time",
    "name": "xl starts no second guest of a name",
    "uuid": "Xen, and what runs in the guests, takes the two for one; it comes from copying a configuration",
    "MAC": "two network cards of one address cannot be told apart on the bridge, and neither works",
    "VNC display": "the second of these guests does not start, or is on another display than its owner thinks",
    "SPICE port": "the second of these guests does not start",
}


@dataclass(frozen=True)
class Claim:
    """One thing that a guest takes for itself."""

    kind: str
    key: str
    """The same for the same thing."""
    shown: str
    reads: bool = False
    """True where it only reads."""
    address: str = ""
    """Where a screen listens."""
    by_qemu: bool = False
    """True of a disk that QEMU serves where it is told to, and not the kernel."""

    def meets(self, other: Claim) -> bool:
        """Return whether two guests with these claims are in each other's way."""
        if self.reads and other.reads:
            return False
        one, two = self.address, other.address
        return one == two or one in _EVERY_ADDRESS or two in _EVERY_ADDRESS


def of(config: Config, same: Same = str) -> tuple[Claim, ...]:
    """Return what the guest of a configuration takes for itself."""
    found = (*_identity(config), *_disks(config, same), *_devices(config), *_screens(config), *_usb(config))
    return tuple(dict.fromkeys(found))


def read(texts: Mapping[str, str], same: Same = str) -> dict[str, tuple[Claim, ...]]:
    """Return the claims of each configuration, by its path; none of one that xl cannot read."""
    found = {}
    for path, text in sorted(texts.items()):
        try:
            found[path] = of(parse(text), same)
        except Unreadable:
            continue
    return found


def conflicts(
    texts: Mapping[str, str],
    same: Same = str,
    holds: Holds | None = None,
    agreed: Collection[tuple[str, str]] = (),
) -> list[Finding]:
    """Return what two configurations both claim. `texts` is the content by path.

    `same` gives the names of one thing one name; without it only their spelling is known. `holds` tells what is a part
    of what. `agreed` are a configuration and what it says of a disk that its owner has several guests share.
    """
    owners: dict[tuple[str, str], list[tuple[str, Claim]]] = {}
    for path, claims in read(texts, same).items():
        for claim in claims:
            owners.setdefault((claim.kind, claim.key), []).append((path, claim))
    shared = {key: _in_the_way(some) for key, some in owners.items()}
    found = [
        _shared(some) if is_agreed else _finding(key[0], some)
        for key, some in sorted(_whole(shared).items())
        for is_agreed in [key[0] == "disk" and all((path, claim.shown) in agreed for path, claim in some)]
        if len(some) > 1 and not (is_agreed and can_share([claim for _, claim in some]))
    ]
    disks = [(key, some) for (kind, key), some in sorted(owners.items()) if kind == "disk"]
    for at, (key, some) in enumerate(disks):
        for other, more in disks[at + 1 :]:
            if holds and holds(key, other) and len(two := _in_the_way([*some, *more])) > 1:
                found.append(_finding("disk", two, "one of them stands on the other"))
    return found


def _in_the_way(some: list[tuple[str, Claim]]) -> list[tuple[str, Claim]]:
    """Return those that are in the way of another configuration."""
    return [(p, c) for p, c in some if any(p != path and c.meets(claim) for path, claim in some)]


def _whole(
    shared: Mapping[tuple[str, str], list[tuple[str, Claim]]],
) -> dict[tuple[str, str], list[tuple[str, Claim]]]:
    """Say all functions of a PCI device as one, where the same guests have them all."""
    found = dict(shared)
    for kind, key in [key for key in shared if key[0] == "device" and key[1].endswith(".0")]:
        card = key.removesuffix("0")
        each = [(kind, f"{card}{n}") for n in range(_FUNCTIONS)]
        paths = [[path for path, _ in shared.get(one, ())] for one in each]
        if len(paths[0]) > 1 and all(some == paths[0] for some in paths):
            for one in each:
                found.pop(one)
            found[kind, f"{card}*"] = [(path, Claim(kind, f"{card}*", f"{card}*")) for path in paths[0]]
    return found


def _finding(kind: str, some: list[tuple[str, Claim]], how: str = "") -> Finding:
    paths, names = [path for path, _ in some], list(dict.fromkeys(claim.shown for _, claim in some))
    also = f", as {' and '.join(names[1:])} too," if len(names) > 1 else ""
    return Finding(
        "warn",
        f"The {kind} {names[0]}{also} is claimed by {' and '.join(dict.fromkeys(paths))}",
        f"{how}: " * bool(how)
        + _WHY["read" if kind == "disk" and any(claim.reads for _, claim in some) else kind],
        "take it out of one of the two, or remove the file that is not used",
    )


def can_share(some: Iterable[Claim]) -> bool:
    """Return whether Xen lets several guests write to one disk: its script `block`, of all that the kernel serves, does not."""
    return all(claim.by_qemu or not claim.key.startswith(("b:", "/dev/")) for claim in some)


def _shared(some: list[tuple[str, Claim]]) -> Finding:
    """Return that guests that shall share a disk cannot run at a time."""
    paths = " and ".join(dict.fromkeys(path for path, _ in some))
    return Finding(
        "warn",
        f"The disk {some[0][1].shown} is shared by {paths}, and only one of them can run at a time",
        "Xen's script `block` gives a device that one guest writes to nobody else; what QEMU serves goes past it",
        "give this disk `backend_type: qdisk` in each of these guests, or `read_only: true` in all of them",
        "xl-disk-configuration(5), backendtype",
    )


def _identity(config: Config) -> Iterator[Claim]:
    if name := config.text("name"):
        yield Claim("name", name, name)
    if uuid := config.text("uuid").lower():
        yield Claim("uuid", uuid, uuid)
    for spec in config.items("vif"):
        if mac := devices.words_of(spec).get("mac", "").lower():
            yield Claim("MAC", mac, mac)


def _disks(config: Config, same: Same) -> Iterator[Claim]:
    for spec in config.items("disk"):
        disk = disk_spec.parse(spec)
        if not disk.is_cdrom and disk.path:
            by_qemu = disk.options.get("backendtype") == "qdisk"
            yield Claim("disk", key_of(disk, same), disk.path, disk.is_read_only, by_qemu=by_qemu)


def key_of(disk: DiskSpec, same: Same) -> str:
    """Return the same for the same disk; one behind another domain, or a script, is another than that path here."""
    elsewhere = [disk.options.get(word, "") for word in ("backend", "script")]
    script = "" if elsewhere[1].rpartition("/")[2] in ("", "block") else elsewhere[1]
    if elsewhere[0] in ("", "0", "Domain-0") and not script:
        return same(disk.path)
    return f"{elsewhere[0]}:{script}:{disk.target}"


def _devices(config: Config) -> Iterator[Claim]:
    for spec in config.items("pci"):
        address = devices.address_of(spec)
        functions = range(_FUNCTIONS) if address.endswith("*") else address[-1:]
        yield from (Claim("device", one, one) for one in (f"{address[:-1]}{n}" for n in functions))
        if not address and (name := devices.words_of(spec).get("name")):
            yield Claim("device", f"name={name}", f"that xl calls {name}")


def _screens(config: Config) -> Iterator[Claim]:
    options = ("vnc", "vnclisten", "vncdisplay", "vncunused")
    top = {word: config.text(word) for word in options if word in config.values}
    yield from _screen({"vnc": "1" if kind_of(config) == "hvm" else "0", **top})
    for spec in config.items("vfb"):
        yield from _screen({"vnc": "1", **devices.words_of(spec)})
    if config.text("spice") == "1" and (port := config.text("spiceport")):
        yield Claim("SPICE port", port, port, address=config.text("spicehost"))


def _screen(options: Mapping[str, str]) -> Iterator[Claim]:
    """Yield the display that a guest asks for; with `vncunused` and no number it takes any that is free."""
    if options.get("vnc", "1") == "0":
        return
    listens = re.fullmatch(r"(?P<address>.*?)(?::(?P<display>\d+))?", options.get("vnclisten", "127.0.0.1"))
    address = (listens and listens["address"]) or ""
    display = options.get("vncdisplay") or (listens and listens["display"]) or ""
    if not display and options.get("vncunused", "1") == "0":
        display = "0"
    if display:
        yield Claim(
            "VNC display", display, display, address="127.0.0.1" if address == "localhost" else address
        )


def _usb(config: Config) -> Iterator[Claim]:
    for spec in config.items("usbdev"):
        options = devices.words_of(spec)
        if "hostbus" in options and "hostaddr" in options:
            at = f"{options['hostbus']}.{options['hostaddr']}"
            yield Claim("USB device", at, at)
    for spec in config.items("usbdevice"):
        if spec.startswith("host:"):
            yield Claim("USB device", spec[5:].lower(), spec[5:])
