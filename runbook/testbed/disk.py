"""Builds the base disk: bootstrap, partition table, file systems; without mounts, loop devices or root.

Owners come out right because the one step that fills the file systems runs as root or its double.
"""

from __future__ import annotations

import io
import os
import secrets
import shlex
import subprocess
import tarfile
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from runbook.controller.apt_sources import as_lines
from runbook.testbed import recipe as recipes
from runbook.testbed.errors import TestbedError, tail
from runbook.testbed.recipe import MIB, Identity, Recipe

Say = Callable[[str], None]

GRUB_EFI = "./usr/lib/grub/x86_64-efi/monolithic/grubx64.efi"
TOOLS = ("mmdebstrap", "sfdisk", "mke2fs", "mkfs.fat", "mmd", "mcopy", "qemu-img", "ssh-keygen", "fakeroot")
FOLDERS = (("root/.ssh", 0o700), ("boot/grub", 0o755), ("boot/efi", 0o755), ("etc/default/grub.d", 0o755))

#: Runs as root, or as root's double under fakeroot: owners must come out right in the file systems.
FILL = """set -eu
mkdir root
tar -C root --numeric-owner -xpf rootfs.tar
tar -C root --numeric-owner -xpf overlay.tar
fill() { mke2fs -q -F -t ext4 -L "$1" -U "$2" -E "offset=$3,lazy_itable_init=1" -d "$4" disk.raw "$5"; }
fill boot "$BOOT_UUID" "$BOOT_OFFSET" root/boot "${BOOT_MIB}M"
rm -rf root/boot
mkdir root/boot
fill root "$ROOT_UUID" "$ROOT_OFFSET" root "${ROOT_MIB}M"
cat root/etc/ssh/ssh_host_*_key.pub > host_keys
rm -rf root
"""


def build(work: Path, recipe: Recipe, say: Say) -> None:
    """Leave disk.qcow2, id_ed25519 and host_keys in the empty folder `work`."""
    step = Steps(work)
    say("bootstrapping Debian " + recipe.release)
    step.run("bootstrap Debian", _bootstrap(recipe))
    kernel, grub = _from_rootfs(work / "rootfs.tar")
    (work / "grubx64.efi").write_bytes(grub)
    step.run(
        "make the ssh key",
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "testbed", "-f", "id_ed25519"],
    )
    ident = _new_identity((work / "id_ed25519.pub").read_text())
    _write_overlay(work / "overlay.tar", recipes.files(recipe, ident, kernel), recipe.links)
    (work / "esp.cfg").write_text(recipes.esp_grub_cfg(ident))
    say("making the disk")
    with (work / "disk.raw").open("wb") as disk:
        disk.truncate(recipes.disk_mib(recipe) * MIB)
    step.run(
        "write the partition table", ["sfdisk", "--quiet", "disk.raw"], stdin=recipes.sfdisk_script(recipe)
    )
    _fill_esp(step, recipe, ident)
    _fill_linux(step, recipe, ident)
    step.run("pack the disk", ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "disk.raw", "disk.qcow2"])
    for name in ("rootfs.tar", "overlay.tar", "disk.raw", "grubx64.efi", "esp.cfg"):
        (work / name).unlink()


def _bootstrap(recipe: Recipe) -> list[str]:
    options = [f'--aptopt={name} "{value}"' for name, value in recipe.apt_options]
    include = "--include=" + ",".join(recipe.packages)
    hooks = [f'--customize-hook=chroot "$1" sh -euc {shlex.quote(hook)}' for hook in recipe.hooks]
    words = ["mmdebstrap", "--variant=important", "--format=tar", *options, include, *hooks]
    return [*words, recipe.release, "rootfs.tar", *as_lines(recipe.sources)]


def _from_rootfs(tar: Path) -> tuple[str, bytes]:
    """The kernel's version and GRUB's EFI program, both as the packages brought them."""
    with tarfile.open(tar) as rootfs:
        kernels = [n.rsplit("vmlinuz-", 1)[1] for n in rootfs.getnames() if n.startswith("./boot/vmlinuz-")]
        program = rootfs.extractfile(GRUB_EFI)
        if program is None or not kernels:
            raise TestbedError(
                "the bootstrapped Debian cannot be booted",
                where=str(tar),
                why=f"it has {len(kernels)} kernels in /boot, and GRUB's EFI program must be at {GRUB_EFI}",
                next_move="see whether the recipe's packages still bring both",
            )
        return max(kernels), program.read()


def _new_identity(public_key: str) -> Identity:
    return Identity(
        secrets.token_hex(4).upper(), str(uuid.uuid4()), str(uuid.uuid4()), uuid.uuid4().hex, public_key
    )


def _write_overlay(
    tar: Path, files: dict[str, tuple[int, str]], links: tuple[tuple[str, str], ...] = ()
) -> None:
    """A tar of the files, all root's, with the folders that a minimal system may lack."""
    with tarfile.open(tar, "w") as overlay:
        for folder, mode in FOLDERS:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            overlay.addfile(entry)
        for name, (mode, text) in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = mode, len(text.encode())
            overlay.addfile(entry, io.BytesIO(text.encode()))
        for name, target in links:
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            overlay.addfile(entry)


def _fill_esp(step: Steps, recipe: Recipe, ident: Identity) -> None:
    esp = recipes.partitions(recipe)[0]
    at = f"disk.raw@@{esp.offset}"
    step.run(
        "format the ESP",
        [
            "mkfs.fat",
            "-F",
            "32",
            "-s",
            "8",
            "-i",
            ident.esp_id,
            "--offset",
            str(esp.offset // 512),
            "disk.raw",
            str(esp.size_mib * 1024),
        ],
    )
    step.run("make the ESP's folders", ["mmd", "-i", at, "::/EFI", "::/EFI/BOOT", "::/EFI/debian"])
    step.run("copy GRUB", ["mcopy", "-i", at, "grubx64.efi", "::/EFI/BOOT/BOOTX64.EFI"])
    step.run("copy GRUB's first menu", ["mcopy", "-i", at, "esp.cfg", "::/EFI/debian/grub.cfg"])


def _fill_linux(step: Steps, recipe: Recipe, ident: Identity) -> None:
    _, boot, root = recipes.partitions(recipe)
    env = {
        "BOOT_UUID": ident.boot_uuid, "BOOT_OFFSET": str(boot.offset), "BOOT_MIB": str(boot.size_mib),
        "ROOT_UUID": ident.root_uuid, "ROOT_OFFSET": str(root.offset), "ROOT_MIB": str(root.size_mib),
    }  # fmt: skip
    shell = ["sh", "-c", FILL]
    step.run("fill /boot and /", shell if os.geteuid() == 0 else ["fakeroot", *shell], env=env)


class Steps:
    """Runs the build's commands in its folder, with their output in `build.log`."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.log = work / "build.log"

    def run(self, what: str, argv: Sequence[str], stdin: str = "", env: dict[str, str] | None = None) -> None:
        """Run `argv`; raise `TestbedError` with the log's end if it fails."""
        with self.log.open("a") as log:
            log.write(f"\n== {what}: {' '.join(argv)[:300]}\n")
            log.flush()
            done = subprocess.run(
                argv, cwd=self.work, input=stdin, text=True, stdout=log, stderr=log,
                env={**os.environ, **(env or {}), "PATH": search_path()}, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            raise TestbedError(
                f"building the testbed's disk: could not {what} (exit {done.returncode})",
                where=str(self.log),
                why="its last words:\n" + tail(self.log.read_text(errors="replace"), 12),
                next_move="mend what the log names and run the same again; the half-built disk is thrown away",
            )


def search_path() -> str:
    """PATH with the folders of the disk tools, which an ordinary user's PATH lacks."""
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
