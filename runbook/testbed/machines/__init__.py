"""Descriptions of machines that people live in, one file each: what the testbed builds beyond a fresh Debian."""

from __future__ import annotations

import difflib
from pathlib import Path

from pydantic import ValidationError

from runbook.errors import ParamsError
from runbook.params import yaml12
from runbook.params.faults import explain
from runbook.testbed.machines.model import Claim, Description, Layout, Refusal

__all__ = ["FOLDER", "Claim", "Description", "Layout", "Refusal", "load", "named", "names"]

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Return the names of all machines that are described, the plain one first."""
    found = sorted(path.stem for path in FOLDER.glob("*.yml"))
    return sorted(found, key=lambda name: name != "plain")


def named(name: str) -> Description:
    """Return the description of that name. Raises `ParamsError` when there is none, or for what is wrong in it."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
        raise ParamsError(
            f"There is no machine '{name}'",
            where=str(FOLDER),
            do=f"did you mean '{near[0]}'?" if near else "there are: " + ", ".join(names()),
        )
    return load(FOLDER / f"{name}.yml")


def load(path: Path) -> Description:
    """Return the description in a file, closed as parameters are.

    Raises `ParamsError` that names file, line, key, reason and next move of every wrong value.
    """
    values, lines = yaml12.read(path)
    try:
        return Description.model_validate({"name": path.stem, **values})
    except ValidationError as error:
        raise explain(error, path, lines, Description, "runbook/testbed/machines/plain.yml") from None
