"""What a capture asks: all that the survey, `runbook new` and every step ask, and what each answer's file is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

from runbook import proposal
from runbook.facts import identity, likeness, ssh_server, system
from runbook.model.ask import Ask
from runbook.params import HostParams
from runbook.show import survey
from runbook.steps import notebooks, steps_of

_ROOMS = ("facts", "survey", "proposal", "guests", "steps")
_FIRST = tuple(f"runbook.facts.{name}" for name in (
    "xl", "system", "cpu", "firmware", "memory", "pci", "storage.asks", "network", "usb", "interfaces"))  # fmt: skip
"""Modules whose names go before those of others that ask the same."""
_LONGEST = 60


def of_survey() -> tuple[Ask, ...]:
    """Return what the survey, its pictures and `runbook new` ask, each once."""
    return tuple(dict.fromkeys((*identity.COMMANDS, *system.COMMANDS, *proposal.asks(), *survey.asks())))


def of_steps(params: HostParams) -> tuple[Ask, ...]:
    """Return what all steps ask for these parameters, each once."""
    asks: list[Ask] = [*identity.COMMANDS, *system.COMMANDS]
    for notebook in notebooks():
        for step in steps_of(notebook, params.release).values():
            asks += step.asks(params)
    return tuple(dict.fromkeys(asks))


def of_likeness() -> tuple[Ask, ...]:
    """Return what a rehearsal asks besides, whatever the parameters are: what its virtual PC is made like, and who gets in."""
    return (*likeness.COMMANDS, *ssh_server.COMMANDS)


def names(asks: Iterable[Ask]) -> dict[Ask, str]:
    """Return the name of each question's file, no two alike.

    A command that is a constant of a module has its name, `pci-links` that of `pci._LINKS`: it stays the same when the
    words of the question change. A file is called by its path, any other command by its words.
    """
    found: dict[Ask, str] = {}
    taken: set[str] = set()
    for ask in sorted(asks):
        name = first = constants().get(ask) or _spelt(ask)
        number = 2
        while name.lower() in taken:
            name, number = f"{first}-{number}", number + 1
        taken.add(name.lower())
        found[ask] = name
    return found


@cache
def constants() -> Mapping[Ask, str]:
    """Return the name of every command that is a constant of a module."""
    found: dict[Ask, str] = {}
    for module in sorted(_modules(), key=lambda m: (m.__name__ not in _FIRST, m.__name__)):
        for constant, value in sorted(vars(module).items()):
            if isinstance(value, Ask) and value.kind == "run":
                *_, above, name = module.__name__.split(".")
                of = above if name == "asks" else name
                found.setdefault(value, f"{of}-{constant.strip('_')}".replace("_", "-").lower())
    return found


def _modules() -> list[ModuleType]:
    found = []
    for room in _ROOMS:
        top = import_module(f"runbook.{room}")
        found += [import_module(m.name) for m in walk_packages(top.__path__, f"{top.__name__}.")]
    return found


def _spelt(ask: Ask) -> str:
    text = ask.argv[-1] if ask.argv[:2] == ("sh", "-c") else " ".join(ask.argv)
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-._")[:_LONGEST].strip("-._")
    return f"{'file' if ask.kind == 'read' else 'command'}-{plain or 'question'}"
