"""What guests with a system were last seen to do under Xen, as a file a machine; `docs/systems.md` is made from these."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runbook.controller.atomic import write_atomic
from runbook.controller.project import project

FOLDER, PAGE = "docs/systems", "docs/systems.md"
HEAD = """\
# Guests with a system, seen under Xen

`runbook testbed systems` begins where `07_first_boot` ended on the virtual PC, and runs `08_guests` with a guest of nine lines that has `system: {debian: …}`:
once as each kind of virtual machine, from one and the same disk, and with a second guest that takes the kept image. A row is here when the guest answered by ssh to the key
from the parameters, under its own name, with all its units up, when its own kernel said which kind of guest it is and whether UEFI started it. After each new disk the same run again had to change nothing.

This page is made from what the command leaves in `docs/systems/`. *To ssh* is the whole of `08_guests`, from reading the parameters to an answer by ssh; *written* and *started* are the steps in it that
put the system on the disk and start the guest until it answers. All seconds are of software emulation, one processor for dom0, while the controller had the load that stands beside.
"""


@dataclass(frozen=True)
class Row:
    """One guest as one kind, seen to answer."""

    guest: str
    kind: str
    to_ssh_s: float
    """From parameters to ssh: the whole run of the notebook."""
    written_s: float
    """The step that puts the system on the disk; of a disk that has it, the looking."""
    started_s: float
    """The step that starts the guest and waits until it answers."""
    load: tuple[float, float]
    """The controller's load of one minute (getloadavg(3)) at the beginning and at the end."""
    is_new: bool
    """The disk was empty before."""
    kernel: str
    """What `uname -r` said inside."""


@dataclass(frozen=True)
class Result:
    """One virtual PC, last seen."""

    machine: str
    """A machine of the zoo, or `testbed`, that of the acceptance."""
    release: str
    on: str
    """The day."""
    commit: str
    xen: str
    """What `xl info` said of its version."""
    image: str
    """The image's recipe."""
    image_s: float
    """How long it took to make, whenever that was."""
    was_kept: bool
    """The image was there before the proof began, so `image_s` is in no row."""
    rows: tuple[Row, ...] = ()
    refused: bool = False
    """A disk that held something was refused at the end, and was the same to the byte."""
    failed: str = field(default="")
    """What did not hold, '' when all did."""


def save(result: Result, folder: Path | None = None) -> Path:
    """Write the result, and return its file."""
    place = folder or project() / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    write_atomic(place / f"{result.machine}.json", json.dumps(asdict(result), indent=1) + "\n")
    return place / f"{result.machine}.json"


def read_all(folder: Path | None = None) -> list[Result]:
    """Return the last result of each machine that was tried."""
    found = [
        json.loads(file.read_text(encoding="utf-8"))
        for file in sorted((folder or project() / FOLDER).glob("*.json"))
    ]
    return [Result(**{**one, "rows": tuple(_row(row) for row in one["rows"])}) for one in found]


def _row(row: dict[str, Any]) -> Row:
    began, ended = row["load"]
    return Row(**{**row, "load": (began, ended)})


def page(folder: Path | None = None) -> str:
    """Return the page as Markdown."""
    return HEAD + "".join(_of_machine(result) for result in read_all(folder))


def _of_machine(result: Result) -> str:
    made = "kept from before, so it is in no row" if result.was_kept else "made anew, in the first row"
    lines = [
        f"\n## {result.machine}, {result.release}\n",
        f"Seen {result.on}, {result.commit}, Xen {result.xen}. The image {result.image} had taken {result.image_s:g} s to make; it was {made}.\n",
        "| guest | as | to ssh, s | written, s | started, s | load | kernel |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_line(row) for row in result.rows),
        "",
    ]
    if result.refused:
        lines += [
            "A disk that held a system without the host's note of it was refused, and stayed the same to the byte.",
            "",
        ]
    if result.failed:
        lines += ["What did not hold:", "", *(f"    {line}" for line in result.failed.splitlines()), ""]
    return "\n".join(lines)


def _line(row: Row) -> str:
    disk = "" if row.is_new else " (the disk of the first)"
    load = " to ".join(f"{one:g}" for one in row.load)
    times = f"{row.to_ssh_s:g} | {row.written_s:g} | {row.started_s:g}"
    return f"| {row.guest} | {row.kind}{disk} | {times} | {load} | {row.kernel} |"


def write(folder: Path | None = None) -> None:
    """Write the page."""
    write_atomic(project() / PAGE, page(folder))


if __name__ == "__main__":
    write()
