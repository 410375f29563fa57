"""What a profile of NetworkManager is that cannot become a port's: each a reason to refuse, with the way to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runbook.facts.network_manager import FOLDERS, NetworkManager, Profile
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared.writers.nm_addresses import FAMILIES, MOVES, method_of, section_of

# `nmcli connection modify` takes the password of 802.1X out of a profile that it makes a port (seen in 1.52).
_BY_HAND = (
    "at the machine itself give the bridge a profile of its own (`nmcli connection add type bridge ifname {bridge} "
    "con-name {bridge} bridge.stp no bridge.mac-address $(cat /sys/class/net/{port}/address) "
    "connection.autoconnect-slaves 1`, then the addresses of {port} with `nmcli connection modify {bridge}`); with an "
    "editor, for nmcli would drop secrets, put `master={bridge}` and `slave-type=bridge` under [connection] of {path} "
    "and take its [ipv4] and [ipv6] out; run `nmcli connection reload` and `nmcli connection up {bridge}`; then run "
    "again: a bridge that is as asked is left as it is"
)
WIRES = ("ethernet", "bond", "vlan")
"""The kinds of links that can be a port of a bridge."""


def of_port(profile: Profile, card: str, bridge: Bridge, has: NetworkManager) -> Iterator[Finding]:
    """Yield why the profile of a card cannot be made a port's."""
    name = profile.name
    if profile.kind not in WIRES:
        yield _refuse(
            f"{card} is served by the profile '{name}' of the kind {profile.kind}",
            "such a link cannot be a port of a bridge",
            f"name another card as port of {bridge.name} in network.bridges",
        )
    elif profile.path.rpartition("/")[2].startswith("netplan-"):
        yield _refuse(
            f"The profile '{name}' of {card} is made by netplan at each start",
            "what is written into it is gone with the next `netplan apply`",
            f"write the bridge into the file of /etc/netplan that names {card}, run `netplan try` at the machine, and "
            "run again: a bridge that is as asked is left as it is",
        )
    elif not profile.path.startswith(FOLDERS):
        yield _refuse(
            f"The profile '{name}' of {card} is in no file of NetworkManager's own",
            "another plugin made it, such as the one that reads /etc/network/interfaces, and it cannot be written there",
            f"run `nmcli connection clone '{name}' {card}`, take the card's paragraph out of where it is, run "
            f"`nmcli connection up {card}` at the machine, then run again",
        )
    elif not profile.is_whole:
        yield closed(profile, card, by_hand(profile, bridge, card))
    elif profile.controller:
        yield _refuse(
            f"{card} belongs to {profile.controller} by the profile '{name}', and cannot be a port of {bridge.name} "
            "as well",
            "a card is a port of one bridge or bond only",
            f"call the bridge {profile.controller} in network.bridges with {card} among its ports, or, if it is a "
            "bond, name the bond as port",
        )
    elif any(method_of(section_of(profile.file, family)) == "shared" for family in FAMILIES):
        yield _refuse(
            f"{card} shares the host's connection by the profile '{name}' (method=shared)",
            "NetworkManager runs a DHCP server and NAT behind it, and who is behind it would be on the bridge",
            f"leave {card} out of network.bridges, or {by_hand(profile, bridge, card)}",
        )
    yield from _on_top(profile, card, bridge, has)


def by_hand(profile: Profile, bridge: Bridge, card: str) -> str:
    """Return how a person does it, after which the plan is content."""
    return _BY_HAND.format(bridge=bridge.name, port=card, path=profile.path)


def closed_bridge(bridge: Bridge, profile: Profile) -> Finding:
    """Return that a bridge's profile cannot be written anew."""
    do = (
        f"give {bridge.name} with `nmcli connection modify '{profile.name}'` at the machine what the parameters ask for, "
        "then run again"
    )
    return closed(profile, bridge.name, do)


def closed(profile: Profile, name: str, do: str) -> Finding:
    """Return that a profile cannot be written anew."""
    return _refuse(
        f"The profile '{profile.name}' of {name} can hold secrets, such as those of 802.1X or PPPoE",
        "secrets are not read, so the profile cannot be written anew without losing them",
        do,
    )


def _on_top(profile: Profile, card: str, bridge: Bridge, has: NetworkManager) -> Iterator[Finding]:
    for other in has.profiles:
        if other.kind == "vlan" or other.parent not in (card, profile.uuid):
            continue  # a VLAN works on a port as it did on the card
        yield _refuse(
            f"The profile '{other.name}' ({other.kind}) stands on {card}",
            "what comes to a port goes into the bridge, so it would get nothing any more",
            f"run `nmcli connection modify '{other.name}' {other.kind}.parent {bridge.name}` (what is up stays up until "
            f"the bridge is there), then run again; or leave {card} out of network.bridges",
        )


def unseen(card: str) -> Finding:
    """Return that a card is connected by nothing that is known."""
    return _refuse(
        f"NetworkManager has {card} connected, and none of its profiles is known to be active there",
        "what the card has by that profile, such as its addresses, would be lost",
        f"see with `nmcli connection show` why it does not name {card}; `nmcli connection up NAME ifname {card}` brings "
        "up the profile that it shall have, then run again",
    )


def undecided(card: str, profiles: list[Profile]) -> Finding:
    """Return that several profiles are there for a card and none is in force."""
    names = ", ".join(f"'{p.name}'" for p in profiles)
    return _refuse(
        f"{card} has no connection, and several profiles are there for it: {names}",
        "whose addresses the bridge shall have is not to be seen",
        f"run `nmcli connection up NAME` with the one of them that {card} shall have, then run again",
    )


def left_alone(name: str, *, is_port: bool) -> Finding:
    """Return that NetworkManager does not manage an interface."""
    return _refuse(
        f"NetworkManager leaves {name} alone",
        "so it would not make it a port" if is_port else "so it would not make the bridge",
        f"see with `NetworkManager --print-config` which line says so ([keyfile] unmanaged-devices, [device] managed), "
        f"or whether /etc/network/interfaces has a paragraph about {name}; take it away, run `nmcli general reload`, "
        "then run again",
    )


def made_elsewhere(bridge: Bridge) -> Finding:
    """Return that a bridge is there that no profile made."""
    return _refuse(
        f"{bridge.name} is there, and no profile of NetworkManager makes it",
        "something else does, and two programs would configure it",
        f"leave it to that one, and take the cards of {bridge.name} out of NetworkManager's hands; or take it away "
        "there, restart the host with its screen in reach, then run again",
    )


def in_memory(bridge: Bridge, profile: Profile) -> Finding:
    """Return that a bridge's profile ends with the next restart."""
    return _refuse(
        f"The profile '{profile.name}' of {bridge.name} is in memory only",
        "it is gone after a restart, and goes before a file that is written for it",
        f"run `nmcli connection modify '{profile.name}' connection.autoconnect yes`, which writes its file, then run "
        "again",
    )


def occupied(path: str) -> Finding:
    """Return that a file is in the way."""
    return _refuse(
        f"{path} is there, and NetworkManager does not take it",
        "its owner or its mode are not root's and 0600, or it holds a mistake; it would be overwritten",
        "see with `nmcli connection load` what is wrong with it; mend it or move it away, then run again",
    )


def second_addresses(bridge: Bridge, profile: Profile, card: str, holder: str) -> Finding:
    """Return that a further port has addresses, which do not go over by themselves."""
    return _refuse(
        f"{card} has addresses of its own by the profile '{profile.name}', and {bridge.name} has those of {holder}",
        "a port has none, so what is reached by them would be cut off",
        f"give them to {bridge.name} by `more_addresses` and take them from {card} (`nmcli connection modify "
        f"'{profile.name}' ipv4.method disabled ipv6.method disabled`), or leave {card} out of it; then run again",
        "H651",
    )


def more_ports(bridge: Bridge, ports: list[str]) -> Finding:
    """Return that a bridge keeps ports that the parameters do not name."""
    names = ", ".join(ports)
    return Finding(
        "warn",
        f"{names} stays on {bridge.name}, where the parameters do not name it",
        f"NetworkManager has it as a port of {bridge.name}, and taking one away is left to a person",
        f"write `ports: [{', '.join((*bridge.ports, *ports))}]` for {bridge.name} in network.bridges, or take away by "
        "hand what shall go",
        "nm-settings-keyfile(5)",
    )


def defaults(bridge: Bridge, profile: Profile, card: str, has: NetworkManager) -> Iterator[Finding]:
    """Yield what a card has about its addresses because the configuration says so of cards such as it, and a bridge has not."""
    mine, above = has.defaults(card, profile.kind), has.defaults(bridge.name, "bridge")
    for key, value in mine.items():
        section, _, name = key.partition(".")
        is_moved = section in FAMILIES or (section == "connection" and name in MOVES)
        if (
            is_moved
            and name != "route-metric"
            and name not in profile.file.values(section)
            and above.get(key) != value
        ):
            yield _refuse(
                f"NetworkManager.conf says `{key}={value}` for {card}, and not for {bridge.name}",
                f"the profile of {card} says nothing else, so it would be so no more for the addresses that move to "
                f"{bridge.name}",
                f"add `interface-name:{bridge.name}` to `match-device` of that section (`NetworkManager --print-config` shows "
                "its file), or a section of its own for it, run `nmcli general reload`, then run again",
                "NetworkManager.conf(5)",
            )


def scripts(named: Mapping[str, frozenset[str]], owner: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the scripts of the dispatcher that speak of a card whose addresses move, and not of its bridge."""
    for path, names in sorted(named.items()):
        for card in sorted(names & set(owner)):
            if owner[card] not in names:
                yield _refuse(
                    f"{path} names {card}, whose addresses move to {owner[card]}",
                    "NetworkManager tells its scripts of the bridge then, and nobody but its author knows what this "
                    "one does with the card",
                    f"let it do for {owner[card]} what belongs to the addresses, beside {card}; as soon as it names "
                    "both, run again",
                    "NetworkManager-dispatcher(8)",
                )


def also_renumbered(name: str, addresses: list[str]) -> Finding:
    """Return that addresses that a host gives itself will be others."""
    return Finding(
        "warn",
        f"{name} will have other addresses than {', '.join(addresses)}",
        "NetworkManager makes them from the name of the link (ipv6.addr-gen-mode), or a server leases them by it",
        "where something reaches the host by them, name the new ones there, or give fixed ones by `more_addresses`",
        "RFC 7217",
    )


def _refuse(what: str, why: str, do: str, source: str = "nm-settings-keyfile(5)") -> Finding:
    return Finding("refuse", what, why, do, source)
