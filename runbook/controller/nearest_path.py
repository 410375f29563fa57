"""The file or folder that was meant, for a path where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runbook.text.nearest import closest
from runbook.text.printable import printable


def nearest_path(
    wanted: str | Path, fits: Callable[[Path], bool] = Path.exists, base: Path | None = None
) -> str:
    """Return the question whether the path of the nearest name was meant; '' where none is near.

    One part of a path may be wrong, a folder or the last one; what it leads to then is there and `fits`. A relative
    path is looked for in the folder `base` (the current one), and the answer is relative to it, too. Nothing is raised.
    """
    with suppress(OSError, ValueError, RuntimeError):
        path = Path(wanted).expanduser()
        start = base or Path()
        top = path.parent
        while not (start / top).is_dir():
            top = top.parent
        if path == top or (start / path).exists():
            return ""
        wrong, *rest = path.relative_to(top).parts
        names = sorted(entry.name for entry in (start / top).iterdir() if fits(entry.joinpath(*rest)))
        if name := closest(wrong, names):
            return f"did you mean '{printable(top.joinpath(name, *rest))}'?"
    return ""
