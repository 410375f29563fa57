"""The installed disk against the parameters, whichever way Debian came onto it."""

from __future__ import annotations

from runbook.facts import system
from runbook.facts.storage import MIB
from runbook.installation.layout import LEAST_REST_MIB
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import target
from runbook.steps.shared.target import Place, Situation
from runbook.text.sizes import human_size

TITLE = "Compare the installed disk with the parameters"
GUIDE = "“Wheezy Installation”: the layout was read off the installer's screen"
RISK = "safe"

#: The unattended installer counts in millions of bytes and aligns as it likes: a little less is right.
ENOUGH = 0.93
_FSTAB = Ask.read("/etc/fstab")
_AGAIN = "install again, or correct the parameters to what is wanted; nothing is resized here"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*system.COMMANDS, *target.asks(params), _FSTAB)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Nothing is ever done here."""
    here = target.read(params, facts)
    root = here.storage.mount("/")
    now = f"The root file system is {root.source} ({root.fstype})." if root else ""
    if params.installation.method == "none":
        return Plan(note=f"The layout is shown and not judged. {now}", unasked="installation.method is none")
    return Plan(note=now)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Release, disk, partitions, groups, volumes and mounts are those of the parameters."""
    if params.installation.method == "none":
        return []
    here = target.read(params, facts)
    if here.is_live:
        return [
            Finding(
                "wait",
                "The live system is still running",
                "there is no installed system to look at yet",
                "run the step boot_installed_system first",
                after="boot_installed_system",
            )
        ]
    return [
        *_release(params, facts),
        *_disk(here),
        *(found for place in here.places for found in _place(here, place, facts)),
        *_groups(here),
    ]


def _release(params: HostParams, facts: Facts) -> list[Finding]:
    now = system.parse(facts)
    if now.codename == params.release:
        return []
    return [
        Finding(
            "fail",
            f"The installed system is {now.pretty_name}, not {params.release}",
            "another system was started, or another was installed",
            "look at the firmware's boot order; or correct `release` in the parameters",
        )
    ]


def _disk(here: Situation) -> list[Finding]:
    if not here.runs_from_disk:
        root = here.storage.mount("/")
        return [
            Finding(
                "fail",
                f"The host does not run from {here.layout.disk}",
                f"its root is {root.source if root else 'unknown'}",
                "correct installation.disk, or start from the right disk",
            )
        ]
    table = here.storage.table(here.path)
    if table and table.label == "gpt":
        return []
    return [Finding("fail", f"{here.path} has no GPT", "UEFI and large disks want one", _AGAIN, "H209")]


def _place(here: Situation, place: Place, facts: Facts) -> list[Finding]:
    """Return what is wrong with one file system, or swap."""
    mount = here.storage.mount(place.mount)
    source = mount.source.partition("[")[0] if mount else ""
    if place.fs == "swap":
        source = next((d.path for d in here.storage.devices if "[SWAP]" in d.mountpoints), "")
    device = here.storage.device(source)
    what = "swap" if place.fs == "swap" else place.mount
    if device is None or here.path not in here.storage.disks_of(source):
        why = f"it is on {source}" if source else "it is not in use"
        return [Finding("fail", f"{what} is not on {here.path}", why, _AGAIN, "fstab(5)")]
    found = []
    on_volume = place.device.startswith("/dev/mapper/")
    if (on_volume and source != place.device) or device.kind != ("lvm" if on_volume else "part"):
        wanted = place.device if on_volume else "a plain partition"
        found.append(
            Finding("fail", f"{what} is on {source}, not on {wanted}", "", _AGAIN, "guide, partitions")
        )
    if device.fstype != place.fs:
        found.append(Finding("fail", f"{what} is {device.fstype}, not {place.fs}", "", _AGAIN))
    wanted_bytes = _size_mib(here, place) * MIB
    if device.size_bytes < wanted_bytes * ENOUGH:
        text = f"{what} has {human_size(device.size_bytes)}, not {human_size(wanted_bytes)}"
        found.append(Finding("fail", text, "it will be full too soon", _AGAIN, "H206 to H208"))
    if "noatime" in place.options and not ({"noatime"} <= set(mount.options if mount else ())):
        found.append(_atime(what))
    if not _in_fstab(facts.text(_FSTAB.argv[0]) or "", place):
        found.append(
            Finding(
                "fail", f"{what} is not in /etc/fstab", "it would be missing after the next start", _AGAIN
            )
        )
    return found


def _groups(here: Situation) -> list[Finding]:
    found = []
    for group in here.layout.groups:
        now = here.storage.group(group.name)
        below = {disk for p in here.storage.parts_of(group.name) for disk in here.storage.disks_of(p.path)}
        if now is None or here.path not in below:
            why = f"it is on {', '.join(sorted(below))}" if below else "there is none of that name"
            found.append(
                Finding("fail", f"The volume group {group.name} is not on {here.path}", why, _AGAIN, "H204")
            )
        elif now.size < _least_mib(here, group.partition) * MIB * ENOUGH:
            found.append(
                Finding("fail", f"The volume group {group.name} has only {human_size(now.size)}", "", _AGAIN)
            )
    return found


def _size_mib(here: Situation, place: Place) -> int:
    sizes = {v.mount: v.size_mib for v in here.layout.system.volumes}
    sizes |= {p.mount: p.size_mib or 0 for p in here.layout.partitions if p.mount}
    return sizes[place.mount]


def _least_mib(here: Situation, partition: int) -> int:
    size = next(p.size_mib for p in here.layout.partitions if p.number == partition)
    return size or LEAST_REST_MIB


def _in_fstab(text: str, place: Place) -> bool:
    """Return whether fstab(5) has a place.

    >>> _in_fstab("UUID=1234-ABCD /boot/efi vfat umask=0077 0 1", Place("", "vfat", "/boot/efi", "", ()))
    True
    """
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if place.fs == "swap":
        return any(row[2:3] == ["swap"] for row in rows)
    return any(row[1:2] == [place.mount] for row in rows)


def _atime(what: str) -> Finding:
    return Finding(
        "fail",
        f"{what} is mounted without noatime",
        "each reading of a file would be followed by a writing",
        f"add noatime to the line of {what} in /etc/fstab, then run `mount -o remount {what}`",
        "mount(8)",
    )
