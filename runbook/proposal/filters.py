"""What a host's packet filters and its ways in mean for its parameters: nothing that is in use is to be shut or dropped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runbook.facts import bridge_filter, listening, ssh_server
from runbook.model.ask import Ask, Facts

_UNIT = Ask.read("/etc/systemd/system/xen-bridged.service")
COMMANDS = (*bridge_filter.COMMANDS, *ssh_server.COMMANDS, *listening.COMMANDS, _UNIT)


@dataclass(frozen=True)
class Filters:
    """What stands in the file of it; empty where nobody asked."""

    tcp: tuple[int, ...] = ()
    """The ports by which people reach the ssh server, this session's first."""
    udp: tuple[int, ...] = ()
    """Those of the tunnel that this session came in through."""
    pass_bridged: str = ""
    """Why packets over a bridge have to be let pass, '' where nothing drops them."""
    own_chains: tuple[str, ...] = ()
    """Chains that a person wrote and that drop them: nobody but that person changes those."""


def read(facts: Facts, bridges: tuple[str, ...], session_port: int) -> Filters:
    """Return what is found of a host that is to have these bridges."""
    if any(ask not in facts for ask in COMMANDS):
        return Filters((session_port,) if session_port else ())
    why, own = _dropped(facts, bridges)
    return Filters(_ssh_ports(facts, session_port), _tunnel(facts), why, own)


def _ssh_ports(facts: Facts, session_port: int) -> tuple[int, ...]:
    first = [str(session_port)] if session_port else []
    return _ports((*first, *ssh_server.parse(facts).ports))


def _tunnel(facts: Facts) -> tuple[int, ...]:
    """A tunnel of the kernel's own, such as WireGuard, listens without a program."""
    now = listening.parse(facts)
    return _ports(s.port for s in now.sockets if s.kind == "udp" and not s.program) if now.tunnel else ()


def _ports(said: Iterable[str]) -> tuple[int, ...]:
    """Return each port once; a machine may say anything.

    >>> _ports(["2222", "22", "2222", "0", "99999", "x"])
    (2222, 22)
    """
    numbers = (int(port) for port in said if port.isdecimal() and len(port) <= 5)
    return tuple(dict.fromkeys(number for number in numbers if 0 < number < 65536))


def _dropped(facts: Facts, bridges: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return why packets over the bridges have to be let pass, and the chains that only a person can open."""
    now = bridge_filter.parse(facts, bridges)
    others = now.others(bridges) if bridges else {}
    own = tuple(who for who in others if who != bridge_filter.FIREWALLD)
    if not bridges:
        return "", ()
    who = now.drops or next((who for who in others if who == bridge_filter.FIREWALLD), "")
    if who:
        return (
            f"{who} drops what it forwards, and packets over a bridge with it: guests would have no network",
            own,
        )
    return ("the unit xen-bridged lets them pass already" if facts.text(_UNIT.argv[0]) else ""), own
