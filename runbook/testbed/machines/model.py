"""What a machine's description can say. Values only: `runbook.testbed.zoo` builds from them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Said(BaseModel):
    """A frozen part of a description in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


Ipv4 = Annotated[str, Field(pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){3})?$")]
"""An address, or none. What a host said of its network becomes a word for QEMU, so nothing else may stand there."""
AbsolutePath = Annotated[str, Field(pattern=r"^/[^\s]+$")]


class File(Said):
    """A file, or a symbolic link, that the machine has when it is first switched on."""

    path: AbsolutePath
    text: str = ""
    """All that is in it."""
    mode: Annotated[str, Field(pattern=r"^0[0-7]{3}$")] = "0644"
    link: str = ""
    """Where a symbolic link leads; with it there is no text."""


class User(Said):
    """A person's account; the testbed's own key lets them in by ssh."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    sudo: Literal["none", "without-password"] = "none"


class Way(Said):
    """How the testbed itself, and the runbook, come into the machine."""

    user: str = "root"
    """Who logs in; another than root becomes root by sudo."""
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    """Where the machine's ssh listens."""
    at: Ipv4 = ""
    """The address at which it does; the one that DHCP gives where empty."""


class Nic(Said):
    """A network card of the virtual PC, and the little network that it is plugged into."""

    name: str
    slot: Annotated[int, Field(ge=3, le=31)]
    """Its place on the PCI bus: 3 is 0000:00:03.0, which Debian calls enp0s3."""
    model: Literal["virtio-net-pci", "e1000e"] = "virtio-net-pci"
    net: Annotated[str, Field(pattern=r"^[0-9.]+/[0-9]+$")] = "10.0.2.0/24"
    """Its IPv4 network: .2 is the router, .3 the name server, .15 what DHCP gives."""
    net6: str = ""
    """Its IPv6 network, in which a router announces itself; none where empty."""
    restrict: bool = False
    """It leads nowhere."""


class Switch(Said):
    """A switch of the testbed's own, on which a VLAN of IPv6 alone leads out; packages come by a proxy at the router."""

    vlan: Annotated[int, Field(ge=1, le=4094)]
    address: str
    """The machine's address there, by which it is reached."""
    router: str
    proxy_port: Annotated[int, Field(ge=1024, le=65535)] = 3142
    cards: tuple[str, ...]
    """The cards that are plugged into it."""


class Layout(Said):
    """Disks that the machine's own system makes and moves into, where the plain partitions will not do."""

    firmware: Literal["uefi", "bios"] = "uefi"
    """What starts it."""
    disks_gib: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)] = (16,)
    """Its disks; one disk has another, empty one beside it, for guests."""
    disks_bytes: Annotated[tuple[int, ...], Field(max_length=20)] = ()
    """All of its disks, to the byte, in place of `disks_gib`; none comes beside them."""
    make: tuple[str, ...]
    """Shell commands, as root: `$disk1`, `$disk2` (and `${disk}1-part2` …) become file systems, mounted below /target."""
    inside: tuple[str, ...]
    """Shell commands in the system that has moved there: what its RAM disk needs, and its boot loader."""
    at_first: tuple[str, ...]
    """Shell commands in place of an installer's last ones, when it has started by itself for the first time."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """The size of each disk that is made, in bytes."""
        return self.disks_bytes or tuple(gib << 30 for gib in self.disks_gib)


class Drive(Said):
    """A disk as the system sees it."""

    device: Literal["virtio-blk-pci", "ide-hd", "nvme"] = "virtio-blk-pci"
    """What makes it /dev/vda, /dev/sda or /dev/nvme0n1."""
    address: Annotated[str, Field(pattern=r"^([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])?$")] = ""
    """Its place on the PCI bus, such as 0000:03:00.0; '' for one at the PC's own SATA controller, or any place."""


class Card(Said):
    """A PCI device at its address: a network card, or a stand-in for what is passed to a guest."""

    address: Annotated[str, Field(pattern=r"^0000:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")]
    device: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    """As QEMU calls it."""
    what: str = ""
    """What it stands for."""
    id: str = ""
    """Its own `vendor:device`, '' where nobody looks at it."""
    mac: Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})?$")] = ""
    net: Annotated[str, Field(pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2})?$")] = ""
    """For a network card the IPv4 network that it is plugged into, which leads nowhere; '' for any."""
    router: Ipv4 = ""
    names: Ipv4 = ""
    """The name server there."""
    lease: Ipv4 = ""
    """What DHCP gives first there."""
    door: Ipv4 = ""
    """The address there by which apt fetches, '' where nothing leads out."""
    leads_to: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_\[\]-]+$")], ...] = ()
    """The servers that it leads to, each with its port."""


class Pc(Said):
    """The PC itself, where it is not the testbed's plain one."""

    firmware: Literal["uefi", "bios"] = "uefi"
    memory_mib: int = 6144
    cpus: int = 2
    drives: tuple[Drive, ...] = ()
    """In the order of the layout's disks."""
    cards: tuple[Card, ...] = ()
    """The one that ssh comes in by first."""


class Claim(Said):
    """Something that must hold under Xen, when all notebooks were run."""

    what: str
    """It in a person's words."""
    ask: str
    """A line of shell for the machine, which must succeed."""
    prints: str = ""
    """A regular expression that is found in what it prints."""

    @model_validator(mode="after")
    def _compiles(self) -> Claim:
        try:
            re.compile(self.prints)
        except re.error as error:
            raise ValueError(f"'{self.prints}' is no regular expression: {error}") from None
        return self


class Refusal(Said):
    """A step whose plan must refuse this machine, and the move by which a person goes on, as the refusal advises."""

    step: str
    words: tuple[str, ...]
    """What the refusal must say."""
    move: tuple[str, ...] = ()
    """Shell commands that a person runs then, as root."""
    parameters: dict[str, Any] = {}
    """What a person changes in the parameters then."""

    @property
    def leads_on(self) -> bool:
        """Whether there is a move; without one the machine is not supported, and refusing it is all."""
        return bool(self.move or self.parameters)


class Description(Said):
    """One machine: what it has beyond a fresh Debian, how it is reached, what is asked for, and what must hold."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    """The name of its file, and what the machine calls itself."""
    summary: str
    """What is special about it, in one line."""
    release: Literal["trixie", "bookworm"] = "trixie"
    packages: tuple[str, ...] = ()
    """Packages beyond those of an installer."""
    without: tuple[str, ...] = ()
    """Packages of the installer that it does not have."""
    users: tuple[User, ...] = ()
    files: tuple[File, ...] = ()
    inside: tuple[str, ...] = ()
    """Shell commands that are run in its system before it is first switched on: with its packages, without its files yet."""
    once: tuple[str, ...] = ()
    """Shell commands that are run as root once, when it has booted for the first time."""
    restart: bool = False
    """Restart it after those."""
    way: Way = Way()
    nics: tuple[Nic, ...] = ()
    """Its cards, the one that ssh comes in by first; those of the plain machine where none are named."""
    switch: Switch | None = None
    pc: Pc | None = None
    """The PC, in place of `nics`, where it is made like another one."""
    layout: Layout | None = None
    """Its disks, where they are not an ESP, /boot and / on one, and an empty one for guests."""
    parameters: dict[str, Any] = {}
    """What a person adds to the parameters that `runbook new` proposes; a list takes the place of the proposed one."""
    consent: tuple[str, ...] = (
        "configure_bridges",
        "set_boot_menu",
        "boot_xen_once",
        "make_xen_default",
    )
    explained: dict[str, str] | None = None
    """With it, the plan of the file as `runbook new` wrote it acts in just these steps, each with words by which that file says
    so; for a host whose owner did what the runbook does."""
    cut: bool = True
    """Cut the power in the middle of the switch to the bridges, and go on when the machine has its network back."""
    expect: tuple[Claim, ...] = ()
    """What must hold under Xen beside the network, which must be what it was."""
    lost: tuple[str, ...] = ()
    """Parts of the network in force, as patterns of `section:name`, that it may lose by what the parameters ask for."""
    returns_other: tuple[str, ...] = ()
    """What undo may leave other than it was, as patterns of `section:name`, beside the exceptions of every machine."""
    refused: tuple[Refusal, ...] = ()
    """The refusals that it meets, in order; behind each with a move the plan must lead on."""
    not_built: str = ""
    """Why the testbed cannot build it yet; it is left out of a run of all."""

    @model_validator(mode="after")
    def _who_logs_in_exists(self) -> Description:
        users = {user.name: user for user in self.users}
        if self.way.user != "root" and (
            self.way.user not in users or users[self.way.user].sudo != "without-password"
        ):
            raise ValueError(
                f"'{self.way.user}' logs in, so users must name them with sudo: without-password"
            )
        return self

    @model_validator(mode="after")
    def _slots_are_free(self) -> Description:
        slots = [nic.slot for nic in self.nics]
        if taken := [slot for slot in slots if slots.count(slot) > 1 or slot in (6, 7, 8, 9)]:
            raise ValueError(
                f"slot {taken[0]} is taken: each card needs its own, and 6 to 9 hold other devices"
            )
        return self
