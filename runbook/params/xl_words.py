"""Words that go into an xl.cfg as they are: what can stand there, and what xl itself would read as something else."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from runbook.params.paths import controller_path
from runbook.params.secrets import reference
from runbook.params.types import name_of
from runbook.text.printable import unprintable

SECRET_KEYS = ("vncpasswd", "spicepasswd")
"""Keys of an xl.cfg that hold a password: it is not in the parameters, they say where it is."""


def xl_text(text: str) -> str:
    """Return one line of text that can be a value of an xl.cfg. Raises `ValueError` for a longer one, or none."""
    if not 0 < len(text) <= 2000 or text != text.strip():
        raise ValueError(
            f"'{text[:40]}' is not a value: write 1 to 2000 characters, none of them a blank at an end"
        )
    return text


def spec_word(text: str) -> str:
    """Return a word that can stand in one device of an xl.cfg. Raises `ValueError` for what a comma would cut."""
    if "," in text or not 0 < len(text) <= 500 or text != text.strip():
        raise ValueError(f"'{text[:40]}' cannot stand there: xl cuts at commas; write one word without any")
    return text


def host_path(text: str) -> str:
    """Return an absolute path on the host. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"/[^\x00-\x1f]*[^\x00-\x1f/\s]", text) or ".." in text.split("/"):
        raise ValueError(
            f"'{text[:80]}' is not a path on the host; write it from / on, like /srv/images/web.img"
        )
    return controller_path(text)


def firmware_word(text: str) -> str:
    """Return bios, uefi, pvgrub32, pvgrub64, or the path of a loader of one's own. Raises `ValueError` for others."""
    if text in ("bios", "uefi", "pvgrub32", "pvgrub64"):
        return text
    if not text.startswith("/"):
        raise ValueError(
            f"'{text[:40]}' is no firmware; write bios, uefi, pvgrub32, pvgrub64, or a path from / on"
        )
    return host_path(text)


def processors(text: str) -> str:
    """Return processors as xl's `cpus` names them, such as 2-7,^3 or node:0. Raises `ValueError` for anything else."""
    part = r"(?:\^?(?:nodes?:)?\d{1,5}(?:-\d{1,5})?|(?:nodes?:)?all)"
    if not re.fullmatch(rf"{part}(?:,{part})*", text):
        raise ValueError(f"'{text[:40]}' names no processors; write them like 2-7,^3, node:0 or all")
    for low, high in re.findall(r"(\d+)-(\d+)", text):
        if int(low) > int(high):
            raise ValueError(f"'{low}-{high}' goes downwards; write {high}-{low}")
    return text


def _member(value: Any, depth: int = 0) -> Any:
    """Return a value of an xl.cfg: a text, a number as text, or a list of them."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, list | tuple) and depth < 3:
        return tuple(_member(item, depth + 1) for item in value)
    if not isinstance(value, str | int):
        raise ValueError("a value of an xl.cfg is a number, a text, or a list of them")
    text = str(value)
    if len(text) > 4000 or (text and unprintable(text)):
        raise ValueError("a text of an xl.cfg is here one line of printable characters, 4000 at most")
    return text


def _extra(value: Any) -> Any:
    """Return keys and values of an xl.cfg as they are rendered. Raises `ValueError` for what is none."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("write keys of xl.cfg(5) below it, like `nomigrate: 1`")
    found = {str(key): _member(item) for key, item in value.items()}
    for key in found:
        if not re.fullmatch(r"[a-z][._0-9a-z]*", key):
            raise ValueError(
                f"'{key[:40]}' is not a key of xl.cfg(5): those have small letters, digits, _ and ."
            )
        if key in SECRET_KEYS:
            reference(found[key] if isinstance(found[key], str) else "")
    return found


XlText = Annotated[str, AfterValidator(xl_text)]
SpecWord = Annotated[str, AfterValidator(spec_word)]
HostPath = Annotated[str, AfterValidator(host_path)]
GuestFirmware = Annotated[str, AfterValidator(firmware_word)]
CpuSet = Annotated[str, AfterValidator(processors)]
Uuid = Annotated[
    str,
    AfterValidator(
        name_of("guest's identity", "-".join(rf"[0-9a-f]{{{n}}}" for n in (8, 4, 4, 4, 12)),
                "write 8-4-4-4-12 small hexadecimal digits, as `uuidgen` makes them")
    ),
]  # fmt: skip
Drive = Annotated[
    str,
    AfterValidator(
        name_of("drive", r"(?:hd[a-d]|(?:sd|xvd|vd)[a-z]{1,3})[0-9]{0,3}|d[0-9]{1,5}(?:p[0-9]{1,3})?|[0-9]{1,10}",
                "write it like hda, sda or xvda")
    ),
]  # fmt: skip
ZfsName = Annotated[
    str,
    AfterValidator(
        name_of("ZFS volume", r"[A-Za-z][A-Za-z0-9_.:-]*(?:/[A-Za-z0-9_.: -]*[A-Za-z0-9_.:-])+",
                "write POOL/NAME as `zfs list -t volume` shows it")
    ),
]  # fmt: skip
Rate = Annotated[
    str,
    AfterValidator(
        name_of(
            "rate", r"[1-9][0-9]*[GMK]?[Bb]/s(?:@[1-9][0-9]*[mu]?s)?", "write it like 10Mb/s or 1MB/s@20ms"
        )
    ),
]
BootOrder = Annotated[
    str,
    AfterValidator(
        name_of("boot order", "[acdn]{1,4}", "write it like cd: c the disk, d the CD, n the network")
    ),
]
XlKey = Annotated[str, Field(max_length=60)]
Extra = Annotated[dict[XlKey, Any], BeforeValidator(_extra)]
