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


def _machine(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return why no machine on a network can have an address, '' when one can."""
    if address.is_unspecified or (address.version == 4 and int(address) >> 24 == 0):
        return "means no machine, or this one"
    if address.is_loopback:
        return "is this machine itself (loopback)"
    if address.is_multicast:
        return "is a multicast address"
    return "is reserved" if address.is_reserved else ""


def interface_address(text: str) -> str:
    """Return `keep`, `dhcp`, `none` or a machine's IPv4 address *with* its prefix (H652: without one it becomes a /8).

    Raises `ValueError` for an address that no machine can have: the network's own, its broadcast address,
    loopback, multicast, reserved.

    >>> interface_address("10.0.0.2/24")
    '10.0.0.2/24'
    """
    if text in ("keep", "dhcp", "none"):
        return text
    return _with_prefix(text, ipaddress.IPv4Interface, "10.0.0.2/24", "keep, dhcp or none")


def ipv6_interface_address(text: str) -> str:
    """Return `keep`, `auto`, `none` or a machine's IPv6 address with its prefix.

    Raises `ValueError` for an address that no machine can be given: the routers' of its network, a link's own,
    loopback, multicast, reserved.

    >>> ipv6_interface_address("2001:DB8::5/64")
    '2001:db8::5/64'
    """
    if text in ("keep", "auto", "none"):
        return text
    return _with_prefix(text, ipaddress.IPv6Interface, "2001:db8::2/64", "keep, auto or none")


def fixed_address(text: str) -> str:
    """Return a machine's IPv4 or IPv6 address with its prefix. Raises `ValueError` for anything else.

    >>> fixed_address("10.0.0.3/24"), fixed_address("2001:db8::3/64")
    ('10.0.0.3/24', '2001:db8::3/64')
    """
    kind = ipaddress.IPv6Interface if ":" in text else ipaddress.IPv4Interface
    return _with_prefix(text, kind, "10.0.0.3/24 or 2001:db8::3/64", "take it away")


def _with_prefix(
    text: str, kind: type[ipaddress.IPv4Interface] | type[ipaddress.IPv6Interface], like: str, words: str
) -> str:
    if "/" not in text:
        raise ValueError(f"'{text}' has no prefix length; write it like {like}, or {words}")
    try:
        found = kind(text)
    except ValueError as error:
        name = "IPv4" if kind is ipaddress.IPv4Interface else "IPv6"
        raise ValueError(f"'{text}' is not an {name} address with a prefix length: {error}") from None
    if why := _no_card(found):
        raise ValueError(f"'{text}' {why}; write the host's own address with its prefix, like {like}")
    return str(found)


def _no_card(found: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> str:
    """Return why no card can be given an address with its prefix, '' when one can."""
    shortest, longest = (8, 31) if found.version == 4 else (16, 128)
    if why := _machine(found.ip):
        return why
    if not shortest <= found.network.prefixlen <= longest:
        usual = 24 if found.version == 4 else 64
        return f"has a prefix length that no network of machines has; it is {shortest} to {longest}, most often {usual}"
    if isinstance(found, ipaddress.IPv6Interface):
        if found.is_link_local or found.scope_id:
            return "is a link's own address (fe80::/10), which each card gives itself"
        is_anycast = found.network.prefixlen < 127 and found.ip == found.network.network_address
        return f"is the address of all routers in {found.network} (RFC 4291, 2.6.1)" if is_anycast else ""
    if found.network.prefixlen < 31:
        if found.ip == found.network.network_address:
            return f"is the network {found.network} itself, not a machine in it"
        if found.ip == found.network.broadcast_address:
            return f"is the broadcast address of {found.network}"
    return ""


def machine_address(text: str) -> str:
    """Return the IPv4 address of a machine. Raises `ValueError` for one that none can have."""
    try:
        found = ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(f"'{text}' is not an IPv4 address; write it like 10.0.0.1") from None
    if why := _machine(found):
        raise ValueError(f"'{text}' {why}; write the address of a machine, like 10.0.0.1")
    return str(found)


def ipv6_machine_address(text: str) -> str:
    """Return the IPv6 address of a machine, also a link's own (fe80::1). Raises `ValueError` for anything else."""
    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        raise ValueError(f"'{text}' is not an IPv6 address; write it like 2001:db8::1 or fe80::1") from None
    why = "names an interface; the bridge is meant anyway" if found.scope_id else _machine(found)
    if why:
        raise ValueError(f"'{text}' {why}; write the address of a machine, like 2001:db8::1 or fe80::1")
    return str(found)


def prove_gateway(key: str, gateway: str | None, own: str, family: str) -> None:
    """Raise `ValueError` unless a gateway is another machine in the network of an address.

    `key` is the parameter that says the gateway, `family` the one that says the address: `ipv4` or `ipv6`.
    """
    if gateway is None:
        return
    if why := {
        "keep": "keep takes the gateway that is there with the address",
        "dhcp": "dhcp brings one with it",
        "auto": "the router that gives the address is the gateway",
        "none": "dom0 has no address there that could use it",
    }.get(own):
        raise ValueError(f"the {key} {gateway} has no place beside `{family}: {own}`: {why}; take it away")
    found, mine = ipaddress.ip_address(gateway), ipaddress.ip_interface(own)
    net = mine.network
    ends = (net.network_address, net.broadcast_address) if net.version == 4 and net.prefixlen < 31 else ()
    if found == mine.ip:
        why = "is the host's own address"
    elif found.version == 6 and found.is_link_local:
        return
    elif found not in net:
        why = f"is not in the network {net} of {own}"
    elif found in ends:
        why = f"is no machine in {net}"
    else:
        return
    raise ValueError(f"the {key} {gateway} {why}; write the router's address in that network")


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
Ipv6InterfaceAddress = Annotated[str, AfterValidator(ipv6_interface_address)]
FixedAddress = Annotated[str, AfterValidator(fixed_address)]
MachineAddress = Annotated[str, AfterValidator(machine_address)]
Ipv6MachineAddress = Annotated[str, AfterValidator(ipv6_machine_address)]
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
