"""Parameters: YAML in, a frozen `HostParams` out, or one clear error before anything starts."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runbook.controller import shipped
from runbook.controller.nearest_path import nearest_path
from runbook.errors import ParamsError
from runbook.params import here, yaml12
from runbook.params.faults import explain
from runbook.params.host import Captured
from runbook.params.model import HostParams

_HOST = r"[a-z0-9][a-z0-9-]{0,62}"
"""A host's name, which can stand for its parameter file."""
__all__ = [
    "HostParams",
    "digest",
    "file_of",
    "find",
    "load",
    "loads",
    "on_capture",
    "schema",
    "with_upgrades",
]


def find(path: str | Path, start: Path | None = None) -> Path:
    """Return an existing path for a relative one, searched in the current folder and upwards.

    A notebook runs in `notebooks/`, papermill in the project's root: both find `params/x.yml`. Recordings that come
    with the runbook are found from everywhere.
    Raises `ParamsError` when there is none, with the nearest name.
    """
    wanted = Path(path).expanduser()
    start = start or Path.cwd()
    brought = [shipped.root()] if wanted.parts[:1] == (shipped.RECORDINGS,) else []
    for base in (start, *start.parents, *brought):
        with suppress(OSError, ValueError):  # what no path can be is not there
            if (base / wanted).exists():
                return (base / wanted).resolve()
    raise ParamsError(
        f"There is no {path}",
        where=f"{start} and the folders above it",
        do=_meant(wanted, start) or "give the path of a parameter file, such as params/example.yml",
    )


def file_of(path: str | Path) -> Path:
    """Return the parameter file that is meant by a path, or by a host's name alone: `params/NAME.yml`.

    Raises `ParamsError` when there is none, with the nearest name.
    """
    if not re.fullmatch(_HOST, str(path)):
        return find(path)
    named = Path("params") / f"{path}.yml"
    try:
        return find(named)
    except ParamsError:
        if Path(path).is_file():
            return find(path)
        raise


def _meant(wanted: Path, start: Path) -> str:
    """Return the question whether the file of the nearest name was meant; '' where there is none."""
    kind = wanted.suffix or ".yml"
    bases = (start, *start.parents)
    found = (nearest_path(wanted, lambda path: path.suffix == kind and path.exists(), base) for base in bases)
    return next(filter(None, found), "")


def load(path: str | Path, *, is_kept: bool = False) -> HostParams:
    """Return the parameters of one host, of its file or of its name alone (`file_of`).

    `is_kept` is for the copy in a report: whether the steps and the recording that it names are there
    today is not asked.
    Raises `ParamsError` that names file, line, key, reason and next move of every wrong value.
    """
    file = file_of(path)
    return _checked(*yaml12.read(file), file, is_kept=is_kept)


def loads(text: str, path: Path) -> HostParams:
    """Return the parameters of a text that is not, or not yet, the content of the file at `path`.

    Raises `ParamsError` as `load` does.
    """
    return _checked(*yaml12.parse(text, path), path)


def _checked(
    values: dict[str, Any], lines: dict[yaml12.Where, int], file: Path, *, is_kept: bool = False
) -> HostParams:
    try:
        params = HostParams.model_validate(values)
    except ValidationError as error:
        raise explain(error, file, lines) from None
    if not is_kept:
        here.prove(params, file, lines, _folder(params))
    return params


def on_capture(params: HostParams, folder: str | Path | None) -> HostParams:
    """Return the parameters with a capture in place of the host; as they are when `folder` is None or ''."""
    if not folder:
        return params
    return params.model_copy(update={"connection": Captured(folder=str(folder))})


def with_upgrades(params: HostParams, how: str | None) -> HostParams:
    """Return the parameters with another `management.upgrades`; as they are when `how` is None or ''."""
    if not how:
        return params
    management = params.management.model_copy(update={"upgrades": how})
    return params.model_copy(update={"management": management})


def _folder(params: HostParams) -> Path | None:
    """Return where the recording of a recorded host is, or a capture; None when it is nowhere, or none is needed."""
    _, named = here.folder(params)
    try:
        return find(named) if named else None
    except ParamsError:
        return None


def digest(params: HostParams) -> str:
    """Return 12 hex digits that change when any parameter changes."""
    text = json.dumps(params.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def schema() -> dict[str, Any]:
    """Return the JSON schema of a parameter file; `params/schema.json` is its committed copy."""
    return HostParams.model_json_schema()
