"""The switch of the network in a namespace of its own: what the host keeps, what it takes back, and what it leaves behind."""

import shutil
import subprocess

import pytest

from runbook.actions import NetworkFile, ReplaceNetwork
from runbook.engine import network_switch
from runbook.engine.apply import carry_out
from runbook.errors import CommandFailed
from runbook.hosts import script
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
