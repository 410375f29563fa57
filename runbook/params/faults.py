"""What is wrong with parameters, in words: file, line, key, reason and next move of every wrong value."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from runbook.errors import ParamsError
from runbook.params.model import HostParams
from runbook.params.secrets import SecretGiven
from runbook.params.yaml12 import Where
from runbook.text.printable import printable

_UNKNOWN = "extra_forbidden"
_MOST = 50
"""Faults that are explained beside the first; who wrote more of them has to begin anyway."""
_LONGEST = 400


def explain(
    error: ValidationError,
    file: Path,
    lines: dict[Where, int],
    model: type[BaseModel] = HostParams,
    example: str = "params/example.yml",
) -> ParamsError:
    """Return all that is wrong with a file's values as one error that carries the others.

    They are in the order of the file, unknown keys first. `example` is a file that shows how it is done.
    """
    found = _causes([(_place(problem, model), problem) for problem in error.errors()], model)

    def explained(at: Where, *others: ParamsError) -> ParamsError:
        key = ".".join(map(str, at))
        what = f"The parameter '{key}' is wrong" if key else "The parameters do not fit together"
        where = f"{file}, line {_line(at, lines)}"
        why, do = _reason(found[at], at, model, example)
        return ParamsError(what, where=where, why=why, do=do, at=at, others=others)

    first, *rest = sorted(found, key=lambda at: (found[at]["type"] != _UNKNOWN, _line(at, lines)))
    others = [explained(at) for at in rest[:_MOST]]
    if len(rest) > _MOST:
        others.append(
            ParamsError(f"{len(rest) - _MOST} more are wrong", where=str(file), do="correct these first")
        )
    return explained(first, *others)


def _causes(problems: list[tuple[Where, Any]], model: type[BaseModel]) -> dict[Where, Any]:
    """Return what is wrong at each place, without what only follows from it.

    A misspelt key is missing too, a list is too short without its wrong items, and a value that may be of
    several kinds is wrong once for each.
    """
    meant = {(*at[:-1], _near(at, model)) for at, problem in problems if problem["type"] == _UNKNOWN}
    above = {at[:length] for at, _ in problems for length in range(len(at))}
    found = dict[Where, Any]()
    for at, problem in problems:
        if at not in above and not (problem["type"] == "missing" and at in meant):
            found.setdefault(at, problem)
    return found


def _line(at: Where, lines: dict[Where, int]) -> int:
    """Return the line of a place, or of what is around it when it is not there."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def _reason(problem: Any, at: Where, model: type[BaseModel], example: str) -> tuple[str, str]:
    """Return why a value is wrong, and what to do."""
    name = str(at[-1]) if at else ""
    if problem["type"] == _UNKNOWN:
        above = ".".join(map(str, at[:-1]))
        near = _near(at, model)
        if near == name:
            return f"another kind of '{above}' has '{name}'", "take it away, or change `kind`"
        do = f"did you mean '{near}'?" if near else f"known here: {', '.join(_keys(at[:-1], model))}"
        return f"'{name}' is not a parameter" + (f" of '{above}'" if above else ""), do
    if problem["type"] == "missing":
        return "it is required and missing", f"add `{name}:`; {example} shows one"
    why = problem["msg"].removeprefix("Value error, ")
    value = problem.get("input")
    is_secret = isinstance(problem.get("ctx", {}).get("error"), SecretGiven)
    if isinstance(value, str) and f"'{value}'" not in why and not is_secret:
        why += f" (it is '{value}')"
    if len(why) > _LONGEST:
        why = f"{why[: _LONGEST // 2]} … {why[-_LONGEST // 2 :]}"
    return printable(why), "correct that line"


def _place(problem: Any, model: type[BaseModel]) -> Where:
    """Return where a problem is in the file: its place without the kinds that pydantic tried for a value."""
    at: Where = ()
    for left, part in enumerate(problem["loc"], 1 - len(problem["loc"])):
        is_unknown_key = problem["type"] == _UNKNOWN and left == 0
        if isinstance(part, int) or part in _keys(at, model) or is_unknown_key:
            at = (*at, part)
    return at


def _near(at: Where, model: type[BaseModel]) -> str:
    """Return the known key that a wrong one is most like, '' when it is like none."""
    near = difflib.get_close_matches(str(at[-1]), _keys(at[:-1], model), n=1, cutoff=0.4)
    return near[0] if near else ""


def _keys(where: Where, model: type[BaseModel]) -> list[str]:
    """Return the known keys of the model that stands at a place below `model`."""
    models: set[type[BaseModel]] = {model}
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
