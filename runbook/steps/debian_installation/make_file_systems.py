"""File systems on the new partitions and volumes, and the new root put together under one folder."""

from __future__ import annotations

from runbook.actions import Run
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.debian_installation import make_volumes
from runbook.steps.shared import target
from runbook.steps.shared.target import ROOT, Place, Situation

TITLE = "Make the file systems and mount them"
GUIDE = "“Wheezy Installation”: ext4, swap, and noatime as an option"
RISK = "safe"

# GRUB of Debian 12 cannot read a file system with this feature, which mke2fs of Debian 13 switches on.
_PLAIN = ("-O", "^metadata_csum_seed")


def asks(params: HostParams) -> tuple[Ask, ...]:
    return target.asks(params)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Format what is blank, mount what is not mounted; anything else that is found there is refused."""
    here = target.read(params, facts)
    if nothing := target.nothing_to_do(params, here):
        return nothing
    waits = target.waits(make_volumes, params, facts)
    found = () if waits else tuple(_obstacles(here))
    makes = [_make(place) for place in here.places if not _has(here, place)]
    mounts = [_mount(place) for place in here.places if not _is_mounted(here, place)]
    settle = [Run(("udevadm", "settle"), "lsblk asks udev what is where")] if makes else []
    return Plan((*makes, *settle, *mounts), (*waits, *found))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every file system is there and mounted."""
    here = target.read(params, facts)
    if target.needless(params, here):
        return []
    return target.still("make_file_systems", plan(params, facts))


def _make(place: Place) -> Run:
    program = {
        "vfat": ("mkfs.vfat", "-F", "32", "-n", place.label),
        "swap": ("mkswap", "--label", place.label),
    }.get(place.fs, (f"mkfs.{place.fs}", "-q", "-L", place.label))
    plain = _PLAIN if place.mount == "/boot" else ()
    return Run((*program, *plain, place.device), f"for {place.mount}")


def _mount(place: Place) -> Run:
    options = ",".join(("X-mount.mkdir", *place.options))
    where = ROOT + place.mount.rstrip("/")
    return Run(("mount", "-o", options, place.device, where))


def _has(here: Situation, place: Place) -> bool:
    device = here.storage.device(place.device)
    return device is not None and device.fstype == place.fs


def _is_mounted(here: Situation, place: Place) -> bool:
    mount = here.storage.mount(ROOT + place.mount.rstrip("/"))
    return place.fs == "swap" or (mount is not None and mount.source == place.device)


def _obstacles(here: Situation) -> list[Finding]:
    found = []
    for place in here.places:
        device = here.storage.device(place.device)
        if device and device.fstype not in ("", place.fs):
            found.append(
                Finding(
                    "refuse",
                    f"{place.device} holds {device.fstype}, not {place.fs}",
                    f"it was to become {place.mount}, and nothing is formatted that is not blank",
                    f"save what it holds, then run `wipefs --all {place.device}` on the host",
                    "wipefs(8)",
                )
            )
    return found
