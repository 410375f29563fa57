"""The last look over a report before it is closed: no known secret stays in any of its files."""

from __future__ import annotations

from pathlib import Path

from runbook.attestation.statement import contents
from runbook.controller import plain
from runbook.controller.atomic import write_atomic
from runbook.redaction import KNOWN


def sweep(folder: Path) -> list[Path]:
    """Mask every known secret that a file of a report still holds; return those files.

    The last look: it finds what was written before its value was known, such as an output of the
    notebook before. What is no plain file is not opened. Raises `OSError`, and `NotPlain` for a file that is
    larger than any of a run.
    """
    found = []
    for name, its in sorted(contents(folder), key=lambda one: one[0]):
        if plain.kind(its.st_mode):
            continue
        path = folder / name
        text = plain.read(path, plain.LARGEST).decode("utf-8", "replace")
        if (clean := KNOWN.text(text)) != text:
            write_atomic(path, clean)
            found.append(path)
    return found
