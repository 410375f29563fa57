"""How a configuration that is there stands to the one that is wanted: whose it is, and what would go with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runbook.guests import adoption, devices, seal
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


def standing(existing: str | None, wanted: str, release: str) -> Standing:
    """Return how the text of a file, None where there is none, stands to the wanted one."""
    if existing is None:
        return Standing("absent")
    if existing == wanted:
        return Standing("wanted")
    if seal.is_whole(existing):
        return Standing("sealed")
    try:
        current = parse(existing)
    except Unreadable as error:
        return Standing("other", unreadable=str(error))
    found = told_apart(current, parse(wanted), release)
    return Standing("other" if found else "equal", found)


def told_apart(existing: Config, wanted: Config, release: str) -> tuple[Difference, ...]:
    """Return what the second asks for otherwise than the first, () where both are the same guest."""
    then = _named_alike(existing, wanted)
    found = differences(existing, then, release)
    return found if found and not _is_one_guest(existing, then, release) else ()


def _is_one_guest(existing: Config, wanted: Config, release: str) -> bool:
    """Return whether both would be adopted as the same guest, by whatever words they say it."""
    try:
        one, other = (adoption.parameters(each, release=release) for each in (existing, wanted))
    except adoption.Unadoptable:
        return False
    return (one.guest, one.devices, one.secrets) == (other.guest, other.devices, other.secrets)


def _named_alike(existing: Config, wanted: Config) -> Config:
    """Return what is wanted without an identity that the other never had: xl draws one at each start, and nothing is lost."""
    values = {key: v for key, v in wanted.values.items() if key != "uuid" or "uuid" in existing.values}
    return Config(values, wanted.lines, wanted.repeated)


def password(text: str) -> str:
    """Return the password that a configuration gives its screen, '' for none.

    >>> password("vfb = [ 'vnc=1, vncpasswd=abc' ]"), password("vncpasswd = 'x'"), password("[")
    ('abc', 'x', '')
    """
    try:
        stated = parse(text)
    except Unreadable:
        return ""
    options = (devices.words_of(spec).get("vncpasswd", "") for spec in stated.items("vfb"))
    return stated.text("vncpasswd") or stated.text("spicepasswd") or next(filter(None, options), "")
