"""Numbers that belong to one machine — MAC and public addresses, UUIDs, serials — by others of the same shape.

The same number becomes the same, wherever and however it is spelt, so that what belonged together still does: a network
card and the names and addresses made from its MAC, an address and its network, a file system and its line in fstab.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict

_SHARED = ("52:54:00", "00:16:3e")
"""Beginnings that virtual machines' cards have everywhere: QEMU's and Xen's."""
_NOBODYS = re.compile(r"[0:]+|[f:]+")


class Numbers:
    """Knows each number that it was shown, by kind, and what stands for it."""

    def __init__(self) -> None:
        self._known: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def count(self, kind: str) -> int:
        """Return how many different ones of a kind were replaced."""
        return len(self._known[kind])

    def mac(self, text: str) -> str:
        """Return another MAC address in the same spelling; one that says who made the card still says so.

        A longer identifier in the same spelling, such as a DHCP client's, is another as a whole.

        >>> numbers = Numbers()
        >>> numbers.mac("3c:ec:ef:12:34:56"), numbers.mac("3C-EC-EF-12-34-56"), numbers.mac("ff:ff:ff:ff:ff:ff")
        ('3c:ec:ef:00:00:01', '3c-ec-ef-00-00-01', 'ff:ff:ff:ff:ff:ff')
        """
        digits = re.sub(r"[:-]", "", text).lower()
        if _NOBODYS.fullmatch(digits):
            return text
        if len(digits) > 12:
            return _spelt(text, f"{self._number('long', digits):0{len(digits)}x}")
        maker = digits[:6]
        is_made_up = int(maker[:2], 16) & 2 and ":".join(re.findall("..", maker)) not in _SHARED
        return _spelt(text, f"{'020000' if is_made_up else maker}{self._number('mac', digits):06x}")

    def wide(self, text: str) -> str:
        """Return another number of 128 bits — a UUID, one of LVM or md, a machine's id — in the same spelling.

        >>> numbers = Numbers()
        >>> numbers.wide("6270e535-cf7f-42c9-b35b-53fadbf95b29"), numbers.wide("6270e535cf7f42c9b35b53fadbf95b29")
        ('00000000-0000-4000-8000-000000000001', '00000000000040008000000000000001')
        """
        plain = re.sub(r"[^A-Za-z0-9]", "", text)
        if _NOBODYS.fullmatch(plain.lower()):
            return text
        parts = [plain[at : at + 32] for at in range(0, len(plain), 32)]
        return _spelt(
            text, "".join(f"00000000000040008000{self._number('wide', p.lower()):012x}" for p in parts)
        )

    def serial(self, text: str) -> str:
        """Return another serial number of the same length; digits stay digits.

        >>> Numbers().serial("S4EWNX0M123456"), Numbers().serial("0x5002538e40b4a5c3"), Numbers().serial("1A2B-3C4D")
        ('S0000000000001', '0x5000000000000001', '0000-0001')
        """
        start = re.match(r"0x.|[A-Za-z](?=.*[^0-9a-fA-F-])", text)
        head = start[0] if start else ""
        letters = sum(c.isalnum() for c in text[len(head) :])
        return head + _spelt(text[len(head) :], f"{self._number('serial', text.lower()):0{letters}d}")

    def ipv4(self, text: str) -> str:
        """Return a public address as one that nobody has; its last two numbers stay, and so do networks.

        Private addresses, and those of documentation, are everybody's. The networks are RFC 2544's, then RFC 1112's class E.

        >>> numbers = Numbers()
        >>> [numbers.ipv4(a) for a in ("8.8.4.4", "8.8.8.8", "10.0.2.15", "9.9.9.9", "1.1.1.1", "300.1.1.1")]
        ['198.18.4.4', '198.18.8.8', '10.0.2.15', '198.19.9.9', '240.3.1.1', '300.1.1.1']
        """
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            return text
        if not address.is_global or address.is_multicast:
            return text
        self._number("public", text)
        number = self._number("network", f"{int(address) >> 16:x}")
        first = f"198.{17 + number}" if number < 3 else f"{240 + number // 256}.{number % 256}"
        return ".".join((first, *text.split(".")[2:]))

    def ipv6(self, text: str) -> str:
        """Return an IPv6 address without what is a machine's own: a public network, and the MAC address in its end.

        >>> numbers = Numbers()
        >>> numbers.mac("3c:ec:ef:12:34:56"), numbers.ipv6("fe80::3eec:efff:fe12:3456")
        ('3c:ec:ef:00:00:01', 'fe80::3eec:efff:fe00:1')
        >>> numbers.ipv6("2a01:4f8:1:2::1"), numbers.ipv6("2a01:4f8:1:2:aaaa:bbbb:cccc:dddd"), numbers.ipv6("fd00::5")
        ('2001:db8:1:2::1', '2001:db8:1:2::1:1', 'fd00::5')
        """
        try:
            number = int(ipaddress.IPv6Address(text))
        except ValueError:
            return text
        network, end = number >> 64, number & (1 << 64) - 1
        is_public = ipaddress.IPv6Address(text).is_global and number >> 120 != 0xFF
        new_end = self._end(end, is_public=is_public)
        if is_public:
            self._number("public", text.lower())
            network = (
                0x20010DB8 << 32 | self._number("network", f"{network >> 16:x}") << 16 | network & 0xFFFF
            )
        new = network << 64 | new_end
        return text if new == number else str(ipaddress.IPv6Address(new))

    def _end(self, end: int, *, is_public: bool) -> int:
        """Return the second half of an IPv6 address: made from a MAC (RFC 4291, appendix A), chosen, or random."""
        if end >> 24 & 0xFFFF == 0xFFFE:
            mac = (end >> 40 ^ 0x020000) << 24 | end & 0xFFFFFF
            new = int(self.mac(":".join(re.findall("..", f"{mac:012x}"))).replace(":", ""), 16)
            return (new >> 24 ^ 0x020000) << 40 | 0xFFFE << 24 | new & 0xFFFFFF
        return end if not is_public or end < 1 << 16 else 0x10000 + self._number("interface", f"{end:x}")

    def _number(self, kind: str, value: str) -> int:
        known = self._known[kind]
        return known.setdefault(value, len(known) + 1)


def _spelt(like: str, digits: str) -> str:
    """Return digits with the marks between them that another spelling has."""
    left = iter(digits)
    return "".join(next(left, "0") if c.isalnum() else c for c in like)
