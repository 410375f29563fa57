"""Addresses of networks: each is one that a machine can really have, or be reached at."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

from runbook.params.types import name_of

_XEN_OWN = "fe:ff:ff:ff:ff:ff"


def mac(text: str) -> str:
    """Return the MAC address of one card in lower case. Raises `ValueError` for anything else.

    >>> mac("00:16:3E:14:01:00")
    '00:16:3e:14:01:00'
    """
    value = text.strip().lower()
    if not re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", value):
        raise ValueError(f"'{text}' is not a MAC address; write six pairs like 00:16:3e:14:00:01")
    why = ""
    if value == "ff:ff:ff:ff:ff:ff":
        why = "is the broadcast address of all cards"
    elif int(value[:2], 16) & 1:
        why = "is a multicast address"
    elif value == "00:00:00:00:00:00":
        why = "is no card's address"
    elif value == _XEN_OWN:
        why = "is what Xen gives its own end of every guest's cable"
    if why:
        raise ValueError(f"'{text}' {why}; Xen's own prefix is 00:16:3e")
    return value


def _machine(address: ipaddress.IPv4Address) -> str:
    """Return why no machine on a network can have an address, '' when one can."""
    if address.is_unspecified or int(address) >> 24 == 0:
        return "means no machine, or this one"
    if address.is_loopback:
        return "is this machine itself (loopback)"
    if address.is_multicast:
        return "is a multicast address"
    return "is reserved" if address.is_reserved else ""


def interface_address(text: str) -> str:
    """Return `dhcp`, `none` or a machine's IPv4 address *with* its prefix (H652: without one it becomes a /8).

    Raises `ValueError` for an address that no machine can have: the network's own, its broadcast address,
    loopback, multicast, reserved.

    >>> interface_address("10.0.0.2/24")
    '10.0.0.2/24'
    """
    if text in ("dhcp", "none"):
        return text
    if "/" not in text:
        raise ValueError(f"'{text}' has no prefix length; write it like 10.0.0.2/24, or dhcp, or none")
    try:
        found = ipaddress.IPv4Interface(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is not an IPv4 address with a prefix length: {error}") from None
    why = _machine(found.ip)
    if not why and not 8 <= found.network.prefixlen <= 31:
        why = "has a prefix length that no network of machines has; it is 8 to 31, most often 24"
    elif not why and found.network.prefixlen < 31:
        if found.ip == found.network.network_address:
            why = f"is the network {found.network} itself, not a machine in it"
        elif found.ip == found.network.broadcast_address:
            why = f"is the broadcast address of {found.network}"
    if why:
        raise ValueError(f"'{text}' {why}; write the host's own address with its prefix, like 10.0.0.2/24")
    return str(found)


def machine_address(text: str) -> str:
    """Return the IPv4 address of a machine. Raises `ValueError` for one that none can have."""
    try:
        found = ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(f"'{text}' is not an IPv4 address; write it like 10.0.0.1") from None
    if why := _machine(found):
        raise ValueError(f"'{text}' {why}; write the address of a machine, like 10.0.0.1")
    return str(found)


def prove_gateway(gateway: str | None, ipv4: str) -> None:
    """Raise `ValueError` unless a gateway is another machine in the network of an address."""
    if gateway is None:
        return
    if ipv4 in ("dhcp", "none"):
        why = "dhcp brings one with it" if ipv4 == "dhcp" else "dom0 has no address there that could use it"
        raise ValueError(f"the gateway {gateway} has no place beside `ipv4: {ipv4}`: {why}; take it away")
    found, own = ipaddress.IPv4Address(gateway), ipaddress.IPv4Interface(ipv4)
    ends = (own.network.network_address, own.network.broadcast_address) if own.network.prefixlen < 31 else ()
    if found not in own.network:
        why = f"is not in the network {own.network} of {ipv4}"
    elif found == own.ip:
        why = "is the host's own address"
    elif found in ends:
        why = f"is no machine in {own.network}"
    else:
        return
    raise ValueError(f"the gateway {gateway} {why}; write the router's address in that network")


def listen_address(text: str) -> str:
    """Return an IPv4 address without a display number (H702). Raises `ValueError` for anything else.

    xl takes what follows a colon for a display, so it refuses an IPv6 address beside `vncdisplay`.
    """
    try:
        found = ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(
            f"'{text}' is not an address to listen on; write 127.0.0.1 (the number goes in vnc_display)"
        ) from None
    if not (found.is_loopback or found.is_unspecified) and (why := _machine(found)):
        raise ValueError(f"'{text}' {why}, and nothing can listen there; write 127.0.0.1")
    return str(found)


def https_address(text: str) -> str:
    """Return an https address that can stand in a shell line. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"https://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?/[A-Za-z0-9._~/-]*", text):
        raise ValueError(f"'{text}' is not an https address; write it like https://example.org/xen.git")
    return text


def mirror_address(text: str) -> str:
    """Return a mirror's address without a closing slash. Raises `ValueError` for what the installer cannot use."""
    if text and not re.fullmatch(r"https?://[A-Za-z0-9\[][A-Za-z0-9.:\]-]*/[A-Za-z0-9._~+%/-]*", text):
        raise ValueError(f"'{text}' is not a mirror's address; write it like http://HOST/debian")
    return text.rstrip("/")


Mac = Annotated[str, AfterValidator(mac)]
InterfaceAddress = Annotated[str, AfterValidator(interface_address)]
MachineAddress = Annotated[str, AfterValidator(machine_address)]
ListenAddress = Annotated[str, AfterValidator(listen_address)]
HttpsAddress = Annotated[str, AfterValidator(https_address)]
MirrorAddress = Annotated[str, AfterValidator(mirror_address)]
SshName = Annotated[
    str,
    AfterValidator(
        name_of(
            "machine for ssh",
            r"(?:ssh://)?(?:[A-Za-z0-9_][\w.+=-]{0,63}@)?(?:[A-Za-z0-9_][\w.:%-]*|\[[0-9A-Fa-f:.%\w]+\](?::[0-9]+)?|:[0-9A-Fa-f:.%\w]+)/?",
            "write it like root@victory, root@192.168.0.10 or an alias of your ssh config",
        )
    ),
]
"""A user and a name, of signs that mean nothing to a shell: ssh puts them into the commands of its configuration."""
