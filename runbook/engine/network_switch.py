"""The switch of the network. A program on the host makes it, and alone decides whether the new configuration stays."""

from __future__ import annotations

import ipaddress
import shlex
from functools import cache
from importlib.resources import files

from runbook.actions import Renumbered, ReplaceNetwork
from runbook.actions.network import FOLDER, UNCONFIRMED
from runbook.engine.command import command
from runbook.errors import CommandFailed, HostError
from runbook.hosts import script
from runbook.hosts.base import Host, OnLine
from runbook.model.action import GONE, digest
from runbook.model.ask import MISSING, Ask, Facts

PROGRAM = f"{FOLDER}/switch"
_NOW = "/run/xen-runbook-network"
_WHY = Ask.read(f"{_NOW}/why")
TAKEN_BACK = (UNCONFIRMED, _WHY)
"""What tells that a switch which failed is taken back whole (`is_taken_back`)."""
_NOT_IN_FORCE = "the old files are back, and could not be put in force"
_IS_BACK = ("test", "!", "-e", UNCONFIRMED.argv[0])
_IS_DECIDED = ("test", "-e", f"{_NOW}/held", "-o", *_IS_BACK[1:])
_CONFIRM = f"[ -e {_NOW}/switch ] || {{ echo the machine started anew in the middle; exit 3; }}; exec sh {_NOW}/switch confirm"
_SETTLE_S, _CONFIRM_S = 40, 15
"""How long the new network may take until all holds, and what is left of the time for confirming it."""
_ENDED = {
    "no new connection": "cut the connection",
    "the machine started anew": "was not confirmed when the machine started anew",
}
_DO = "compare network.bridges in the parameters with `ip link` on the host, then run again"


def replace_network(action: ReplaceNetwork, host: Host, on_line: OnLine) -> str:
    """Carry out the replacing of network files; return what the host measured before.

    The host puts the files in force and measures: what held before has to hold, and what is asked for. This side adds
    what only it can see, a connection that is new. Raises `CommandFailed` when the host has taken the old files back.
    """
    if _take_back_unconfirmed(action, host, on_line) and action.is_back and _is_in_place(action, host):
        return "the host has taken the switch back that was not confirmed: that is all of this way back"
    for number, file in enumerate(action.files, 1):
        if file.content is not None:
            host.write(f"{FOLDER}/new/{number}", file.content.encode(), mode="0600", owner="root:root")
    host.write(PROGRAM, f"{_what(action)}{_text()}".encode(), mode="0700", owner="root:root")
    arm = ("sh", "-c", f"{script.SESSION}; exec sh {PROGRAM} arm")
    said = command(host, arm, 120, on_line, said_as=f"{PROGRAM} arm")
    try:
        host.reconnect(_IS_DECIDED, action.revert_s - _CONFIRM_S, on_line)
    except HostError:
        host.reconnect(_IS_BACK, action.revert_s + 60, on_line)
    ended = host.run(("sh", "-c", _CONFIRM), timeout_s=60)
    if ended.status:
        raise _taken_back(action, host, (ended.out + ended.err).strip())
    return said


def is_taken_back(facts: Facts) -> bool:
    """Return whether no switch waits to be confirmed, and what the last one that failed had replaced is in force again."""
    return facts[UNCONFIRMED].status == MISSING and _NOT_IN_FORCE not in (facts.text(_WHY.argv[0]) or "")


def _is_in_place(action: ReplaceNetwork, host: Host) -> bool:
    """Return whether the host has these files, and has them in force."""
    facts = host.gather((*TAKEN_BACK, *(Ask.read(file.path) for file in action.files)))
    texts = {left.path: facts.text(left.path) for left in action.leaves}
    states = {path: GONE if text is None else digest(text) for path, text in texts.items()}
    return is_taken_back(facts) and all(states[left.path] == left.state for left in action.leaves)


def _take_back_unconfirmed(action: ReplaceNetwork, host: Host, on_line: OnLine) -> bool:
    """See that no switch is under way, and nothing of one is left: one that was cut off is taken back first.

    Returns whether there was one.
    """
    back = (
        "systemd-run",
        "--quiet",
        "--collect",
        "--unit=xen-runbook-network-back-now",
        "sh",
        PROGRAM,
        "back",
    )
    look = f"if [ -e {UNCONFIRMED.argv[0]} ]; then {shlex.join(back)}; echo unconfirmed; else rm -rf -- {FOLDER}; fi"
    if "unconfirmed" not in command(host, ("sh", "-c", look), 60, on_line):
        return False
    host.reconnect(_IS_BACK, action.revert_s + 60, on_line)
    return True


def _taken_back(action: ReplaceNetwork, host: Host, why: str) -> CommandFailed:
    how = next(
        (how for said, how in _ENDED.items() if why.startswith(said)), "did not bring back all that was there"
    )
    return CommandFailed(
        f"The new network configuration {how}",
        where=host.describe,
        why=f"{why}\nthe old configuration is back in force (`journalctl -u xen-runbook-network-switch` on the host says more)",
        do=_DO,
    )


@cache
def _text() -> str:
    return (files("runbook.engine") / "network_switch.sh").read_text(encoding="utf-8")


def _what(action: ReplaceNetwork) -> str:
    """Return the shell assignments that tell the program what is to be done."""
    values = {
        "manager": action.manager,
        "files": "\n".join(f"{file.mode or '-'} {file.path}" for file in action.files),
        "links": " ".join(action.links),
        "made": " ".join(action.made),
        "unmade": " ".join(action.unmade),
        "up": " ".join(action.up),
        "up_before": " ".join(action.up_before),
        "gives_up": "\n".join(f"{each.family} {link}" for each in action.renumbered for link in each.links),
        "wants": "\n".join(_wanted(each, want) for each in action.renumbered for want in each.wants),
        "is_back": "yes" if action.is_back else "",
        "revert_s": str(action.revert_s),
        "settle_s": str(min(_SETTLE_S, max(10, action.revert_s - 2 * _CONFIRM_S))),
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())


def _wanted(renumbered: Renumbered, want: str) -> str:
    """Return a want in the words in which the program measures.

    >>> _wanted(Renumbered("inet6", ()), "2001:DB8::0:1/64"), _wanted(Renumbered("inet", ()), "via 10.0.0.1")
    ('address inet6 2001:db8::1/64', 'route inet default via 10.0.0.1')
    """
    word, _, gateway = want.partition(" ")
    if word == "via":
        return f"route {renumbered.family} default via {ipaddress.ip_address(gateway)}"
    if "/" in want:
        return f"address {renumbered.family} {ipaddress.ip_interface(want).with_prefixlen}"
    return f"some {renumbered.family} {want}"
