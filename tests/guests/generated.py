"""Configurations made by chance of what people write: every kind of guest, every spelling, words that have no field too."""

from __future__ import annotations

import random
from collections.abc import Iterator

_DISKS = (
    "phy:/dev/guests/{n},{v},w", "/dev/guests/{n},,{v},rw", "/dev/mapper/guests-{n},raw,{v}", "file:/srv/{n}.img,{v},r",
    "format=qcow2, vdev={v}, access=rw, target=/srv/a b, {n}.qcow2", "tap:aio:/srv/{n}.img,{v},w",
    "vdev={v},backendtype=qdisk,discard,target=/dev/zvol/tank/{n}", "/srv/{n}.vhd,vhd,{v}", "phy:vg/{n},{v}:disk,w",
    "format=raw,vdev={v},script=block-iscsi,target=iqn.2001-05.com.equallogic:{n}", "iscsi:{n},{v},w",
    "vdev={v},no-discard,direct-io-safe,access=ro,target=/dev/sdb{i}", "/dev/disk/by-id/ata-X-part{i},,{v},rw",
    "file:/srv/{n}.iso,{v}:cdrom,r", ",,{v},cdrom", "/dev/cdrom,raw,{v},r,devtype=cdrom", "vdev={v},backend=store,target=/dev/x/{n}",
    "format=raw, vdev={v}, trusted, target=/dev/x/{n}",
)  # fmt: skip
_DRIVES = ("hda", "hdb", "hdc", "hdd", "xvda", "xvdb", "xvda2", "sda", "sdb", "xvde")
_CARDS = (
    "", "bridge=xenbr0", "mac=00:16:3E:14:01:{i:02x}, bridge=br0", "bridge=br0,model=e1000,mac=0:16:3e:0:0:{i}",
    "type=vif,bridge=br0,vifname=web{i},ip=10.0.0.{i}", "script=vif-route,gatewaydev=eth0,ip=10.0.0.{i}", "type=ioemu,rate=10Mb/s",
    "bridge=br0, backend=router, mtu=9000", "bridge=br0,model=virtio-net,untrusted", "bridge=br0,devid={i}", "netdev=eth0",
)  # fmt: skip
_DEVICES = (
    "0{i}:00.0", "0000:0{i}:00.1,permissive=1", "0{i}:00.0@1f", "0{i}:01.*", "bdf=0{i}:02.0,rdm_policy=relaxed",
    "0{i}:03.0,seize=1,power_mgmt=1,msitranslate=0", "0{i}:04.0,permissive=0",
)  # fmt: skip
_ANY = (
    'uuid = "3ba1e9a2-0000-4000-8000-00000000000{i}"', "maxmem = 2048", "vcpus = 2", 'vcpus = "4"', "maxvcpus = 8",
    'cpus = "2-5,^3"', 'cpus = [ "0", "1" ]', "cpu_weight = 512", 'cap = "50"', 'pool = "Pool-1"', "on_crash = 'restart'",
    'on_poweroff = "preserve"', 'on_reboot = "destroy"', 'on_watchdog = "restart"', 'extra = "console=hvc0"',
    'root = "/dev/xvda1 ro"', 'cmdline = "quiet"', "nomigrate = 1", 'irqs = [ 5 ]', "localtime = 1", "tsc_mode = 'default'",
    'driver_domain = 1', 'pci_permissive = 1', 'pci_power_mgmt = 1', 'rdm = "strategy=host"', "sdl = 0",
    'usbctrl = [ "version=2, ports=4", "type=pv" ]', 'usbdev = [ "hostbus=1,hostaddr=3,controller=0,port=1" ]',
    'usbdev = [ "type=hostdev,hostbus=2,hostaddr=4" ]', 'device_model_args = [ "-a", "b=c,d" ]', 'keymap = "de"',
    'vkb = [ "backend-type=qemu" ]', "acpi = 1", 'on_xend_stop = "shutdown"', 'serial = "pty"', "nestedhvm = 1",
    "memory = 4096", 'name = "twice"',
)  # fmt: skip
_HVM = (
    'boot = "cd"', "boot = 'c'", 'boot = "ndc"', 'firmware = "uefi"', 'bios = "seabios"', 'firmware = "/usr/lib/x.bin"',
    'bios = "ovmf"\nbios_path_override = "/srv/OVMF.fd"', "viridian = 1", 'viridian = [ "defaults", "!synic" ]',
    'localtime = 1\nviridian = [ "defaults", "stimer", "reference_tsc", "hcall_remote_tlb_flush" ]', 'vga = "stdvga"',
    'vga = "stdvga"\nvideoram = 16', "stdvga = 1", "stdvga = 0", 'vga = "none"', "videoram = 64", "usb = 1",
    'usbdevice = "tablet"', 'usb = 1\nusbdevice = [ "tablet" ]', 'usbdevice = [ "host:1.1", "tablet" ]', 'soundhw = "hda"',
    'serial = [ "pty", "/dev/ttyS1" ]', 'serial = "none"', "mmio_hole = 2048", "gfx_passthru = 1", 'hdtype = "ahci"',
    'kernel = "/boot/x"\nramdisk = "/boot/y"', "hap = 1", "pae = 1", "xen_platform_pci = 0", 'vendor_device = "none"',
)  # fmt: skip
_SCREEN = (
    "vnc = 0", "vnc = 1", 'vnc = 1\nvnclisten = "0.0.0.0"\nvncdisplay = 3', 'vnclisten = "127.0.0.1:7"', "vncunused = 0",
    'vnc = 1\nvncpasswd = "secret12"', 'vnclisten = "::"', 'vncdisplay = "12"\nvncunused = 1', 'vnclisten = "localhost"',
)  # fmt: skip
_PV = (
    'kernel = "/boot/x"', 'bootloader = "pygrub"', 'kernel = "/boot/x"\nbootloader = "pygrub"', 'bootloader = "pygrub"\nbootloader_args = [ "-q" ]',
)  # fmt: skip
_VFB = (
    'vfb = [ "vnc=1,vncdisplay=2" ]', 'vfb = [ "type=vfb, vnc=1, vnclisten=0.0.0.0, vncunused=0" ]', 'vfb = [ "sdl=1" ]',
    'vfb = [ "vnc=1", "vnc=1" ]', 'vfb = [ "vnc=0" ]', 'vfb = [ "vnc=1,keymap=de" ]',
)  # fmt: skip


def configurations(count: int, seed: int) -> Iterator[str]:
    """Yield configurations, the same for the same seed; xl takes nearly all of them."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _one(chance)


def _one(chance: random.Random) -> str:
    kind = chance.choice(("hvm", "hvm", "pv", "pvh"))
    lines = [f'name = "{chance.choice(("web", "Windows 10", "vm0.pvh", "i-host"))}"', "memory = 1024"]
    if kind == "hvm":
        lines.append(chance.choice(('type = "hvm"', "builder = 'hvm'", 'builder = "hvm"\ntype = "hvm"')))
        lines += chance.sample(_HVM, chance.randrange(7)) + chance.sample(_SCREEN, chance.randrange(3))
    else:
        lines += [f'type = "{kind}"'] if kind == "pvh" or chance.random() < 0.6 else []
        lines += [chance.choice(_PV), *chance.sample(_VFB, chance.randrange(2))]
        lines += chance.sample(_SCREEN, chance.randrange(2))
        if kind == "pv" and chance.random() < 0.1:
            lines[-1:] = ['firmware = "pvgrub64"'] if "kernel" not in "".join(lines) else []
            lines.append('bootloader = "pygrub"')
    lines += chance.sample(_ANY, chance.randrange(8))
    drives = chance.sample(_DRIVES, chance.randrange(4))
    lines += _list("disk", [_filled(chance.choice(_DISKS), chance, v=drive) for drive in drives], chance)
    lines += _list(
        "vif", [_filled(chance.choice(_CARDS), chance) for _ in range(chance.randrange(3))], chance
    )
    if kind != "pvh":
        lines += _list(
            "pci", [_filled(chance.choice(_DEVICES), chance) for _ in range(chance.randrange(3))], chance
        )
    chance.shuffle(lines)
    return "\n".join(lines).replace("{i}", str(chance.randrange(10))) + "\n"


def _filled(text: str, chance: random.Random, **words: str) -> str:
    return text.format(n=chance.choice(("web", "my-vol", "data_1")), i=chance.randrange(1, 10), **words)


def _list(key: str, items: list[str], chance: random.Random) -> list[str]:
    quote = chance.choice("'\"")
    return [f"{key} = [ {', '.join(f'{quote}{item}{quote}' for item in items)} ]"] if items else []
