"""Who writes the bridges: the manager that has the cards; and that each refusal's next move, carried out, leads on."""

import pytest

from runbook.facts import netplan
from runbook.steps.shared import writers
from runbook.steps.shared.writers import netplan as netplan_writer
from runbook.steps.shared.writers import networkd as networkd_writer
from runbook.steps.xen_configuration import configure_bridges
from tests.steps.machine import Machine, like_testbed
from tests.steps.test_kept_netplan import facts as netplan_facts
from tests.steps.test_kept_networkd import facts as networkd_facts

CARD, UNIT = "52:54:00:13:00:03", "/etc/systemd/network/20-lan.network"
PARAMS = like_testbed(
    guests=[], management={}, network={"bridges": [{"name": "xenbr0", "ports": ["enp0s3"]}]}
)
ENO1 = like_testbed(guests=[], management={}, network={"bridges": [{"name": "xenbr0", "ports": ["eno1"]}]})
LAN = "[Match]\nName=enp0s3\n\n[Network]\nDHCP=yes\n"
GENERATED = "/run/systemd/network/10-netplan-enp0s3.network"


def machine(**changes):
    """Return a machine whose cards stand in no file of ifupdown's."""
    files = {"/etc/network/interfaces": "auto lo\niface lo inet loopback\n", **changes.pop("files", {})}
    found = Machine(files=files)
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def chosen(host, params=PARAMS):
    choice = writers.choose(params, host.facts(configure_bridges.asks(params)))
    return [share.writer.MANAGER for share in choice.shares], [f.what for f in choice.findings]


@pytest.mark.parametrize(
    ("changes", "manager"),
    [
        ({}, "ifupdown"),
        ({"networkd": "  2 enp0s3 ether routable configured\n", "files": {UNIT: LAN}}, "networkd"),
        ({"networkd": "  2 enp0s3 ether routable configured\n",
          "files": {GENERATED: LAN, "/etc/netplan/01.yaml": "network: {ethernets: {enp0s3: {dhcp4: true}}}\n"}}, "netplan"),
        ({"managers": "enp0s3:connected\n",
          "files": {"/etc/netplan/01.yaml": "network: {renderer: NetworkManager, ethernets: {enp0s3: {dhcp4: true}}}\n"}},
         "netplan"),
    ],
)  # fmt: skip
def test_the_manager_that_has_the_card_writes(changes, manager):
    """No host is given another manager than the one that has its card; netplan has what it made a file for."""
    assert chosen(machine(**changes)) == ([manager], [])


def test_a_bridge_of_two_managers_is_refused_and_two_bridges_are_not():
    """Ports of one bridge have one manager; bridges of two managers are written by each of them."""
    host = machine(networkd="  2 enp0s3 ether routable configured\n",
                   files={UNIT: LAN, "/etc/network/interfaces": "auto enp0s4\niface enp0s4 inet manual\n"})  # fmt: skip
    both = {"name": "xenbr0", "ports": ["enp0s3", "enp0s4"]}
    params = like_testbed(guests=[], management={}, network={"bridges": [both]})
    assert chosen(host, params) == ([], ["The ports of xenbr0 are managed by ifupdown and systemd-networkd"])
    apart = [{"name": "xenbr0", "ports": ["enp0s3"]}, {"name": "xenbr1", "ports": ["enp0s4"]}]
    params = like_testbed(guests=[], management={}, network={"bridges": apart})
    assert chosen(host, params) == (["networkd", "ifupdown"], [])


def test_a_line_that_nobody_knows_is_quoted_and_written_by_hand_is_understood():
    """networkd: the refusal quotes the line; a person who writes the bridge with it has an empty plan afterwards."""
    folder = "/etc/systemd/network"
    texts = {f"{folder}/20-lan.network": "[Match]\nName=eno1\n\n[Network]\nDHCP=yes\nMACVLAN=mv0\n"}
    (refused,) = networkd_writer.write(ENO1, networkd_facts(texts)).findings
    assert "`MACVLAN=mv0` in [Network] of /etc/systemd/network/20-lan.network" in refused.what
    texts = {
        f"{folder}/20-lan.network": "[Match]\nName=eno1\n\n[Network]\nBridge=xenbr0\n",
        f"{folder}/30-mine.network": "[Match]\nName=xenbr0\n\n[Network]\nDHCP=yes\nMACVLAN=mv0\n",
        f"{folder}/30-mine.netdev": "[NetDev]\nName=xenbr0\nKind=bridge\n",
    }
    done = networkd_writer.write(ENO1, networkd_facts(texts))
    assert done.findings == ()
    assert done.changes(networkd_facts(texts)) == ()


def test_a_cloud_image_keeps_its_file_and_its_lease():
    """Debian's own image names cards by a pattern: its file stays, and one beside it has the bridge, whole."""
    image = (
        "network:\n  version: 2\n  ethernets:\n    all-en:\n      match: {name: en*}\n      dhcp4: true\n"
        "      dhcp6: true\n"
    )
    texts = {"/etc/netplan/90-default.yaml": image}
    done = netplan_writer.write(ENO1, netplan_facts("all-en", texts))
    files = {file.path: file for file in done.files}
    assert list(files) == ["/etc/netplan/90-xenbr0.yaml",
                           "/etc/systemd/network/10-netplan-xenbr0.network.d/50-lease.conf"]  # fmt: skip
    written = files["/etc/netplan/90-xenbr0.yaml"]
    assert written.mode == "0600"
    for line in (
        "    00-eno1: {match: {name: eno1}}",
        "      interfaces: [00-eno1]",
        "      dhcp4: true",
        "      dhcp6: true",
    ):
        assert line in written.content.splitlines()
    assert (
        "IAID=3768375247" in files["/etc/systemd/network/10-netplan-xenbr0.network.d/50-lease.conf"].content
    )


def test_cloud_init_is_told_openly():
    """A file of cloud-init's that changes is written by it no more, and the plan says so; where it is off, nothing is."""
    texts = {"/etc/netplan/50-cloud-init.yaml": "network:\n  ethernets:\n    eno1:\n      dhcp4: true\n"}
    done = netplan_writer.write(ENO1, netplan_facts("eno1", texts))
    assert [f.what for f in done.findings] == [
        f"cloud-init writes /etc/netplan/50-cloud-init.yaml no more: {netplan.CLOUD_DROP_IN} says so from now on"
    ]
    assert netplan.CLOUD_DROP_IN in {file.path for file in done.files}
    off = netplan_facts("eno1", texts, cloud="/usr/bin/cloud-init\n/etc/cloud/cloud-init.disabled\n")
    assert netplan_writer.write(ENO1, off).findings == ()
