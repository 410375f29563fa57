"""A machine's network in a namespace of its own: real links, addresses and routes; toys put them in force and keep time.

The files of its configuration are shell scripts, which the toy `systemctl restart networking` runs. On the other end of
its card is a gateway that answers, for names too.
"""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from runbook.hosts.local import LocalHost

CARD, GATEWAY, NAME = "card0", "10.0.2.2", "packages.example"
AS_ROOT = () if os.geteuid() == 0 else ("--user", "--map-root-user")
UP = """ip link set lo up; ip link set card0 up
printf 'nameserver 10.0.2.2\noptions timeout:1 attempts:1\n' >/etc/resolv.conf
"""
OLD = f"""{UP}ip address add 10.0.2.15/24 dev card0
ip route add default via {GATEWAY}
ip route add 10.8.0.0/16 via 10.0.2.9
"""
BRIDGED = f"""{UP}ip link add name xenbr0 type bridge; ip link set card0 master xenbr0; ip link set xenbr0 up
ip address add 10.0.2.15/24 dev xenbr0
ip route add default via {GATEWAY}
ip route add 10.8.0.0/16 via 10.0.2.9
"""
TOYS = {
    "systemd-run": """#!/bin/sh
while :; do case $1 in
  --on-active=*) seconds=${1#--on-active=};;
  --unit=*) unit=${1#--unit=};;
  -*) ;;
  *) break;;
esac; shift; done
[ ! -e "$PLACE/refuse-$unit" ] || exit 1
echo "run $unit $*" >>"$PLACE/calls"
case $unit in *-revert) echo "$@" >"$PLACE/$unit.timer"; exit;; esac
: >"$PLACE/$unit.service"
setsid sh -c 'echo $$ >"$0"; "$@"; rm "$0"' "$PLACE/$unit.service" "$@" >>"$PLACE/log" 2>&1 </dev/null &
""",
    "systemctl": """#!/bin/sh
[ "$1" = --quiet ] && shift
echo "$*" >>"$PLACE/calls"
case "$*" in
  "restart networking") ip link set dev xenbr0 down 2>/dev/null; . /etc/network/interfaces;;
  stop*) shift; for unit; do case $unit in
      *.service) [ ! -e "$PLACE/$unit" ] || { kill -9 -- "-$(cat "$PLACE/$unit")"; rm "$PLACE/$unit"; };;
    esac; rm -f "$PLACE/$unit"; done;;
esac
""",
    "ifdown": """#!/bin/sh
echo "ifdown $*" >>"$PLACE/calls"
ip link delete xenbr0 2>/dev/null
ip address flush dev card0
ip route flush dev card0
ip route delete blackhole 10.0.2.9 2>/dev/null; true
""",
}
ANSWERING = """
import socket, struct
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 53))
print("ready", flush=True)
while True:
    asked, who = server.recvfrom(512)
    end = asked.index(b"\\0", 12) + 5
    is_a = asked[end - 4 : end - 2] == b"\\0\\1"
    answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4\\x0a\\0\\2\\x63" if is_a else b""
    server.sendto(asked[:2] + b"\\x81\\x80\\0\\1" + struct.pack(">H", is_a) + b"\\0" * 4 + asked[12:end] + answer, who)
"""


class Machine(LocalHost):
    """The machine in its namespace. `is_cut`: no new connection gets in."""

    is_cut = False
    far = 0
    """The process that keeps the network on the other end of the card."""

    def __init__(self, place: Path, pid: int):
        super().__init__()
        self.place, self.pid = place, pid

    def transport(self, command):
        return [*entering(self.pid), "sh", "-c", f"{environment(self.place)}; {command}"]

    def fresh(self, argv, timeout_s=None):
        return None if self.is_cut else super().fresh(argv, timeout_s)

    def shell(self, line: str) -> str:
        """Return what a line says there. Raises `CalledProcessError` when it fails."""
        return subprocess.run(self.transport(line), check=True, capture_output=True, text=True).stdout

    def in_force(self) -> str:
        """Return the links with their bridge, the addresses and the routes."""
        return self.shell(
            "ip -o link | sed 's/^[0-9]*: //; s/ mtu.* state [A-Z]* / /; s/ mode.*//'; "
            "ip -o -4 address | awk '{ print $2, $4 }'; ip -4 route"
        )

    def calls(self) -> list[str]:
        """Return what systemd and the toys were asked for."""
        file = self.place / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def files(self) -> dict[str, str]:
        """Return what is in /etc and in the place where old files are kept, with each file's mode."""
        found = self.shell(r"find /etc /var/lib -type f -printf '%m %p\n' -o -type l -printf '%l %p\n'")
        return {path: mode for mode, path in (line.split(" ", 1) for line in found.splitlines())}

    def text(self, path: str) -> str:
        """Return a file's content."""
        return self.shell(f"cat {shlex.quote(path)}")

    def fire(self) -> None:
        """Let the timer of the way back run out."""
        timer = self.place / "xen-runbook-network-revert.timer"
        line = timer.read_text()
        timer.unlink()
        self.shell(line)

    def until_quiet(self) -> None:
        """Return when nothing that systemd started is under way."""
        for _ in range(1200):
            if not list(self.place.glob("*.service")):
                return
            time.sleep(0.05)
        raise AssertionError("what systemd started does not end")


def environment(place: Path) -> str:
    """Return the shell line that puts the toys in front of the real programs."""
    return f"export LC_ALL=C PLACE={place} PATH={place}/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def entering(pid: int) -> list[str]:
    """Return the argv that enters the namespaces of a process."""
    return ["nsenter", "-t", str(pid), *(["-U", "--preserve-credentials"] if AS_ROOT else []), "-n", "-m"]


def started(argv: list[str]) -> subprocess.Popen[str]:
    """Return a process that has said that it is ready."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def made(place: Path) -> tuple[Machine, list[subprocess.Popen[str]]]:
    """Return the machine with its network up, and the processes that keep it and its gateway alive."""
    for folder in ("bin", "etc/network", "etc/apt", "etc/systemd/system", "lib", "run"):
        (place / folder).mkdir(parents=True)
    (place / "etc/alternatives").mkdir()
    (place / "etc/alternatives/awk").symlink_to(Path("/usr/bin/awk").resolve())
    for name, text in TOYS.items():
        (place / "bin" / name).write_text(text)
        (place / "bin" / name).chmod(0o755)
    for name, text in {
        "network/interfaces": OLD,
        "apt/sources.list": f"deb http://{NAME}/debian trixie main\n",
        "hosts": "127.0.0.1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "resolv.conf": "",
        "passwd": "root:x:0:0:root:/root:/bin/sh\n",
        "group": "root:x:0:\n",
    }.items():
        (place / "etc" / name).write_text(text)
    binds = "".join(
        f"mount --bind {place}/{name} /{at} && "
        for name, at in (("etc", "etc"), ("lib", "var/lib"), ("run", "run"))
    )
    unshare = ["unshare", *AS_ROOT, "--net", "--mount"]
    keeper = started([*unshare, "sh", "-c", f"{binds}echo ready && exec cat"])
    machine = Machine(place, keeper.pid)
    inner = f"ip link add name {CARD} type veth peer name far0"
    machine.shell(inner)
    far = started([*entering(keeper.pid), "unshare", "--net", "sh", "-c", "echo ready && exec cat"])
    machine.shell(f"ip link set far0 netns {far.pid}")
    subprocess.run(
        [
            *entering(far.pid),
            "sh",
            "-c",
            f"ip link set lo up; ip link set far0 up; ip address add {GATEWAY}/24 dev far0; ip address add 10.0.2.9/24 dev far0",
        ],
        check=True,
    )
    machine.far = far.pid
    names = started([*entering(far.pid), sys.executable, "-c", ANSWERING])
    machine.shell(". /etc/network/interfaces")
    return machine, [names, far, keeper]
