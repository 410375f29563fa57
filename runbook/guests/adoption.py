"""A configuration that is there as a guest in the parameters: the way back from `config.render`.

What has no field stands under `extra`, so that the file which is rendered again has the same effect.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from runbook.guests import adoption_devices as devices
from runbook.guests import drives
from runbook.guests.adoption_devices import SizeOf
from runbook.guests.parts import VGA, VGA_MIB, VIRIDIAN
from runbook.guests.syntax import Config, Value, number_of
from runbook.guests.validate import known_keys
from runbook.params.guest_disks import Disk
from runbook.params.guest_extra import ALWAYS, FIELDS
from runbook.params.guests import Guest

Fields = dict[str, Any]
LISTEN, ORDER, CARD = "127.0.0.1", "cda", "rtl8139"
"""What libxl takes where nothing is said: where VNC listens, what an HVM guest boots, and which card it has."""
PASSWORD = "env:VNC_PASSWORD_"
"""Where the password of a screen is to be looked for; the guest's name follows, in capitals."""


class Unadoptable(ValueError):
    """No parameters can say this configuration; the text says why, and what to do about it."""


@dataclass(frozen=True)
class Adopted:
    """A guest as it can be written into a parameter file."""

    guest: Fields
    """As under `guests`, in the order of the model."""
    devices: Mapping[str, Fields] = field(default_factory=dict)
    """Its devices by address: what each has under passthrough.devices beside its `id` and `what`."""
    bridges: tuple[str, ...] = ()
    """The bridges that network.bridges has to name for it."""
    skipped: Mapping[str, Value] = field(default_factory=dict)
    """Words that this release's xl does not know: it skips them, so they are lost without a loss."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Passwords that stood in the file, by the reference which the guest has instead."""


def parameters(
    config: Config,
    group: str = "guests",
    default_bridge: str = "xenbr0",
    size_gib: SizeOf = lambda _path: 0,
    release: str = "trixie",
) -> Adopted:
    """Return a configuration as a guest in the parameters, in the shortest form that has the same effect.

    `group` is storage.guest_volume_group, and `size_gib` says how large a volume of it is, 0 for none that LVM
    knows; a volume without a size is one that must be there. `default_bridge` is where xl plugs a card in that
    names none. Raises `Unadoptable` where xl itself would refuse the file, or the runbook its name.
    """
    return _Adoption(config, group, default_bridge, size_gib, release).made()


class _Adoption:
    """One configuration on its way: what is left of it, and what became of the rest."""

    def __init__(self, config: Config, group: str, bridge: str, size_gib: SizeOf, release: str) -> None:
        self.rest: dict[str, Value] = dict(config.values)
        self.group, self.bridge, self.size_gib = group, bridge, size_gib
        known = known_keys(release)
        self.skipped = {key: self.rest.pop(key) for key in config.values if known and key not in known}
        self.guest: Fields = {}
        self.devices: dict[str, Fields] = {}
        self.secrets: dict[str, str] = {}
        self.origin: dict[str, dict[str, Value]] = {}
        """The keys that each field of the guest was made of, so that they can stand under `extra` instead."""

    def made(self) -> Adopted:
        self.kind = self._kind()
        steps: tuple[Callable[[], None], ...] = (
            self._identity, self._machine, self._processors, self._clock, self._disks, self._start, self._cards,
            self._passed, self._usb, self._screen, self._serial, self._endings,
        )  # fmt: skip
        for step in steps:
            step()
        self._settle()
        order = {name: place for place, name in enumerate(Guest.model_fields)}
        guest = {key: self.guest[key] for key in sorted(self.guest, key=order.__getitem__)}
        bridges = tuple(dict.fromkeys(nic["bridge"] for nic in guest.get("nics", ()) if "bridge" in nic))
        return Adopted(guest, self.devices, bridges, self.skipped, self.secrets)

    def _settle(self) -> None:
        """Move to `extra` what is left, and each field that its model refuses."""
        while True:
            extra = {key: _plain(value) for key, value in self.rest.items()}
            guest = {**self.guest, **({"extra": extra} if extra else {})}
            try:
                Guest.model_validate(guest)
            except ValidationError as error:
                self._take_back(error)
            else:
                self.guest = guest
                return

    def _take_back(self, error: ValidationError) -> None:
        names = [str(problem["loc"][0]) for problem in error.errors() if problem["loc"]]
        taken = [
            name for name in names if self.origin.get(name) and name not in ("name", "memory_mib", "type")
        ]
        if not taken:
            first = error.errors()[0]
            raise Unadoptable(str(first.get("ctx", {}).get("error") or first["msg"]))
        for name in taken:
            self.guest.pop(name, None)
            self.rest |= self.origin.pop(name)
            if name == "pci":
                self.devices = {}

    def _pop(self, field: str, *keys: str) -> dict[str, Value]:
        """Take keys out of the file for a field of the guest."""
        taken = {key: self.rest.pop(key) for key in keys if key in self.rest}
        self.origin[field] = self.origin.get(field, {}) | taken
        return taken

    def _put(self, field: str, value: Any, usual: Any = None) -> None:
        """Give the guest a field unless it has that value by itself."""
        if value != usual:
            self.guest[field] = value

    def _number(self, field: str, key: str) -> int | None:
        """Take a key that is a number; anything else stays where it is."""
        value = number_of(self.rest[key]) if key in self.rest else None
        if value is not None:
            self._pop(field, key)
        return value

    def _text(self, field: str, key: str) -> str | None:
        """Take a key that is one text, not an empty one; anything else stays where it is."""
        value = self.rest.get(key)
        if isinstance(value, tuple) or value in (None, ""):
            return None
        self._pop(field, key)
        return str(value)

    def _list(self, key: str) -> tuple[str, ...]:
        """Return a list of texts as xl goes through it: to the first member that is none."""
        value = self.rest.get(key, ())
        found: list[str] = []
        for item in value if isinstance(value, tuple) else ():
            if isinstance(item, tuple):
                break
            found.append(str(item))
        return tuple(found)

    def _kind(self) -> str:
        type_, builder = self.rest.get("type", ""), self.rest.get("builder")
        self._pop("type", "type", "builder")
        if type_ != "":
            return next((k for k in ("hvm", "pv", "pvh") if k.startswith(str(type_))), str(type_))
        return "hvm" if builder is not None and "hvm".startswith(str(builder)) else "pv"

    def _identity(self) -> None:
        self._put("type", self.kind, "hvm")
        name = self._text("name", "name")
        if name is None:
            raise Unadoptable('it has no name; xl would not start it: write `name = "…"` into it')
        self.guest["name"] = name
        if uuid := self._text("uuid", "uuid"):
            self.guest["uuid"] = uuid.lower()

    def _machine(self) -> None:
        memory, most = self._number("memory_mib", "memory"), self._number("max_memory_mib", "maxmem")
        self.guest["memory_mib"] = memory if memory is not None else most if most is not None else 32
        self._put("max_memory_mib", most, self.guest["memory_mib"] if most is not None else None)
        if most is not None and most > self.guest["memory_mib"] and self._list("pci"):
            self.guest.pop("max_memory_mib")
            self.rest |= self.origin.pop("max_memory_mib")
        self._put("vcpus", self._number("vcpus", "vcpus"), None)
        self._put("vcpus", self.guest.pop("vcpus", 1), 1)
        self._firmware()
        if hole := self._number("mmio_hole_mib", "mmio_hole"):
            self.guest["mmio_hole_mib"] = hole

    def _firmware(self) -> None:
        kind = str(self.rest.get("firmware", self.rest.get("bios", "bios"))).lower()
        words = {"bios": "bios", "seabios": "bios", "uefi": "uefi", "ovmf": "uefi"}
        if self.kind != "hvm":
            if firmware := self._text("firmware", "firmware"):
                self.guest["firmware"] = firmware
            return
        if self.rest.get("firmware") and self.rest.get("bios") and self.rest["firmware"] != self.rest["bios"]:
            return
        if kind in words:
            self._pop("firmware", "firmware", "bios")
            self._put("firmware", words[kind], "bios")
            if image := self._text("firmware_image", "bios_path_override"):
                self.guest["firmware_image"] = image
        elif kind.startswith("/") and "bios" not in self.rest:
            self.guest["firmware"] = self._text("firmware", "firmware")

    def _processors(self) -> None:
        names = {"maxvcpus": "max_vcpus", "cpu_weight": "weight", "cap": "cap"}
        found: Fields = {n: v for k, n in names.items() if (v := self._number("processors", k)) is not None}
        if found.get("max_vcpus") == self.guest.get("vcpus", 1):
            del found["max_vcpus"]
        found |= {
            k: v for k in ("cpus", "cpus_soft", "pool") if (v := self._text("processors", k)) is not None
        }
        if self.rest.get("nestedhvm") in (1, "1"):
            self._pop("processors", "nestedhvm")
            found["nested"] = True
        self._put("processors", found, {})

    def _clock(self) -> None:
        local = self._number("local_time", "localtime")
        groups = self._viridian()
        if local == 1 and groups == VIRIDIAN and self.kind == "hvm":
            self.guest["os"] = "windows"
            return
        self._put("local_time", None if local is None else bool(local))
        self._put("viridian", None if groups is None else list(groups))

    def _viridian(self) -> tuple[str, ...] | None:
        value = self.rest.get("viridian")
        if value is None or self.kind != "hvm":
            return None
        if not isinstance(value, tuple) and number_of(value) is None:
            return None
        self._pop("viridian", "viridian")
        if isinstance(value, tuple):
            return tuple(map(str, value))
        return ("defaults",) if number_of(value) else ()

    def _disks(self) -> None:
        specs = self._list("disk")
        found = [devices.disk(spec, self.group, self.size_gib) for spec in specs]
        made = [one for one in found if one]
        names = [one["vdev"] for one in made]
        if len(made) < len(specs) or len(set(names)) < len(names) or "disk" not in self.rest:
            return
        self._pop("disks", "disk")
        bare = [{key: value for key, value in one.items() if key != "vdev"} for one in made]
        try:
            by_itself = tuple(drives.drives(self.kind, [Disk.model_validate(one) for one in bare]))
        except ValidationError:
            by_itself = ()
        if by_itself == tuple(names):
            made = bare
        only = made[0] if len(made) == 1 else {}
        if set(only) == {"volume", "size_gib"}:
            self.guest["volume"] = {"name": only["volume"], "size_gib": only["size_gib"]}
            self.origin["volume"] = self.origin.pop("disks")
        elif made:
            self.guest["disks"] = made

    def _start(self) -> None:
        found: Fields = {}
        if self.kind == "hvm":
            order = self._text("boot", "boot")
            found |= {} if order == "c" else {"order": order or ORDER}
        for name in ("kernel", "ramdisk", "bootloader"):
            if text := self._text("boot", name):
                found[name] = text
        if cmdline := self._cmdline():
            found["cmdline"] = cmdline
        if args := self._list("bootloader_args"):
            self._pop("boot", "bootloader_args")
            found["bootloader_args"] = list(args)
        self._put("boot", found, {})

    def _cmdline(self) -> str | None:
        """Return the kernel's command line: `cmdline`, or of the older words what xl makes of them."""
        root, more = self.rest.get("root"), self.rest.get("extra")
        if isinstance(root, tuple) or isinstance(more, tuple):
            return None
        if whole := self._text("boot", "cmdline"):
            self._pop("boot", "root", "extra")
            return whole
        self._pop("boot", "root", "extra")
        return (
            " ".join(filter(None, (f"root={root}" if root is not None else "", str(more or "")))).strip()
            or None
        )

    def _cards(self) -> None:
        specs = self._list("vif")
        found = [devices.card(spec, self.kind, self.bridge) for spec in specs]
        if specs and None not in found:
            self._pop("nics", "vif")
            self.guest["nics"] = found

    def _passed(self) -> None:
        names = ("permissive", "msitranslate", "power_mgmt", "seize")
        usual = {name: number_of(self.rest.get(f"pci_{name}", 0)) == 1 for name in names}
        specs = self._list("pci")
        found = [devices.device(spec, usual) for spec in specs]
        made = dict(one for one in found if one)
        if specs and self.kind != "pvh" and len(made) == len(specs):
            self._pop("pci", "pci", *(f"pci_{name}" for name in names))
            self.guest["pci"], self.devices = list(made), made

    def _usb(self) -> None:
        found: Fields = {}
        if self.kind == "hvm":
            found |= self._emulated()
        for key, name, read in (
            ("usbctrl", "controllers", devices.usb_controller),
            ("usbdev", "passed", devices.usb_device),
        ):
            specs = [read(spec) for spec in self._list(key)]
            if specs and None not in specs:
                self._pop("usb", key)
                found[name] = specs
        self._put("usb", found, {})

    def _emulated(self) -> Fields:
        value = self.rest.get("usbdevice")
        names = (str(value),) if isinstance(value, str | int) and value != "" else self._list("usbdevice")
        if names:
            # With a device named there is USB, whether `usb` says so or not.
            self._pop("usb", "usbdevice", "usb")
        elif self.rest.get("usb") in (0, "0"):
            self._pop("usb", "usb")
        return {} if names == ("tablet",) else {"devices": list(names)}

    def _screen(self) -> None:
        found: Fields = {}
        if self.kind == "hvm":
            found |= self._picture()
            found |= self._vnc(
                {key: self._atom(key) for key in _VNC if self._atom(key) is not None}, "screen", *_VNC
            )
        elif (words := self._paravirtual()) is not None:
            found |= self._vnc(
                words, "screen", "vfb", *(() if "vfb" in self.rest or self.kind == "pvh" else _VNC)
            )
        self._put("screen", found, {})

    def _atom(self, key: str) -> str | None:
        value = self.rest.get(key)
        return None if value is None or isinstance(value, tuple) else str(value)

    def _paravirtual(self) -> dict[str, str] | None:
        """Return the words of a PV or PVH guest's only screen, None where it has none, or several."""
        specs = self._list("vfb")
        if len(specs) == 1:
            return devices.screen(specs[0])
        if specs or self.kind == "pvh" or number_of(self._atom("vnc") or "0") in (0, None):
            return None
        if any(key in self.rest for key in ("opengl", "display", "xauthority", "keymap")) or number_of(
            self._atom("sdl") or "0"
        ):
            return None
        return {key: value for key in _VNC if (value := self._atom(key)) is not None}

    def _picture(self) -> Fields:
        found: Fields = {}
        is_windows = self.guest.get("os") == "windows"
        vga = self._text("screen", "vga")
        if vga is None and (old := self._number("screen", "stdvga")) is not None:
            vga = "stdvga" if old else "cirrus"
        elif vga is not None:
            self._pop("screen", "stdvga")
        memory = self._number("screen", "videoram")
        if is_windows and (vga, memory) == (VGA, VGA_MIB):
            return found
        found |= {"vga": vga} if vga else {"vga": "cirrus"} if is_windows else {}
        return found | ({"memory_mib": memory} if memory else {})

    def _vnc(self, words: dict[str, str], name: str, *keys: str) -> Fields:
        """Return what there is under `screen` of VNC, and put display and address beside it."""
        if not self._can_say(words):
            return {}
        taken = self._pop(name, *keys)
        if number_of(words.get("vnc", "1" if self.kind == "hvm" else "0")) == 0:
            self.rest |= {key: value for key, value in taken.items() if key not in ("vnc", "vfb")}
            return {"vnc": False} if self.kind == "hvm" else {}
        address, display = _listens(words.get("vnclisten", LISTEN), words.get("vncdisplay"))
        self._put("vnc_listen", address, LISTEN)
        self.origin["vnc_listen"] = self.origin["vnc_display"] = self.origin[name]
        self._put("vnc_display", display)
        found: Fields = {} if self.kind == "hvm" or display is not None else {"vnc": True}
        may_take_any = number_of(words.get("vncunused", "1")) != 0
        if may_take_any != (display is None):
            found["any_display"] = may_take_any
        if password := words.get("vncpasswd"):
            found["password"] = PASSWORD + re.sub(r"\W", "_", str(self.guest["name"])).upper()
            self.secrets[found["password"]] = password
        return found

    def _can_say(self, words: dict[str, str]) -> bool:
        """Return whether fields can say this screen: an IPv4 address to listen on, and numbers where those belong."""
        numbers = (words.get(key, "0") for key in ("vnc", "vncdisplay", "vncunused"))
        address, _ = _listens(words.get("vnclisten", LISTEN), None)
        return all(number_of(n) is not None for n in numbers) and bool(
            re.fullmatch(r"\d+(?:\.\d+){3}", address)
        )

    def _serial(self) -> None:
        if self.kind != "hvm":
            return
        value = self.rest.get("serial")
        names = (str(value),) if isinstance(value, str | int) and value != "" else self._list("serial")
        self._pop("serial", "serial")
        self._put("serial", list(names), ["pty"])
        if sound := self._text("sound", "soundhw"):
            self.guest["sound"] = sound

    def _endings(self) -> None:
        usual = {"on_poweroff": "destroy", "on_reboot": "restart", "on_crash": "preserve"}
        for key in ("on_poweroff", "on_reboot", "on_crash", "on_watchdog", "on_soft_reset"):
            value = self._text(key, key) or ("destroy" if key == "on_crash" else usual.get(key))
            self._put(key, value, usual.get(key))


_VNC = ("vnc", "vnclisten", "vncdisplay", "vncunused", "vncpasswd")


def _listens(address: str, display: str | None) -> tuple[str, int | None]:
    """Return address and display; libxl takes what follows a colon for a display."""
    head, colon, tail = address.rpartition(":")
    if colon and ":" not in head and tail.isdecimal() and not number_of(display or "0"):
        return head, int(tail)
    return address, None if display is None else number_of(display)


def _plain(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, str) and re.fullmatch("0|[1-9][0-9]{0,17}", value) else value


def said_in(guest: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of xl.cfg(5) that stand under `extra` of a guest and that a field could say as well."""
    yield from (key for key in guest.get("extra", {}) if key in FIELDS and key not in ALWAYS)
