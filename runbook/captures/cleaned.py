"""A machine's answers without what names people, machines and networks, and without secrets.

The same stands for the same in all of them, questions and parameters included: what is decided about the machine is
decided about what was made of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runbook.captures import people
from runbook.drift.kept import hidden
from runbook.model.ask import Answer, Ask
from runbook.params import HostParams
from runbook.redaction import KNOWN
from runbook.redaction.aliases import Aliases


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
    params: HostParams,
    text: str,
    constant: Iterable[Ask],
) -> Cleaned:
    """Return answers as they may be shown.

    `extra` are answers that say what to clean and are none of those; `text` is the file of the parameters; `constant`
    are the questions whose words are the same for every machine.
    """
    every, asked = {**answers, **extra}, tuple(constant)
    aliases = Aliases(people.words(every, asked), people.constants(every, asked))
    for kind, name in (*people.of_params(params), *people.of_answers(every)):
        aliases.learn(kind, name)
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
