"""Disks that nobody can fill from outside: the machine's own system makes them, and moves in.

Its plain base disk is booted once with the new, empty disks beside it. There mdadm, cryptsetup, mkfs.btrfs and grub-install
do what they do on any machine; the controller's kernel needs none of it. What comes out is a base disk like another.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from runbook.testbed import hardware, qemu
from runbook.testbed.disk import Say
from runbook.testbed.image import DISKS, Image, image_key
from runbook.testbed.machine import Machine
from runbook.testbed.machines import Layout
from runbook.testbed.recipe import Recipe
from runbook.testbed.remote import shell

BY_ID = "/dev/disk/by-id/virtio-testbed-disk"
_SLOTS = tuple(hex(slot) for slot in range(9, 31))
_NAMES = ("disk.qcow2", "second.qcow2")
CARRIED = "/root/carried.tar"
_KEYS = ("id_ed25519", "id_ed25519.pub", "host_keys")

#: The new system's file systems are mounted below /target, where the layout left them.
_MOVE_IN = """\
udevadm settle
cp -ax / /target
rmdir /target/target
cp -ax /boot/. /target/boot/
rm -rf /target/boot/grub
mkdir /target/boot/grub
findmnt -R -n -r -o TARGET,SOURCE,UUID,FSTYPE,FSROOT /target | while read -r to from uuid kind at; do
  options=defaults
  [ "$kind" != btrfs ] || options=subvol=$at
  [ "$kind" != vfat ] || options=umask=0077
  case $from in /dev/mapper/*) ;; *) from=UUID=$uuid ;; esac
  to=${to#/target}
  echo "$from ${to:-/} $kind $options 0 0"
done >/root/fstab
cp /root/fstab /target/etc/fstab
for folder in dev proc sys run; do mount --rbind --make-rslave /$folder /target/$folder; done
"""
_MOVE_OUT = "umount -R /target || umount -R -l /target; sync"


def key(recipe: Recipe, layout: Layout, carried: bytes = b"") -> str:
    """Return the name of the disks in the cache: the plain base disk's, the layout's, and this module's."""
    said = f"{image_key(recipe)}{layout!r}".encode() + Path(__file__).read_bytes() + carried
    return hashlib.sha256(said).hexdigest()[:12]


def script(layout: Layout) -> str:
    """Return what the plain system runs as root: the layout's words for the disks, the move, its words inside."""
    words = ("set -eu", "export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive", f"disk={BY_ID}")
    inside = shlex.quote("\n".join([*words, *layout.inside]))
    return "\n".join([*words, *layout.make, f"{_MOVE_IN}chroot /target sh -c {inside}", _MOVE_OUT])


def moved_in(
    state: Path, recipe: Recipe, layout: Layout, plain: Image, spec: qemu.Spec, say: Say, carried: bytes = b""
) -> Image:
    """Return the base disks of that layout, made now unless they are there; the system on them is `plain`'s.

    `carried` lies in the plain system as `CARRIED` while the layout's words run.

    Raises `TestbedError` when the plain one does not boot, `CheckFailed` for a command that failed.
    """
    final = state / f"base-{key(recipe, layout, carried)}"
    if final.is_dir():
        return Image(final)
    work = state / f"moving-{final.name}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (work / plain.folder.name).symlink_to(plain.folder)
    machine = Machine(work)
    hardware.assemble(machine.folder, plain)
    files = [f"new{number}.qcow2" for number in range(1, len(layout.sizes) + 1)]
    for file, size in zip(files, layout.sizes, strict=True):
        words = ["qemu-img", "create", "-q", "-f", "qcow2", str(machine.folder / file), str(size)]
        subprocess.run(words, check=True)
    beside = (("system.qcow2", "0x8"), *zip(files, _SLOTS, strict=False))
    hardware.switch_on(machine.folder, replace(spec, disks=beside, firmware=qemu.OVMF_CODE))
    try:
        say(f"the layout is made by the machine itself; its console: {machine.console_log}")
        say(f"answered ssh after {machine.wait_ready():.0f} s")
        if carried:
            shell(machine, f"cat >{CARRIED}", carried)
        shell(machine, script(layout), b"\n")  # whatever reads its input must not read the script
    finally:
        machine.down()
    made = work / "made"
    made.mkdir()
    names = tuple(f"disk{number}.qcow2" for number in range(len(files))) if layout.disks_bytes else _NAMES
    for file, name in zip(files, names, strict=False):
        (machine.folder / file).rename(made / name)
    if layout.disks_bytes:
        (made / DISKS).write_text("\n".join(names))
    for name in _KEYS:
        shutil.copy2(plain.folder / name, made / name)
    made.rename(final)
    shutil.rmtree(work)
    return Image(final)
