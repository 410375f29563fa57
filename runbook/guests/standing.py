"""How a configuration that is there stands to the one that is wanted: whose it is, and what would go with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runbook.guests import seal
from runbook.guests.effect import Difference, differences
from runbook.guests.syntax import Config, Unreadable, parse

Kind = Literal["absent", "wanted", "sealed", "equal", "other"]


@dataclass(frozen=True)
class Standing:
    """What becomes of one file.

    `absent`: it is made. `wanted`: it is that very text. `sealed`: the runbook wrote it and nobody edited it, so it is
    written anew. `equal`: a person wrote or edited it, and it asks xl for the same; it stays. `other`: it asks for
    something else, and only who agreed to that replaces it.
    """

    kind: Kind
    differences: tuple[Difference, ...] = ()
    """Of what is `other`; () where that cannot be told."""
    unreadable: str = ""
    """Why xl could not read it, of what is `other`."""

    @property
    def is_due(self) -> bool:
        """True where the file has to be written."""
        return self.kind in ("absent", "sealed", "other")


def standing(there: str | None, wanted: str, release: str) -> Standing:
    """Return how the text of a file, None where there is none, stands to the wanted one."""
    if there is None:
        return Standing("absent")
    if there == wanted:
        return Standing("wanted")
    if seal.is_whole(there):
        return Standing("sealed")
    try:
        now = parse(there)
    except Unreadable as error:
        return Standing("other", unreadable=str(error))
    found = differences(now, _named_alike(now, parse(wanted)), release)
    return Standing("other" if found else "equal", found)


def _named_alike(there: Config, wanted: Config) -> Config:
    """Return what is wanted without an identity that the other never had: xl draws one at each start, and nothing is lost."""
    values = {key: v for key, v in wanted.values.items() if key != "uuid" or "uuid" in there.values}
    return Config(values, wanted.lines, wanted.repeated)
