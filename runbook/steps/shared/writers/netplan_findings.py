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
        "write it there plainly and once, see with `netplan generate` on the host that netplan reads it too, and run again",
    )


def other_renderers(bridge: str, renderers: Sequence[str]) -> Finding:
    """Return that a bridge's ports are given to several programs, or to one that makes no bridges."""
    return _refuse(
        f"netplan gives the ports of {bridge} to {' and '.join(renderers)}",
        "a bridge and its ports have to be one program's, networkd's or NetworkManager's",
        f"give those that shall be ports of {bridge} the same `renderer` in {FOLDER}, see with `netplan try` that it "
        f"holds, and run again; or leave {bridge} the ports of one of them",
    )


def shared(port: str, name: str, bridge: str) -> Finding:
    """Return that NetworkManager has a card by a definition of several."""
    return _refuse(
        f"`{name}`, by which NetworkManager has {port}, is about other cards too",
        f"of two profiles for {port} nobody knows which one NetworkManager takes, so one beside it would not do, and as "
        f"a port of {bridge} it would take the others along",
        f"write each card that `{name}` is about by its own name in its place (`{port}:` and so on, with the lines of "
        f"`{name}` but for `match`), see with `netplan try` that it holds, and run again",
    )


def no_word_for_none(bridge: str) -> Finding:
    """Return that IPv6 cannot be kept away."""
    return _refuse(
        f"netplan has no word by which NetworkManager gives {bridge} no IPv6",
        "it has NetworkManager ignore IPv6 there, and the kernel then takes what routers announce",
        f"leave `ipv6` of {bridge} out of network.bridges, which keeps what its card has; then run again",
    )


def by_hand(what: str, port: str, bridge: str) -> Finding:
    """Return that it is not known what becomes of something once a card is a port."""
    return _refuse(
        f"It is not sure what becomes of {what} when {port} is a port of {bridge}",
        f"the addresses of {port} are {bridge}'s then, and nobody but its author knows which of the two it means",
        f"write {bridge} with its `interfaces` into a file in {FOLDER} yourself, each line where it belongs, {_TRY}",
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
