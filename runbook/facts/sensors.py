"""How warm the machine is, and what its memory and processors report: hwmon, EDAC, and the logs of Linux and of Xen."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

_WARMTH = Ask.shell(
    "grep -Hs '' /sys/class/hwmon/hwmon*/name /sys/class/hwmon/hwmon*/temp*_input /sys/class/hwmon/hwmon*/temp*_crit;"
    ' for d in /sys/class/hwmon/hwmon*/device; do echo "$d:$(basename "$(readlink -f "$d")")"; done; true'
)
_MEMORY = Ask.shell(
    "grep -Hs '' /sys/devices/system/edac/mc/mc*/ce_count /sys/devices/system/edac/mc/mc*/ue_count; true"
)
# Under Xen the hypervisor takes machine checks, and says so in its own log.
_CHECKS = Ask.shell(
    "journalctl -k -b -q -o cat --no-pager -g 'Machine check events logged|Hardware Error|Uncorrected error' 2>/dev/null | tail -n 5;"
    " command -v xl >/dev/null && xl dmesg 2>/dev/null | grep -iE 'MCE: .*(error|fatal)|machine check exception|MCA error' | tail -n 5; true"
)
COMMANDS = (_WARMTH, _MEMORY, _CHECKS)


@dataclass(frozen=True)
class Sensor:
    """One sensor, in degrees Celsius; its name has the device where several have a chip of one name; `critical` is what the chip itself calls so, None when it does not say."""

    name: str
    celsius: float
    critical: float | None = None


@dataclass(frozen=True)
class Sensors:
    """What the hardware reports."""

    warmth: tuple[Sensor, ...]
    corrected: int
    """Memory errors that were corrected since the start, as EDAC counts them."""
    uncorrected: int
    checks: tuple[str, ...]
    """The last lines about machine checks, of this start."""


def parse(facts: Facts) -> Sensors:
    """Return what the hardware reports."""
    counts = re.findall(r"(?m)/([cu])e_count:(\d+)$", facts[_MEMORY].out)
    return Sensors(
        warmth(facts[_WARMTH].out),
        sum(int(n) for kind, n in counts if kind == "c"),
        sum(int(n) for kind, n in counts if kind == "u"),
        tuple(line.strip()[:200] for line in facts[_CHECKS].out.splitlines() if line.strip()),
    )


def warmth(text: str) -> tuple[Sensor, ...]:
    """Return the sensors of hwmon (the kernel's Documentation/hwmon/sysfs-interface: thousandths of a degree).

    >>> warmth('''/sys/class/hwmon/hwmon0/name:coretemp
    ... /sys/class/hwmon/hwmon0/temp1_input:47000
    ... /sys/class/hwmon/hwmon0/temp1_crit:100000
    ... ''')
    (Sensor(name='coretemp 1', celsius=47.0, critical=100.0),)
    >>> [one.name for one in warmth('''/sys/class/hwmon/hwmon0/name:nvme
    ... /sys/class/hwmon/hwmon0/temp1_input:41000
    ... /sys/class/hwmon/hwmon1/name:nvme
    ... /sys/class/hwmon/hwmon1/temp1_input:43000
    ... /sys/class/hwmon/hwmon0/device:nvme0
    ... /sys/class/hwmon/hwmon1/device:nvme1
    ... ''')]
    ['nvme nvme0 1', 'nvme nvme1 1']
    """
    values = dict(re.findall(r"(?m)^/sys/class/hwmon/(\w+/\w+):(.*)$", text))
    names = Counter(value for key, value in values.items() if key.endswith("/name"))
    found = []
    for key, value in values.items():
        chip, _, file = key.partition("/")
        if (number := re.fullmatch(r"temp(\d+)_input", file)) and re.fullmatch(r"-?\d+", value):
            critical = values.get(f"{chip}/temp{number[1]}_crit", "")
            limit = (
                int(critical) / 1000
                if re.fullmatch(r"\d+", critical) and 40_000 <= int(critical) <= 150_000
                else None
            )
            name = values.get(f"{chip}/name", chip)
            if names[name] > 1:
                name = f"{name} {values.get(f'{chip}/device') or chip}"
            found.append(Sensor(f"{name} {number[1]}", int(value) / 1000, limit))
    return tuple(found)
