"""Screen, serial ports and sound of a guest: out of a configuration that is there."""

from __future__ import annotations

import re

from runbook.guests.adoption import words
from runbook.guests.adoption.reading import Fields, Reading
from runbook.guests.parts import VGA, VGA_MIB
from runbook.guests.syntax import number_of

LISTEN = "127.0.0.1"
"""Where VNC listens where nothing is said (libxl)."""
PASSWORD = "env:VNC_PASSWORD_"
"""Where the password of a screen is to be looked for; the guest's name follows, in capitals."""
_VNC = ("vnc", "vnclisten", "vncdisplay", "vncunused", "vncpasswd")


def screen(reading: Reading) -> None:
    """Take screen and VNC, of a PV or PVH guest its only paravirtual screen."""
    found: Fields = {}
    if reading.kind == "hvm":
        found |= _picture(reading)
        found |= _vnc(reading, reading.atoms(*_VNC), "screen", *_VNC)
    elif (words := _paravirtual(reading)) is not None:
        found |= _vnc(
            reading, words, "screen", "vfb", *(() if "vfb" in reading.rest or reading.kind == "pvh" else _VNC)
        )
    reading.put("screen", found, {})


def _paravirtual(reading: Reading) -> dict[str, str] | None:
    """Return the words of a PV or PVH guest's only screen, None where it has none, or several."""
    specs = reading.listed("vfb")
    if len(specs) == 1:
        return words.screen(specs[0])
    if specs or reading.kind == "pvh" or number_of(reading.atom("vnc") or "0") in (0, None):
        return None
    if any(key in reading.rest for key in ("opengl", "display", "xauthority", "keymap")) or number_of(
        reading.atom("sdl") or "0"
    ):
        return None
    return {key: value for key in _VNC if (value := reading.atom(key)) is not None}


def _picture(reading: Reading) -> Fields:
    found: Fields = {}
    is_windows = reading.guest.get("os") == "windows"
    vga = reading.text("screen", "vga")
    if vga is None and (old := reading.number("screen", "stdvga")) is not None:
        vga = "stdvga" if old else "cirrus"
    elif vga is not None:
        reading.pop("screen", "stdvga")
    memory = reading.number("screen", "videoram")
    if is_windows and (vga, memory) == (VGA, VGA_MIB):
        return found
    found |= {"vga": vga} if vga else {"vga": "cirrus"} if is_windows else {}
    return found | ({"memory_mib": memory} if memory else {})


def _vnc(reading: Reading, words: dict[str, str], name: str, *keys: str) -> Fields:
    """Return what there is under `screen` of VNC, and put display and address beside it."""
    if not _can_say(reading, words):
        return {}
    taken = reading.pop(name, *keys)
    if number_of(words.get("vnc", "1" if reading.kind == "hvm" else "0")) == 0:
        reading.rest |= {key: value for key, value in taken.items() if key not in ("vnc", "vfb")}
        return {"vnc": False} if reading.kind == "hvm" else {}
    address, display = _listens(words.get("vnclisten", LISTEN), words.get("vncdisplay"))
    reading.put("vnc_listen", address, LISTEN)
    reading.origin["vnc_listen"] = reading.origin["vnc_display"] = reading.origin[name]
    reading.put("vnc_display", display)
    found: Fields = {} if reading.kind == "hvm" or display is not None else {"vnc": True}
    may_take_any = number_of(words.get("vncunused", "1")) != 0
    if may_take_any != (display is None):
        found["any_display"] = may_take_any
    if password := words.get("vncpasswd"):
        found["password"] = PASSWORD + re.sub(r"\W", "_", str(reading.guest["name"])).upper()
        reading.secrets[found["password"]] = password
    return found


def _can_say(reading: Reading, words: dict[str, str]) -> bool:
    """Return whether fields can say this screen: an IPv4 address to listen on, and numbers where those belong."""
    numbers = (words.get(key, "0") for key in ("vnc", "vncdisplay", "vncunused"))
    address, _ = _listens(words.get("vnclisten", LISTEN), None)
    return all(number_of(n) is not None for n in numbers) and bool(re.fullmatch(r"\d+(?:\.\d+){3}", address))


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
