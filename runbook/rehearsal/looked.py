"""What a rehearsal begins with: one look at the host, or a capture of it; refused where it is not that host's."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runbook import params as parameters
from runbook.captures import questions, seen
from runbook.controller.apt_sources import as_deb822, as_lines, mirror_options, own_sources
from runbook.drift.kept import hidden
from runbook.errors import ParamsError
from runbook.facts import identity, network, pci, storage, system
from runbook.facts.likeness import File
from runbook.facts.storage.asks import LSBLK
from runbook.hosts import capture, connect
from runbook.hosts.captured import CapturedHost
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams
from runbook.params.host import Stored


@dataclass(frozen=True)
class Looked:
    """A host's answers, and the parameters with which it is rehearsed."""

    params: HostParams
    facts: Facts
    file: Path
    """The parameters' own file."""
    machine: str = ""
    """The installation; '' for a capture, which tells nobody's."""


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return all that is asked for a rehearsal: what the survey and the steps ask, and what the likeness is made of."""
    every = (*questions.of_survey(), *questions.of_steps(params), *questions.of_likeness(), storage.TABLES)
    return tuple(dict.fromkeys(every))


def at_host(file: Path) -> Looked:
    """Return one look at the host of a parameter file. Raises `ParamsError`, and `HostError` as the host does."""
    params = parameters.load(file)
    if isinstance(params.connection, Stored):
        raise ParamsError(
            "There is no host to rehearse for",
            where=str(file),
            why=f"its connection is {params.connection.kind}: files of answers, and no machine",
            do="name parameters with a host, or a capture of one: runbook rehearse PARAMS --capture FOLDER",
        )
    host = connect(params, "rehearsal")
    try:
        facts = host.gather(asks(params))
    finally:
        host.close()
    _require_root(params, facts)
    return Looked(params, _without_secrets(facts), file, identity.parse(facts))


def _without_secrets(facts: Facts) -> Facts:
    """Return a host's answers as a capture has them: what lies in the virtual PC, and beside it here, lets nobody in anywhere.

    The same secret is the same digest each time, or no earlier rehearsal would ever serve.
    """
    machine = identity.COMMANDS[0]
    key = (facts[machine].out.strip() if machine in facts else "") or secrets.token_hex(16)
    return Facts({ask: hidden(answer, key) for ask, answer in facts.items()}, facts.of, facts.unknown)


def at_capture(file: Path | None, folder: Path) -> Looked:
    """Return what a capture holds, with the parameters of a file, or with those that lie in it.

    Raises `ParamsError` for what is no capture, was cut or changed, or is another host's than the parameters.
    """
    answers = capture.load(folder).answers
    params = parameters.load(file) if file else seen.own_params(folder)
    surveyed = seen.see(folder).facts
    found = {ask: surveyed[ask] for ask in surveyed} | answers
    absent = {ask: Answer(MISSING if ask.kind == "read" else 127) for ask in asks(params) if ask not in found}
    if not found[LSBLK].out.strip():
        raise _cut(folder)
    facts = Facts(absent | found, CapturedHost(folder).describe)
    if foreign := list(_foreign(params, facts)):
        raise ParamsError(
            "This capture is of another host than these parameters",
            where=f"{folder}, {file or capture.PARAMS}",
            why=f"the captured machine has no {', no '.join(foreign)}",
            do="name the capture of that very host, or leave PARAMS out to take those that lie in the capture",
        )
    return Looked(params, facts, file or folder / capture.PARAMS)


def _foreign(params: HostParams, facts: Facts) -> Iterator[str]:
    """Yield what parameters name and a machine does not have, of what it has since it was built."""
    cards = {i.name for i in network.parse(facts).interfaces}
    devices = {d.bdf: d.id for d in pci.parse(facts)}
    for bridge in params.network.bridges:
        yield from (f"network card {port}" for port in bridge.ports if port not in cards)
    for device in params.passthrough.devices:
        if devices.get(device.bdf) != device.id:
            yield f"device {device.id} at {device.bdf}"


def _cut(folder: Path) -> ParamsError:
    return ParamsError(
        "A capture does not tell what disks the host has",
        where=str(folder),
        why="the answer of lsblk is not in it",
        do="take it anew, as root there: runbook survey PARAMS --save FOLDER",
    )


def _require_root(params: HostParams, facts: Facts) -> None:
    if not system.parse(facts).is_root:
        raise ParamsError(
            "The host was not looked at as root",
            where=params.host,
            why="partition tables, the boot menu and files of /etc are told to root alone",
            do="come in as root, or say `become: sudo` in the parameters' connection",
        )


def sources_of(release: str) -> list[File]:
    """Return this controller's own package sources as the files that the virtual PC has in place of the host's.

    Raises `RunbookError` when this controller has none for that release.
    """
    own = own_sources(release)
    options = "".join(f'{name} "{value}";\n' for name, value in mirror_options())
    found = [File("/etc/apt/sources.list.d/debian.sources", "0644", "root:root", as_deb822(own))]
    if release == "bookworm":
        found = [
            File("/etc/apt/sources.list", "0644", "root:root", "".join(f"{line}\n" for line in as_lines(own)))
        ]
    return found + ([File("/etc/apt/apt.conf.d/90mirror", "0644", "root:root", options)] if options else [])
