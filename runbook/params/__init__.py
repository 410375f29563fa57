"""Parameters: YAML in, a frozen `HostParams` out, or one clear error before anything starts."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from runbook.errors import ParamsError
from runbook.params import yaml12
from runbook.params.model import HostParams
from runbook.params.secrets import SecretGiven

__all__ = ["HostParams", "digest", "find", "load", "loads", "schema"]


def find(path: str | Path, start: Path | None = None) -> Path:
    """Return an existing path for a relative one, searched in the current folder and upwards.

    A notebook runs in `notebooks/`, papermill in the project's root: both find `params/x.yml`.
    Raises `ParamsError` when there is none.
    """
    wanted = Path(path).expanduser()
    start = start or Path.cwd()
    for base in (start, *start.parents):
        if (base / wanted).exists():
            return (base / wanted).resolve()
    raise ParamsError(
        f"There is no {path}",
        where=f"{start} and the folders above it",
        do="give the path of a parameter file, such as params/example.yml",
    )


def load(path: str | Path) -> HostParams:
    """Return the parameters of one host.

    Raises `ParamsError` that names file, line, key, reason and next move for the first wrong
    value; the others are counted.
    """
    file = find(path)
    return _checked(*yaml12.read(file), file)


def loads(text: str, path: Path) -> HostParams:
    """Return the parameters of a text that is not, or not yet, the content of the file at `path`.

    Raises `ParamsError` as `load` does.
    """
    return _checked(*yaml12.parse(text, path), path)


def _checked(values: dict[str, Any], lines: dict[yaml12.Where, int], file: Path) -> HostParams:
    try:
        return HostParams.model_validate(values)
    except ValidationError as error:
        raise _explain(error, file, lines) from None


def digest(params: HostParams) -> str:
    """Return 12 hex digits that change when any parameter changes."""
    text = json.dumps(params.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def schema() -> dict[str, Any]:
    """Return the JSON schema of a parameter file; `params/schema.json` is its committed copy."""
    return HostParams.model_json_schema()


def _explain(error: ValidationError, file: Path, lines: dict[yaml12.Where, int]) -> ParamsError:
    # An unknown key first: a misspelt one is also a missing one, and the spelling is the cause.
    problems = sorted(error.errors(), key=lambda p: p["type"] != "extra_forbidden")
    first = problems[0]
    where = tuple(part for part in first["loc"] if part not in ("ssh", "local", "recorded"))
    known = where
    while known and known not in lines:
        known = known[:-1]
    key = ".".join(map(str, where))
    name = str(where[-1]) if where else ""
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, _keys(where[:-1]), n=1, cutoff=0.4)
        why = f"'{name}' is not a parameter" + (
            f" of '{'.'.join(map(str, where[:-1]))}'" if where[:-1] else ""
        )
        do = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(_keys(where[:-1]))}"
    elif first["type"] == "missing":
        why, do = "it is required and missing", f"add `{name}:`; params/example.yml shows one"
    else:
        why = first["msg"].removeprefix("Value error, ")
        value = first.get("input")
        is_secret = isinstance(first.get("ctx", {}).get("error"), SecretGiven)
        if isinstance(value, str) and f"'{value}'" not in why and not is_secret:
            why += f" (it is '{value}')"
        do = "correct that line"
    if len(problems) > 1:
        do += f"; {len(problems) - 1} more to correct after it"
    return ParamsError(
        f"The parameter '{key}' is wrong" if key else "The parameters do not fit together",
        where=f"{file}, line {lines.get(known, 1)}",
        why=why,
        do=do,
    )


def _keys(where: tuple[Any, ...]) -> list[str]:
    """Return the known keys of the model that stands at a place in the parameters."""
    models: set[type[BaseModel]] = {HostParams}
    for part in where:
        if isinstance(part, int):
            continue
        fields = [m.model_fields[part].annotation for m in models if part in m.model_fields]
        models = {model for annotation in fields for model in _models(annotation)}
    return sorted({key for model in models for key in model.model_fields})


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)
