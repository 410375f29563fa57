"""The switch of the network in a namespace of its own: what the host keeps, what it takes back, and what it leaves behind."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from runbook.actions import NetworkFile, Renumbered, ReplaceNetwork
from runbook.engine import network_switch, undo
from runbook.engine.apply import carry_out
from runbook.engine.packing import pack, unpack
from runbook.errors import CommandFailed
from runbook.hosts import script
from runbook.model.ask import Ask
from tests.hosts import network
from tests.hosts.network import BRIDGED, CARD, GATEWAY, OLD

FILE = "/etc/network/interfaces"
ARMED = [
    "run xen-runbook-network-revert sh /var/lib/xen-runbook/network/switch back",
    "run xen-runbook-network-switch sh /var/lib/xen-runbook/network/switch go",
]
UNIT = "/etc/systemd/system/xen-runbook-network-back.service"


def _has_namespaces() -> bool:
    argv = [
        "unshare",
        *network.AS_ROOT,
        "--net",
        "--mount",
        "sh",
        "-c",
        "ip link add name a0 type veth peer name b0",
    ]
    return (
        bool(shutil.which("unshare"))
        and subprocess.run(argv, capture_output=True, check=False).returncode == 0
    )


pytestmark = pytest.mark.skipif(
    not _has_namespaces(), reason="a network of its own needs root or user namespaces"
)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a machine whose network is up, with the gateway answering."""
    monkeypatch.setattr(script, "ENVIRONMENT", network.environment(tmp_path))
    monkeypatch.setattr(network_switch, "_SETTLE_S", 2)
    here, processes = network.made(tmp_path)
    yield here
    here.until_quiet()
    for process in processes:
        process.kill()
        process.communicate()


def to(content, **more):
    """Return the replacing of the interfaces file, by one that makes a bridge."""
    return ReplaceNetwork((NetworkFile(FILE, content),), **{"made": ("xenbr0",), **more})


def refused(machine, action, words):
    """Carry out what has to be taken back, and see that the old state is there whole, and nothing is left."""
    before, files = machine.in_force(), machine.files()
    with pytest.raises(CommandFailed) as error:
        carry_out(action, machine, print)
    machine.until_quiet()
    assert words in str(error.value), error.value
    assert "the old configuration is back in force" in str(error.value)
    assert (machine.in_force(), machine.files(), machine.text(FILE)) == (before, files, OLD)
    return str(error.value)


def test_what_was_there_is_there_behind_the_bridge(machine):
    """It is confirmed at once by what the host measured, and neither copies nor units are left."""
    files = machine.files()
    said = carry_out(to(BRIDGED), machine, print)
    machine.until_quiet()
    assert "measured before: address 10.0.2.15/24 on card0, route default via 10.0.2.2 on card0" in said
    assert "10.0.2.15/24 dev xenbr0" not in machine.in_force()
    assert "xenbr0 10.0.2.15/24" in machine.in_force()
    assert (machine.text(FILE), machine.files()) == (BRIDGED, files)
    assert machine.calls()[:2] == ARMED
    assert machine.calls()[-1] == "stop xen-runbook-network-revert.timer"


LOST = {
    "route": (BRIDGED.replace("ip route add 10.8.0.0/16 via 10.0.2.9\n", ""), "the route 10.8.0.0/16 via 10.0.2.9 is missing"),
    "default": (BRIDGED.replace(f"ip route add default via {GATEWAY}\n", ""), f"the route default via {GATEWAY} is missing"),
    "address": (BRIDGED.replace("10.0.2.15/24", "10.0.2.16/24"), "the address 10.0.2.15/24 is missing"),
    "port": (BRIDGED.replace(f"ip link set {CARD} master xenbr0", "true"), "no IPv4 gateway answers"),
    "bridge": (OLD, "xenbr0 was not made"),
    "names": (BRIDGED.replace("nameserver 10.0.2.2", "nameserver 10.0.2.77"), "no server answers for the name packages.example"),
    "status": (BRIDGED + "false\n", "it could not be put in force"),
}  # fmt: skip


@pytest.mark.parametrize("case", LOST)
def test_what_was_there_and_is_not_is_taken_back_by_the_host(machine, case):
    """The host decides alone, so it holds for a run on the machine itself too; the figures say what it had and has."""
    content, words = LOST[case]
    said = refused(machine, to(content), words)
    if case == "route":
        assert "measured before: address 10.0.2.15/24 on card0" in said
        assert (
            "measured afterwards: address 10.0.2.15/24 on xenbr0, route default via 10.0.2.2 on xenbr0"
            in said
        )


def until_fired(machine, patience_s):
    """Return a wait that gives up soon on the new network, then lets the timer fire and is patient with the old one."""
    waited = machine.reconnect

    def reconnect(proof, wait_s, on_line=None):
        if proof != network_switch._IS_BACK:
            return waited(proof, patience_s, on_line)
        machine.is_cut = False
        machine.fire()
        return waited(proof, 60, on_line)

    return reconnect


def test_when_nobody_gets_in_the_timer_takes_it_back(machine, monkeypatch):
    """What the host alone finds right is not enough over ssh: without a new connection the old files return."""
    machine.is_cut = True
    monkeypatch.setattr(machine, "reconnect", until_fired(machine, 1))
    assert "no new connection confirmed it" in refused(machine, to(BRIDGED), "cut the connection")


def test_the_timer_ends_a_switch_that_hangs(machine, monkeypatch):
    """What puts the new files in force is stopped first, and what it did is taken back."""
    monkeypatch.setattr(machine, "reconnect", until_fired(machine, 3))
    refused(machine, to(BRIDGED + "sleep 60\n"), "cut the connection")


@pytest.mark.parametrize("unit", ["xen-runbook-network-revert", "xen-runbook-network-switch"])
def test_without_a_way_back_nothing_is_switched(machine, tmp_path, unit):
    """Nothing is changed, and nothing of the try is left."""
    (tmp_path / f"refuse-{unit}").touch()
    before, files = machine.in_force(), machine.files()
    with pytest.raises(CommandFailed, match="switch arm' ended with status 1"):
        carry_out(to(BRIDGED), machine, print)
    assert (machine.in_force(), machine.files(), machine.text(FILE)) == (before, files, OLD)
    assert "restart networking" not in machine.calls()
    assert not list(tmp_path.glob("*.timer"))


MANY = (
    NetworkFile("/etc/network/a file.conf", "secret\n", "0600"),
    NetworkFile("/etc/network/new.d/one", "one\n"),
    NetworkFile("/etc/network/linked", "through the link\n"),
    NetworkFile("/etc/network/masked", "no mask\n"),
    NetworkFile("/etc/network/kept-mode", "new\n"),
    NetworkFile("/etc/network/gone", None),
    NetworkFile("/etc/systemd/network/x.network.d/add.conf", None),
)


def several(machine, content):
    """Return the replacing of files of every kind, and lay down what was there before."""
    machine.shell(
        "cd /etc/network; echo old >'a file.conf'; echo target >real; ln -s real linked; ln -s /dev/null masked;"
        "echo old >kept-mode; chmod 0640 kept-mode; echo gone >gone; chmod 0600 gone;"
        "mkdir -p /etc/systemd/network/x.network.d; echo add >/etc/systemd/network/x.network.d/add.conf"
    )
    return ReplaceNetwork((*MANY, NetworkFile(FILE, content)), made=("xenbr0",))


def test_several_files_are_replaced_together(machine):
    """Each has the mode that it is to have; a link to a file stays one; what is removed is gone, its folder of additions too."""
    carry_out(several(machine, BRIDGED), machine, print)
    machine.until_quiet()
    files = machine.files()
    assert files["/etc/network/a file.conf"] == "600"
    assert files["/etc/network/new.d/one"] == "644"
    assert (files["/etc/network/linked"], machine.text("/etc/network/real")) == ("real", "through the link\n")
    assert (files["/etc/network/masked"], machine.text("/etc/network/masked")) == ("644", "no mask\n")
    assert files["/etc/network/kept-mode"] == "640"
    assert "/etc/network/gone" not in files
    assert machine.shell("ls /etc/systemd/network") == ""
    assert not machine.shell("find /etc -name '.runbook*'")


def test_several_files_are_taken_back_together(machine):
    """Contents, modes and links are as they were, and what was new is gone."""
    action = several(machine, LOST["route"][0])
    texts = "cd /etc/network; head -v -n 99 'a file.conf' real masked kept-mode gone ../systemd/network/x.network.d/add.conf"
    before = machine.shell(texts)
    refused(machine, action, "the route 10.8.0.0/16 via 10.0.2.9 is missing")
    assert machine.shell(texts) == before


def test_the_way_back_of_several_files(machine):
    """The inverse, made from what the files were, leads back to each of them."""
    action = several(machine, BRIDGED)
    files, before = machine.files(), machine.in_force()
    back = action.inverse(machine.gather([Ask.read(file.path) for file in action.files]))
    carry_out(action, machine, print)
    machine.until_quiet()
    carry_out(unpack(json.loads(json.dumps(pack(back)))), machine, print)
    machine.until_quiet()
    files["/etc/network/masked"] = "644"  # what it masked is undone as an empty file
    assert machine.files() == files
    assert machine.in_force() == before


def test_a_card_that_is_no_port_any_more_has_an_ipv6_address_of_its_own(machine, tmp_path):
    """What bridge-utils took from the port comes back before the old files do; a guest's end of the bridge is left as it is."""
    toy = tmp_path / "bin" / "ifdown"
    toy.write_text(toy.read_text().replace("ip address", f"ip link set dev {CARD} down\nip address", 1))
    guest = "ip link add guest0 type veth peer name guest1; ip link set guest0 master xenbr0 addrgenmode none up\n"
    bridged = f"{BRIDGED}ip link set {CARD} addrgenmode none\n{guest}"
    action = to(bridged)
    back = action.inverse(machine.gather([Ask.read(FILE)]))
    modes = f"for link in {CARD} guest0; do ip -d link show $link | grep -o 'addrgenmode [a-z0-9]*'; done"
    carry_out(action, machine, print)
    machine.until_quiet()
    assert machine.shell(modes) == "addrgenmode none\n" * 2
    carry_out(back, machine, print)
    machine.until_quiet()
    assert machine.shell(modes) == "addrgenmode eui64\naddrgenmode none\n"


def test_a_card_whose_ipv6_is_the_kernels_affair_hears_routers_again(machine, tmp_path, monkeypatch):
    """A manager that makes ports deaf does not give that back: the bridge knows how its card listened."""
    monkeypatch.setattr(
        network_switch, "_SETTLE_S", 10
    )  # it works in the background, and has three seconds to begin
    toy = tmp_path / "bin" / "netplan"
    toy.write_text("#!/bin/sh\n[ $1 != apply ] || systemctl restart networking\n")
    toy.chmod(0o755)
    new = f"ip address flush dev {CARD}\n{BRIDGED}echo 0 >/proc/sys/net/ipv6/conf/{CARD}/accept_ra\n"
    action = replace(to(new), manager="netplan")
    old = f"ip link delete xenbr0 2>/dev/null; ip address flush dev {CARD}\n{OLD}"
    machine.shell(f"cat >{FILE} <<'EOF'\n{old}EOF")
    back = action.inverse(machine.gather([Ask.read(FILE)]))
    listens = f"cat /proc/sys/net/ipv6/conf/{CARD}/accept_ra"
    assert machine.shell(listens) == "1\n"
    carry_out(action, machine, print)
    machine.until_quiet()
    assert machine.shell(listens) == "0\n"
    carry_out(back, machine, print)
    machine.until_quiet()
    assert machine.shell(listens) == "1\n"


def test_with_ifupdown_a_card_goes_on_to_listen_as_it_did(machine):
    """It sets what it is asked to set on each interface itself, and makes a bridge with a fixed address deaf: its card is not."""
    new = f"{BRIDGED}echo 0 >/proc/sys/net/ipv6/conf/xenbr0/accept_ra\n"
    action = to(new)
    back = action.inverse(machine.gather([Ask.read(FILE)]))
    listens = f"cat /proc/sys/net/ipv6/conf/{CARD}/accept_ra"
    carry_out(action, machine, print)
    machine.until_quiet()
    assert machine.shell(listens) == "1\n"
    carry_out(back, machine, print)
    machine.until_quiet()
    assert machine.shell(listens) == "1\n"


@pytest.mark.parametrize(("more", "is_waited_for"), [
    ("", False),
    ("ip address add fd00:2::7/64 dev {} nodad\n", True),
    ("ip -6 route add fd00:9::/64 via fd00:2::9 dev {}\n", True),
])  # fmt: skip
def test_what_a_router_announced_for_ever_is_not_waited_for_on_the_way_back(machine, more, is_waited_for):
    """Its network does not expire, and no file asks for it; an address or a route that a file gives has to be there."""
    heard = "ip address add fd00:2::15/64 dev {} mngtmpaddr nodad\n"
    action = to(f"{BRIDGED}{heard.format('xenbr0')}{more.format('xenbr0')}")
    back = action.inverse(machine.gather([Ask.read(FILE)]))
    carry_out(action, machine, print)
    machine.until_quiet()
    assert "fd00:2::/64 dev xenbr0 proto kernel" in machine.shell("ip -6 route")
    if is_waited_for:
        with pytest.raises(CommandFailed, match=r"fd00:\S+ is missing"):
            carry_out(back, machine, print)
    else:
        carry_out(back, machine, print)
        assert "fd00:2::/64" not in machine.shell("ip -6 route")
    machine.until_quiet()


def test_an_earlier_switch_that_was_cut_off_is_taken_back_first(machine):
    """Its true old files come back before new ones are kept as old."""
    stop = machine.reconnect
    machine.reconnect = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        carry_out(to(BRIDGED), machine, print)
    machine.reconnect = stop
    machine.until_quiet()
    assert machine.text(FILE) == BRIDGED
    refused_text = LOST["route"][0]
    with pytest.raises(CommandFailed, match="did not bring back all"):
        carry_out(to(refused_text), machine, print)
    machine.until_quiet()
    assert machine.text(FILE) == OLD
    assert f"{CARD} 10.0.2.15/24" in machine.in_force()


def test_after_a_switch_that_failed_there_is_nothing_to_take_back(machine):
    """The host took it back, and its answers say so; what it could not put in force again is still to be taken back."""
    action = to(LOST["route"][0])
    back = action.inverse(machine.gather([Ask.read(FILE)]))
    failed = [undo.Done("run", "1", "configure_bridges", action.title, back, ((FILE, ""),), is_sure=False)]
    assert undo.plan(failed, machine.gather(undo.asks(failed))).actions == (), "nothing was ever done"
    refused(machine, action, "the route 10.8.0.0/16 via 10.0.2.9 is missing")
    assert undo.plan(failed, machine.gather(undo.asks(failed))).actions == ()
    machine.shell(
        "echo 'the old files are back, and could not be put in force' >>/run/xen-runbook-network/why"
    )
    assert undo.plan(failed, machine.gather(undo.asks(failed))).actions == (back,)


def test_a_way_back_that_finds_the_switch_unconfirmed_switches_once(machine):
    """What takes back a switch that was cut off leads to where the way back would: that is not gone twice."""
    back = to(BRIDGED).inverse(machine.gather([Ask.read(FILE)]))
    before, files = machine.in_force(), machine.files()
    in_the_middle(machine)
    put_in_force = machine.calls().count("restart networking")
    assert "has taken the switch back" in carry_out(back, machine, print)
    machine.until_quiet()
    assert (machine.in_force(), machine.files(), machine.text(FILE)) == (before, files, OLD)
    assert machine.calls().count("restart networking") == put_in_force + 1


def in_the_middle(machine, content=BRIDGED):
    """Leave the machine with new files in place that nobody confirmed, as at a power cut."""
    go_on, machine.reconnect = machine.reconnect, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        carry_out(to(content), machine, print)
    machine.until_quiet()
    machine.reconnect = go_on
    assert machine.text(FILE) == content


def test_a_start_in_the_middle_of_a_switch_has_the_old_files(machine):
    """The unit is wanted at the next start, before the network; it puts the files back and is gone afterwards.

    So is the part of a file that was just being written.
    """
    files = machine.files()
    in_the_middle(machine)
    machine.shell(f"echo half >{FILE.rpartition('/')[0]}/.runbook.1Loqn5.tmp")
    assert (
        machine.files()["/etc/systemd/system/sysinit.target.wants/xen-runbook-network-back.service"]
        == f"../{UNIT[20:]}"
    )
    unit = machine.text(UNIT)
    assert (
        "Before=network-pre.target networking.service systemd-networkd.service NetworkManager.service" in unit
    )
    machine.shell("rm -r /run/*; echo another >/var/lib/xen-runbook/network/boot")
    machine.shell(unit.partition("ExecStart=")[2])
    assert (machine.text(FILE), machine.files()) == (OLD, files)


def test_a_start_of_a_service_is_no_start_of_the_machine(machine):
    """Whatever pulls in the unit while the machine runs does not end the switch."""
    in_the_middle(machine)
    before = machine.files()
    machine.shell(machine.text(UNIT).partition("ExecStart=")[2])
    assert (machine.text(FILE), machine.files()) == (BRIDGED, before)


def test_what_changes_on_purpose_is_measured_against_the_new(machine):
    """The old address and way out may go; the new ones have to be there."""
    new = BRIDGED.replace("10.0.2.15/24", "10.0.2.20/24")
    links = ("xenbr0", CARD)
    asked = Renumbered("inet", links, ("10.0.2.20/24", f"via {GATEWAY}"), ("10.0.2.15/24", f"via {GATEWAY}"))
    carry_out(to(new, renumbered=(asked,)), machine, print)
    machine.until_quiet()
    assert "xenbr0 10.0.2.20/24" in machine.in_force()


@pytest.mark.parametrize(("wants", "words"), [
    (("10.0.2.21/24", f"via {GATEWAY}"), "the address 10.0.2.21/24 is missing"),
    (("10.0.2.20/24", "via 10.0.2.3"), "the route default via 10.0.2.3 is missing"),
    (("xenbr1",), "xenbr1 has no IPv4 address"),
])  # fmt: skip
def test_what_is_asked_for_has_to_be_there(machine, wants, words):
    """What the parameters want and is not in force is no success."""
    new = BRIDGED.replace("10.0.2.15/24", "10.0.2.20/24")
    refused(machine, to(new, renumbered=(Renumbered("inet", ("xenbr0", CARD), wants),)), words)


TALK = """
import socket, sys
who, link, host, far = sys.argv[1:]
def at(name, port):
    return socket.getaddrinfo(name + "%" + link if name.startswith("fe80:") else name, port)[0][4]
line = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
line.bind(at(host, 22) if who == "host" else at(far, 50000))
if who == "host":
    line.listen()
print("ready", flush=True)
line = line.accept()[0] if who == "host" else line.connect(at(host, 22)) or line
print("ready", flush=True)
line.recv(1)
"""


@pytest.fixture
def ends():
    """Return the host's address of the session, and that of its other end."""
    return "10.0.2.15", "10.0.2.9"


@pytest.fixture
def session(machine, ends, tmp_path, monkeypatch):
    """Have an ssh session, as the kernel and the environment tell of one; the default is one from 10.0.2.9."""
    own, other = ends
    for pid, link, address in ((machine.pid, CARD, own), (machine.far, "far0", other)):
        if ":" in address:
            words = f"ip address add {address}/64 dev {link} nodad"
            # A link asks for nobody before its own link-local address has been tried.
            tried = f'until ip -6 address show dev {link} | grep -q fe80: && [ -z "$(ip -6 address show dev {link} tentative)" ]; do sleep 0.1; done'
            subprocess.run(
                [*network.entering(pid), "timeout", "20", "sh", "-c", f"{words}; {tried}"], check=True
            )
    host = network.started([*network.entering(machine.pid), sys.executable, "-c", TALK, "host", CARD, *ends])
    client = network.started(
        [*network.entering(machine.far), sys.executable, "-c", TALK, "far", "far0", *ends]
    )
    assert client.stdout.readline() == host.stdout.readline() == "ready\n"
    zone = f"%{CARD}" if own.startswith("fe80:") else ""
    here = f"{network.environment(tmp_path)} SSH_CONNECTION='{other}{zone} 50000 {own}{zone} 22'"
    monkeypatch.setattr(script, "ENVIRONMENT", here)
    yield
    for process in (client, host):
        process.kill()
        process.communicate()


@pytest.mark.usefixtures("session")
def test_the_way_to_the_session_has_to_stay(machine):
    """A run on the machine itself keeps the session that it was started from."""
    lost = BRIDGED + "ip route add blackhole 10.0.2.9\n"
    said = refused(machine, to(lost), "the way to 10.0.2.9, where this session comes from, is missing")
    assert "session 10.0.2.9" in said


@pytest.mark.parametrize("ends", [("fd00:2::15", "fd00:2::9"), ("fe80::15", "fe80::9")], ids="".join)
@pytest.mark.usefixtures("session")
def test_the_way_to_a_session_by_ipv6_has_to_stay(machine, ends, monkeypatch):
    """It is measured, and found again on the bridge, one between link-local addresses too, whose own is another then."""
    own, other = ends[0].replace("fe80::15", "fe80::16"), ends[1]
    # A link asks for its neighbours when its own link-local address has been tried: that takes two seconds.
    monkeypatch.setattr(network_switch, "_SETTLE_S", 10)
    with_own = f"{BRIDGED}ip address flush dev {CARD}; ip address add {own}/64 dev xenbr0 nodad\n"
    said = carry_out(to(with_own), machine, print)
    machine.until_quiet()
    assert f"session {other}" in said


@pytest.mark.parametrize(
    ("ends", "lost"),
    [
        (
            ("fd00:2::15", "fd00:2::9"),
            "ip address add fd00:2::15/64 dev xenbr0 nodad; ip route add blackhole fd00:2::9",
        ),
        (("fe80::15", "fe80::9"), "echo 1 >/proc/sys/net/ipv6/conf/xenbr0/disable_ipv6"),
    ],
    ids=["global", "link-local"],
)
@pytest.mark.usefixtures("session")
def test_a_session_by_ipv6_that_is_cut_returns(machine, ends, lost):
    """Where the way to the other end, or the own address, is gone, the old files are put back."""
    with pytest.raises(CommandFailed) as raised:
        carry_out(to(f"{BRIDGED}ip -6 address flush dev {CARD}; {lost}\n"), machine, print)
    machine.until_quiet()
    assert re.search(
        rf"the way to {ends[1]}\S*, where this session comes from, is missing", str(raised.value)
    )


def test_a_session_that_is_over_is_not_looked_for(machine, tmp_path, monkeypatch):
    """A terminal multiplexer's shells tell of sessions long gone: only one whose connection is open counts."""
    here = f"{network.environment(tmp_path)} SSH_CONNECTION='10.0.2.9 50000 10.0.2.15 22'"
    monkeypatch.setattr(script, "ENVIRONMENT", here)
    assert "session" not in carry_out(to(BRIDGED), machine, print)
    machine.until_quiet()


TELLS = '#!/bin/sh\necho "${0##*/} $*" >>"$PLACE/calls"\n'
APPLY = "ip link set card0 nomaster 2>/dev/null; . /etc/network/interfaces\n"
PUT = {
    "networkd": ["networkctl reload", "networkctl reconfigure card0"],
    "netplan": ["netplan apply"],
    "network-manager": [
        "nmcli general reload conf", "nmcli connection reload", "nmcli --wait 60 connection up uuid 1-2-3-4-5",
    ],
}  # fmt: skip


@pytest.mark.parametrize("manager", PUT)
def test_each_manager_is_told_in_its_own_way(machine, tmp_path, manager):
    """Going and coming back, nothing else is asked of it; a bridge that was new is deleted behind it."""
    works = {"networkd": "reconfigure*", "netplan": "apply", "network-manager": "*up*"}[manager]
    for name in ("networkctl", "netplan", "nmcli"):
        (tmp_path / "bin" / name).write_text(
            TELLS + f'case "$*" in {works}) ip address flush dev card0; {APPLY};; esac\nexit 0\n'
        )
        (tmp_path / "bin" / name).chmod(0o755)
    more = {
        "manager": manager,
        "links": ("card0", "xenbr0"),
        "up": ("1-2-3-4-5",),
        "up_before": ("5-4-3-2-1",),
    }
    bad = to(BRIDGED.replace("ip route add 10.8.0.0/16 via 10.0.2.9\n", ""), **more)
    with pytest.raises(CommandFailed, match="is missing"):
        carry_out(bad, machine, print)
    machine.until_quiet()
    calls = [
        line for line in machine.calls() if line.startswith(("networkctl", "netplan", "nmcli", "ifdown"))
    ]
    calls = [line for line in calls if "list" not in line and "generate" not in line]
    assert calls[: len(PUT[manager])] == PUT[manager]
    both = {"1-2-3-4-5": "5-4-3-2-1", "reconfigure card0": "reconfigure card0 xenbr0"}
    back = [re.sub("|".join(both), lambda found: both[found[0]], line) for line in PUT[manager]]
    assert calls[len(PUT[manager]) :] == back
    assert "xenbr0" not in machine.in_force()
    assert f"{CARD} 10.0.2.15/24" in machine.in_force()
    assert machine.text(FILE) == OLD


def test_netplan_refuses_before_anything_is_switched(machine, tmp_path):
    """A file that its own program does not take is tried in another root, and never reaches the real one."""
    (tmp_path / "bin/netplan").write_text(
        '#!/bin/sh\necho "netplan $*" >>"$PLACE/calls"\n[ "$1" != generate ] || ! grep -q wrong "$3"/etc/netplan/*\n'
    )
    (tmp_path / "bin/netplan").chmod(0o755)
    machine.shell("mkdir /etc/netplan; echo right >/etc/netplan/a.yaml")
    before = machine.files()
    wrong = ReplaceNetwork((NetworkFile("/etc/netplan/a.yaml", "wrong\n", "0600"),), "netplan")
    with pytest.raises(CommandFailed, match="switch arm' ended with status 1"):
        carry_out(wrong, machine, print)
    assert (machine.files(), machine.text("/etc/netplan/a.yaml")) == (before, "right\n")
    assert not [line for line in machine.calls() if "apply" in line or line.startswith("run")]
