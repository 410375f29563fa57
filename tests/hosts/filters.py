"""A Debian of its own with the real ufw, firewalld and iptables, in namespaces, with two guests on a bridge.

br_netfilter is on there, as Docker switches it on: what guests send each other meets the filter.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from runbook.hosts.local import LocalHost
from tests.hosts import clean_root

KEPT = clean_root.KEPT.with_name("filters.tar")
PACKAGES = "ufw,firewalld,nftables,iptables,iproute2,python3-minimal,dbus"
BRIDGE = "gbr0"
_HOLD = """mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev && ip link set lo up
ip link add {bridge} type bridge && ip link set {bridge} up && echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
mkdir -p {root}/run/dbus && echo ready && cat"""
_GUESTS = """for i in 1 2; do
ip netns add g$i; ip link add v$i type veth peer name e$i netns g$i; ip link set v$i master {bridge} up
in="nsenter --net=/run/netns/g$i ip"; $in link set e$i up; $in address add 10.9.0.$i/24 dev e$i
done"""
_SERVE = """import socket
server = socket.create_server(("10.9.0.2", 80))
print("ready", flush=True)
while True:
    server.accept()[0].close()
"""
_CALL = """import socket, sys
try:
    socket.create_connection(("10.9.0.2", 80), 1.0)
except OSError:
    sys.exit("closed")
"""


class Filters(LocalHost):
    """The host; `passes` asks one guest whether it reaches the other."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self._beside: list[subprocess.Popen[str]] = []
        self.root = place / "root"
        self.root.mkdir()
        subprocess.run(["tar", "-C", str(self.root), "-xf", str(clean_root.tar(KEPT, PACKAGES))], check=True)
        hold = _HOLD.format(root=self.root, bridge=BRIDGE)
        unshare = (
            "unshare",
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--propagation",
            "private",
        )
        self._holder = subprocess.Popen(
            [*unshare, "sh", "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout.readline() == "ready\n"
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        self._enter = ["nsenter", "-t", children[0], "-m", "-n", "-p", "chroot", str(self.root)]
        self.shell(_GUESTS.format(bridge=BRIDGE))
        server = self.beside("nsenter", "--net=/run/netns/g2", "python3", "-c", _SERVE)
        assert server.stdout.readline() == "ready\n"

    def transport(self, command: str) -> list[str]:
        return [*self._enter, "sh", "-c", f"export LC_ALL=C; {command}"]

    def beside(self, *argv: str) -> subprocess.Popen[str]:
        """Return a process that goes on there."""
        self._beside.append(subprocess.Popen([*self._enter, *argv], stdout=subprocess.PIPE, text=True))
        return self._beside[-1]

    def shell(self, line: str) -> str:
        """Return what a line says there. Raises `CalledProcessError` when it fails."""
        done = subprocess.run(self.transport(line), check=False, capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def firewalld(self) -> None:
        """Start firewalld."""
        self.shell("dbus-daemon --system --fork")
        self.beside("firewalld", "--nofork", "--nopid")
        self.shell("for i in 1 2 3 4 5 6 7 8 9; do firewall-cmd --state && exit; sleep 1; done")

    def passes(self) -> bool:
        """Return whether one guest reaches the other by TCP."""
        argv = [*self._enter, "nsenter", "--net=/run/netns/g1", "python3", "-c", _CALL]
        return subprocess.run(argv, check=False, capture_output=True).returncode == 0

    def end(self) -> None:
        """End all that runs there; the first process of its process namespace takes the others with it."""
        self._holder.stdin.close()
        for process in (self._holder, *self._beside):
            process.wait(20)
            process.stdout.close()
