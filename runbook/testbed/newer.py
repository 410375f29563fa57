"""Newer packages for the virtual PC, made from those that it has: a hypervisor that says it is another, one that hangs,
a kernel that panics. They lie in a folder of the machine that apt takes for a source.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import struct
from dataclasses import dataclass

from runbook.errors import CheckFailed
from runbook.testbed.machine import Machine
from runbook.testbed.ram_disk import newc
from runbook.testbed.remote import shell

FOLDER = "/srv/newer"
KERNEL = "6.99.0-proof-amd64"
"""What the kernel calls itself that cannot start: newer than any of Debian's here."""
_HANG = b"\xeb\xfe"
"""A jump to itself (x86, `jmp rel8`)."""
_MULTIBOOT2, _EFI_ENTRY = 0xE85250D6, 9
_PACK = f"""set -eu
p=$1; v=$2; t={FOLDER}/tree
[ -d $t/DEBIAN ] || mkdir -p $t/DEBIAN
dpkg-query -W -f "Package: \\${{Package}}\\nVersion: $v\\nArchitecture: \\${{Architecture}}\\nMaintainer: \\${{Maintainer}}\\n\
Provides: \\${{Provides}}\\nDepends: ${{3:-\\${{Depends}}}}\\n" $p | grep -v ': $' >$t/DEBIAN/control
echo 'Description: a newer one, for a proof' >>$t/DEBIAN/control
for s in preinst postinst prerm postrm; do f=/var/lib/dpkg/info/$p.$s; [ ! -e $f ] || cp -p $f $t/DEBIAN/$s; done
dpkg-deb -Znone --root-owner-group --build $t {FOLDER}/${{p}}_$v.deb >/dev/null; rm -rf $t
"""
_INDEX = f"""set -eu
cd {FOLDER}
for f in *.deb; do dpkg-deb -f $f; echo "Filename: ./$f"; echo "Size: $(stat -c %s $f)"
echo "SHA256: $(sha256sum $f | cut -d' ' -f1)"; echo; done >Packages
echo 'deb [trusted=yes] file:{FOLDER} ./' >/etc/apt/sources.list.d/newer.list
apt-get -qq update
"""
_KERNEL = f"""set -eu
t={FOLDER}/tree; mkdir -p $t/DEBIAN $t/boot $t/lib/modules/{KERNEL}
cp /boot/vmlinuz-$(uname -r) $t/boot/vmlinuz-{KERNEL}; base64 -d >$t/boot/initrd.img-{KERNEL}
printf 'Package: linux-image-{KERNEL}\\nVersion: 6.99.0-1\\nArchitecture: amd64\\nMaintainer: a proof <root@localhost>\\n\
Description: a kernel that cannot start, for a proof\\n' >$t/DEBIAN/control
printf '#!/bin/sh\\nupdate-grub\\n' >$t/DEBIAN/postinst; chmod 755 $t/DEBIAN/postinst
dpkg-deb -Znone --root-owner-group --build $t {FOLDER}/linux-image-{KERNEL}.deb >/dev/null; rm -rf $t
"""


@dataclass(frozen=True)
class Hypervisor:
    """The hypervisor that a machine has installed."""

    package: str
    file: str
    image: bytes
    """Its image, unpacked."""


def hypervisor(machine: Machine) -> Hypervisor:
    """Return the machine's hypervisor, of Debian's package. Raises `CheckFailed` when it has none, or several."""
    found = shell(machine, "dpkg -S /boot/xen-*-amd64.gz").split()
    if len(found) != 2:
        raise CheckFailed("The machine has not one hypervisor of Debian's", why=" ".join(found))
    packed = shell(machine, f"base64 -w0 {found[1]}")
    return Hypervisor(found[0].rstrip(":"), found[1], gzip.decompress(base64.b64decode(packed)))


def another(image: bytes, build_id: bytes, number: int) -> bytes:
    """Return a hypervisor's image that tells another build id. Raises `CheckFailed` when it tells none.

    The id is a sum, as a linker's is: one of zeros with a number at its end stands somewhere in every image.

    >>> another(b"x" + bytes(20) + b"y", bytes(20), 7)[1:21].hex()
    'a75f1b57443ee02b7f603ddebc8a7919d02fad8f'
    """
    if image.count(build_id) != 1:
        raise CheckFailed("The hypervisor's build id does not stand in its image once", why=build_id.hex())
    other = hashlib.sha1(build_id + bytes([number]), usedforsecurity=False).digest()
    return image.replace(build_id, other[: len(build_id)])


def hanging(image: bytes) -> bytes:
    """Return a hypervisor's image that does nothing once it is started, by the firmware's way or the BIOS's.

    Its places are those of its ELF header and of the Multiboot2 header's entry for EFI (Multiboot2 specification 2.0,
    3.1.9).
    """
    entry, table = struct.unpack_from("<II", image, 24)
    offset, _, start = struct.unpack_from("<III", image, table + 4)
    changed = bytearray(image)
    for address in (entry, *_efi_entries(image)):
        at = address - start + offset
        changed[at : at + len(_HANG)] = _HANG
    return bytes(changed)


def _efi_entries(image: bytes) -> list[int]:
    at = image.find(struct.pack("<I", _MULTIBOOT2))
    if at < 0:
        return []
    end, here, found = at + struct.unpack_from("<I", image, at + 8)[0], at + 16, []
    while here < end:
        kind, _, size = struct.unpack_from("<HHI", image, here)
        if kind == _EFI_ENTRY:
            found.append(struct.unpack_from("<I", image, here + 8)[0])
        if size == 0:
            break
        here += (size + 7) // 8 * 8
    return found


def offer_hypervisor(machine: Machine, known: Hypervisor, image: bytes, version: str) -> None:
    """Lay a package down in which the hypervisor has that image, with a version that is newer; apt knows of it then."""
    folder = f"{FOLDER}/tree/boot"
    packed = base64.b64encode(gzip.compress(image, 6))
    shell(machine, f"mkdir -p {folder} && base64 -d >{folder}/{known.file.rpartition('/')[2]}", packed)
    _pack(machine, known.package, version)
    shell(machine, _INDEX)


def offer_kernel(machine: Machine) -> None:
    """Lay a kernel down whose RAM disk is empty, so that it panics, and the package that asks for it."""
    shell(machine, f"mkdir -p {FOLDER}")
    shell(machine, _KERNEL, base64.b64encode(newc({})))
    _pack(machine, "linux-image-amd64", "6.99.0-1", f"linux-image-{KERNEL}")
    shell(machine, _INDEX)


def withdraw(machine: Machine) -> None:
    """Take the source away."""
    shell(machine, f"rm -rf {FOLDER} /etc/apt/sources.list.d/newer.list; apt-get -qq update")


def _pack(machine: Machine, package: str, version: str, depends: str = "") -> None:
    words = " ".join(f"'{word}'" for word in (package, version, depends) if word)
    shell(machine, f"mkdir -p {FOLDER}/tree/DEBIAN; set -- {words}\n{_PACK}")
