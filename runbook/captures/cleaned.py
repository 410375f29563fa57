"""A machine's answers without what names people, machines and networks, and without secrets.

The same stands for the same in all of them, questions and parameters included: what is decided about the machine is
decided about what was made of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from runbook.captures import people, questions
from runbook.drift.kept import hidden
from runbook.guests import config
from runbook.model.ask import Answer, Ask
from runbook.params import HostParams
from runbook.redaction import KNOWN
from runbook.redaction.aliases import Aliases
from runbook.steps.shared.writers import nm_profiles


@dataclass(frozen=True)
class Cleaned:
    """The answers that may be shown, and what was done to them."""

    answers: dict[Ask, Answer]
    params: str
    replaced: dict[str, int]
    """How many different things of each kind others stand for."""
    left: tuple[str, ...]
    """Names that stay, because they are words of the trade too."""


def clean(
    answers: Mapping[Ask, Answer],
    extra: Mapping[Ask, Answer],
    params: Sequence[HostParams],
    text: str,
) -> Cleaned:
    """Return answers as they may be shown.

    `extra` are answers that say what to clean and are none of those; `text` is the file of the parameters,
    and `params` are all with which a step was asked.
    """
    # Questions whose words are the same for every machine.
    common = (*questions.of_survey(), *people.ASKS, *questions.constants())
    every = {**answers, **extra}
    aliases = Aliases(people.trade(every, common), people.constants(every, common))
    named = (name for one in params for name in people.of_params(one))
    for kind, name in (*named, *people.of_answers(every)):
        aliases.learn(kind, name)
    for one in params:
        for made, other in zip(_made(one), _made(_renamed(one, aliases)), strict=True):
            aliases.stand(made, other)
    # Nobody can try out passwords against a key that is forgotten here.
    key = secrets.token_hex(16)

    def without(text: str) -> str:
        return aliases.text(hidden(Answer(0, KNOWN.text(text)), key).out)

    cleaned = {
        Ask(ask.kind, tuple(map(without, ask.argv))): Answer(a.status, without(a.out), without(a.err))
        for ask, a in answers.items()
    }
    left = sorted(name for name in aliases.left if not people.is_standard(name))
    return Cleaned(cleaned, without(text), aliases.replaced(), tuple(left))


def _renamed(params: HostParams, aliases: Aliases) -> HostParams:
    return params.model_copy(update={"host": aliases.text(params.host)})


def _made(params: HostParams) -> Iterator[str]:
    """Yield the UUIDs that the runbook makes from a host's name: of guests, and of profiles of NetworkManager."""
    yield from (config.uuid_of(params, guest) for guest in params.guests)
    for bridge in params.network.bridges:
        for names in ((), *((port,) for port in bridge.ports)):
            yield nm_profiles.uuid_of(params.host, bridge.name, *names)
