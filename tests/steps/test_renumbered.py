"""What a switch of the network is measured against: what was there, but for what the parameters change on purpose."""

import dataclasses

import pytest

from runbook.actions import Renumbered
from runbook.facts.network import Interface, Network
from runbook.facts.routes import Route
from runbook.steps.shared.renumbered import on_purpose
from tests.steps.machine import like_testbed


def host(*addresses, leased=(), via=("192.168.1.1",)):
    """Return a network with one card."""
    found = Interface("eno1", "", addresses, "", "", True, False, "0000:00:03.0", leased=frozenset(leased))
    table = tuple(Route("default", "eno1", each, 0, "boot", 6 if ":" in each else 4) for each in via)
    return Network((found,), ("eno1",), ("eno1",), "eno1", table=table)


def asked(now, **bridge):
    """Return what a bridge on that card changes on purpose."""
    params = like_testbed(
        network={"bridges": [{"name": "xenbr0", "ports": ["eno1"], **bridge}]}, guests=[], management={}
    )
    return on_purpose(params, now)


LINKS = ("xenbr0", "eno1")
FIXED = host("192.168.1.10/24", "fe80::1/64")
LEASED = host("192.168.1.10/24", leased=["192.168.1.10/24"])
CASES = {
    "kept": (FIXED, {}, ()),
    "one more": (FIXED, {"more_addresses": ["192.168.1.11/24"]}, (Renumbered("inet", (), ("192.168.1.11/24",)),)),
    "leased again": (LEASED, {"ipv4": "dhcp"}, ()),
    "the same": (FIXED, {"ipv4": "192.168.1.10/24", "gateway": "192.168.1.1"}, ()),
    "fixed": (
        LEASED,
        {"ipv4": "192.168.1.20/24", "gateway": "192.168.1.1"},
        (Renumbered("inet", LINKS, ("192.168.1.20/24", "via 192.168.1.1"), ("eno1", "via 192.168.1.1")),),
    ),
    "leased": (FIXED, {"ipv4": "dhcp"}, (Renumbered("inet", LINKS, ("xenbr0",), ("192.168.1.10/24", "via 192.168.1.1")),)),
    "another way out": (
        FIXED,
        {"ipv4": "192.168.1.10/24", "gateway": "192.168.1.9"},
        (Renumbered("inet", LINKS, ("192.168.1.10/24", "via 192.168.1.9"), ("192.168.1.10/24", "via 192.168.1.1")),),
    ),
    "none": (FIXED, {"ipv4": "none"}, (Renumbered("inet", LINKS, (), ("192.168.1.10/24", "via 192.168.1.1")),)),
    "IPv6": (FIXED, {"ipv6": "2001:db8::2/64"}, (Renumbered("inet6", LINKS, ("2001:db8::2/64",)),)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_changes_on_purpose(case):
    """Only that is named; what stays as it is, is measured against what it was."""
    now, bridge, expected = CASES[case]
    assert asked(now, **bridge) == expected


def test_the_way_back_wants_what_was_there():
    """What the bridge has by then gives way, and what the card had is asked for."""
    (there,) = asked(LEASED, ipv4="192.168.1.20/24")
    assert dataclasses.replace(there, wants=there.had, had=there.wants).wants == ("eno1", "via 192.168.1.1")
