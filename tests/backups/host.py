"""A host for the backup program: folders of its own, plain files as volumes, fakes for Xen and LVM."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parents[2] / "runbook" / "backups"
MIB = 1024 * 1024
CONFIG = 'name = "comm"\nvif = [ "mac=00:16:3e:14:02:00,bridge=xenbr1" ]\n'


@dataclass
class Host:
    """One host below a folder; `fake` puts a program before the real ones."""

    root: Path
    blocks: Path = HERE / "blocks.pl"

    def __post_init__(self) -> None:
        for folder in ("bin", "proc", "etc/xen", "dev/guests", "store"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "proc/mounts").write_text("/dev/vda1 / ext4 rw,relatime 0 0\n")
        (self.root / "etc/xen/comm.cfg").write_text(CONFIG)

    @property
    def volume(self) -> Path:
        """The disk of the guest `comm`."""
        return self.root / "dev/guests/comm"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def notes(self) -> Path:
        return self.root / "var/lib/xen-runbook/backups"

    @property
    def backups(self) -> list[Path]:
        """The folders that count as backups, sorted."""
        return sorted(p for p in self.store.iterdir() if not p.name.startswith("."))

    def fake(self, name: str, script: str) -> None:
        """Put a shell script before a real program; `calls` shows how it was called."""
        path = self.root / "bin" / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.root}/calls\n{script}\n')
        path.chmod(0o755)

    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()

    def start(self, *words: object, program: Path = HERE / "backup.sh") -> subprocess.Popen[str]:
        """Start the program in a process group of its own."""
        env = {
            **os.environ,
            "PATH": f"{self.root}/bin:{os.environ['PATH']}:/usr/sbin:/sbin",
            "BACKUP_ROOT": str(self.root),
            "BACKUP_BLOCKS": str(self.blocks),
        }
        return subprocess.Popen(
            # Tests that run under nohup(1) would hand down a deafness that no shell can lay off.
            ["env", "--default-signal=HUP,INT,TERM", "bash", str(program), *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
            start_new_session=True,
        )

    def run(self, *words: object, program: Path = HERE / "backup.sh") -> tuple[int, str]:
        """Run the program; return its status and all it said."""
        process = self.start(*words, program=program)
        said = process.communicate(timeout=120)[0]
        return process.returncode, said

    def make(self, content: str = "used-blocks", source: str = "off") -> tuple[int, str]:
        return self.run("make", "comm", self.volume, self.store, content, source)

    def restore(self, backup: Path, guest: str = "comm", volume: Path | None = None) -> tuple[int, str]:
        """Restore with the consent that a plan would carry: the checksum of the sums."""
        return self.run(
            "restore", backup.parent, backup.name, guest, volume or self.volume, checksum(backup), 0
        )

    def wait_for(self, path: Path) -> None:
        """Wait until a file exists."""
        deadline = time.monotonic() + 60
        while not path.exists():
            assert time.monotonic() < deadline, f"{path} never came"
            time.sleep(0.02)

    def end(self, process: subprocess.Popen[str], number: signal.Signals) -> None:
        """End the whole group of a program, as a cut connection does, and wait for it."""
        os.killpg(process.pid, number)
        process.communicate(timeout=60)


def checksum(backup: Path) -> str:
    """Return the SHA-256 of a backup's sums."""
    out = subprocess.run(["sha256sum", backup / "SHA256SUMS"], capture_output=True, text=True, check=True)
    return out.stdout.split()[0]


def ext4(path: Path, size_mib: int = 24) -> bytes:
    """Make an ext4 with a file in it and deleted data beside it; return the file's content."""
    content = os.urandom(2 * MIB)
    source = path.with_name("source")
    source.mkdir()
    (source / "kept").write_bytes(content)
    (source / "deleted").write_bytes(os.urandom(8 * MIB))
    subprocess.run(["truncate", "-s", f"{size_mib}M", path], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", source, path], check=True)
    subprocess.run(["debugfs", "-w", "-R", "rm deleted", path], check=True, capture_output=True)
    shutil.rmtree(source)
    return content


def kept_in(path: Path) -> bytes:
    """Return the file that `ext4` put into an image, after fsck found nothing wrong."""
    subprocess.run(["e2fsck", "-fn", path], check=True, capture_output=True)
    return subprocess.run(["debugfs", "-R", "cat kept", path], check=True, capture_output=True).stdout
