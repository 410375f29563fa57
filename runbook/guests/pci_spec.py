"""One passed-through device of an xl.cfg, read as xl reads it.

Source: tools/libs/util/libxlu_pci.c of Xen 4.20 (4.17 has the same rules), and xl-pci-configuration(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

OPTIONS = ("permissive", "msitranslate", "seize", "power_mgmt", "rdm_policy", "vslot", "name", "bdf")
POLICIES = ("strict", "relaxed")
# What glibc's `%x` takes: blanks before it, a sign, and 0x, which may stand alone for 0.
_HEX = r"\s*([+-]?(?:0[xX][0-9a-fA-F]*|[0-9a-fA-F]+))"


@dataclass
class PciSpec:
    """What xl makes of one member of `pci`."""

    bdf: str = ""
    """The full address, its function `*` for all of them; '' for none."""
    slot: int | None = None
    """The slot in the guest that it is to have."""
    options: dict[str, str] = field(default_factory=dict)
    """The `key=value` words behind it, but for those that are its address."""
    wrong: tuple[str, ...] = ()
    """What xl stops at: the first thing, as it stops there."""


class _Stop(Exception):
    """xl stops here; the text says why."""


def parse(spec: str) -> PciSpec:
    """Return what xl makes of one member of `pci`.

    >>> parse("03:00.1,permissive=1")
    PciSpec(bdf='0000:03:00.1', slot=None, options={'permissive': '1'}, wrong=())
    >>> parse("03:00.0, permissive=1").wrong
    ('there is no option ` permissive`; xl takes the blank before it for a part of the word',)
    """
    made = PciSpec()
    try:
        _read(made, spec)
    except _Stop as why:
        made.wrong = (str(why),)
    return made


def _read(made: PciSpec, spec: str) -> None:
    rest = spec
    if at := _bdf(made, spec):
        rest = spec[at:]
        if rest.startswith("@"):
            rest = rest[1 + _slot(made, rest[1:]) :]
        if rest and not rest.startswith(","):
            raise _Stop(f"`{rest}` stands behind the address")
        rest = rest[1:]
    while rest:
        key, equals, rest = rest.partition("=")
        if not equals:
            raise _Stop(f"`{key}` has no value" if made.bdf else "it is not a PCI address")
        value, _, rest = rest.partition(",")
        _option(made, key, value)
    if bool(made.bdf) == ("name" in made.options):
        raise _Stop("it has an address and a name" if made.bdf else "it is not a PCI address")


def _option(made: PciSpec, key: str, value: str) -> None:
    if key == "bdf":
        if not _bdf(made, value):
            raise _Stop(f"`{value}` is not a PCI address")
    elif key == "vslot":
        _slot(made, value)
    elif key not in OPTIONS:
        blank = "; xl takes the blank before it for a part of the word" if key != key.strip() else ""
        raise _Stop(f"there is no option {f'`{key}`' if blank else key}{blank}")
    elif key == "rdm_policy" and value.lower() not in (*POLICIES, "invalid"):
        raise _Stop(f"rdm_policy cannot be `{value}`")
    else:
        made.options[key] = value


def _bdf(made: PciSpec, text: str) -> int:
    """Take an address from the beginning of a text; return where it ends, 0 where there is none."""
    run = re.match(r"[0-9a-fA-F:]*", text)
    colons = run[0].count(":") if run else 0
    if colons not in (1, 2):
        return 0
    match = re.match(f"{':'.join([_HEX] * (colons + 1))}\\.(?:(\\*)|{_HEX})", text)
    if not match:
        return 0
    *numbers, star, function = match.groups()
    domain, bus, device = (0, 0, 0, *(_number(one) for one in numbers))[-3:]
    if domain > 0xFFFF or bus > 0xFF or device > 0x1F or (function and _number(function) > 7):
        return 0
    made.bdf = f"{domain:04x}:{bus:02x}:{device:02x}.{star or format(_number(function), 'x')}"
    return match.end()


def _slot(made: PciSpec, text: str) -> int:
    match = re.match(_HEX, text)
    if not match or _number(match[1]) > 0x1F:
        raise _Stop(f"`{text}` is not a slot of the guest; it is 0 to 1f")
    made.slot = _number(match[1])
    return match.end()


def _number(text: str) -> int:
    return int(re.sub("[xX]$", "", text), 16) & 0xFFFFFFFF
