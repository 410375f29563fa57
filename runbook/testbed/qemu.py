"""The virtual PC as QEMU's command line: a frozen spec in, an argv out. Nothing runs here.

The CPU's flags are what real Xen needs under software emulation: without `-smap,-smep` dom0 dies
at its first instructions, without `-monitor` Xen panics on the second CPU, without `-rdtscp` HVM
guests die. AMD, because QEMU emulates SVM with nested paging and AMD's IOMMU, not Intel's VT-x.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.testbed.leases import Lead, sockets_of
from runbook.testbed.wire import Wire, socket_of

CPU = "EPYC,-smap,-smep,-monitor,-rdtscp"
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
MULTIFUNCTION = ",multifunction=on"
_ONE_WORD = re.compile(r"[A-Za-z0-9.:/_-]*")
"""A comma would begin another option of QEMU's."""


@dataclass(frozen=True)
class Nic:
    """A network card: its PCI address on the root bus, its MAC and its own little network."""

    name: str
    model: str
    addr: str
    mac: str
    net: str
    restrict: bool = False
    net6: str = ""
    """An IPv6 network beside the other, with a router that announces itself; none where empty."""
    bus: str = "pcie.0"
    """The root bus, or one of the spec's ports."""
    router: str = ""
    """The router's address; QEMU's own choice, .2, where empty, and so with the other two."""
    names: str = ""
    """The name server's."""
    lease: str = ""
    """What DHCP gives first."""
    forward: str = ""
    """What a restricted network has beside ssh, as QEMU's `guestfwd` takes it."""
    has_more: bool = False
    """Another function is in the same slot."""

    @property
    def lead(self) -> Lead | None:
        """What its network tells of that QEMU's own DHCP does not, None for nothing: one that leads nowhere has no router for QEMU."""
        return Lead(self.name, self.router, self.names) if self.restrict and self.router else None

    def __post_init__(self) -> None:
        """Raise `ValueError` for a value that would be more words for QEMU than one."""
        for value in (
            self.name,
            self.model,
            self.addr,
            self.mac,
            self.net,
            self.net6,
            self.bus,
            self.router,
            self.names,
            self.lease,
        ):
            if not _ONE_WORD.fullmatch(value):
                raise ValueError(f"{value!r:.80} is no word for a network card")


#: The card that carries ssh, and under Xen the first bridge: enp0s3.
UPLINK = Nic("uplink", "virtio-net-pci", "0x3", "52:54:00:13:00:03", "10.0.2.0/24")
#: The card for the second bridge, on a network that leads nowhere: enp0s4.
INSIDE = Nic("inside", "virtio-net-pci", "0x4", "52:54:00:13:00:04", "10.0.4.0/24", restrict=True)
#: The card to be given to a guest: 0000:00:05.0, with a DHCP server and a gateway that answers.
SPARE = Nic("spare", "e1000e", "0x5", "52:54:00:13:00:05", "10.0.3.0/24")


@dataclass(frozen=True)
class Spec:
    """A virtual PC. File names are relative to the machine's folder, where QEMU is started."""

    ssh_port: int
    memory_mib: int = 6144
    cpus: int = 2
    iommu: bool = True
    nics: tuple[Nic, ...] = (UPLINK, INSIDE, SPARE)
    #: further devices behind the IOMMU, to be hidden and passed: 0000:00:06.0 and 0000:00:07.0
    spares: tuple[tuple[str, ...], ...] = (("qemu-xhci", "0x6"), ("ich9-intel-hda", "0x7"))
    ports: tuple[tuple[str, str], ...] = ()
    """Root ports, each with its name and its address: the firmware numbers their buses in this order, from 1 on."""
    #: 0000:00:08.0 is /dev/vda with the system, 0000:00:09.0 is /dev/vdb for the guests' volumes
    #: each with its file, its address, the device that it is, and its bus
    disks: tuple[tuple[str, ...], ...] = (("system.qcow2", "0x8"), ("data.qcow2", "0x9"))
    #: none: the PC starts the BIOS way
    firmware: str = OVMF_CODE
    efi_variables: str = "efivars.fd"
    console_socket: str = "console.sock"
    console_log: str = "console.log"
    monitor_socket: str = "qmp.sock"
    pid_file: str = "qemu.pid"
    #: the address and the port at which the machine's ssh listens; the address that DHCP gives where empty
    ssh_at: str = ""
    ssh_to: int = 22
    user: str = "root"
    more: tuple[str, ...] = ()
    """Further words; of `-vga` and `-boot` QEMU takes the last."""
    wire: Wire | None = None
    """The switch that those of the cards are plugged into that have no network of QEMU's own."""

    @property
    def leads(self) -> tuple[Lead, ...]:
        """The cards whose networks tell of a router though they lead nowhere."""
        return tuple(nic.lead for nic in self.nics if nic.lead)


def command(spec: Spec) -> list[str]:
    """QEMU's argv for `spec`. It listens on nothing but 127.0.0.1 and sockets in its own folder."""
    return [
        "qemu-system-x86_64",
        "-name", "runbook-testbed", "-daemonize", "-pidfile", spec.pid_file,
        "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none",
        "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", CPU,
        "-smp", str(spec.cpus), "-m", str(spec.memory_mib), "-rtc", "base=utc",
        *(("-device", "amd-iommu,intremap=on") if spec.iommu else ()),
        *_firmware(spec),
        "-chardev", f"socket,id=console,path={spec.console_socket},server=on,wait=off,logfile={spec.console_log},logappend=on",
        "-serial", "chardev:console",
        "-qmp", f"unix:{spec.monitor_socket},server=on,wait=off",
        *[word for number, port in enumerate(spec.ports, 1) for word in _port(number, *port)],
        *[word for nic in spec.nics for word in _nic(nic, spec)],
        *[word for spare in spec.spares for word in ("-device", _spare(*spare))],
        *[word for number, disk in enumerate(spec.disks) for word in _disk(number, *disk)],
        *spec.more,
    ]  # fmt: skip


def _port(number: int, name: str, addr: str) -> list[str]:
    return ["-device", f"pcie-root-port,id={name},bus=pcie.0,addr={addr},multifunction=on,chassis={number}"]


def _spare(model: str, addr: str, bus: str = "pcie.0") -> str:
    return f"{model},bus={bus},addr={addr}"


def _firmware(spec: Spec) -> list[str]:
    if not spec.firmware:
        return []
    return [
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={spec.firmware}",
        "-drive", f"if=pflash,unit=1,format=raw,file={spec.efi_variables}",
    ]  # fmt: skip


def _nic(nic: Nic, spec: Spec) -> list[str]:
    ipv6 = f"ipv4=on,ipv6=on,ipv6-net={nic.net6}" if nic.net6 else "ipv6=off"
    own = f"{nic.name}-net" if nic.lead else nic.name
    net = f"user,id={own},net={nic.net},{ipv6}"
    for word, value in (("host", nic.router), ("dns", nic.names), ("dhcpstart", nic.lease)):
        net += f",{word}={value}" if value else ""
    if nic.restrict:
        net += ",restrict=on"
    if nic.forward:
        net += f",guestfwd={nic.forward.replace(',', ',,')}"
    if nic.name == UPLINK.name:
        net += f",hostfwd=tcp:127.0.0.1:{spec.ssh_port}-{spec.ssh_at}:{spec.ssh_to}"
    if spec.wire is not None and nic.name in spec.wire.cards:
        net = _stream(nic.name, socket_of(nic.name))
    nets = [net, *_led(nic.lead, own, spec.leads.index(nic.lead) + 1)] if nic.lead else [net]
    device = f"{nic.model},netdev={nic.name},bus={nic.bus},addr={nic.addr},mac={nic.mac},romfile="
    device += MULTIFUNCTION if nic.has_more else ""
    return [*[word for one in nets for word in ("-netdev", one)], "-device", device]


def _led(lead: Lead, net: str, hub: int) -> list[str]:
    """The card and its network meet in a process beside QEMU; a hub is what plugs a network into a stream."""
    card, out = sockets_of(lead.card)
    return [
        f"hubport,id={net}-in,hubid={hub},netdev={net}",
        _stream(f"{net}-wire", out),
        f"hubport,id={net}-out,hubid={hub},netdev={net}-wire",
        _stream(lead.card, card),
    ]


def _stream(name: str, path: str) -> str:
    return f"stream,id={name},server=off,addr.type=unix,addr.path={path}"


def _disk(
    number: int, file: str, addr: str, device: str = "virtio-blk-pci", bus: str = "pcie.0"
) -> list[str]:
    """A throw-away disk: `cache=unsafe` is quick, and the guest's own flushes still order its writes."""
    name = f"disk{number}"
    at = f"{device},drive={name},bus={bus}" + (f",addr={addr}" if addr else "")
    return [
        "-drive", f"if=none,id={name},file={file},format=qcow2,cache=unsafe,discard=unmap",
        "-device", f"{at},serial=testbed-{name},bootindex={number}",
    ]  # fmt: skip
