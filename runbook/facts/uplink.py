"""The network card that carries the default route: its lasting name, and how it got its address."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from runbook.facts.network import default_routes
from runbook.model.ask import Ask, Facts

_ADDR = Ask.run("ip", "-j", "addr")
_ROUTE = Ask.run("ip", "-j", "route")
_CARDS = Ask.shell(
    "for p in /sys/class/net/*; do [ -e $p/device ] || continue; echo = ${p##*/}; [ ! -e $p/phy80211 ] || "
    "echo wireless; udevadm info -q property -p $p | grep ^ID_NET_NAME_; done; true"
)
# The order of systemd's own rule for network cards (systemd.link(5), NamePolicy).
_POLICY = ("ID_NET_NAME_FROM_DATABASE", "ID_NET_NAME_ONBOARD", "ID_NET_NAME_SLOT", "ID_NET_NAME_PATH")

COMMANDS = (_ADDR, _ROUTE, _CARDS)


@dataclass(frozen=True)
class Uplink:
    """A network card."""

    name: str
    """What it is called now; a live system that says `net.ifnames=0` calls it eth0."""
    lasting_name: str
    """What an ordinary Debian will call it."""
    is_wireless: bool
    address: str
    """Its fixed IPv4 address with the prefix; '' when it was leased by DHCP."""
    gateway: str


def parse(facts: Facts) -> Uplink | None:
    """Return the card that carries the default route, None when no real card does."""
    cards = _cards(facts[_CARDS].out)
    routes = json.loads(facts[_ROUTE].out or "[]")
    name = next((name for name in default_routes(routes) if name in cards), None)
    if name is None:
        return None
    lines = cards[name]
    named = dict(line.split("=", 1) for line in lines if "=" in line)
    rows: list[dict[str, Any]] = json.loads(facts[_ADDR].out)
    addresses: list[dict[str, Any]] = next(
        (r.get("addr_info", []) for r in rows if r.get("ifname") == name), []
    )
    gateway = next(
        (r.get("gateway", "") for r in routes if r.get("dst") == "default" and r.get("dev") == name), ""
    )
    return Uplink(
        name=name,
        lasting_name=next((named[key] for key in _POLICY if named.get(key)), name),
        is_wireless="wireless" in lines,
        address=fixed_address(addresses),
        gateway=gateway,
    )


def fixed_address(rows: list[dict[str, Any]]) -> str:
    """Return the first IPv4 address that was not leased, '' when there is none.

    >>> fixed_address([{"family": "inet", "local": "10.0.2.15", "prefixlen": 24, "dynamic": True}])
    ''
    >>> fixed_address([{"family": "inet", "local": "10.0.0.2", "prefixlen": 24, "scope": "global"}])
    '10.0.0.2/24'
    """
    fixed = (r for r in rows if r.get("family") == "inet" and not r.get("dynamic"))
    return next((f"{row['local']}/{row['prefixlen']}" for row in fixed), "")


def _cards(text: str) -> dict[str, list[str]]:
    """Return the lines about each real card.

    >>> _cards("= enp0s3\\nID_NET_NAME_PATH=enp0s3\\n= wlp4s0\\nwireless\\n")
    {'enp0s3': ['ID_NET_NAME_PATH=enp0s3'], 'wlp4s0': ['wireless']}
    """
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("= "):
            lines = found.setdefault(line[2:], [])
        else:
            lines.append(line)
    return found
