"""The record of a machine, made of what its reports say and of nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runbook.attestation.keys import SigningKey
from runbook.captures import people
from runbook.controller.atomic import write_atomic
from runbook.drift import kept
from runbook.errors import HostError, ParamsError, RunbookError
from runbook.facts import firmware, subsystems
from runbook.model.ask import MISSING, Answer, Facts
from runbook.redaction.aliases import Aliases
from runbook.shares import proofs
from runbook.shares.record import Card, Firmware, Proved, Record, machine_of, said_by_firmware, seal
from runbook.shares.reported import Report, reports
from runbook.survey import machine as machines
from runbook.text.printable import printable

SEEN = "00_introduction"
"""The notebook whose answers show the whole machine."""
_BRIDGES = ("0600", "0601")
"""Host bridges, and bridges to ISA: the chipset."""


@dataclass(frozen=True)
class Made:
    """A record, and what is to be said of how it was made."""

    record: Record
    notes: tuple[str, ...]


def make(folder: Path) -> Made:
    """Return the record of the machine whose reports lie in a folder, and what did not go into it.

    Raises `ParamsError` when no report shows the machine, `CheckFailed` when one was altered.
    """
    found, notes = reports(folder)
    seen = next((run for run in reversed(found) if run.facts(SEEN)), None)
    if seen is None or not (machine := _machine(seen.facts(SEEN))).devices:
        raise _unseen(folder, notes)
    mine = [run for run in found if run.machines & seen.machines]
    notes += [
        f"{run.folder.name} does not count: another installation, or several"
        for run in found
        if run not in mine
    ]
    proved = proofs.proved(mine, seen.machines)
    board, version = (
        _nameless(text, notes, seen, found) for text in (machine.firmware.board, machine.firmware.version)
    )
    present = {(device.bdf, device.id) for device in machine.devices}
    notes += [
        f"{bdf} is no {id_} any more: what was proved of it is left out"
        for bdf, id_ in sorted(proved.keys() - present)
    ]
    try:
        record = Record(
            format=1,
            date=max(run.day for run in (seen, *mine)),
            board=board,
            firmware=_firmware(version, machine, seen.facts(SEEN)),
            chipset=tuple(dict.fromkeys(d.id for d in machine.devices if d.class_code[:4] in _BRIDGES))[:16],
            cards=_cards(machine, seen.facts(SEEN), proved),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise HostError(
            f"The machine {printable(folder.name)} has something that no record can hold",
            where=printable(seen.folder),
            why=f"{'.'.join(map(str, first['loc']))}: {printable(first['msg'])}",
            do="please send a capture of it: runbook survey PARAMS --save FOLDER",
        ) from None
    return Made(record, tuple(notes))


def _unseen(folder: Path, notes: list[str]) -> ParamsError:
    return ParamsError(
        f"No report shows what the machine {printable(folder.name)} is",
        where=printable(folder),
        why="; ".join(notes[:3]),
        do=f"run notebook {SEEN} on it (`runbook run PARAMS --mode apply`), with the same key or none",
    )


def place(folder: Path, record: Record, key: SigningKey | None) -> Path:
    """Return where a record stands in a folder of records: that of one machine and signer is always the same file."""
    return folder / f"{machine_of(record, key.public if key else None)}.json"


def save(folder: Path, record: Record, key: SigningKey | None, *, force: bool = False) -> Path:
    """Write a record into a folder of records and return the file.

    Raises `ParamsError` when it is there already and `force` is not said, `RunbookError` when it cannot be written.
    """
    path = place(folder, record, key)
    if path.exists() and not force:
        raise ParamsError(
            f"{printable(path)} is there already",
            why="it is the record of this board by the same key",
            do="say --force to write it anew",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, seal(record, key))
    except OSError as error:
        raise RunbookError(
            "The record cannot be written",
            where=printable(path),
            why=error.strerror or str(error),
            do="free some space or choose another folder with --share",
        ) from None
    return path


def _machine(facts: Facts) -> machines.Machine:
    """Return the machine of kept answers: a question that was not asked then reads as where the tool is absent."""
    whole = {ask: Answer(MISSING if ask.kind == "read" else 127) for ask in machines.asks()}
    return machines.read(Facts(whole | dict(facts.items())))


def _firmware(version: str, machine: machines.Machine, facts: Facts) -> Firmware:
    """Return what starts the machine. A report of before the question's words were what they are leaves that open."""
    tables: Any = machine.firmware.tables
    is_asked = all(ask in facts for ask in firmware.COMMANDS)
    return Firmware(
        version=version,
        uefi=machine.firmware.is_uefi if is_asked else None,
        iommu=tables if is_asked else None,
    )


def _cards(
    machine: machines.Machine, facts: Facts, proved: dict[tuple[str, str], Proved]
) -> tuple[Card, ...]:
    on = subsystems.parse(facts) if subsystems.COMMANDS[0] in facts else {}
    return tuple(
        Card(
            id=device.id,
            subsystem=on.get(device.bdf, ""),
            class_code=device.class_code,
            group=device.group,
            resets=tuple(name for name in device.reset_methods if re.fullmatch("[a-z_]{1,20}", name))[:9],
            proved=proved.get((device.bdf, device.id)),
        )
        for device in machine.devices
        if not device.is_bridge
    )


def _nameless(text: str, notes: list[str], seen: Report, found: list[Report]) -> str:
    """Return what the firmware calls something, '' where that holds what names a person or a machine."""
    text = said_by_firmware(text)
    answers = dict(kept.load(seen.folder).items())
    aliases = Aliases(people.trade(answers, (*machines.asks(), *people.ASKS)))
    for run in found:
        for kind, name in people.of_params(run.params):
            aliases.learn(kind, name)
    for kind, name in people.of_answers(answers):
        aliases.learn(kind, name)
    if aliases.text(text) == text:
        return text
    notes.append(
        "what the firmware calls itself or its board is left out: it holds a name, number or address of this machine"
    )
    return ""
