"""The files that make a guest's Debian a router or a web server: Debian's own packages do the work."""

from __future__ import annotations

from runbook.params.guest_roles import Router, Web, inside_of
from runbook.params.guest_system import System
from runbook.params.guests import Guest

INSIDE = 10
"""The number of the group of interfaces that is inside (ip-link(8), group). All others, and those to come, are outside."""
SITE = "srv/www"
LEASE = "12h"
#: dnsmasq waits until the network is online: that the line to the outside is down must not keep leases from the inside.
_OUTER = "[Link]\nRequiredForOnline=no\n\n"


def files_of(guest: Guest, system: System, name: str) -> dict[str, str]:
    """Return the files of a role: path in the guest → text; {} for a system without one."""
    if system.role is None:
        return {}
    return _web(system.role, name) if isinstance(system.role, Web) else _router(system.role)


def networks(guest: Guest, system: System, outside: str) -> dict[str, str]:
    """Return the units of a router's cards (systemd.network(5)): inside by its address, outside what `outside` says.

    A passed card has no address that the parameters know: it is the one that Xen's driver does not have.
    """
    role = system.role
    if not isinstance(role, Router):
        return {}
    inner = inside_of(guest, role)
    others = [nic.mac for number, nic in enumerate(guest.nics) if number != inner]
    match = "Type=ether\nKind=!*\nDriver=!vif" if guest.pci else f"MACAddress={others[0]}"
    inside = (
        f"[Match]\nMACAddress={guest.nics[inner].mac}\n\n[Link]\nGroup={INSIDE}\n\n"
        f"[Network]\nAddress={role.network.with_prefixlen}\nConfigureWithoutCarrier=yes\n"
    )
    return {
        "etc/systemd/network/50-inside.network": inside,
        "etc/systemd/network/60-outside.network": f"[Match]\n{match}\n\n{_OUTER}[Network]\n{outside}",
    }


def _web(role: Web, name: str) -> dict[str, str]:
    known = " ".join(role.names) or "_"
    listing = "    autoindex on;\n" if role.listing else ""
    site = (
        "# What lies in /srv/www. This file is yours: the runbook wrote it once.\n"
        "server {\n    listen 80 default_server;\n    listen [::]:80 default_server;\n"
        f"    server_name {known};\n    server_tokens off;\n    root /{SITE};\n    index index.html;\n{listing}"
        "    location / {\n        try_files $uri $uri/ =404;\n    }\n}\n"
    )
    page = f"<!DOCTYPE html>\n<title>{name}</title>\n<p>This is {name}. What it shows lies in /{SITE}.</p>\n"
    # Debian's own site is the file behind the link in sites-enabled.
    return {"etc/nginx/sites-available/default": site, f"{SITE}/index.html": page}


def _router(role: Router) -> dict[str, str]:
    return {
        "etc/nftables.conf": _filter(role),
        "etc/dnsmasq.d/inside.conf": _names(role),
        "etc/sysctl.d/60-router.conf": "net.ipv4.ip_forward=1\n",
        # Debian does not load the filter by itself. Without it there is no network at all, rather than an open one.
        "etc/systemd/system/systemd-networkd.service.d/filter.conf": (
            "[Unit]\nRequires=nftables.service\nAfter=nftables.service\n"
        ),
    }


def _filter(role: Router) -> str:
    """Return what passes (nft(8)): from inside everything out, from outside only answers."""
    return f"""\
#!/usr/sbin/nft -f
# Interfaces of the group {INSIDE} are inside (/etc/systemd/network/50-inside.network), all others outside.
flush ruleset

table inet router {{
    chain input {{
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iif lo accept
        meta l4proto icmp accept
        meta l4proto ipv6-icmp accept
        iifgroup {INSIDE} udp dport {{ 53, 67 }} accept
        iifgroup {INSIDE} tcp dport {{ 22, 53 }} accept
    }}

    chain forward {{
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iifgroup {INSIDE} oifgroup != {INSIDE} accept
    }}

    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {role.network.network} oifgroup != {INSIDE} masquerade
    }}
}}
"""


def _names(role: Router) -> str:
    """Return what dnsmasq(8) gives away: leases from the upper half of the network, and names."""
    network = role.network.network
    upper = [*network.subnets(prefixlen_diff=1)][1]
    own = role.network.ip
    first, last = upper.network_address, upper.broadcast_address - 1
    # Its own address is in its lease range only where somebody chose one from the upper half.
    first, last = (own + 1, last) if own == first else (first, own - 1) if own == last else (first, last)
    return f"""\
listen-address={own}
bind-dynamic
dhcp-range={first},{last},{LEASE}
dhcp-authoritative
domain={role.domain}
local=/{role.domain}/
expand-hosts
domain-needed
bogus-priv
resolv-file=/run/systemd/resolve/resolv.conf
"""
