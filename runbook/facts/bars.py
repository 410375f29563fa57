"""Memory windows of PCI devices that lie above 4 GiB: the sign that the firmware decodes there."""

from __future__ import annotations

import re

from runbook.model.ask import Ask, Facts

# A resource line is `start end flags`, 16 hexadecimal digits each; above 4 GiB one of the first eight is not 0.
_ABOVE_4G = Ask.shell("grep -lsE '^0x0{0,7}[1-9a-f][0-9a-f]{8,} ' /sys/bus/pci/devices/*/resource; true")

COMMANDS = (_ABOVE_4G,)


def above_4g(facts: Facts) -> tuple[str, ...]:
    """Return the addresses of the devices that have a window above 4 GiB.

    >>> addresses("/sys/bus/pci/devices/0000:01:00.0/resource\\n")
    ('0000:01:00.0',)
    """
    return addresses(facts[_ABOVE_4G].out)


def addresses(text: str) -> tuple[str, ...]:
    """Return the address in each path that grep(1) named."""
    return tuple(re.findall(r"/devices/([^/\n]+)/resource", text))
