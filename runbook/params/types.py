"""The values that parameters are made of, checked and written one way."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Closed(BaseModel):
    """A frozen model in which an unknown key is an error, never a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def bdf(text: str) -> str:
    """Return a PCI address in its full form, lower case.

    >>> bdf("07:00.0")
    '0000:07:00.0'

    Raises `ValueError` for anything that is not `[DDDD:]BB:SS.F` (hexadecimal; slot to 1f, function to 7).
    """
    match = re.fullmatch(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])", text.strip().lower())
    if not match:
        raise ValueError(
            f"'{text}' is not a PCI address; write [DDDD:]BB:SS.F as `lspci -D` shows it, like 0000:07:00.0"
        )
    return f"{match[1] or '0000'}:{match[2]}:{match[3]}.{match[4]}"


def pci_id(text: str) -> str:
    """Return `vendor:device` in lower case. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{4}", text.strip()):
        raise ValueError(
            f"'{text}' is not a PCI id; write vendor:device as `lspci -n` shows it, like 8086:10d3"
        )
    return text.strip().lower()


def mac(text: str) -> str:
    """Return a unicast MAC address in lower case. Raises `ValueError` for anything else."""
    value = text.strip().lower()
    if not re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", value):
        raise ValueError(f"'{text}' is not a MAC address; write six pairs like 00:16:3e:14:00:01")
    if int(value[:2], 16) & 1:
        raise ValueError(f"'{text}' is a multicast address; Xen's own prefix is 00:16:3e")
    return value


def interface_address(text: str) -> str:
    """Return `dhcp`, `none` or an IPv4 address *with* its prefix (H652: without one it becomes a /8)."""
    if text in ("dhcp", "none"):
        return text
    if "/" not in text:
        raise ValueError(f"'{text}' has no prefix length; write it like 10.0.0.2/24, or dhcp, or none")
    try:
        return str(ipaddress.IPv4Interface(text))
    except ValueError as error:
        raise ValueError(f"'{text}' is not an IPv4 address with a prefix length: {error}") from None


def name_of(kind: str, pattern: str, rule: str):  # type: ignore[no-untyped-def]
    """Return a validator for names of one kind; `rule` is said when `pattern` does not match."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"'{text}' cannot be the name of a {kind}: {rule}")
        return text

    return check


def https_address(text: str) -> str:
    """Return an https address that can stand in a shell line. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/[A-Za-z0-9._~/-]*", text):
        raise ValueError(f"'{text}' is not an https address; write it like https://example.org/xen.git")
    return text


branch_name = name_of(
    "branch", r"|[A-Za-z0-9][A-Za-z0-9._/-]*", "write it like stable-4.20 or RELEASE-4.20.1"
)
source_version = name_of("version", r"|[0-9][A-Za-z0-9.+~:-]*", "write it as `apt-cache showsrc xen` says it")
Bdf = Annotated[str, AfterValidator(bdf)]
PciId = Annotated[str, AfterValidator(pci_id)]
Mac = Annotated[str, AfterValidator(mac)]
InterfaceAddress = Annotated[str, AfterValidator(interface_address)]
HostName = Annotated[
    str,
    AfterValidator(name_of("host", r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "use letters, digits and hyphens")),
]
GuestName = Annotated[
    str,
    AfterValidator(name_of("guest", r"[a-z0-9][a-z0-9_-]{0,30}", "use up to 31 letters, digits, - and _")),
]
DeviceName = Annotated[
    str,
    AfterValidator(
        name_of(
            "network interface",
            r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}",
            "at most 15 letters, digits, and . _ -",
        )
    ),
]
VolumeName = Annotated[
    str,
    AfterValidator(name_of("volume", r"[A-Za-z0-9+_.][A-Za-z0-9+_.-]*", "see lvm(8), VALID NAMES")),
]
Mib = Annotated[int, Field(ge=64, le=16 * 1024 * 1024)]
Gib = Annotated[int, Field(ge=1, le=64 * 1024)]
