"""What a guest's system is for: a role that it begins its life with, of Debian's own packages."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from runbook.params.addresses import InterfaceAddress
from runbook.params.names import DomainName
from runbook.params.types import Closed

if TYPE_CHECKING:
    from runbook.params.guests import Guest

WIDEST, NARROWEST = 8, 28
"""The prefixes of an inner network that has room for leases."""


class Web(Closed):
    """A web server: nginx, which shows what lies in the guest's /srv/www."""

    kind: Literal["web"] = "web"
    names: tuple[DomainName, ...] = Field(default=(), examples=[["www.home.arpa"]])
    """The names that it answers to; empty is every name."""
    listing: bool = False
    """Show what lies in a folder that has no index.html, as suits a site in the making."""


class Router(Closed):
    """A router: it leads an inner network out under its own address, and gives it addresses and names."""

    kind: Literal["router"] = "router"
    inside: InterfaceAddress = Field(examples=["192.168.77.1/24"])
    """Its address in the inner network; the upper half of that network it gives away by DHCP."""
    inside_nic: Annotated[int, Field(ge=1)] | None = Field(default=None, examples=[2])
    """Which of the guest's nics is inside, counted from 1; empty is the last. Outside is the passed network card, and
    without one the first of the other nics: `ipv4`, `gateway` and `name_servers` of the system are for that one."""
    domain: DomainName = "home.arpa"
    """The domain of the inner network's names; home.arpa is nobody else's (RFC 8375)."""

    @model_validator(mode="after")
    def _room_for_leases(self) -> Router:
        prefix = int(self.inside.partition("/")[2] or 0) if "/" in self.inside else 0
        if not WIDEST <= prefix <= NARROWEST:
            raise ValueError(
                f"`inside: {self.inside}` is no network of its own to give addresses from; say an address with a prefix "
                f"from {WIDEST} to {NARROWEST}, such as 192.168.77.1/24"
            )
        return self

    @property
    def network(self) -> IPv4Interface:
        """Its address inside, with the network."""
        return IPv4Interface(self.inside)


Role = Annotated[Web | Router, Field(discriminator="kind")]

PACKAGES = {"web": ("nginx-light",), "router": ("dnsmasq", "nftables")}
"""What Debian has for each role."""


def inside_of(guest: Guest, role: Router) -> int:
    """Return which of a guest's nics is inside, counted from 0."""
    return (role.inside_nic or len(guest.nics)) - 1


def misfits(guest: Guest, role: Role | None) -> Iterator[tuple[bool, str]]:
    """Yield what a guest with a role cannot be, each with whether it is."""
    if not isinstance(role, Router) or guest.system is None:
        return
    nics, inner = guest.nics, inside_of(guest, role)
    has_inner = bool(nics) and inner < len(nics)
    yield (
        not has_inner,
        f"a router's inner network hangs on one of its nics, and it has {len(nics)}; name one, and in role.inside_nic which",
    )
    yield (
        len(nics) < 2 and not guest.pci,
        "a router has an outside: say a second one under `nics`, or the passed network card under `pci`",
    )
    needed = nics if not guest.pci else nics[inner : inner + 1]
    yield (
        any(nic.mac is None for nic in needed),
        "a router knows its nics by their addresses, or inside and outside could be mixed up; give each a `mac`",
    )
    outer = guest.system.ipv4
    yield (
        "/" in outer and IPv4Interface(outer).network.overlaps(role.network.network),
        f"the router's two sides are one network: {outer} outside and {role.inside} inside; take another one inside",
    )
