"""The guests: what each virtual machine gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from runbook.params.addresses import ListenAddress
from runbook.params.guest_disks import Disk, Volume
from runbook.params.guest_extra import refuse_contradiction
from runbook.params.guest_parts import Boot, Nic, Processors, Screen, Usb, UsbController, UsbDevice
from runbook.params.guest_system import System, misfits
from runbook.params.names import GuestName
from runbook.params.paths import IsoPath
from runbook.params.types import Bdf, Closed, Sentence
from runbook.params.xl_words import Extra, GuestFirmware, HostPath, Uuid, XlText

__all__ = [
    "Boot", "Disk", "Guest", "Nic", "Processors", "Screen", "System", "Usb", "UsbController", "UsbDevice", "Volume",
]  # fmt: skip

GuestMib = Annotated[int, Field(ge=4, le=16 * 1024 * 1024)]
Ending = Literal[
    "destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart", "soft-reset",
]  # fmt: skip


class Guest(Closed):
    """One guest, in the terms of xl.cfg(5): five lines are enough, and any other word can stand under `extra`."""

    name: GuestName
    """What `xl` calls it, such as web or Windows-10."""
    what: Sentence = ""
    """What it is for; the reports show it."""
    os: Literal["linux", "windows"] = "linux"
    """`windows` gets a clock in local time, the viridian enlightenments and a graphics card of 16 MiB; others do not
    (H708)."""
    type: Literal["hvm", "pvh", "pv"] = "hvm"
    """`hvm` is a whole PC; `pvh` and `pv` start a kernel that knows Xen, and have no BIOS. Only hvm and pv get devices."""
    firmware: GuestFirmware | None = Field(default=None, examples=["uefi"])
    """`bios` or `uefi` of an HVM guest, `pvgrub32` or `pvgrub64` of others, or the path of a loader of your own; empty is
    bios for HVM."""
    firmware_image: HostPath | None = Field(default=None, examples=["/usr/local/share/ovmf/OVMF.fd"])
    """The image of that BIOS or UEFI, where Xen is not to take its own."""
    uuid: Uuid | None = Field(default=None, examples=["3ba1e9a2-57dc-4c7b-8f0e-0c1f2e3d4a5b"])
    """Its identity, kept from elsewhere: Windows' activation hangs on it. Empty makes one of its name and the host's."""
    vcpus: Annotated[int, Field(ge=1, le=512)] = 1
    """Number of virtual CPUs; all guests together may have more than the machine, and then take turns."""
    memory_mib: GuestMib
    """Memory of the guest in MiB; it is the guest's alone while it runs, and Xen needs a little more for it."""
    max_memory_mib: GuestMib | None = Field(default=None, examples=[8192])
    """What it can be given while it runs, in MiB; empty is memory_mib. With devices it cannot be more."""
    processors: Processors = Processors()
    volume: Volume | None = None
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    pci: tuple[Bdf, ...] = ()
    """Devices it gets, each named under passthrough.devices too."""
    usb: Usb = Usb()
    install_media: IsoPath | None = None
    """Path on the host of an .iso to install from; the guest boots it while the disk is empty (H701)."""
    system: System | None = Field(default=None, examples=[{"debian": "trixie"}])
    """The system that is put on its first disk, once, while that disk is empty; empty leaves that to you."""
    boot: Boot = Boot()
    vnc_display: Annotated[int, Field(ge=0, le=65535)] | None = None
    """VNC display; the port is 5900 + this number. Empty takes the first that is free."""
    vnc_listen: ListenAddress = "127.0.0.1"
    """Address VNC listens on. Anything but 127.0.0.1 is open to your network without a password (H702)."""
    screen: Screen = Screen()
    serial: tuple[XlText, ...] = ("pty",)
    """HVM: its serial ports; `pty` is what `xl console` shows."""
    sound: XlText | None = Field(default=None, examples=["hda"])
    """The sound card that QEMU plays: `hda`, `ac97`, `es1370`, `sb16`."""
    mmio_hole_mib: Annotated[int, Field(ge=256, le=3840)] | None = None
    """Room below 4 GiB for a card's memory; 3072 helps graphics cards in guests above 3.5 GiB."""
    local_time: bool | None = Field(default=None, examples=[True])
    """Whether its clock shows local time; empty is yes for windows only."""
    viridian: tuple[XlText, ...] | None = Field(default=None, examples=[["defaults"]])
    """What it is told of Hyper-V's ways; empty is what suits Windows for windows, and nothing for others."""
    on_poweroff: Ending = "destroy"
    """What xl does when it shuts down."""
    on_reboot: Ending = "restart"
    """What xl does when it restarts."""
    on_crash: Ending | None = Field(default=None, examples=["restart"])
    """What xl does when it crashes; empty restarts one that starts with the host, and preserves another, to be looked at.
    xl sets no limit to `restart`: a guest that crashes at once is started anew every few seconds."""
    on_watchdog: Ending | None = Field(default=None, examples=["restart"])
    """What xl does when its watchdog bites; empty is `destroy`."""
    on_soft_reset: Ending | None = Field(default=None, examples=["soft-reset"])
    """What xl does when it asks for a soft reset, as for a crash dump; empty is `soft-reset`."""
    autostart: Annotated[int, Field(ge=1, le=99)] | None = None
    """Its place in the order in which guests start with the host; empty for never (H712)."""
    start: bool = False
    """Start it at the end of the guests notebook and see it run."""
    extra: Extra = Field(default={}, examples=[{"nomigrate": 1}])
    """Any other key of xl.cfg(5), with its value: a number, a text or a list. It stands in the file as it is, and is
    checked as such; a key that a field above says is refused. Of vncpasswd and spicepasswd it says where they are."""

    @property
    def own_volumes(self) -> tuple[Volume, ...]:
        """The logical volumes in the guests' group that are its own, the one it starts from first."""
        return tuple(self._volumes())

    def _volumes(self) -> Iterator[Volume]:
        if self.volume:
            yield self.volume
        for disk in self.disks:
            if disk.is_own and disk.volume and disk.size_gib:
                yield Volume(name=disk.volume, size_gib=disk.size_gib, thin_pool=disk.thin_pool)

    @property
    def has_starter(self) -> bool:
        """Whether anything is said of what dom0 loads for it: a kernel, a bootloader, a firmware of one's own."""
        named = {"kernel", "bootloader", "firmware"} & set(self.extra)
        return bool(self.boot.kernel or self.boot.bootloader or self.firmware or named)

    @property
    def ends_by_crash(self) -> Ending:
        """What xl does when it crashes: who starts it with the host wants it back without anybody at the keyboard."""
        return self.on_crash or ("restart" if self.autostart else "preserve")

    @model_validator(mode="after")
    def _parts_fit(self) -> Guest:
        for wrong, what in self._misfits():
            if wrong:
                raise ValueError(what)
        refuse_contradiction(self, self.extra)
        return self

    def _misfits(self) -> Iterator[tuple[bool, str]]:
        yield (
            bool(self.volume and self.disks),
            "`volume` is short for one disk; name it under `disks`, too, or leave one out",
        )
        drives = [disk.vdev for disk in self.disks if disk.vdev]
        yield (
            len(set(drives)) < len(drives),
            f"two disks are the same drive ({', '.join(drives)}); each needs its own vdev",
        )
        most = self.processors.max_vcpus or self.vcpus
        yield (
            most < self.vcpus,
            f"processors.max_vcpus ({most}) is less than vcpus ({self.vcpus})",
        )
        more = self.max_memory_mib
        yield (
            bool(more and more < self.memory_mib),
            f"max_memory_mib ({more}) is less than memory_mib ({self.memory_mib})",
        )
        yield (
            bool(more and more > self.memory_mib and self.pci),
            "a guest with devices gets all its memory at the start; leave max_memory_mib out (H710)",
        )
        grub = (self.firmware or "").startswith("pvgrub")
        yield (
            bool(self.firmware) and self.type != "hvm" and not grub,
            f"`firmware: {self.firmware}` is for `type: hvm`; a {self.type} guest has a kernel, a bootloader or pvgrub64",
        )
        yield grub and self.type == "hvm", f"`firmware: {self.firmware}` is for `type: pv`"
        yield from misfits(self)
        yield (
            self.type != "hvm" and not (self.has_starter or self.system),
            f"a guest of type {self.type} starts a kernel, not a disk; say boot.kernel, boot.bootloader or `firmware: pvgrub64`",
        )
        yield (
            self.type == "pvh" and bool(self.pci),
            "Xen gives devices to hvm and pv guests only; a pvh guest can have none",
        )
