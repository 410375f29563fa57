"""The system in a guest: what is put on its empty disk, and what that system is told at its birth."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from runbook.params.addresses import InterfaceAddress, MachineAddress, MirrorAddress, https_address
from runbook.params.guest_roles import Role
from runbook.params.guest_roles import misfits as misfits_of_role
from runbook.params.installation import PublicKey
from runbook.params.kernel import Sha256
from runbook.params.names import HostName, PackageName
from runbook.params.paths import image_path
from runbook.params.types import Closed

if TYPE_CHECKING:
    from runbook.params.guests import Guest
    from runbook.params.model import HostParams

SMALLEST_GIB = 1
"""What a Debian with its kernel needs at least, with room to be updated."""
LARGEST_GIB = 2048
"""Where the partition table that every firmware of a guest reads ends: 32 bits of sectors."""


def cloud_image(text: str) -> str:
    """Return where a cloud image is: an https address, or a path on the controller. Raises `ValueError` for others."""
    return https_address(text) if text.startswith("http") else image_path(text)


CloudImage = Annotated[str, AfterValidator(cloud_image)]


class System(Closed):
    """A system that the runbook puts on the guest's first disk, once, while that disk is empty."""

    debian: Literal["trixie", "bookworm"] | None = Field(default=None, examples=["trixie"])
    """The Debian release. Its image is made on the controller, from the controller's own package sources."""
    cloud: CloudImage | None = Field(
        default=None, examples=["/srv/images/debian-13-genericcloud-amd64.qcow2"]
    )
    """In place of `debian`, the image of any system with cloud-init: its path on the controller, or an https address."""
    sha256: Sha256 | None = Field(default=None, examples=["0123456789abcdef" * 4])
    """The checksum of that image, as its authors publish it."""
    packages: tuple[PackageName, ...] = Field(default=(), examples=[["nginx", "rsync"]])
    """Packages beside a small Debian with its kernel and an ssh server."""
    role: Role | None = Field(default=None, examples=[{"kind": "web"}])
    """What it is for, `web` or `router`, with the packages and files for that; empty is a bare Debian."""
    host_name: HostName | None = Field(default=None, examples=["web"])
    """What it calls itself; empty is the guest's name in small letters."""
    keys: tuple[PublicKey, ...] = Field(
        default=(),
        examples=[
            ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIyuuHx1CcJ9zfJAGhNGscjMVnJPm0mkgEx5Chsngymp ana@home"]
        ],
    )
    """Public ssh keys that may log in as root; empty takes installation.authorized_keys, else those of all
    configuration.users. There is no password."""
    ipv4: InterfaceAddress = Field(default="dhcp", examples=["192.168.1.20/24"])
    """The address of its first network card: `dhcp`, `none`, or its own with the length of the prefix."""
    gateway: MachineAddress | None = Field(default=None, examples=["192.168.1.1"])
    """The way out of a fixed address."""
    name_servers: tuple[MachineAddress, ...] = Field(default=(), examples=[["192.168.1.1"]])
    """Who tells it names; with `dhcp` that comes with the address."""
    mirror: MirrorAddress = Field(default="", examples=["http://mirror.example/debian"])
    """The Debian mirror that it is made from and updates itself from; empty is the controller's own."""

    @model_validator(mode="after")
    def _one_thing(self) -> System:
        if (self.debian is None) == (self.cloud is None):
            raise ValueError(
                "a system is one thing: say `debian: trixie`, or `cloud:` with the path of an image"
            )
        if (self.cloud is None) != (self.sha256 is None):
            raise ValueError("`cloud` and `sha256` belong together: the image is compared before it is used")
        if self.cloud and self.role:
            raise ValueError("`role` is for `debian`; what a cloud image is for, say in its own cloud-init")
        if self.cloud and self.mirror:
            raise ValueError("`mirror` is for `debian`; a cloud image brings its own package sources")
        return self

    @model_validator(mode="after")
    def _addresses_fit(self) -> System:
        if self.ipv4 == "keep":
            raise ValueError(
                "a new system has no address to keep; say `ipv4: dhcp`, `none` or its own, like 192.168.1.20/24"
            )
        if self.gateway and "/" not in self.ipv4:
            raise ValueError(
                f"`gateway` belongs to a fixed address, and ipv4 is {self.ipv4}; leave one of them out"
            )
        if self.gateway and IPv4Address(self.gateway) not in IPv4Interface(self.ipv4).network:
            raise ValueError(
                f"the gateway {self.gateway} is not in the network of {self.ipv4}, so nothing reaches it"
            )
        return self


def keys_of(params: HostParams, guest: Guest) -> tuple[str, ...]:
    """Return the public keys that may log in as root to the system of a guest."""
    users = (key for user in params.configuration.users for key in user.keys)
    own = guest.system.keys if guest.system else ()
    return own or params.installation.authorized_keys or tuple(dict.fromkeys(users))


def require_keys(params: HostParams, guest: Guest) -> None:
    """Raise `ValueError` for a guest whose system nobody could log in to."""
    if guest.system and not keys_of(params, guest):
        raise ValueError(
            f"nobody could log in to the system of guest '{guest.name}'; give `system.keys` a public ssh key, or "
            "installation.authorized_keys, which it takes otherwise"
        )


def misfits(guest: Guest) -> Iterator[tuple[bool, str]]:
    """Yield what a guest with a system cannot be, each with whether it is."""
    if guest.system is None:
        return
    yield (
        guest.os != "linux",
        "`system` puts a Debian on the disk, and os is windows; Windows is installed from `install_media`",
    )
    yield (
        bool(guest.install_media),
        "`system` and `install_media` would both install the guest; leave one of them out",
    )
    first = next(iter(guest.own_volumes), None)
    at = "volume" if guest.volume else "disks"
    yield (
        first is None or (at == "disks" and not guest.disks[0].is_own),
        "`system` is put on the guest's first disk, which must be a volume of its own in storage.guest_volume_group "
        "with a size; say `volume: {name: …, size_gib: …}`",
    )
    yield (
        first is not None and not SMALLEST_GIB <= first.size_gib <= LARGEST_GIB,
        f"a system needs a disk of {SMALLEST_GIB} to {LARGEST_GIB} GiB",
    )
    yield (
        guest.type == "hvm" and bool(guest.boot.kernel),
        "a guest of type hvm starts its system from the disk; leave boot.kernel out",
    )
    yield from misfits_of_role(guest, guest.system.role)
