"""What a bridge would have no more, said in one way by the writers of every manager."""

from __future__ import annotations

from runbook.model.plan import Finding
from runbook.params.host import Bridge

WORDS = {"dhcp": "what DHCP leases", "auto": "what routers announce"}


def gives_way(bridge: Bridge, key: str, whose: str, old: str, new: str) -> Finding:
    """Return that what a card or a bridge has is not what the parameter `key` asks for."""
    return Finding(
        "loss",
        f"{old} gives way on {bridge.name} to what the parameters say: {new}",
        f"{whose} has the one, network.bridges asks for the other; what is reached by it, such as this host, is "
        "reached no more",
        f"leave `{key}` of {bridge.name} out of network.bridges, which keeps it, or write it there; to let it go, "
        "agree to this very plan",
        "H655",
    )


def no_address(bridge: Bridge, whose: str, had: str) -> Finding:
    """Return that `ipv4: none` would take the only address away."""
    return Finding(
        "refuse",
        f"{bridge.name} would have no address, and {whose} has one: {had}",
        f"{whose} is a port then, and a port has none; what is reached by it would be cut off",
        f"leave `ipv4: none` of {bridge.name} out of network.bridges, which keeps it, or leave {whose} out of it",
        "H651",
    )


def belongs(port: str, bridge: str, line: str) -> Finding:
    """Return that a card is a part of another bridge or bond already."""
    return Finding(
        "refuse",
        f"{port} belongs to another by `{line}`, and cannot be a port of {bridge} as well",
        "a card is a port of one bridge or bond only",
        "name that bridge in network.bridges, with its own ports, instead of a second one: what it has stays; of a "
        "bond, name the bond as port",
        "H651",
    )


def two_givers(bridge: str, first: str, second: str) -> Finding:
    """Return that two ports have addresses, and a bridge gets those of one."""
    return Finding(
        "refuse",
        f"{first} and {second} both have addresses, and both become ports of {bridge}",
        "which of them the bridge shall have is not said",
        f"take those of {second} out of its file, or give {second} a bridge of its own in network.bridges; then run again",
        "H652",
    )
