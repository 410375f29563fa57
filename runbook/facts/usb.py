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


@dataclass(frozen=True)
class Plugged:
    """A thing on USB that is no keyboard: what it is in words, its product's name, and the controller that it hangs on."""

    kind: str
    name: str
    controller: str


_MOUSE = ("03", "02")
_KINDS = {
    "01": "sound", "02": "a modem or a network card", "03": "an input device or a UPS", "06": "a camera or a phone",
    "07": "a printer", "08": "a disk or a memory stick", "0a": "a modem or a network card", "0b": "a smart card reader",
    "0e": "a camera", "e0": "a radio such as Bluetooth",
}  # fmt: skip
"""What an interface class means to a person (usb.org, Defined Class Codes); hubs (09) are nothing by themselves."""


def plugged(facts: Facts) -> tuple[Plugged, ...]:
    """Return what is plugged in beside keyboards and hubs, each device once, in the order of the ports.

    A device of several interfaces is what the first one of a known class says; one of them that is a keyboard makes
    the whole a keyboard (`parse`), and a receiver for keyboard and mouse stays so for the keyboard.
    """
    values = attributes(facts[_INTERFACES].out)
    links = dict(line.split(" ", 1) for line in facts[_LINKS].out.splitlines() if " " in line)
    interfaces: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for port, value in sorted(values.items()):
        if "bInterfaceClass" in value:
            pair = value["bInterfaceClass"], value.get("bInterfaceProtocol", "")
            interfaces[port.partition(":")[0]].append(pair)
    return tuple(
        Plugged(kind, values.get(port, {}).get("product", ""), last_bdf(links.get(port, "")))
        for port, of in interfaces.items()
        if (kind := _kind(of))
    )


def _kind(interfaces: list[tuple[str, str]]) -> str:
    """Return what a device of these interfaces (class, protocol) is in words, '' for a hub and for a keyboard.

    >>> _kind([("03", "02"), ("03", "00")]), _kind([("03", "01"), ("03", "02")]), _kind([("09", "00")])
    ('a mouse', '', '')
    """
    if ("03", "01") in interfaces or all(code == "09" for code, _ in interfaces):
        return ""
    if _MOUSE in interfaces:
        return "a mouse"
    return next(
        (_KINDS[code] for code, _ in interfaces if code in _KINDS), "a device of its maker's own kind"
    )


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
