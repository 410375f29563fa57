"""One network card of an xl.cfg, read as xl reads it.

Source: parse_nic_config in tools/xl/xl_parse.c of Xen 4.17 and 4.20, tools/libs/util/libxlu_vif.c, and
xl-network-configuration(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_KEYS = (
    "type", "mac", "bridge", "netdev", "gatewaydev", "ip", "script", "backend", "vifname", "model", "rate", "accel",
    "devid", "mtu",
)  # fmt: skip
FLAGS = ("trusted", "untrusted")


def keys(release: str) -> tuple[str, ...]:
    """Return the options of a card that the release's xl reads, but for those of COLO."""
    return _KEYS if release == "bookworm" else (*_KEYS, "vlan")


@dataclass
class VifSpec:
    """What xl makes of one member of `vif`."""

    options: dict[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    """Words that xl leaves out, with a line on the screen."""
    wrong: tuple[str, ...] = ()
    """What xl stops at."""


def parse(spec: str, release: str = "trixie") -> VifSpec:
    """Return what xl makes of one member of `vif`; a blank before a word is skipped, one behind it is a part of it.

    >>> parse("mac=00:16:3e:14:01:00, bridge=xenbr0, fast").options, parse("bridge=xenbr0, fast").skipped
    ({'mac': '00:16:3e:14:01:00', 'bridge': 'xenbr0'}, ('fast',))
    """
    made = VifSpec()
    for word in filter(None, spec.split(",")):
        text = word.lstrip(" ")
        key, equals, value = text.partition("=")
        if not equals and text in FLAGS:
            made.flags = (*made.flags, text)
        elif not equals or not (key in keys(release) or key.startswith("colo_") or key == "forwarddev"):
            made.skipped = (*made.skipped, text)
        elif why := _bad(key, value):
            made.wrong = (*made.wrong, why)
            break
        elif _is_skipped(key, value):
            made.skipped = (*made.skipped, text)
        else:
            made.options["gatewaydev" if key == "netdev" else key] = value
    return made


def mac_of(text: str) -> str:
    """Return a MAC address as xl reads it, '' for what is none to it.

    Any character may stand between its six numbers, and anything behind the last.

    >>> mac_of("0:16:3E:14:1:0"), mac_of("00:16:3e")
    ('00:16:3e:14:01:00', '')
    """
    numbers = []
    for _ in range(6):
        match = re.match(r"\s*\+?(?:0[xX](?=[0-9a-fA-F]))?([0-9a-fA-F]+)", text)
        if not match or int(match[1], 16) > 255:
            return ""
        numbers.append(int(match[1], 16))
        text = text[match.end() + 1 :]
    return ":".join(f"{number:02x}" for number in numbers)


def _is_skipped(key: str, value: str) -> bool:
    return (key == "mac" and not mac_of(value)) or (key == "type" and value not in ("ioemu", "vif"))


def _bad(key: str, value: str) -> str:
    if key == "rate":
        return "" if _is_rate(value) else f"rate cannot be `{value}`"
    if key in ("devid", "mtu") and not re.match(r"\s*[+-]?\d", value):
        return f"{key} cannot be `{value}`"
    return ""


def _is_rate(text: str) -> bool:
    """Return whether xl takes a rate: bytes or bits a second, and how often they are counted."""
    amount, at, interval = text.partition("@")
    match = re.fullmatch(r"(\d+)[GMK]?[Bb]/s", amount)
    if not match or not 0 < _c_number(match[1]) <= 0xFFFFFFFF:
        return False
    if not at:
        return True
    match = re.fullmatch(r"(\d+)([mu]?)(s?)", interval)
    if not match:
        return False
    micro = _c_number(match[1]) * {"m": 1000, "u": 1, "": 1_000_000}[match[2]]
    return 0 < micro <= 0xFFFFFFFF


def _c_number(digits: str) -> int:
    """Return what C's strtoull reads of digits in base 0: a leading nought means octal."""
    if digits.startswith("0"):
        octal = re.match("[0-7]+", digits)
        return int(octal[0], 8) if octal else 0
    return int(digits)
