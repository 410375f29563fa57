"""A Debian of its own with the real sshd and sudo, behind OpenSSH: a root folder, entered by a mount namespace.

The server is started by ssh itself (ProxyCommand), once a connection; no port is opened, and no account of this
machine is touched. The root is made once by mmdebstrap, from this machine's package sources, and kept in `.cache/`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from runbook.controller.apt_sources import as_lines, mirror_options, own_sources

PACKAGES = "openssh-server,sudo,sudo-rs,procps,iproute2,systemd"
KEPT = Path(__file__).parents[2] / ".cache/clean-root/root.tar"
USER = "ana"
PASSWORD = """ it's a "$ecret" \\ `ünï` pass 'word """
"""With quotes, spaces at both ends, what a shell and sudo would act on, and letters beyond ASCII."""
RULE, FREE = "ana ALL=(ALL:ALL) ALL", "ana ALL=(ALL:ALL) NOPASSWD: ALL"
SUDO_RS = "/usr/lib/cargo/bin/sudo"
SSHD = """HostKey /etc/ssh/test_key
AuthorizedKeysFile /etc/ssh/keys/%u
StrictModes no
UsePAM yes
KbdInteractiveAuthentication yes
PermitRootLogin no
LogLevel VERBOSE
"""


def tar(kept: Path = KEPT, packages: str = PACKAGES, release: str = "trixie") -> Path:
    """Return a root of a release with some packages as an archive, made if it is not there yet: a minute."""
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part.tar")
        options = [f'--aptopt={name} "{value}"' for name, value in mirror_options()]
        shape = ("--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io", f"--include={packages}")
        lines = as_lines(own_sources(release))
        subprocess.run(["mmdebstrap", "-q", *shape, *options, release, str(part), *lines], check=True)
        part.rename(kept)
    return kept


class Root:
    """The Debian, with a person's account that has a password and a key."""

    def __init__(self, place: Path) -> None:
        self.place, self.root, self.config = place, place / "root", place / "ssh"
        self.root.mkdir()
        subprocess.run(["tar", "-C", str(self.root), "-xf", str(tar())], check=True)
        for key in ("user", "host"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / key)], check=True
            )
        hold = (
            f"mount -t proc proc {self.root}/proc && mount --rbind /dev {self.root}/dev && echo ready && cat"
        )
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", hold]
        self._holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout.readline() == b"ready\n"
        self.enter = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "chroot", str(self.root)]
        self._furnish()

    def _furnish(self) -> None:
        self.do("useradd", "-m", "-s", "/bin/bash", USER)
        self.do("chpasswd", stdin=f"{USER}:{PASSWORD}\n")
        self.put("etc/ssh/test_key", (self.place / "host").read_text(), 0o600)
        self.put(f"etc/ssh/keys/{USER}", (self.place / "user.pub").read_text())
        self.put("etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {os.uname().nodename}\n")
        (self.root / "run/sshd").mkdir()
        self.sshd(SSHD)
        self.rule(FREE)

    def sshd(self, text: str) -> None:
        """Let the next connections be to a server with this configuration."""
        self.put("etc/ssh/test_config", text)
        serve = "/usr/sbin/sshd -i -f /etc/ssh/test_config -E /var/log/sshd.log"
        self.ssh_config(
            f" ProxyCommand sh -c 'echo $$ >>{self.place}/pids; exec {' '.join(self.enter)} {serve}'\n"
        )

    def ssh_config(self, more: str, head: str = "") -> None:
        """Write the ssh configuration by which the host `toy` is reached."""
        self.config.write_text(
            f"{head}Host toy\n User {USER}\n{more}Host *\n IdentityFile {self.place}/user\n IdentitiesOnly yes\n"
            f" StrictHostKeyChecking no\n UserKnownHostsFile {self.place}/known\n LogLevel ERROR\n"
        )

    def rule(self, text: str) -> None:
        """Let sudo go by this rule for the person."""
        self.put("etc/sudoers.d/test", f"{text}\n", 0o440)

    def program(self, path: str = "") -> None:
        """Let this program be the person's `sudo`, Debian's own for ''."""
        link = self.root / "usr/local/bin/sudo"
        link.unlink(missing_ok=True)
        if path:
            link.symlink_to(path)

    def put(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def do(self, *argv: str, stdin: str = "") -> str:
        """Do something there, as root, without sudo."""
        done = subprocess.run([*self.enter, *argv], input=stdin, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (argv, done.stderr)
        return done.stdout

    @property
    def logins(self) -> int:
        """How often the server let a key in."""
        log = self.root / "var/log/sshd.log"
        return log.read_text().count(f"Accepted publickey for {USER}") if log.exists() else 0

    def servers(self) -> list[int]:
        """Return the processes of the server, one a connection."""
        return [int(pid) for pid in (self.place / "pids").read_text().split()]

    def cut(self) -> None:
        """Break the newest connection: end its server and the process of it that holds the line, not what that runs."""
        monitor = self.servers()[-1]
        children = Path(f"/proc/{monitor}/task/{monitor}/children").read_text().split()
        for pid in (monitor, *map(int, children)):
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        self._holder.stdin.close()
        self._holder.wait(10)
        self._holder.stdout.close()
        until = time.monotonic() + 10  # a connection that is just ending is still in there
        while self.root.exists() and time.monotonic() < until:
            shutil.rmtree(self.root, ignore_errors=True)


def seen(text: str) -> list[str]:
    """Return what of all processes of this machine shows a text: in an argument, or in an environment variable."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        for name in ("cmdline", "environ"):
            try:
                data = (process / name).read_bytes()
            except OSError:
                continue
            if text.encode() in data:
                found.append(f"{process.name} {name} {data[:80]!r}")
    return found
