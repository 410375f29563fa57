"""Readers of what tells who has a block device open: xenstore, losetup, /proc/mounts, sysfs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Loop:
    """A loop device on a volume: a window onto `size` bytes from `offset` on (0: to the end)."""

    name: str
    offset: int
    size: int
    is_read_only: bool


def backends(text: str) -> tuple[tuple[int, str, str], ...]:
    """Return domain, device number (`major:minor`, '' when it is not a block device) and path of guests' disks.

    >>> backends('''/local/domain/0/backend/vbd/3/768/params = "/dev/guests/comm"
    ... /local/domain/0/backend/vbd/3/768/physical-device = "fe:1"''')
    ((3, '254:1', '/dev/guests/comm'),)
    """
    line = re.compile(r'(?m)^/local/domain/0/backend/\w+/(\d+)/(\d+)/(params|physical-device) = "(.*)"$')
    disks: dict[tuple[int, int], dict[str, str]] = {}
    for domid, device, key, value in line.findall(text):
        disks.setdefault((int(domid), int(device)), {})[key] = value
    return tuple(
        (domid, number(said.get("physical-device", "")), re.sub(r"^[a-z]+:", "", said.get("params", "")))
        for (domid, _), said in disks.items()
    )


def number(hexadecimal: str) -> str:
    """Return a device number in decimal, '' for what is none: xenstore has it in hexadecimal."""
    match = re.fullmatch(r"([0-9a-f]+):([0-9a-f]+)", hexadecimal)
    return f"{int(match[1], 16)}:{int(match[2], 16)}" if match else ""


def loops(text: str) -> Iterator[tuple[Loop, str]]:
    """Yield each loop device with what it is attached to."""
    for row in json.loads(text)["loopdevices"] if text.strip() else []:
        yield Loop(row["name"], int(row["offset"]), int(row["sizelimit"]), bool(row["ro"])), row["back-file"]


def mounts(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    r"""Yield device, folder and options of each mount; blanks come as octal numbers (proc(5)).

    >>> list(mounts("/dev/loop0 /mnt/my\\040disk ext4 ro,relatime 0 0"))
    [('/dev/loop0', '/mnt/my disk', ('ro', 'relatime'))]
    """
    for line in text.splitlines():
        words = [re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), word) for word in line.split()]
        if len(words) > 3:
            yield words[0], words[1], tuple(words[3].split(","))


def holders(text: str) -> dict[str, tuple[str, ...]]:
    """Return what stands on each device-mapper device, by name.

    >>> holders("/sys/class/block/dm-3/holders dm-7\\n/sys/class/block/dm-7/dm/name:guests-comm1\\n")
    {'dm-3': ('guests-comm1',)}
    """
    names = dict(re.findall(r"(?m)^/sys/class/block/(dm-\d+)/dm/name:(.*)$", text))
    found: dict[str, tuple[str, ...]] = {}
    for device, holder in re.findall(r"(?m)^/sys/class/block/(dm-\d+)/holders (\S+)$", text):
        found[device] = (*found.get(device, ()), names.get(holder, holder))
    return found
