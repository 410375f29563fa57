"""Who takes part in a fleet run. Two parameter files for one host or one machine are refused."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from runbook import params as parameters
from runbook import programs
from runbook.controller.allowed import is_allowed
from runbook.controller.project import project
from runbook.errors import ParamsError
from runbook.params import HostParams
from runbook.params.host import Local, Ssh, Stored
from runbook.params.secrets import TYPED

HERE = "this machine"
SHIPPED = ("example.yml", "testbed.yml", "testbed-*.yml", "victory.yml", "wheezy.yml")
"""Files in `params/` that come with the project."""
_OWN_NAMES = ("localhost", "127.0.0.1", "::1")
_TELLING = ("hostname", "port", "proxyjump", "proxycommand")


@dataclass(frozen=True)
class Member:
    """One host of a fleet: its parameter file as it was given, and the digest of what stood in it."""

    host: str
    params: str
    digest: str


def own(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the parameter files to take, and those that are left out beside them because they come with the project.

    Several of those are of one host, and none is anybody's own: `params/*.yml` means the others. Given alone, they
    are meant.
    """
    folder = project() / "params"
    shipped = [
        path
        for path in paths
        if Path(path).resolve().parent == folder.resolve()
        and any(fnmatch(Path(path).name, pattern) for pattern in SHIPPED)
    ]
    mine = [path for path in paths if path not in shipped]
    return (mine, shipped) if mine else (list(paths), [])


def members(paths: Iterable[str]) -> list[Member]:
    """Return the hosts of parameter files, in their order; no machine is reached.

    Raises `ParamsError` for a file that is wrong, for two files with one host's name, and for two that lead to
    one machine. Two names that only the network knows to be one machine's are not seen here; the
    machine's own lock keeps their runs apart.
    """
    if os.environ.get("RUNBOOK_RECORD"):
        raise ParamsError("A recording is made of one host", do="unset RUNBOOK_RECORD, or use `runbook run`")
    found: list[Member] = []
    names: dict[str, str] = {}
    machines: dict[str, str] = {}
    for path in paths:
        params = parameters.load(path)
        _once(names, params.host, path, f"Two parameter files are of the host {params.host}")
        if machine := machine_of(params):
            _once(machines, machine, path, f"Two parameter files lead to one machine: {machine}")
        found.append(Member(params.host, path, parameters.digest(params)))
    if not found:
        raise ParamsError("There is no host to run", do="give parameter files: runbook fleet params/*.yml")
    return found


def unattended(paths: Iterable[str]) -> list[Member]:
    """Return the hosts of parameter files as `members` does, each of which can be run with nobody at a keyboard.

    Raises `ParamsError` also for a host for which somebody would have to type.
    """
    found = members(paths)
    for member in found:
        path, connection = member.params, parameters.load(member.params).connection
        if isinstance(connection, Stored):
            continue
        if connection.become_password == TYPED:
            key, do = "become_password", "say where the password is: env:NAME, file:PATH or command:…"
        elif isinstance(connection, Ssh) and connection.login == "keyboard":
            key, do = "login", "let a key alone do from this machine, and take `login` away"
        else:
            continue
        raise ParamsError(
            "A fleet has nobody at a keyboard",
            where=f"{path}, connection.{key}",
            why="somebody would have to type for this host; nothing was started",
            do=f"{do}; or run this host by itself: runbook run {path}",
        )
    return found


def machine_of(params: HostParams) -> str:
    """Return what tells a machine from others as far as ssh's own configuration knows; '' for a replay."""
    connection = params.connection
    if isinstance(connection, Stored):
        return ""
    if isinstance(connection, Local):
        return HERE
    config = parameters.find(connection.config) if connection.config else None
    if not all(map(is_allowed, programs.of(params))):
        return ""  # `ssh -G` runs what `Match exec` names; the host's own run says what is missing
    options = _ssh_says(connection.to, config)
    name = options.get("hostname", connection.to.rpartition("@")[2]).lower()
    port = options.get("port", "22")
    way = [options[key] for key in ("proxyjump", "proxycommand") if options.get(key, "none") != "none"]
    if not way and port == "22" and name in (*_OWN_NAMES, socket.gethostname().lower()):
        return HERE
    return " through ".join([f"{name} port {port}", *way])


def _ssh_says(to: str, config: Path | None) -> dict[str, str]:
    """Return where ssh would go, from its configuration alone; nothing when it cannot say."""
    argv = ["ssh", "-G", *(["-F", str(config)] if config else []), "--", to]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    pairs = (line.partition(" ") for line in done.stdout.splitlines())
    return {key: value.strip() for key, _, value in pairs if key in _TELLING}


def _once(seen: dict[str, str], what: str, path: str, complaint: str) -> None:
    if what in seen:
        raise ParamsError(
            complaint,
            where=f"{seen[what]} and {path}",
            why="two runs at once on one machine would be in each other's way",
            do="leave one of them out; nothing was started",
        )
    seen[what] = path
