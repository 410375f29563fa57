"""A folder of records, as strangers may have filled it: what fits counts, all else is said in a line and does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from runbook.attestation.keys import PublicKey
from runbook.controller import plain
from runbook.errors import ParamsError
from runbook.shares.record import Record, machine_of, unseal
from runbook.text.printable import printable
from runbook.text.visible import visible

OWN = Path(__file__).parent / "known"
"""The records that the project brings."""
LARGEST = 256 << 10
"""No record is larger, in bytes."""
MOST = 2000
"""No more files of one folder are read."""
_SAID = 20
"""No more lines are said of one folder."""


@dataclass(frozen=True)
class Kept:
    """One record of a folder, and the key that signed it, None for one that nobody signed."""

    record: Record
    signer: PublicKey | None

    @property
    def machine(self) -> str:
        """What tells its machine from others."""
        return machine_of(self.record, self.signer)


@dataclass(frozen=True)
class Known:
    """The records that count: of each machine the newest; and a line for each file that does not."""

    kept: tuple[Kept, ...] = ()
    refused: tuple[str, ...] = ()


def load(*folders: Path) -> Known:
    """Return the records of some folders: their files that end in .json; whatever else lies there is not looked at.

    Raises `ParamsError` for a folder that is none, or cannot be read.
    """
    newest: dict[str, Kept] = {}
    refused: list[str] = []
    for folder in folders:
        found, wrong = _folder(folder)
        for one in found:
            if one.machine not in newest or newest[one.machine].record.date < one.record.date:
                newest[one.machine] = one
        refused += wrong[:_SAID]
        if len(wrong) > _SAID:
            refused.append(f"{_short(folder)}: {len(wrong) - _SAID} more do not count")
    return Known(tuple(newest.values()), tuple(refused))


def _folder(folder: Path) -> tuple[list[Kept], list[str]]:
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name.endswith(".json"))
    except OSError as error:
        raise ParamsError(
            "There is no folder of records",
            where=printable(folder),
            why=error.strerror or str(error),
            do="name a folder that holds what `runbook survey --share` wrote",
        ) from None
    found, wrong = [], []
    for name, one in _files(folder, names[:MOST]):
        if isinstance(one, Kept):
            found.append(one)
        else:
            wrong.append(f"{_short(name)} does not count: {one}")
    if len(names) > MOST:
        wrong.insert(0, f"{_short(folder)}: {len(names) - MOST} files do not count, {MOST} are read at most")
    return found, wrong


def _files(folder: Path, names: list[str]) -> Iterator[tuple[str, Kept | str]]:
    """Yield for each file its record, or why it does not count."""
    last = datetime.now(UTC).date() + timedelta(days=1)
    for name in names:
        try:
            one = Kept(*unseal(plain.read(folder / name, LARGEST)))
        except (OSError, ValueError, RecursionError) as error:
            yield name, _short(getattr(error, "strerror", None) or error, 240)
            continue
        days = [one.record.date, *(card.proved.date for card in one.record.cards if card.proved)]
        yield name, one if date.fromisoformat(max(days)) <= last else "its date has not come yet"


def _short(text: object, most: int = 120) -> str:
    """Return what strangers wrote as the piece of a line, in which nothing acts and nothing is unseen."""
    return visible(printable(text))[:most]
