"""The files that lead guests out behind the host: forwarding, rules, leases, and the unit that starts them."""

from __future__ import annotations

from ipaddress import IPv4Interface

from runbook.facts.guest_network import TABLE
from runbook.params import HostParams
from runbook.params.host import Bridge

UNIT = "xen-guests.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
RULES_FILE, DHCP_FILE = "/etc/xen-runbook/guests.nft", "/etc/xen-runbook/guests.dnsmasq"
FORWARD, FORWARD_FILE = "net.ipv4.ip_forward", "/etc/sysctl.d/60-xen-guests.conf"
_FROM = "# From params network.bridges, those with nat: true.\n"


def files(params: HostParams) -> dict[str, str]:
    """Return path and content of each file, in the order in which they are written."""
    return {
        FORWARD_FILE: f"{_FROM}{FORWARD} = 1\n",
        RULES_FILE: rules(params),
        DHCP_FILE: dhcp(params),
        UNIT_FILE: unit(),
    }


def rules(params: HostParams) -> str:
    """Return the table: guests leave under the host's address, and nothing comes in that no guest asked for.

    Loading it replaces it, in one step. Other tables are left alone.
    """
    name, bridges = " ".join(TABLE), _bridges(params)
    out = "".join(
        f'\t\tip saddr {b.network} ip daddr != {b.network} oifname != "{b.name}" masquerade\n'
        for b in bridges
    )
    names = ", ".join(f'"{b.name}"' for b in bridges)
    # With br_netfilter what guests of one bridge send each other comes by here, too.
    among = "".join(f'\t\tiifname "{b.name}" oifname "{b.name}" accept\n' for b in bridges)
    return (
        f"#!/usr/sbin/nft -f\n{_FROM}table {name}\ndelete table {name}\n\ntable {name} {{\n"
        f"\tchain out {{\n\t\ttype nat hook postrouting priority srcnat; policy accept;\n{out}\t}}\n"
        f"\tchain in {{\n\t\ttype filter hook forward priority filter; policy accept;\n"
        f"\t\tct state established,related accept\n{among}"
        f"\t\toifname {{ {names} }} drop\n\t}}\n}}\n"
    )


def dhcp(params: HostParams) -> str:
    """Return dnsmasq(8)'s file: addresses, the way out and names for guests, on their bridges only."""
    lines = [line for b in _bridges(params) for line in (f"interface={b.name}", f"dhcp-range={b.leases},12h")]
    own = (
        "bind-dynamic",
        "except-interface=lo",
        "dhcp-authoritative",
        "dhcp-leasefile=/var/lib/misc/xen-guests.leases",
    )
    return _FROM + "".join(f"{line}\n" for line in (*own, *lines))


def unit() -> str:
    """Return the unit that loads the rules and serves the leases, before the guests are started."""
    return f"""\
[Unit]
Description=Addresses and a way out for Xen's guests
After=network.target nftables.service
Before=xendomains.service

[Service]
ExecStartPre=/usr/sbin/nft -f {RULES_FILE}
ExecStart=/usr/sbin/dnsmasq --keep-in-foreground --conf-file={DHCP_FILE}
ExecStopPost=-/usr/sbin/nft delete table {" ".join(TABLE)}
Restart=on-failure

[Install]
WantedBy=multi-user.target
"""


class _Own:
    """A bridge's own network, and the half of it that is leased: the one in which dom0's address is not."""

    def __init__(self, bridge: Bridge) -> None:
        own = IPv4Interface(bridge.ipv4)
        self.name, self.network = bridge.name, own.network
        halves = list(own.network.subnets())
        half = halves[0] if own.ip in halves[1] else halves[1]
        # A network's first address is its name, and its last one reaches all.
        first, last = (
            int(half.network_address) + (half is halves[0]),
            int(half.broadcast_address) - (half is halves[1]),
        )
        self.leases = f"{type(own.ip)(first)},{type(own.ip)(last)},{own.network.netmask}"


def _bridges(params: HostParams) -> list[_Own]:
    return [_Own(bridge) for bridge in params.network.bridges if bridge.nat]
