"""What the host does for a card by its name outside of its network's files: named before the card's addresses move."""

import pytest

from runbook.steps.xen_configuration import configure_bridges
from tests.steps.test_bridges import FILE, ready, with_bridges
from tests.steps.test_moves import DHCP, OUTSIDE

PARAMS = with_bridges(OUTSIDE)
ONE_LINE = {
    "/etc/sysctl.d/40-lan.conf": "net.ipv6.conf.enp0s3.accept_ra = 0\n",
    "/etc/dhcp/dhclient.conf": 'interface "enp0s3" {\n  supersede domain-name-servers 9.9.9.9;\n}\n',
    "/etc/dhcpcd.conf": "denyinterfaces enp0s3\n",
    "/etc/network/if-up.d/mine": '#!/bin/sh\n[ "$IFACE" = enp0s3 ] || exit 0\nip route add 10.8.0.0/16 via 10.0.2.9\n',
    "/etc/wireguard/wg0.conf": "[Interface]\nPostUp = iptables -t nat -A POSTROUTING -o enp0s3 -j MASQUERADE\n",
    "/etc/systemd/system/routes.service": "[Service]\nExecStart=/sbin/ip route add 10.8.0.0/16 dev enp0s3\n",
    "/etc/systemd/system/vpn.service.d/routes.conf": "[Service]\nExecStartPost=-/bin/sh -c 'sleep 1; ip route add 10.9.0.0/16 dev enp0s3'\n",
}
OF_THE_WIRE = {
    "/etc/systemd/system/wol.service": "[Service]\nExecStart=/sbin/ethtool -s enp0s3 wol g\n",
    "/etc/systemd/system/traffic.service": "[Service]\nExecStart=/usr/bin/watcher --card enp0s3\n",
    "/etc/network/if-up.d/offload": "#!/bin/sh\nethtool -K enp0s3 tso off\n",
    "/etc/sysctl.d/50-vlan.conf": "net.ipv4.conf.enp0s3/20.rp_filter = 2\n",
    "/etc/sysctl.conf": "# net.ipv4.conf.enp0s3.rp_filter = 2\n",
}


def stops(files):
    machine = ready(files={FILE: DHCP, **files})
    return configure_bridges.plan(PARAMS, machine.facts(configure_bridges.asks(PARAMS))).stops


@pytest.mark.parametrize("path", ONE_LINE)
def test_a_file_that_names_the_card_is_refused_and_one_that_names_both_leads_on(path):
    """Settings and scripts for the card's packets are not lost unsaid; the move is carried out, and nothing stops then."""
    (found,) = stops({path: ONE_LINE[path]})
    assert (found.level, found.what) == ("refuse", f"{path} names enp0s3, whose addresses move to xenbr0")
    assert "say there for xenbr0 too" in found.do
    assert stops({path: ONE_LINE[path] + ONE_LINE[path].replace("enp0s3", "xenbr0")}) == ()


@pytest.mark.parametrize("path", OF_THE_WIRE)
def test_what_is_about_the_wire_is_no_reason_to_stop(path):
    """Offloads, wake-on-LAN, programs that only look, VLANs and comments go on being about the card."""
    assert stops({path: OF_THE_WIRE[path]}) == ()
