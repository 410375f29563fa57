"""A Debian host at this machine's own speed, for `benchmarks/peers.py`: made once, started fresh each time.

A clean Debian 13 with systemd as its first process, in namespaces of its own (processes, mounts, network,
name), reached by ssh over a network cable that ends here. What it writes goes into memory and is gone when it
ends. It needs root, mmdebstrap and overlayfs, and takes its packages from this machine's own sources.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runbook.controller.apt_sources import as_lines, mirror_options, own_sources
from runbook.testbed.image import default_recipe

ALIAS = "peers-target"
CABLE, HERE, THERE = "peers0", "198.51.100.1", "198.51.100.2"
"""The addresses are of the block that is reserved for documents (RFC 5737): nobody's network has them."""
RELEASE = "trixie"
_BOOTS = ("linux-image", "grub", "initramfs", "efibootmgr")
"""Packages of a machine that starts by itself; this one has the kernel that runs here."""
_TOOLS = ("mmdebstrap", "unshare", "nsenter", "setpriv", "findmnt", "ip", "ssh", "ssh-keygen")
_CLOCK = """[Unit]
# Here as on a machine of its own; without the right to set the clock, which is this machine's.
ConditionVirtualization=
ConditionCapability=
[Service]
AmbientCapabilities=
CapabilityBoundingSet=
"""
_TIMER = "[Unit]\nConditionVirtualization=\n"
_START = """set -eu
mount -t tmpfs tmpfs "$1"; cd "$1"; mkdir up work all
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/up,workdir=$1/work" all
cd all
mount -t proc proc proc; mount -t sysfs -o ro sysfs sys; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs tmp
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev; mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts; ln -s pts/ptmx dev/ptmx
for n in null zero full random urandom tty; do touch dev/$n; mount --bind /dev/$n dev/$n; done
ln -s /proc/self/fd dev/fd; ln -s fd/0 dev/stdin; ln -s fd/1 dev/stdout; ln -s fd/2 dev/stderr
hostname target; mkdir .old; pivot_root . .old; cd /; umount -l /.old; rmdir /.old
exec env -i container=namespace PATH=/usr/sbin:/usr/bin:/sbin:/bin setpriv --bounding-set=-sys_time,-sys_module \\
  /sbin/init --log-target=journal"""


def lacking() -> list[str]:
    """Return what is not here and needed to make and start the host."""
    return [
        *(["root's rights"] if os.geteuid() else []),
        *(tool for tool in _TOOLS if not shutil.which(tool)),
    ]


def root(folder: Path, packages: Iterable[str]) -> Path:
    """Return the host's files, made now unless they are there with these packages (a minute or two)."""
    made, note = folder / "root", folder / "root.packages"
    names = [n for n in default_recipe(RELEASE).packages if not n.startswith(_BOOTS)]
    wanted = ",".join(sorted({*names, *packages}))
    if note.exists() and note.read_text() == wanted:
        return made
    shutil.rmtree(made, ignore_errors=True)
    note.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    options = [f'--aptopt={name} "{value}"' for name, value in mirror_options()]
    shape = ("--mode=root", "--variant=minbase", "--format=directory", "--skip=cleanup/apt/lists", "--quiet")
    argv = ["mmdebstrap", *shape, *options, "--dpkgopt=force-unsafe-io", f"--include={wanted}"]
    subprocess.run([*argv, RELEASE, str(made), *as_lines(own_sources(RELEASE))], check=True)
    _furnish(made, folder)
    note.write_text(wanted)
    return made


def _furnish(made: Path, folder: Path) -> None:
    """Let our key in, keep its own keys, and let its services run although they are in namespaces."""
    key = folder / "id_ed25519"
    for old in (key, key.with_suffix(".pub")):
        old.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "peers", "-f", key], check=True)
    ssh = made / "root/.ssh"
    ssh.mkdir(mode=0o700, exist_ok=True)
    (ssh / "authorized_keys").write_text(key.with_suffix(".pub").read_text())
    (ssh / "authorized_keys").chmod(0o600)
    public = (made / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    (folder / "known_hosts").write_text(f"{ALIAS} {public}")
    for unit, text in (("systemd-timesyncd.service", _CLOCK), ("fstrim.timer", _TIMER)):
        place = made / f"etc/systemd/system/{unit}.d"
        place.mkdir(parents=True, exist_ok=True)
        (place / "target.conf").write_text(text)
    (made / "etc/hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1\ttarget\n")
    (made / "etc/hostname").write_text("target\n")
    (folder / "ssh_config").write_text(_ssh_config(folder))


def _ssh_config(folder: Path) -> str:
    return f"""Host {ALIAS}
  HostName {THERE}
  User root
  IdentityFile "{folder}/id_ed25519"
  IdentitiesOnly yes
  IdentityAgent none
  HostKeyAlias {ALIAS}
  UserKnownHostsFile "{folder}/known_hosts"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 10
"""


@dataclass(frozen=True)
class Target:
    """The host while it is up."""

    ssh: list[str]
    """The argv that a command on it is appended to."""
    group: Path
    """Its control group, which counts the time that all its processes used."""

    def spent(self) -> float:
        """Return the processor seconds that it has used so far."""
        found = re.search(r"usage_usec (\d+)", (self.group / "cpu.stat").read_text())
        return int(found[1]) / 1e6 if found else 0.0


@contextmanager
def running(folder: Path) -> Iterator[Target]:
    """Start the host, fresh, and yield it; end all of it afterwards."""
    place = folder / "running"
    place.mkdir(exist_ok=True)
    group = _group()
    alone = ("unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--cgroup", "--fork", "--kill-child")
    start = ["sh", "-ec", f'echo $$ >{group}/cgroup.procs; exec "$@"', "-", "setpriv", "--pdeathsig", "KILL"]
    inside = ("sh", "-ec", _START, "-", str(place), str(folder / "root"))
    host = subprocess.Popen(
        [*start, *alone, *inside],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    ssh = ["ssh", "-F", str(folder / "ssh_config"), ALIAS]
    try:
        _plug_in(_child(host))
        _wait(ssh, host)
        yield Target(ssh, group)
    finally:
        host.send_signal(signal.SIGKILL)
        host.wait()
        subprocess.run(["ip", "link", "del", CABLE], capture_output=True, check=False)
        _empty(group)


def _group() -> Path:
    """Return a control group of the host's own, below this process's."""
    argv = ["findmnt", "-n", "-o", "TARGET", "-t", "cgroup2"]
    top = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()[0]
    own = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::")
    group = Path(top) / own.strip("/") / f"peers-{os.getpid()}"
    group.mkdir(exist_ok=True)
    return group


def _empty(group: Path) -> None:
    """Remove the control group; its processes have ended with the first of them."""
    for _ in range(50):
        try:
            for path in sorted(group.rglob("*/"), reverse=True):
                path.rmdir()
            group.rmdir()
            return
        except OSError:
            time.sleep(0.1)


def _child(host: subprocess.Popen[bytes]) -> int:
    """Return the number, here, of the host's first process."""
    children = Path(f"/proc/{host.pid}/task/{host.pid}/children")
    for _ in range(100):
        if found := children.read_text().split():
            return int(found[0])
        time.sleep(0.05)
    raise RuntimeError("the host's first process did not start")


def _plug_in(pid: int) -> None:
    """Lay the cable between this machine and the host."""
    subprocess.run(["ip", "link", "del", CABLE], capture_output=True, check=False)
    inside = f"nsenter -t {pid} -n ip"
    for line in (
        f"ip link add {CABLE} type veth peer name eth0 netns {pid}",
        f"ip address add {HERE}/30 dev {CABLE}",
        f"ip link set {CABLE} up",
        f"{inside} link set lo up",
        f"{inside} address add {THERE}/30 dev eth0",
        f"{inside} link set eth0 up",
    ):
        subprocess.run(shlex.split(line), check=True)


def _wait(ssh: list[str], host: subprocess.Popen[bytes]) -> None:
    """Wait until the host is up and idle, so that its start is in nobody's time."""
    ask = "systemctl is-system-running --wait >/dev/null; systemctl is-active ssh"
    for _ in range(120):
        if host.poll() is not None:
            raise RuntimeError(f"the host ended with status {host.returncode} while it started")
        done = subprocess.run([*ssh, ask], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.stdout.strip() == "active":
            return
        time.sleep(0.5)
    raise RuntimeError(f"the host did not answer ssh: {done.stderr.strip()}")
