"""A capture taken of a host: asked in two looks, cleaned, and written whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from runbook import params as parameters
from runbook import proposal
from runbook.captures import people, questions
from runbook.captures.cleaned import Cleaned, clean
from runbook.errors import ParamsError, Refused, RunbookError
from runbook.hosts import Host, capture
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import HostParams
from runbook.params.host import Local
from runbook.survey import judge, read, verdict


@dataclass(frozen=True)
class Taken:
    """What a capture is made of."""

    facts: Facts
    """The answers of the survey and of `runbook new`, as they came."""
    cleaned: Cleaned
    warnings: tuple[str, ...]
    """What whoever sends it should know besides."""


def take(host: Host, params: HostParams, file: Path | None) -> Taken:
    """Return a host's answers, cleaned: to the survey, to `runbook new`, to every step's plan, and for a rehearsal.

    The steps are asked with the parameters of `file`, and with those that `runbook new` proposes; without a file with
    these alone. Raises `HostError` as the host does.
    """
    first = host.gather(dict.fromkeys((*questions.of_survey(), *people.ASKS)))
    text, proposed, warnings = _proposed(params, first)
    asks: dict[Ask, None] = {}
    every = [one for one in (params, proposed) if one]
    for one in every if file else every[1:]:
        asks |= dict.fromkeys(questions.of_steps(one))
    known = {ask: first[ask] for ask in questions.of_survey() if ask in first}
    more = (ask for ask in (*asks, *questions.of_likeness()) if ask not in known)
    answers = {**known, **_all(host.gather(dict.fromkeys(more)))}
    if file:
        text = _planned_with(params)
    cleaned = clean(answers, {ask: first[ask] for ask in people.ASKS if ask in first}, every, text)
    warnings += _differences(Facts(answers), Facts(cleaned.answers))
    warnings += _parameters(cleaned.params)
    return Taken(Facts(known), cleaned, tuple(warnings))


def save(taken: Taken, folder: Path, *, force: bool = False) -> None:
    """Write what was taken into a folder, whole or not at all. Raises `ParamsError` when something is there, `OSError`."""
    names = questions.names(taken.cleaned.answers)
    entries = [capture.Said(names[ask], ask, answer) for ask, answer in taken.cleaned.answers.items()]
    now = datetime.now(UTC)
    capture.save(
        folder,
        f"{now:%Y-%m-%d}",
        entries,
        taken.cleaned.params,
        force=force,
        runbook=version("xen-host-runbook"),
        replaced=taken.cleaned.replaced,
    )


def _proposed(params: HostParams, facts: Facts) -> tuple[str, HostParams | None, list[str]]:
    """Return the file that `runbook new` proposes, what it says, and why it says nothing, where that is so."""
    text = ""
    try:
        text = proposal.write(params.host, Local(), proposal.read(facts))
        return text, parameters.loads(text, Path(capture.PARAMS)), []
    except Refused as error:  # not root there
        return text, None, [f"only the survey's questions are in it: {error.what}"]
    except RunbookError as error:  # what this capture may be made to show
        return text, None, [f"`runbook new` fails on this machine: {error.what} ({error.why})"]


def _planned_with(params: HostParams) -> str:
    """Return parameters as a file; how the machine is reached stays out of it."""
    from runbook.proposal.commented import dump

    values = params.model_dump(mode="json", exclude_unset=True) | {"connection": {"kind": "local"}}
    return "# The parameters that the steps' questions were asked with.\n" + dump(values)


def _all(facts: Facts) -> dict[Ask, Answer]:
    return {ask: facts[ask] for ask in facts}


def _differences(raw: Facts, cleaned: Facts) -> list[str]:
    """Return a line where the machine is judged otherwise by what was cleaned: that is never meant."""
    try:
        before, after = (_verdicts(facts) for facts in (raw, cleaned))
    except RunbookError as error:
        return [f"the survey of the cleaned answers fails: {error.what}"]
    wrong = sorted(bdf for bdf in before.keys() | after.keys() if before.get(bdf) != after.get(bdf))
    if not wrong:
        return []
    return [f"cleaning changed what is said of {', '.join(wrong)}: please say so where you send it"]


def _verdicts(facts: Facts) -> dict[str, tuple[str, ...]]:
    """Return for each device of a machine its verdict, and the kinds of reasons for it."""
    machine = read(facts)
    judged = {device.bdf: judge(machine, device) for device in machine.devices}
    return {bdf: (verdict(why), *sorted(reason.kind for reason in why)) for bdf, why in judged.items()}


def _parameters(text: str) -> list[str]:
    if not text:
        return []
    try:
        parameters.loads(text, Path(capture.PARAMS))
    except ParamsError as error:
        return [f"the cleaned parameters are none any more: {error.why or error.what}"]
    return []
