"""Screen, serial ports and sound of a guest: out of a configuration that is there."""

from __future__ import annotations

import re

from runbook.guests.adoption import words
from runbook.guests.adoption.reading import Fields, Reading
from runbook.guests.parts import VGA, VGA_MIB
from runbook.guests.syntax import number_of

LISTEN = "127.0.0.1"
"""Where VNC listens where nothing is spec (libxl)."""
_VNC = ("vnc", "vnclisten", "vncdisplay", "vncunused", "vncpasswd")


def screen(reading: Reading) -> None:
    """Take screen and VNC, of a PV or PVH guest its only paravirtual screen."""
    found: Fields = {}
    if reading.kind == "hvm":
        found |= _picture(reading)
        # An address that no field takes stays where it is; the rest of VNC can still be spec.
        keys = [key for key in _VNC if key != "vnclisten" or _is_address(reading.atom(key) or LISTEN)]
        found |= _vnc(reading, reading.atoms(*keys), *keys)
    elif (spec := _paravirtual(reading)) is not None and _is_address(spec.get("vnclisten", LISTEN)):
        found |= _vnc(reading, spec, *(("vfb",) if "vfb" in reading.rest else _VNC))
    reading.put("screen", found, {})


def _paravirtual(reading: Reading) -> dict[str, str] | None:
    """Return the options of a PV or PVH guest's only screen, None where it has none, or several."""
    specs = reading.listed("vfb")
    if len(specs) == 1 and not reading.atoms(*_VNC):
        spec = words.screen(specs[0])
        return spec if spec and number_of(spec.get("vnc", "0")) else None
    if specs or reading.kind == "pvh" or number_of(reading.atom("vnc") or "0") in (0, None):
        return None
    if any(key in reading.rest for key in ("opengl", "display", "xauthority", "keymap")) or number_of(
        reading.atom("sdl") or "0"
    ):
        return None
    return reading.atoms(*_VNC)


def _picture(reading: Reading) -> Fields:
    found: Fields = {}
    is_windows = reading.guest.get("os") == "windows"
    vga = reading.text("screen", "vga")
    if vga is None and (old := reading.number("screen", "stdvga")) is not None:
        vga = "stdvga" if old else "cirrus"
    elif vga is not None:
        reading.pop("screen", "stdvga")
    memory = reading.number("screen", "videoram")
    if is_windows and vga == VGA and memory in (None, VGA_MIB):
        return found  # libxl gives that card as much by itself
    found |= {"vga": vga} if vga else {"vga": "cirrus"} if is_windows else {}
    return found | ({"memory_mib": memory} if memory else {})


def _vnc(reading: Reading, options: dict[str, str], *keys: str) -> Fields:
    """Return what there is under `screen` of VNC, and put display and address beside it."""
    if any(number_of(options.get(key, "0")) is None for key in ("vnc", "vncdisplay", "vncunused")):
        return {}
    taken = reading.pop("screen", *keys)
    if number_of(options.get("vnc", "1" if reading.kind == "hvm" else "0")) == 0:
        reading.rest |= {key: value for key, value in taken.items() if key not in ("vnc", "vfb")}
        return {"vnc": False} if reading.kind == "hvm" else {}
    address, display = _listens(options.get("vnclisten", LISTEN), options.get("vncdisplay"))
    reading.put("vnc_listen", address, LISTEN)
    reading.origin["vnc_listen"] = reading.origin["vnc_display"] = reading.origin["screen"]
    reading.put("vnc_display", display)
    found: Fields = {} if reading.kind == "hvm" or display is not None else {"vnc": True}
    may_take_any = number_of(options.get("vncunused", "1")) != 0
    if may_take_any != (display is None):
        found["any_display"] = may_take_any
    if password := options.get("vncpasswd"):
        found["password"] = reading.secret(password)
    return found


def _is_address(text: str) -> bool:
    """Return whether a field can say where VNC listens: an IPv4 address, with a display behind it or not."""
    return re.fullmatch(r"\d+(?:\.\d+){3}(?::\d+)?", text) is not None


def serial(reading: Reading) -> None:
    """Take serial ports and sound card."""
    if reading.kind != "hvm":
        return
    value = reading.rest.get("serial")
    names = (str(value),) if isinstance(value, str | int) and value != "" else reading.listed("serial")
    reading.pop("serial", "serial")
    reading.put("serial", list(names), ["pty"])
    if sound := reading.text("sound", "soundhw"):
        reading.guest["sound"] = sound


def _listens(address: str, display: str | None) -> tuple[str, int | None]:
    """Return address and display; libxl takes what follows a colon for a display."""
    head, colon, tail = address.rpartition(":")
    if colon and ":" not in head and tail.isdecimal() and not number_of(display or "0"):
        return head, int(tail)
    return address, None if display is None else number_of(display)
