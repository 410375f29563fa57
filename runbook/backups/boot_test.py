"""Does a guest start from its newest backup? It is restored beside the original, started without network, and asked.

The host runs this very file; it needs nothing but Python's own library. The question is the serial port's: a prompt
for a login is an answer, a panic or a guest that ends is one, too; silence is none, and is told as silence.
"""

from __future__ import annotations

import os
import re
import select
import time
from dataclasses import dataclass
from pathlib import Path

from runbook.backups.called import run

NAME = "xen-runbook-boot-test"
"""The name of the guest, of its volume, and of the volume's tag: what has it is thrown away."""
_YES = re.compile(rb"(?:^|[\r\n])[^\r\n]*login: ?\s*\Z|(?:^|[\r\n])[^\r\n]*login: ", re.I)
_NO = re.compile(
    rb"Kernel panic|emergency mode|ALERT! .* does not exist|grub rescue>|No bootable device|Boot failed", re.I
)


class Unable(Exception):
    """What kept the test from being made: nothing is known of the backup by it."""


@dataclass(frozen=True)
class Trial:
    """What is needed to start one guest on trial."""

    group: str
    pool: str
    """The thin pool that the scratch volume is taken from, '' for the group itself."""
    config: str
    """The xl.cfg of the guest on trial, without network and devices; its disk is the scratch volume."""
    program: str
    """The program that restores beside the original."""
    wait_s: int = 900
    xl: str = "xl"

    @property
    def volume(self) -> str:
        """Where the scratch volume is."""
        return f"/dev/{self.group}/{NAME}"

    def run(self, folder: Path, name: str, size: int) -> tuple[str, str]:
        """Return `yes`, `no` or `unknown`, and what was seen. Raises `Unable` where the test could not be made."""
        self.throw_away()
        try:
            self._make_volume(size)
            _do(
                [self.program, "beside", str(folder), name, self.volume],
                "restoring it beside the original failed",
            )
            began = time.monotonic()
            _do([self.xl, "create", self.config], "the guest on trial could not be created")
            return self._verdict(began)
        finally:
            self.throw_away()

    def throw_away(self) -> None:
        """End the guest on trial, and remove the scratch volume; what has another tag stays."""
        run([self.xl, "destroy", NAME])
        tags = run(["lvs", "--noheadings", "-o", "lv_tags", f"{self.group}/{NAME}"])
        if tags.returncode == 0 and NAME in tags.stdout.strip().split(","):
            # The device is let go a moment after the guest is gone.
            for _ in range(10):
                if run(["lvremove", "-q", "-f", f"{self.group}/{NAME}"]).returncode == 0:
                    return
                time.sleep(1)
            raise Unable(
                f"the scratch volume {self.group}/{NAME} cannot be removed: lvremove -f {self.group}/{NAME}"
            )

    def _make_volume(self, size: int) -> None:
        where = (
            ["-V", f"{size}b", "--thinpool", f"{self.group}/{self.pool}"]
            if self.pool
            else ["-L", f"{size}b", self.group]
        )
        _do(
            ["lvcreate", "-q", "--yes", "-W", "y", "--addtag", NAME, "-n", NAME, *where],
            f"there is no room for a scratch volume of {size >> 20} MiB in {self.group}",
        )

    def _verdict(self, began: float) -> tuple[str, str]:
        port, output = None, b""
        try:
            while time.monotonic() < began + self.wait_s:
                port = self._port() if port is None else port
                ready, _, _ = select.select([port] if port is not None else [], [], [], 2)
                if ready and port is not None:
                    if (
                        more := _read(port)
                    ) is None:  # whoever had it is gone, and somebody else may get its number
                        os.close(port)
                        port = None
                    output = (output + (more or b""))[-65536:]
                after = f"after {int(time.monotonic() - began)} s"
                if found := _NO.search(output):
                    return "no", f"its console said “{_line(found[0])}” {after}"
                if _YES.search(output):
                    return "yes", f"it asked for a login {after}"
                if run([self.xl, "domid", NAME]).returncode:
                    return "no", f"it ended by itself {after}" + (
                        f"; last it said “{_line(output)}”" if output else ""
                    )
        finally:
            if port is not None:
                os.close(port)
        if not output.strip():
            return "unknown", f"it ran {self.wait_s} s and said nothing on its serial port"
        return "no", f"it asked for no login within {self.wait_s} s; last it said “{_line(output)}”"

    def _port(self) -> int | None:
        """Return the serial port or the console of the guest on trial, None while there is none."""
        domain = run([self.xl, "domid", NAME]).stdout.strip()
        for place in ("serial/0/tty", "console/tty") if domain else ():
            tty = run(["xenstore-read", f"/local/domain/{domain}/{place}"]).stdout.strip()
            if tty.startswith("/dev/"):
                try:
                    return os.open(tty, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
                except OSError:
                    continue
        return None


def _read(port: int) -> bytes | None:
    """Return what a port says now, None when nobody is at its other end any more."""
    try:
        return os.read(port, 65536) or None
    except BlockingIOError:
        return b""
    except OSError:
        return None


def _line(output: bytes) -> str:
    """Return the last line as plain text, at most 100 characters of it."""
    lines = [line for line in output.decode("ascii", "replace").splitlines() if line.strip()]
    return re.sub(r"[^ -~]", "?", lines[-1].strip())[:100] if lines else ""


def _do(argv: list[str], what: str) -> None:
    done = run(argv)
    if done.returncode:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Unable(f"{what}: {lines[-1].strip()[:300] if lines else f'status {done.returncode}'}")
