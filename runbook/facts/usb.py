"""Keyboards on USB, and the PCI controller that each hangs on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from runbook.facts.pci import bdfs_in, last_bdf
from runbook.model.ask import Ask, Facts

_INTERFACES = Ask.shell(
    "cd /sys/bus/usb/devices 2>/dev/null && grep -s . */bInterfaceClass */bInterfaceProtocol */product; true"
)
_LINKS = Ask.shell("find /sys/bus/usb/devices/ -maxdepth 1 -type l -printf '%f %l\\n' 2>/dev/null; true")

COMMANDS = (_INTERFACES, _LINKS)


@dataclass(frozen=True)
class Keyboard:
    """A keyboard: an interface of HID class 03 with boot protocol 01 (USB HID 1.11, section 4)."""

    name: str
    controller: str
    """The PCI address of its USB controller."""
    path: tuple[str, ...] = field(default=(), compare=False)
    """Every PCI address on its way to the processor; the controller's is the last."""


def parse(facts: Facts) -> tuple[Keyboard, ...]:
    """Return the keyboards of the facts, in the order of their ports.

    >>> attributes("1-2:1.0/bInterfaceProtocol:01\\n1-2/product:Das Keyboard")["1-2"]
    {'product': 'Das Keyboard'}
    """
    values = attributes(facts[_INTERFACES].out)
    links = dict(line.split(" ", 1) for line in facts[_LINKS].out.splitlines() if " " in line)
    found = (
        Keyboard(
            values.get(port.partition(":")[0], {}).get("product", "a keyboard"),
            last_bdf(links.get(port, "")),
            bdfs_in(links.get(port, "")),
        )
        for port, value in sorted(values.items())
        if value.get("bInterfaceClass") == "03" and value.get("bInterfaceProtocol") == "01"
    )
    return tuple(dict.fromkeys(found))


def attributes(text: str) -> dict[str, dict[str, str]]:
    """Return the attributes of each port from `PORT/NAME:VALUE` lines (a port may hold a colon)."""
    result: dict[str, dict[str, str]] = defaultdict(dict)
    for line in text.splitlines():
        port, _, rest = line.partition("/")
        name, _, value = rest.partition(":")
        result[port][name] = value.strip()
    return dict(result)
