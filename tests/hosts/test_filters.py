"""ufw, firewalld and Docker's rules, the real programs in namespaces: told by the steps, asked, and taken back."""

from __future__ import annotations

import re
import shutil

import pytest

from runbook.actions import Run
from runbook.steps.debian_configuration import close_ports
from runbook.steps.shared import own_filters
from runbook.steps.xen_configuration import pass_bridged_packets as step
from tests.hosts.filters import BRIDGE, Filters
from tests.steps.machine import like_testbed

pytestmark = pytest.mark.skipif(not shutil.which("mmdebstrap"), reason="a clean root is made by mmdebstrap")
NETWORK = {"bridges": [{"name": BRIDGE}], "pass_bridged": True}
PARAMS = like_testbed(guests=[], management={}, network=NETWORK)
FIREWALL = {"firewall": {"kind": "ssh-only", "ssh_port": 2222, "open_tcp": [80], "open_udp": [51820]}}
CLOSING = like_testbed(guests=[], management={}, configuration=FIREWALL)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Return the host; one after the other the programs are its filter."""
    found = Filters(tmp_path_factory.mktemp("filters"))
    yield found
    found.end()


def carried(host, actions):
    """Carry out commands, and return those of their way back, last one first."""
    assert all(isinstance(action, Run) for action in actions)
    for action in actions:
        done = host.run(action.argv)
        assert done.status == 0, (action.argv, done.stderr)
    return [action.undo for action in reversed(actions)]


def let_pass(host):
    """Let the step lead the guests on, and return the way back; again it has nothing to do."""
    assert not host.passes()
    planned = step.plan(PARAMS, host.gather(step.asks(PARAMS)))
    assert planned.actions
    assert step.check(PARAMS, host.gather(step.asks(PARAMS)))
    back = carried(host, planned.actions)
    assert host.passes()
    facts = host.gather(step.asks(PARAMS))
    assert (step.plan(PARAMS, facts).actions, step.check(PARAMS, facts)) == ((), [])
    return back


def taken_back(host, back):
    for argv in back:
        done = host.run(argv)
        assert done.status == 0, (argv, done.stderr)


def told(host, name):
    """Let a filter be told of the ports that are asked for; again there is nothing to tell. Return the way back."""
    asks = close_ports.asks(CLOSING)
    planned = own_filters.plan(name, CLOSING, host.gather(asks))
    assert planned.stops == ()
    assert len(own_filters.check(name, CLOSING, host.gather(asks))) == len(planned.actions) > 0
    back = carried(host, planned.actions)
    facts = host.gather(asks)
    assert (own_filters.plan(name, CLOSING, facts).actions, own_filters.check(name, CLOSING, facts)) == (
        (),
        [],
    )
    return back


def test_ufw(host):
    """Its own words let guests pass and ports in, before and after it is loaded anew; its files come back to the byte."""
    assert host.passes()
    host.shell("ufw allow from 192.168.1.0/24 to any port 2222 proto tcp; ufw --force enable; ufw reload")
    before = host.shell("cat /etc/ufw/user.rules /etc/ufw/user6.rules; iptables -S; ip6tables -S")
    back = [*told(host, "ufw"), *let_pass(host)]
    assert host.shell("ufw show added").splitlines()[1:] == [
        "ufw allow from 192.168.1.0/24 to any port 2222 proto tcp",
        "ufw allow 80/tcp",
        "ufw allow 51820/udp",
        f"ufw route allow in on {BRIDGE} out on {BRIDGE}",
    ]
    host.shell("ufw reload")
    assert host.passes()
    taken_back(host, back)
    assert host.shell("cat /etc/ufw/user.rules /etc/ufw/user6.rules; iptables -S; ip6tables -S") == before
    assert not host.passes()
    host.shell("ufw --force disable")


def test_docker(host):
    """The unit's own line puts one rule among Docker's, and takes it out."""
    host.shell(
        "iptables -F; iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; iptables -A DOCKER-USER -j RETURN; "
        "iptables -P FORWARD DROP"
    )
    before = host.shell("iptables -S; ip6tables -S")
    assert not host.passes()
    start, stop = (
        re.search(rf"{key}=-?/bin/sh -c '(.*)'\n", step.content())[1].replace("$$", "$")
        for key in ("ExecStart", "ExecStop")
    )
    host.shell(start)
    assert host.passes()
    host.run(("sh", "-c", stop))
    assert not host.passes()
    assert host.shell("iptables -S; ip6tables -S") == before
    host.shell("iptables -P FORWARD ACCEPT; iptables -F; iptables -X DOCKER-USER")
    assert host.passes()


def test_firewalld(host):
    """A bridge is bound to the zone that rules it, now and for good, and ports are let in; taken back, nothing is left."""
    host.firewalld()
    state = "firewall-cmd --list-all; firewall-cmd --permanent --list-all"
    before = host.shell(state)
    back = [*told(host, "firewalld"), *let_pass(host)]
    for how in ("", "--permanent "):
        assert host.shell(f"firewall-cmd {how}--list-ports").split() == ["80/tcp", "2222/tcp", "51820/udp"]
        assert host.shell(f"firewall-cmd {how}--list-interfaces").split() == [BRIDGE]
    host.shell("firewall-cmd --reload")
    assert host.passes()
    taken_back(host, back)
    assert host.shell(state) == before
    assert not host.passes()
