"""Carrying out: the only place where an action becomes an effect."""

from __future__ import annotations

import shlex
from functools import singledispatch
from typing import Any

from runbook.actions import InstallPackages, Link, Reboot, Remove, ReplaceNetwork, Run, WriteFile
from runbook.errors import CommandFailed, HostError
from runbook.hosts.base import Host, OnLine

_APT = ("apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0")
_KEEP_OURS = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
_REVERT = "xen-runbook-network-revert"
_SWITCHED = "/run/xen-runbook-network-switched"


@singledispatch
def carry_out(action: Any, host: Host, on_line: OnLine) -> str:
    """Do one action on the host and return what it printed.

    Raises `CommandFailed`, `TimedOut` or `HostError`; what was done before stays done, and a
    second run goes on from there.
    """
    raise TypeError(f"{type(action).__name__} is not an action")


@carry_out.register
def _(action: WriteFile, host: Host, on_line: OnLine) -> str:
    host.write(action.path, action.content.encode(), mode=action.mode, owner=action.owner, check=action.check)
    return ""


@carry_out.register
def _(action: Remove, host: Host, on_line: OnLine) -> str:
    return command(host, ("rm", "-f", "--", action.path), 60, on_line)


@carry_out.register
def _(action: Link, host: Host, on_line: OnLine) -> str:
    return command(host, ("ln", "-sfn", "--", action.target, action.path), 60, on_line)


@carry_out.register
def _(action: Run, host: Host, on_line: OnLine) -> str:
    return command(host, action.argv, action.timeout_s, on_line)


@carry_out.register
def _(action: InstallPackages, host: Host, on_line: OnLine) -> str:
    argv = (*_APT, *_KEEP_OURS, "install", "--no-install-recommends", *action.names)
    return command(host, argv, action.timeout_s, on_line)


@carry_out.register
def _(action: Reboot, host: Host, on_line: OnLine) -> str:
    host.reboot(action.wait_s, on_line)
    host.lock()
    return ""


@carry_out.register
def _(action: ReplaceNetwork, host: Host, on_line: OnLine) -> str:
    """Arm the way back first, switch, and disarm only over a connection that is new."""
    old, new = action.kept, f"{action.path}.xen-runbook-new"
    host.write(new, action.content.encode(), mode="0644", owner="root:root")
    # A run that was cut off in the middle left the true old file and perhaps the timer behind.
    keep = f"systemctl --quiet stop {_REVERT}.timer 2>/dev/null; [ -e {old} ] || cp -a -- {action.path} {old}"
    command(host, ("sh", "-c", f"{keep}; rm -f {_SWITCHED}"), 60, on_line)
    _later(host, _REVERT, action.revert_s, _bring_up(old, action.path), on_line)
    switch = f"{_bring_up(new, action.path)}; touch {_SWITCHED}"
    _later(host, "xen-runbook-network-switch", 2, switch, on_line)
    try:
        host.reconnect(("test", "-e", _SWITCHED), action.revert_s - 15, on_line)
    except HostError:
        host.reconnect(("cmp", "-s", old, action.path), action.revert_s + 60, on_line)
        command(host, ("rm", "-f", "--", old, new), 60, on_line)
        raise CommandFailed(
            "The new network configuration cut the connection",
            where=host.describe,
            why=f"no new connection within {action.revert_s - 15} s; the old configuration is back in force",
            do="compare network.bridges in the parameters with `ip link` on the host, then run again",
        ) from None
    command(host, ("systemctl", "stop", f"{_REVERT}.timer"), 60, on_line)
    command(host, ("rm", "-f", "--", old, new), 60, on_line)
    return ""


def command(host: Host, argv: tuple[str, ...], timeout_s: float, on_line: OnLine) -> str:
    """Run one command and return both its streams. Raises `CommandFailed` with its last lines."""
    result = host.run(argv, timeout_s=timeout_s, on_line=on_line)
    said = result.out + result.err
    if result.status:
        tail = "\n".join(said.strip().splitlines()[-12:])
        raise CommandFailed(
            f"'{shlex.join(argv)}' ended with status {result.status}",
            where=host.describe,
            why=tail or "it said nothing",
            do="correct what it names, then run again: what is done is not done twice",
        )
    return said


def _bring_up(file: str, path: str) -> str:
    down = "ifdown --force -a --exclude=lo"
    return f"{down}; cp -a -- {shlex.quote(file)} {shlex.quote(path)}; systemctl restart networking"


def _later(host: Host, unit: str, seconds: int, script: str, on_line: OnLine) -> None:
    """Have the host itself run a script in some seconds, whatever becomes of this connection."""
    timer = ("--quiet", "--collect", f"--unit={unit}", f"--on-active={seconds}")
    accuracy = ("--timer-property=AccuracySec=1s",)
    command(host, ("systemd-run", *timer, *accuracy, "sh", "-c", script), 60, on_line)
