"""The disks, network cards and passed-through devices of an xl.cfg, and what is wrong with them.

Formats: xl-disk-configuration(5), xl-network-configuration(5), xl-pci-configuration(5).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from runbook.guests.syntax import Config
from runbook.model.plan import Finding

_HEX = "0-9a-fA-F"
_ADDRESS = re.compile(rf"(?:([{_HEX}]{{1,4}}):)?([{_HEX}]{{1,2}}):([01]?[{_HEX}])\.([0-7*])(?:@[{_HEX}]+)?")
_PCI_WORDS = {"permissive", "msitranslate", "seize", "power_mgmt", "rdm_policy", "name", "bdf"}


def words_of(spec: str) -> dict[str, str]:
    """Return the `key=value` words of one device.

    >>> words_of("mac=00:16:3e:14:01:00, bridge=xenbr0")
    {'mac': '00:16:3e:14:01:00', 'bridge': 'xenbr0'}
    """
    pairs = (word.partition("=") for word in spec.split(",") if "=" in word)
    return {key.strip(): value.strip() for key, _, value in pairs}


def target_of(disk: str) -> str:
    """Return the file or volume of a disk; `target=` takes the rest of the text.

    >>> target_of("format=raw, vdev=hda, access=rw, target=/dev/guests/windows")
    '/dev/guests/windows'
    >>> target_of("/dev/mapper/xen-comm,,hda,w")
    '/dev/xen/comm'
    """
    _, found, rest = disk.partition("target=")
    return mapped(rest.strip() if found else disk.split(",")[0].strip())


def mapped(path: str) -> str:
    """Return the path of a volume by its group, where it is given as device-mapper calls it."""
    # /dev/mapper/VG-VOLUME and /dev/VG/VOLUME are one disk; a hyphen inside a name is doubled (lvm(8)).
    if match := re.fullmatch(r"/dev/mapper/((?:[^-]|--)++)-((?:[^-]|--)++)", path):
        return f"/dev/{match[1].replace('--', '-')}/{match[2].replace('--', '-')}"
    return path


def address_of(pci: str) -> str:
    """Return the full address of a passed-through device, '' when it has none.

    >>> address_of("03:00.1,permissive=1")
    '0000:03:00.1'
    """
    first = words_of(pci).get("bdf") or pci.split(",")[0].strip()
    match = _ADDRESS.fullmatch(first)
    if not match:
        return ""
    return f"{match[1] or '0':0>4}:{match[2]:0>2}:{match[3]:0>2}.{match[4]}".lower()


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
    """Return what is wrong with the passed-through devices."""
    found: list[Finding] = []
    for spec in config.items("pci"):
        options = words_of(spec)
        if not address_of(spec) and "name" not in options:
            found.append(
                Finding(
                    "fail",
                    f"`{spec}` is not a PCI address",
                    "the guest cannot start",
                    "write [DDDD:]BB:SS.F as `lspci -D` shows it",
                    "xl-pci-configuration(5)",
                )
            )
        if unknown := sorted(set(options) - _PCI_WORDS):
            found.append(
                Finding(
                    "fail",
                    f"`{spec}`: there is no option {', '.join(unknown)}",
                    "xl refuses the file",
                    f"known are {', '.join(sorted(_PCI_WORDS))}",
                    "xl-pci-configuration(5)",
                )
            )
        if options.get("seize", "0") != "0":
            found.append(
                Finding(
                    "fail",
                    f"`{spec}` says seize=1",
                    "xl would take the device from dom0 without asking, a disk controller too",
                    "remove it; hide the device instead",
                )
            )
    return [*found, *_given_twice(config)]


def _given_twice(config: Config) -> Iterator[Finding]:
    counted = Counter(map(address_of, config.items("pci")))
    for address in (address for address, count in counted.items() if address and count > 1):
        yield Finding(
            "fail",
            f"the device {address} is given twice",
            "xl takes the second one without a word",
            "delete one",
        )


def disks(config: Config) -> list[Finding]:
    """Return what is wrong with the disks."""
    specs = config.items("disk")
    drives = Counter(_drive(spec) for spec in specs)
    targets = Counter(target_of(spec) for spec in specs if "cdrom" not in spec)
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
        if count > 1
    ]


def _drive(spec: str) -> str:
    positional = [word.strip() for word in spec.split(",") if "=" not in word]
    return words_of(spec).get("vdev") or (positional[2] if len(positional) > 2 else "")
