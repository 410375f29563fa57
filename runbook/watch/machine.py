"""What is looked at of the machine: disks, RAID, room, volumes, services, warmth, and what the hardware reports."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts import fullness, raid, sensors, services, smart, storage
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.text.plural import plural
from runbook.watch.condition import Condition, Gauge

Found = Iterator[Condition | Gauge]
CALMER = 5
"""So much better than its limit a thing has to be until it is well again: percent, or degrees."""


def arrays(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield the arrays of md that lack a disk."""
    for array in raid.parse(facts):
        yield Gauge(
            "raid_disks_missing",
            (("array", array.name),),
            max(array.wanted - array.working, len(array.failed)),
        )
        if array.is_degraded or not array.is_active:
            what = f"The RAID {array.name} " + ("lacks a disk" if array.is_active else "does not run")
            which = f"; thrown out: {', '.join(array.failed)}" if array.failed else ""
            yield Condition(f"raid:{array.name}", "raid", what + which, f"look at `mdadm --detail /dev/{array.name}` on the host; replace the disk and add the new one: `mdadm /dev/{array.name} --add /dev/…`")  # fmt: skip


def disks(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield the disks that say they fail, or count what should be nothing."""
    for disk in smart.parse(facts) or ():
        yield Gauge(
            "disk_healthy", (("disk", disk.path),), 0 if disk.has_passed is False or disk.troubles else 1
        )
        do = f"back up what is on it, look at `smartctl -x {disk.path}` on the host, and replace it"
        if disk.has_passed is False:
            yield Condition(
                f"disk-fails:{disk.path}", "disks", f"The disk {disk.path} says that it fails", do
            )
        if disk.troubles:
            yield Condition(
                f"disk:{disk.path}", "disks", f"The disk {disk.path} counts {', '.join(disk.troubles)}", do
            )


def room(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield the host's own file systems that are nearly full."""
    for one in fullness.parse(facts):
        used = max(one.used_percent, one.used_inodes_percent)
        yield Gauge("filesystem_used_percent", (("mount", one.at),), used)
        if _is_over(f"full:{one.at}", used, params.watch.room_percent, active):
            what = "room" if one.used_percent >= one.used_inodes_percent else "inodes"
            yield Condition(f"full:{one.at}", "room", f"{one.at} has used nearly all of its {what}", f"see what takes it: `du -xh --max-depth=2 {one.at} | sort -h | tail`")  # fmt: skip


def volumes(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield thin pools and snapshots that run full, and volumes and groups of which a part is missing."""
    tree = storage.parse(facts)
    if not tree.has_lvm:
        return
    for volume in tree.volumes:
        for percent, what in (
            (volume.data_percent, "room"),
            (volume.metadata_percent, "room for its book-keeping"),
        ):
            if percent is None or not ("pool" in volume.layout or volume.attr[:1] == "s"):
                continue
            kind = "thin pool" if "pool" in volume.layout else "snapshot"
            key = f"{kind}:{volume.full_name}:{what}"
            yield Gauge("volume_used_percent", (("volume", volume.full_name), ("of", what)), percent)
            if _is_over(key, percent, params.watch.pool_percent, active):
                do = f"`lvextend {'--poolmetadatasize +256M' if 'keeping' in what else '-L +5G'} {volume.full_name}`; full, it stops the guests that write to it" if kind == "thin pool" else f"`lvextend -L +2G {volume.full_name}`, or remove it; full, it is lost"  # fmt: skip
                yield Condition(
                    key, "volumes", f"The {kind} {volume.full_name} has used nearly all of its {what}", do
                )
        if volume.health:
            yield Condition(f"volume:{volume.full_name}", "volumes", f"The volume {volume.full_name} is {volume.health}", f"look at `lvs -a -o +lv_health_status,devices {volume.group}` on the host")  # fmt: skip
    for part in tree.physical_volumes:
        if part.is_missing:
            yield Condition(f"pv:{part.group}", "volumes", f"A disk of the volume group {part.group} is missing", f"look at `pvs` and `dmesg` on the host; put the disk back, or `vgreduce --removemissing {part.group}` once what was on it is given up")  # fmt: skip


def units(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield the units that failed, and the watchdog that does not run."""
    for name in services.failed(facts):
        yield Condition(f"unit:{name}", "services", f"The service {name} failed", f"look at `systemctl status {name}` and `journalctl -u {name}` on the host")  # fmt: skip
    dog = services.parse(facts, services.XEN_WATCHDOG)[services.XEN_WATCHDOG]
    if params.services.watchdog and dog.exists and dog.active == "inactive":
        yield Condition("watchdog", "services", "Nobody feeds Xen's watchdog", f"`systemctl start {services.XEN_WATCHDOG}` on the host; until then a dom0 that hangs stays so")  # fmt: skip


def warmth(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield the sensors that are too warm: over their chip's own limit, or over the one of the parameters."""
    disks_too = (
        [sensors.Sensor(d.path, d.celsius) for d in smart.parse(facts) or () if d.celsius]
        if smart.COMMANDS[0] in facts
        else []
    )
    for sensor in (*sensors.parse(facts).warmth, *disks_too):
        yield Gauge("celsius", (("sensor", sensor.name),), sensor.celsius)
        limit = min(sensor.critical or 1000, params.watch.celsius)
        if _is_over(f"warm:{sensor.name}", sensor.celsius, limit, active):
            yield Condition(f"warm:{sensor.name}", "warmth", f"{sensor.name} is too warm", "look at the fans and the dust; at what the guests do: `xentop`")  # fmt: skip


def checks(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield what the processors and the memory report."""
    seen = sensors.parse(facts)
    yield Gauge("memory_errors_corrected", (), seen.corrected)
    yield Gauge("memory_errors_uncorrected", (), seen.uncorrected)
    if seen.uncorrected:
        yield Condition("memory", "checks", "The memory had errors that could not be corrected", "find the module: `grep -H . /sys/devices/system/edac/mc/mc*/dimm*/dimm_*` on the host; replace it")  # fmt: skip
    elif seen.corrected:
        yield Condition("memory-corrected", "checks", "The memory has errors, which were corrected so far", "watch whether they become more; the module: `grep -H . /sys/devices/system/edac/mc/mc*/dimm*/dimm_*` on the host")  # fmt: skip
    if seen.checks:
        yield Condition("machine-check", "checks", f"The hardware reported a machine check: {seen.checks[-1][:120]}", f"{plural(len(seen.checks), 'line')} in `journalctl -k -b` and `xl dmesg` on the host; test the memory, look at the power supply")  # fmt: skip


def _is_over(key: str, value: float, limit: float, active: frozenset[str]) -> bool:
    """Return whether a value is over its limit; what was so has to come down clearly."""
    return value >= (limit - CALMER if key in active else limit)
