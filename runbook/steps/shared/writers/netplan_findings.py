"""What cannot be done with netplan's files here, or changes besides; each with a move that leads on."""

from __future__ import annotations

from collections.abc import Sequence

from runbook.facts.netplan import CLOUD_DROP_IN, FOLDER
from runbook.model.plan import Finding
from runbook.params.host import Bridge

_TRY = "see with `netplan try` that it holds, and run again: a bridge that is as asked is left as it is"


def unreadable(path: str, why: str) -> Finding:
    """Return that a file cannot be read, so that nothing is known of what it would do."""
    return _refuse(
        f"{path} cannot be read",
        why,
        "see with `netplan generate` on the host what netplan says of it, mend that line, and run again",
    )


def other_renderer(name: str, renderer: str, bridge: Bridge) -> Finding:
    """Return that a definition is for another program than networkd."""
    ports = ", ".join(bridge.ports)
    return _refuse(
        f"netplan gives {name} to {renderer}",
        "what becomes of a lease and of profiles in use is not known there, so it is not changed from here",
        f"write `bridges: {{{bridge.name}: {{interfaces: [{ports}], …}}}}` into the file in {FOLDER} that has {name}, with "
        f"all but `match` and `set-name` of {name} moved into it, {_TRY}",
    )


def by_hand(what: str, port: str, bridge: str) -> Finding:
    """Return that it is not known what becomes of something once a card is a port."""
    return _refuse(
        f"It is not sure what becomes of {what} when {port} is a port of {bridge}",
        f"the addresses of {port} are {bridge}'s then, and nobody but its author knows which of the two it means",
        f"write {bridge} with its `interfaces` into a file in {FOLDER} yourself, each line where it belongs, {_TRY}",
    )


def two_givers(bridge: str, first: str, second: str) -> Finding:
    """Return that two ports have addresses, and a bridge gets those of one."""
    return _refuse(
        f"{first} and {second} both have addresses, and both become ports of {bridge}",
        "which of them the bridge shall have is not said",
        f"take those of {second} out of its file, or give {second} a bridge of its own in network.bridges; then run again",
    )


def lacks_port(bridge: Bridge, port: str) -> Finding:
    """Return that a bridge is there without a port that the parameters name."""
    return _refuse(
        f"{port} is not among the interfaces of {bridge.name} in {FOLDER}",
        f"{bridge.name} is there with what somebody gave it, and what {port} has would have to be judged with it",
        f"add {port} to `interfaces` of {bridge.name} there, or leave it out of network.bridges; {_TRY}",
    )


def in_many(bridge: str, paths: Sequence[str]) -> Finding:
    """Return that what the parameters change stands in several files, or in one that another program makes."""
    return _refuse(
        f"{bridge} stands in {', '.join(paths) or 'no file'}, and network.bridges asks for other addresses",
        "which file shall have them is not known",
        f"leave `ipv4` and `ipv6` of {bridge} out of network.bridges, which keeps what is there; change the address in "
        f"{FOLDER} afterwards, {_TRY}",
    )


def no_more_renewed(path: str) -> Finding:
    """Return that cloud-init writes the network no more."""
    return Finding(
        "warn",
        f"cloud-init writes {path} no more: {CLOUD_DROP_IN} says so from now on",
        "it would write the card as it was before when it takes the host for a new machine, and the bridge would be gone",
        "nothing, unless the network shall come from the cloud again: then undo this step",
        "cloud-init",
    )


def _refuse(what: str, why: str, do: str) -> Finding:
    return Finding("refuse", what, why, do, "netplan(5)")
