"""The parts of a guest beside its disks: cards, processors, start, screen and USB."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from runbook.params.addresses import Mac
from runbook.params.names import InterfaceName
from runbook.params.secrets import SecretReference
from runbook.params.types import Closed
from runbook.params.xl_words import BootOrder, CpuSet, HostPath, Rate, SpecWord, XlText


class Nic(Closed):
    """One virtual network card."""

    bridge: InterfaceName | None = None
    """The bridge of the host that it is plugged into: one of network.bridges, or with a `script` of its own one that
    the script knows, such as Open vSwitch's. Only a card with a `script` or a `gatewaydev` can do without."""
    mac: Mac | None = None
    """A stable address: without one xl makes a new one at every start, and leases change (H704)."""
    model: SpecWord | None = "e1000"
    """The card that QEMU plays until the guest has Xen's own driver: `e1000`, which most systems know, `e1000e`,
    `rtl8139`, `virtio-net` …"""
    type: Literal["ioemu", "vif"] | None = Field(default=None, examples=["vif"])
    """`vif` has no card of QEMU's beside Xen's own; empty is `ioemu` for an HVM guest, `vif` for others."""
    ip: SpecWord | None = Field(default=None, examples=["10.0.0.20"])
    """Addresses that the guest may use, for scripts that filter or route by them."""
    script: SpecWord | None = Field(default=None, examples=["vif-route"])
    """The script in /etc/xen/scripts that plugs it in, such as vif-openvswitch; empty is vif-bridge."""
    gatewaydev: SpecWord | None = Field(default=None, examples=["eth0"])
    """The host's interface that a routing script leads it to."""
    backend: SpecWord | None = Field(default=None, examples=["router"])
    """The driver domain that the other end is in; empty is dom0."""
    vifname: InterfaceName | None = Field(default=None, examples=["web0"])
    """What the other end is called on the host; empty is vifDOMAIN.NUMBER."""
    rate: Rate | None = Field(default=None, examples=["100Mb/s"])
    """The most that the guest may send."""
    vlan: SpecWord | None = Field(default=None, examples=["10"])
    """VLANs of a VLAN-aware bridge: 10p is untagged, 20 tagged, `/` between them. Only Xen 4.19 and newer know it."""
    mtu: Annotated[int, Field(ge=68, le=65535)] | None = Field(default=None, examples=[9000])
    """The largest packet that it takes, in bytes."""
    trusted: bool | None = Field(default=None, examples=[False])
    """Whether the guest trusts the other end; empty leaves it to Xen, which says yes."""

    @model_validator(mode="after")
    def _needs_bridge(self) -> Nic:
        if self.bridge is None and not (self.script or self.gatewaydev):
            raise ValueError("the card has no bridge; say which of network.bridges it is plugged into")
        return self


class Processors(Closed):
    """Which processors a guest runs on, and how much of them it gets (xl.cfg(5), CPU Allocation)."""

    max_vcpus: Annotated[int, Field(ge=1, le=512)] | None = Field(default=None, examples=[8])
    """The most virtual CPUs it can be given while it runs; empty is `vcpus`."""
    cpus: CpuSet | None = Field(default=None, examples=["2-7,^3"])
    """The host's processors that it may run on: 2-7,^3 or node:0 for a NUMA node; empty is all."""
    cpus_soft: CpuSet | None = Field(default=None, examples=["node:1"])
    """The host's processors that it runs on when it can."""
    weight: Annotated[int, Field(ge=1, le=65535)] | None = Field(default=None, examples=[512])
    """Its share where guests compete; Xen's usual one is 256."""
    cap: Annotated[int, Field(ge=0, le=51200)] | None = Field(default=None, examples=[200])
    """The most it gets, in percent of one processor; 0 is no limit."""
    pool: SpecWord | None = Field(default=None, examples=["Pool-0"])
    """The CPU pool that it runs in (`xl cpupool-list`)."""
    nested: bool = False
    """Let it run guests of its own; Xen calls that an experiment."""


class Boot(Closed):
    """How a guest starts: from a disk, or from a kernel or bootloader that dom0 loads for it."""

    order: BootOrder | None = Field(default=None, examples=["cd"])
    """HVM: c the disk, d the CD, n the network, a the floppy; empty is the disc while the disk is empty, then the disk."""
    kernel: HostPath | None = Field(default=None, examples=["/srv/boot/vmlinuz"])
    """A kernel on the host that is started directly."""
    ramdisk: HostPath | None = Field(default=None, examples=["/srv/boot/initrd.img"])
    """The kernel's initial file system."""
    cmdline: XlText | None = Field(default=None, examples=["root=/dev/xvda1 ro console=hvc0"])
    """The kernel's command line."""
    bootloader: XlText | None = Field(default=None, examples=["pygrub"])
    """A program on dom0 that finds the kernel on the guest's disk, such as pygrub. The guest's disk is read by dom0 then."""
    bootloader_args: tuple[XlText, ...] = Field(default=(), examples=[["--quiet"]])
    """Arguments of the bootloader."""


class Screen(Closed):
    """The picture of a guest. The display's number is vnc_display, its address vnc_listen."""

    vga: Literal["stdvga", "cirrus", "qxl", "none"] | None = Field(default=None, examples=["stdvga"])
    """The graphics card that QEMU plays; empty is `stdvga` for windows, and QEMU's cirrus for others. `none` is for a
    guest whose only picture is on a passed card."""
    memory_mib: Annotated[int, Field(ge=1, le=1024)] | None = Field(default=None, examples=[32])
    """Its memory in MiB; empty is 16 for windows, and QEMU's 8 for others."""
    vnc: bool | None = Field(default=None, examples=[False])
    """Whether it is shown by VNC; empty is yes for an HVM guest, and for others where there is a vnc_display."""
    any_display: bool | None = Field(default=None, examples=[True])
    """Take the next free display when that of vnc_display is taken; empty is only where there is none."""
    password: SecretReference = Field(default="", examples=["env:WINDOWS_VNC_PASSWORD"])
    """Where VNC's password is: `env:NAME`, `file:PATH` or `command:…`; eight characters count. Empty asks for none."""


class UsbController(Closed):
    """A USB controller that devices of the host can be plugged into."""

    type: Literal["auto", "pv", "devicemodel"] = "auto"
    """`devicemodel` is QEMU's (HVM), `pv` needs Xen's driver in the guest; `auto` is the right one of them."""
    version: Annotated[int, Field(ge=1, le=3)] | None = Field(default=None, examples=[3])
    """The USB version, 1 to 3; empty is 2."""
    ports: Annotated[int, Field(ge=1, le=31)] | None = Field(default=None, examples=[8])
    """Number of its ports; empty is 8."""


class UsbDevice(Closed):
    """A USB device of the host, by its place as `lsusb` shows it; the place changes when it is plugged in anew."""

    bus: Annotated[int, Field(ge=1, le=255)] = Field(examples=[1])
    """Its bus."""
    address: Annotated[int, Field(ge=1, le=127)] = Field(examples=[3])
    """Its number on the bus."""
    controller: Annotated[int, Field(ge=0, le=31)] | None = Field(default=None, examples=[0])
    """The guest's controller that it is plugged into."""
    port: Annotated[int, Field(ge=0, le=31)] | None = Field(default=None, examples=[1])
    """The port of that controller."""


class Usb(Closed):
    """What a guest has on USB."""

    devices: tuple[XlText, ...] = ("tablet",)
    """What QEMU plugs in: `tablet` keeps both pointers together, `host:VENDOR:PRODUCT` is a device of the host's."""
    controllers: tuple[UsbController, ...] = ()
    passed: tuple[UsbDevice, ...] = ()
