"""The disks, network cards and passed-through devices of an xl.cfg, and what is wrong with them.

Formats: xl-disk-configuration(5), xl-network-configuration(5), xl-pci-configuration(5).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from runbook.guests import disk_spec, pci_spec
from runbook.guests.syntax import Config
from runbook.model.plan import Finding


def words_of(spec: str) -> dict[str, str]:
    """Return the `key=value` words of one device.

    >>> words_of("mac=00:16:3e:14:01:00, bridge=xenbr0")
    {'mac': '00:16:3e:14:01:00', 'bridge': 'xenbr0'}
    """
    pairs = (word.partition("=") for word in spec.split(",") if "=" in word)
    return {key.strip(): value.strip() for key, _, value in pairs}


def address_of(pci: str) -> str:
    """Return the full address of a passed-through device, '' when it has none.

    >>> address_of("03:00.1,permissive=1"), address_of("3:0.*")
    ('0000:03:00.1', '0000:03:00.*')
    """
    return pci_spec.parse(pci).bdf


def cards(config: Config) -> list[Finding]:
    """Return what is wrong with the virtual network cards."""
    return [finding for spec in config.items("vif") for finding in _card(spec)]


def _card(spec: str) -> Iterator[Finding]:
    options = words_of(spec)
    mac = options.get("mac", "")
    if not mac:
        yield Finding(
            "warn",
            f"the network card `{spec}` has no mac=",
            "xl draws a new one at each start: leases and Windows' identity change",
            "give it one that begins with 00:16:3e",
            "H704",
        )
    elif not re.fullmatch(r"(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", mac):
        yield Finding(
            "fail",
            f"the MAC address {mac} is not six pairs of hexadecimal digits",
            "xl takes it without a word",
            "write six pairs, like 00:16:3e:14:01:00",
        )
    elif int(mac[:2], 16) & 1:
        yield Finding(
            "fail",
            f"the MAC address {mac} is a multicast address",
            "no card can have it",
            "give it one that begins with 00:16:3e",
        )
    if "bridge" not in options and "script" not in options:
        yield Finding(
            "warn",
            f"the network card `{spec}` names no bridge",
            "xl then takes xenbr0",
            "add bridge=…",
            "xl-network-configuration(5)",
        )


def passed(config: Config) -> list[Finding]:
    """Return what is wrong with the passed-through devices beside what xl stops at."""
    found = [
        Finding(
            "warn",
            f"`{spec}` says seize=1",
            "xl takes the device from dom0 without asking; of a device that dom0 needs, that ends dom0",
            "remove it where the device is hidden anyway (passthrough.devices)",
        )
        for spec in config.items("pci")
        if pci_spec.parse(spec).options.get("seize", "0") != "0"
    ]
    return [*found, *_given_twice(config)]


def _given_twice(config: Config) -> Iterator[Finding]:
    counted = Counter(address for spec in config.items("pci") if (address := address_of(spec)))
    whole = {address.removesuffix("*") for address in counted if address.endswith("*")}
    twice = [address for address, count in counted.items() if count > 1]
    twice += [address for address in counted if address[:-1] in whole and not address.endswith("*")]
    for address in twice:
        yield Finding(
            "fail",
            f"the device {address} is given twice",
            "xl takes the second one without a word",
            "delete one",
        )


def disks(config: Config) -> list[Finding]:
    """Return what is wrong with the disks as a whole."""
    specs = [disk_spec.parse(spec) for spec in config.items("disk")]
    drives = Counter(spec.vdev for spec in specs)
    targets = Counter(spec.path for spec in specs if not spec.is_cdrom)
    found = [
        Finding(
            "fail",
            f"two disks are the drive {drive}",
            "the guest cannot start",
            "use hda, hdb, hdc, hdd once each",
            "xl-disk-configuration(5)",
        )
        for drive, count in drives.items()
        if drive and count > 1
    ]
    return found + [
        Finding(
            "fail",
            f"{target} is in the list twice",
            "a disk that is written through two drives is destroyed",
            "delete one",
        )
        for target, count in targets.items()
        if target and count > 1
    ]
