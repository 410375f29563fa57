"""`docs/parameters.md`: every parameter of a host, made from the models that check them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin
from unittest.mock import patch

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from runbook.hosts.recorded import RecordedHost
from runbook.model.ask import Answer, Facts
from runbook.params import HostParams, load, yaml12
from runbook.params.types import Closed
from runbook.steps import Step, name_of, notebooks

PAGE = Path("docs/parameters.md")
FILES = "params/*.yml"
"""Where examples are taken from, the guide's own machine first."""
RECORDING = Path("recordings/testbed-again")
"""What a finished host answers."""
HEAD = """\
# Parameters

Everything that a parameter file can say about a host, in the order of the file.
`runbook new HOST` writes a first file from the machine itself, `params/victory.yml` is a whole one, and `params/schema.json` lets an editor complete and check the keys.
A key that is not here is an error that names the nearest one.

*Takes* is what is checked before anything starts; *unless said* holds where the file is silent, and **must be said** has no such value.
*Read by* names the steps, or the notebook of many, that looked at it when they were planned and checked for the files in `params/`; `runbook` is what is no step: what reaches the host, makes the installer, builds, or asks for consent.

This page is written by `make parameters` from the models in `runbook/params/`; a test compares it.
"""


@dataclass(frozen=True)
class Parameter:
    """One value that a file can hold: the place of its section, its key, and how its model describes it."""

    section: str
    key: str
    model: type[BaseModel]
    field: FieldInfo

    @property
    def where(self) -> str:
        return f"{self.section}.{self.key}" if self.section else self.key


def parameters(model: type[BaseModel] = HostParams, section: str = "") -> Iterator[Parameter]:
    """Yield each parameter, section by section; `[]` stands for the items of a list."""
    inner = []
    for key, field in model.model_fields.items():
        below = models(field.annotation)
        if not below and not _is_mark(field):
            yield Parameter(section, key, model, field)
        mark = "[]" if get_origin(field.annotation) is tuple else ""
        inner += [(one, f"{section}.{key}{mark}".lstrip(".")) for one in below]
    for one, place in inner:
        yield from parameters(one, place)


def _is_mark(field: FieldInfo) -> bool:
    """True for what only tells one kind of a section from another: it has one value, which the heading says."""
    return get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1


def models(annotation: Any) -> list[type[BaseModel]]:
    """Return the models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models(part)]


def page() -> str:
    """Return the whole page as Markdown."""
    seen, parts, last = readers(), [HEAD], None
    for one in parameters():
        if one.model is not last:
            kind = one.model.model_fields.get("kind")
            name = one.section or "The file itself"
            name += f", `kind: {kind.default}`" if kind and _is_mark(kind) else ""
            about = " ".join((one.model.__doc__ or "").split())
            parts.append(
                f"\n## {name}\n\n{about}\n\n| key | takes | unless said | what it means | example | read by |"
            )
            parts.append("| --- | --- | --- | --- | --- | --- |")
            last = one.model
        about = " ".join((one.field.description or "").split())
        steps = seen.get((one.model, one.key), "`runbook`")
        cells = (f"`{one.key}`", takes(one.field), default(one.field), about, f"`{example(one)}`", steps)
        parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(parts) + "\n"


def takes(field: FieldInfo) -> str:
    """Return what a parameter takes, in words: its choices, its limits, or what its validator says that it returns."""
    return _takes(field.annotation, field.metadata)


def _takes(annotation: Any, about: list[Any]) -> str:
    about = [part for one in about for part in (one.metadata if isinstance(one, FieldInfo) else [one])]
    if hasattr(annotation, "__metadata__"):
        return _takes(annotation.__origin__, [*about, *annotation.__metadata__])
    limits = {type(one): one for one in about}
    if get_origin(annotation) is tuple:
        return f"a list{', not empty' if MinLen in limits else ''}: {_takes(get_args(annotation)[0], [])}"
    if get_origin(annotation) is dict:
        return "a mapping: " + _summary(limits[BeforeValidator].func)
    if get_origin(annotation) is Literal:
        return " or ".join(
            f"`{json.dumps(choice) if choice == '' else choice}`" for choice in get_args(annotation)
        )
    if parts := [part for part in get_args(annotation) if part is not NoneType]:
        return " or ".join(_takes(part, about) for part in parts)
    if check := limits.get(AfterValidator):
        return _summary(check.func)
    if annotation is int and Ge in limits and Le in limits:
        return f"{limits[Ge].ge} to {limits[Le].le}"
    if annotation is str and MaxLen in limits:
        return f"one line of at most {limits[MaxLen].max_length} characters"
    return {bool: "`true` or `false`", str: "one line", int: "a whole number"}[annotation]


def _summary(check: Any) -> str:
    """Return what a validator says that it returns."""
    summary = (check.__doc__ or "").partition("\n\n")[0].partition(" Raises ")[0]
    return re.sub(r"^Return ", "", " ".join(summary.split())).rstrip(".")


def default(field: FieldInfo) -> str:
    """Return what holds where nothing is said."""
    if field.is_required():
        return "**must be said**"
    if field.default == {}:
        return "none"
    return {(): "none", None: "none", "": "nothing"}.get(field.default) or f"`{written(field.default)}`"


def example(one: Parameter) -> str:
    """Return a line of YAML that says the parameter: from a file of `params/`, of its model, or another value that it takes."""
    is_text = "str" in str(one.field.annotation) or "Literal" in str(one.field.annotation)
    for values in _values():
        for value in _found(values, one.where.replace("[]", "").split(".")):
            if value not in ("", []):  # the reader leaves numbers as they are written
                return f"{one.key}: {written(value) if is_text else value}"
    return f"{one.key}: {written(_another(one.field))}"


@cache
def _files() -> tuple[Path, ...]:
    return tuple(sorted(Path().glob(FILES), key=lambda path: (path.stem != "victory", path.stem)))


@cache
def _values() -> tuple[Any, ...]:
    return tuple(yaml12.read(path)[0] for path in _files())


def _found(values: Any, keys: list[str]) -> Iterator[Any]:
    if isinstance(values, list) and keys:
        for item in values:
            yield from _found(item, keys)
    elif not keys:
        yield values
    elif isinstance(values, dict) and keys[0] in values:
        yield from _found(values[keys[0]], keys[1:])


def _another(field: FieldInfo) -> Any:
    if field.examples:
        return field.examples[0]
    if get_origin(field.annotation) is Literal:
        return next(choice for choice in get_args(field.annotation) if choice != field.default)
    return not field.default if field.annotation is bool else field.default


def written(value: Any) -> str:
    """Return a value as a file has it: a text without quotes where YAML reads it as that text.

    >>> written(["ana", "on", "a: b", True])
    '[ana, "on", "a: b", true]'
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    plain = (
        isinstance(value, str) and re.fullmatch(r"[A-Za-z/][\w./@:=+ -]*(?<!:)", value) and ": " not in value
    )
    return value if plain and value not in ("on", "off", "yes", "no", "true", "false") else json.dumps(value)


def readers() -> dict[tuple[type[BaseModel], str], str]:
    """Return who reads each parameter when all steps are asked, planned and checked for the files of `params/`."""
    read: dict[Step, set[tuple[type[BaseModel], str]]] = {}
    for notebook, steps in notebooks().items():
        host = RecordedHost(RECORDING, notebook)
        host.gather(())
        for step in steps:
            read[step] = {what for path in _files() for what in _read(step, _loaded(path), host)}
    return {what: _told(what, read) for what in set().union(*read.values())}


def _told(what: tuple[type[BaseModel], str], read: dict[Step, set[tuple[type[BaseModel], str]]]) -> str:
    """Return the steps of each notebook that read a parameter: their names, or of more than three the number."""
    told = []
    for notebook, steps in notebooks().items():
        names = [f"`{name_of(step)}`" for step in steps if what in read[step]]
        told += [f"{len(names)} steps of {notebook[:2]}"] if len(names) > 3 else names
    return ", ".join(told)


@cache
def _loaded(path: Path) -> HostParams:
    return load(path, is_kept=True)


def _read(step: Step, params: HostParams, host: RecordedHost) -> set[tuple[type[BaseModel], str]]:
    read: set[tuple[type[BaseModel], str]] = set()

    def noting(model: Any, name: str) -> Any:
        if name in type(model).__pydantic_fields__:
            read.add((type(model), name))
        return object.__getattribute__(model, name)

    with patch.object(Closed, "__getattribute__", noting):
        asks = step.asks(params)
        answers = Facts({ask: (host.known([ask]) or {ask: Answer(127)})[ask] for ask in asks})
        for act in (step.plan, step.check):
            with suppress(Exception):  # the answers are the recorded host's, and not all of these are of it
                act(params, answers)
    return read


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
