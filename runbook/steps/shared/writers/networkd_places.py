"""Where an assignment of a card's .network belongs when the card becomes a port: systemd.network(5), key by key."""

from __future__ import annotations

from typing import Literal

from runbook.facts.unit_files import false

Place = Literal["bridge", "port", "both", "belongs", "unknown"]

_BRIDGE_SECTIONS = frozenset((
    "Address", "Neighbor", "IPv6AddressLabel", "RoutingPolicyRule", "NextHop", "Route", "DHCP", "DHCPv4", "DHCPv6",
    "DHCPPrefixDelegation", "IPv6PrefixDelegation", "IPv6AcceptRA", "DHCPServer", "DHCPServerStaticLease",
    "IPv6SendRA", "IPv6Prefix", "IPv6RoutePrefix", "IPv6PREF64Prefix",
))  # fmt: skip
"""What is about addresses."""
_PORT_SECTIONS = frozenset((
    "Match", "SR-IOV", "LLDP", "QDisc", "NetworkEmulator", "TokenBucketFilter", "PIE", "FlowQueuePIE",
    "StochasticFairBlue", "StochasticFairnessQueueing", "BFIFO", "PFIFO", "PFIFOHeadDrop", "PFIFOFast", "CAKE",
    "ControlledDelay", "DeficitRoundRobinScheduler", "DeficitRoundRobinSchedulerClass",
    "EnhancedTransmissionSelection", "GenericRandomEarlyDetection", "FairQueueingControlledDelay", "FairQueueing",
    "TrivialLinkEqualizer", "HierarchyTokenBucket", "HierarchyTokenBucketClass", "ClassfulMultiQueueing",
    "BandMultiQueueing", "HeavyHitterFilter", "QuickFairQueueing", "QuickFairQueueingClass",
))  # fmt: skip
"""What is about the wire, and how packets queue for it."""
_NETWORK_BRIDGE = frozenset((
    "DHCP", "DHCPServer", "LinkLocalAddressing", "IPv6LinkLocalAddressGenerationMode", "IPv4LLStartAddress",
    "IPv4LLRoute", "DefaultRouteOnDevice", "LLMNR", "MulticastDNS", "DNSOverTLS", "DNSSEC",
    "DNSSECNegativeTrustAnchors", "Address", "Gateway", "DNS", "UseDomains", "Domains", "DNSDefaultRoute", "NTP",
    "IPForward", "IPv4Forwarding", "IPv6Forwarding", "IPMasquerade", "IPv6PrivacyExtensions", "IPv6AcceptRA",
    "IPv6DuplicateAddressDetection", "IPv6HopLimit", "IPv6RetransmissionTimeSec", "IPv4ReversePathFilter",
    "IPv4AcceptLocal", "IPv4RouteLocalnet", "IPv4ProxyARP", "IPv4ProxyARPPrivateVLAN", "IPv6ProxyNDP",
    "IPv6ProxyNDPAddress", "IPv6SendRA", "IPv6PrefixDelegation", "DHCPPrefixDelegation", "DHCPv6PrefixDelegation",
    "IPv6MTUBytes", "ConfigureWithoutCarrier", "IgnoreCarrierLoss", "KeepConfiguration", "MulticastIGMPVersion",
))  # fmt: skip
_NETWORK_PORT = frozenset(("Description", "LLDP", "EmitLLDP", "BindCarrier", "VLAN"))
"""A VLAN stays on the card: tagged frames are taken there before the bridge sees the frame."""
_BELONGS = ("Bridge", "Bond", "VRF", "BatmanAdvanced")
_LINK: dict[str, Place] = {
    "MTUBytes": "both", "MACAddress": "both", "ARP": "both", "Multicast": "both", "AllMulticast": "port",
    "Promiscuous": "port", "Group": "port", "RequiredFamilyForOnline": "bridge",
}  # fmt: skip
_NAMES_A_LINK = frozenset(("IncomingInterface", "OutgoingInterface", "UplinkInterface"))


def place(section: str, key: str, value: str) -> Place:
    """Return where an assignment belongs; `belongs` when it makes the card a part of something already.

    >>> place("Network", "DNS", "192.168.1.1"), place("Link", "MTUBytes", "9000"), place("Network", "VLAN", "eno1.10")
    ('bridge', 'both', 'port')
    >>> place("Network", "MACVLAN", "mv0"), place("IPv6AcceptRA", "Token", "prefixstable"), place("X", "Y", "z")
    ('unknown', 'unknown', 'unknown')
    """
    if section == "Network":
        return _network(key)
    if section == "Link":
        return _link(key, value)
    if key in ("Token", "UnassignedSubnetPolicy") and value.startswith("prefixstable"):
        return "unknown"  # the address is made from the link's name
    if section in _BRIDGE_SECTIONS:
        return "bridge"
    return "port" if section in _PORT_SECTIONS else "unknown"


def names_a_link(key: str) -> bool:
    """Return whether a key names the link that packets come or go by: the bridge then, in place of its port."""
    return key in _NAMES_A_LINK


def _network(key: str) -> Place:
    if key in _NETWORK_BRIDGE:
        return "bridge"
    if key in _NETWORK_PORT:
        return "port"
    return "belongs" if key in _BELONGS else "unknown"


def _link(key: str, value: str) -> Place:
    if key == "RequiredForOnline":
        return "both" if false(value) else "bridge"  # a port is never routable
    if key == "ActivationPolicy":
        return "both" if value in ("up", "always-up") else "unknown"
    return _LINK.get(key, "unknown")
