"""The survey's answers of a capture, also of one that was made before the survey asked all that it asks today."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runbook import params as parameters
from runbook.captures import questions
from runbook.controller.project import project
from runbook.errors import ParamsError
from runbook.hosts import capture
from runbook.hosts.captured import CapturedHost
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams


@dataclass(frozen=True)
class Seen:
    """What a capture says to a survey."""

    facts: Facts
    unasked: tuple[str, ...]
    """The names of the survey's questions that it does not hold: what they would say is not known."""


def see(folder: Path) -> Seen:
    """Return the answers to the survey's questions and to `runbook new`'s.

    A question whose words have changed since is found by its name. One that is not held reads as where the tool is absent.
    Raises `ParamsError` for a folder that is no capture.
    """
    held = capture.load(folder)
    answers, by_name = held.answers, {one.name: one.answer for one in held.said}
    found: dict[Ask, Answer] = {}
    unasked = []
    for ask in questions.of_survey():
        name = questions.constants().get(ask, "")
        answer = answers.get(ask) or by_name.get(name)
        if answer is None:
            unasked.append(name or ask.key)
            answer = Answer(MISSING if ask.kind == "read" else 127)
        found[ask] = answer
    host = CapturedHost(folder)
    return Seen(Facts(found, host.describe, host.never_asked), tuple(unasked))


def shortest(folder: Path) -> str:
    """Return the path of a capture as a parameter file names it: relative to the project where it lies in it."""
    whole = folder.absolute()
    return str(whole.relative_to(project()) if whole.is_relative_to(project()) else whole)


def own_params(folder: Path) -> HostParams:
    """Return the parameters that lie in a capture. Raises `ParamsError` when there are none, or they are wrong."""
    if not (folder / capture.PARAMS).is_file():
        raise ParamsError(
            "A capture without parameters",
            where=str(folder),
            why=f"it holds no {capture.PARAMS}: its machine was not asked as root",
            do=f"write them: runbook new HOST --capture {folder}; then name that file",
        )
    return parameters.load(folder / capture.PARAMS)
