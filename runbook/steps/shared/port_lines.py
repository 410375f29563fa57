"""Where a line of a card's paragraph belongs when the card becomes a port: to the bridge, to the port, or to neither surely."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

Place = Literal["bridge", "port", "both", "unknown"]

ADDRESS = ("address", "netmask", "broadcast", "network", "gateway", "pointopoint")
"""Options that make an IPv4 address (interfaces(5))."""
_HOOKS = ("pre-up", "up", "post-up", "down", "pre-down", "post-down")
_BOTH = ("mtu", "hwaddress")
_BRIDGE = re.compile(
    r"dns-|metric$|scope$|hostname$|dhcp$|lease(hours|time)$|vendor$|client$|accept_ra$|autoconf$|privext$|dad-|"
    r"request_prefix$|ll-attempts$|preferred-lifetime$|resolvconf|bridge[_-]|description$|ip-forward$|ip6-forward$"
)
_PORT = re.compile(
    r"bond[_-]|slaves$|ethernet-|link-|offload-|hardware-|dma-|driver-|wpa-|wireless[_-]|vlan[_-]|media$|multicast$"
)
_LINK_TOOLS = ("ethtool", "mii-tool", "tc", "iw", "iwconfig", "ifenslave", "bridge", "devlink")
_ADDRESS_TOOLS = (
    "route", "iptables", "ip6tables", "iptables-restore", "ip6tables-restore", "iptables-legacy", "iptables-nft",
    "ip6tables-legacy", "ip6tables-nft", "nft", "arp", "resolvconf", "dhclient", "dhcpcd", "udhcpc",
)  # fmt: skip
_TAKES_FRAMES = {"macvlan", "macvtap", "ipvlan", "ipvtap"}
"""Links that take a card's frames as a bridge does: the kernel gives them to one taker (EBUSY for the other)."""
_NEUTRAL = ("true", "false", "sleep", "logger", "test", "[", ":", "exit", "")


def place(words: tuple[str, ...], port: str) -> Place:
    """Return where an option of the port's paragraph belongs, given as the words of its line.

    >>> place(("up", "ip", "route", "add", "10.8.0.0/24", "via", "192.168.1.2"), "eno1")
    'bridge'
    >>> place(("post-up", "ethtool", "-K", "eno1", "tso", "off"), "eno1"), place(("up", "/root/x", "eno1"), "eno1")
    ('port', 'unknown')
    >>> place(("up", "ip", "link", "set", "dev", "$IFACE", "mtu", "9000"), "eno1")
    'both'
    """
    key = words[0]
    if key in _HOOKS:
        return _hook(" ".join(words[1:]), port)
    if key in _BOTH:
        return "both"
    if key in ADDRESS or _BRIDGE.match(key):
        return "bridge"
    return "port" if _PORT.match(key) else "unknown"


def names(text: str, port: str) -> bool:
    """Return whether a command is about one card, by its name or as the card of the paragraph.

    >>> names("iptables -o eno1 -j DROP", "eno1"), names("ip link set eno1.10 up", "eno1")
    (True, False)
    >>> names("ifconfig eno1:0 10.0.0.9", "eno1")
    True
    """
    return bool(_word(port).search(text)) or f".{port}." in text or "IFACE" in text


def renamed(text: str, port: str, bridge: str) -> str:
    """Return a line with the bridge in the place of the card, in labels of its addresses as well (ip-address(8)).

    >>> renamed("up ip route add 10.8.0.0/24 dev eno1", "eno1", "xenbr0")
    'up ip route add 10.8.0.0/24 dev xenbr0'
    """
    return _word(port).sub(bridge, text)


def follows_address(words: tuple[str, ...]) -> bool:
    """Return whether a hook of any paragraph is about addresses, routes or filters alone, and may be renamed."""
    return words[0] in _HOOKS and kinds(" ".join(words[1:])) <= {"address"}


def is_hook(words: tuple[str, ...]) -> bool:
    """Return whether an option runs a command."""
    return words[0] in _HOOKS


def _hook(command: str, port: str) -> Place:
    about = kinds(command)
    if about == {"link"}:
        return "both" if re.search(r"\bmtu\s+[0-9]", command) else "port"
    if about <= {"address"} or not names(command, port):
        return "bridge"
    return "unknown"


def kinds(command: str) -> set[str]:
    """Return what the commands of a line are about: `link`, `address`, or `other`.

    >>> sorted(kinds("ethtool -s eno1 wol g; iptables -t nat -A POSTROUTING -o eno1 -j MASQUERADE"))
    ['address', 'link']
    """
    found = set()
    for part in re.split(r"\|\||&&|[;|]", command):
        program, *rest = part.split() or [""]
        name = program.rpartition("/")[2]
        if name == "ip":
            about = next((word for word in rest if not word.startswith("-")), "")
            is_link = bool(about) and "link".startswith(about)
            found.add("other" if is_link and _TAKES_FRAMES & set(rest) else "link" if is_link else "address")
        elif name == "ifconfig":
            found.add("address" if any(map(_is_address, rest)) else "link")
        elif name not in _NEUTRAL:
            found.add("link" if name in _LINK_TOOLS else "address" if name in _ADDRESS_TOOLS else "other")
    return found


def _is_address(word: str) -> bool:
    """Return whether a word of ifconfig(8) gives an address, or names one by its label.

    >>> [word for word in "eno1 hw ether 52:54:00:00:00:01 0.0.0.0 eno1:0 10.0.0.9".split() if _is_address(word)]
    ['eno1:0', '10.0.0.9']
    """
    try:
        return int(ipaddress.ip_interface(word).ip) != 0
    except ValueError:
        return re.fullmatch(r"[a-z][\w.-]*:\w+", word) is not None


def _word(port: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.:-]){re.escape(port)}(?![\w.-])")
