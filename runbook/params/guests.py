"""The guests: what each virtual machine gets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runbook.params.addresses import ListenAddress, Mac
from runbook.params.names import GuestName, InterfaceName, VolumeName
from runbook.params.paths import IsoPath
from runbook.params.types import Bdf, Closed, Gib, Mib, Sentence


class Volume(Closed):
    """The guest's disk: a logical volume in the guests' volume group."""

    name: VolumeName
    """The logical volume's name in the guests' volume group, best the guest's own."""
    size_gib: Gib
    """Size of the guest's disk in GiB. It can be grown later, never shrunk."""


class Nic(Closed):
    """One virtual network card."""

    bridge: InterfaceName
    """The bridge of the host that it is plugged into, one of network.bridges."""
    mac: Mac
    """A stable address: without one xl makes a new one at every start, and leases change (H704)."""
    model: Literal["e1000", "rtl8139", "virtio-net"] = "e1000"
    """The card that QEMU plays until the guest has Xen's own driver; most systems know `e1000`."""


class Guest(Closed):
    """One HVM guest, in the terms of xl.cfg(5)."""

    name: GuestName
    """What `xl` calls it: small letters, digits, - and _."""
    what: Sentence = ""
    """What it is for; the reports show it."""
    os: Literal["linux", "windows"] = "linux"
    """`windows` gets a clock in local time and the viridian enlightenments; others do not (H708)."""
    vcpus: Annotated[int, Field(ge=1, le=128)] = 1
    """Number of virtual CPUs; all guests together may have more than the machine, and then take turns."""
    memory_mib: Mib
    """Memory of the guest in MiB; it is the guest's alone while it runs, and Xen needs a little more for it."""
    volume: Volume
    nics: tuple[Nic, ...] = ()
    pci: tuple[Bdf, ...] = ()
    """Devices it gets, each named under passthrough.devices too."""
    install_media: IsoPath | None = None
    """Path on the host of an .iso to install from; the guest boots it while the disk is empty (H701)."""
    vnc_display: Annotated[int, Field(ge=0, le=99)]
    """VNC display; the port is 5900 + this number."""
    vnc_listen: ListenAddress = "127.0.0.1"
    """Address VNC listens on. Anything but 127.0.0.1 is open to your network without a password (H702)."""
    mmio_hole_mib: Annotated[int, Field(ge=256, le=3840)] | None = None
    """Room below 4 GiB for a card's memory; 3072 helps graphics cards in guests above 3.5 GiB."""
    autostart: Annotated[int, Field(ge=1, le=99)] | None = None
    """Its place in the order in which guests start with the host; empty for never (H712)."""
    start: bool = False
    """Start it at the end of the guests notebook and see it run."""
