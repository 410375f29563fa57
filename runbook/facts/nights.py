"""How the host's own timers went: the last backups by themselves, the second place, and which backup started a guest."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import Any

from runbook.backups import names
from runbook.backups.schedule import NIGHT, SECOND_ID, STATE
from runbook.model.ask import Answer, Ask, Facts

_NIGHT = Ask.read(NIGHT)
_NOTES = Ask.shell(f"cd {STATE} 2>/dev/null && grep -Hs '' *.booted *.broken; true")
COMMANDS = (_NIGHT, _NOTES)


@dataclass(frozen=True)
class Booted:
    """What became of starting a guest from one backup: `yes`, `no` or `unknown`, when, and what was seen."""

    is_up: str
    date: str
    """20261122T204155Z."""
    seen: str


@dataclass(frozen=True)
class Turn:
    """The last run of one timer; times in seconds since 1970 by the host's clock, 0 for never."""

    ended: int = 0
    errors: tuple[str, ...] = ()
    guests: tuple[tuple[str, dict[str, Any]], ...] = ()
    second: dict[str, Any] | None = None


@dataclass(frozen=True)
class Nights:
    """What the host's own timers left behind."""

    is_known: bool
    """False when the host was never asked, or does not answer."""
    make: Turn = Turn()
    boot: Turn = Turn()
    booted: tuple[tuple[str, Booted], ...] = ()
    """What became of each backup that was started on trial, by its name."""
    broken: tuple[str, ...] = ()
    """The names of backups that could not be read to their end."""

    def of(self, name: str) -> Booted | None:
        """Return what became of starting a guest from this backup, None when nobody tried."""
        return dict(self.booted).get(name)


def parse(facts: Facts) -> Nights:
    """Return how the host's timers went; unknown where the questions have no answer."""
    if _NIGHT not in facts:
        return Nights(False)
    said = _json(facts.text(_NIGHT.argv[0]) or "")
    notes = dict(_note(line) for line in (facts[_NOTES] if _NOTES in facts else Answer(1)).out.splitlines())
    return Nights(
        True,
        _turn(said.get("make")),
        _turn(said.get("boot")),
        tuple(
            (name[:-7], b) for name, text in notes.items() if name.endswith(".booted") for b in _booted(text)
        ),
        tuple(name[:-7] for name in notes if name.endswith(".broken")),
    )


def key(path: str) -> Ask:
    """Return the question whether the key of the second place is there, and which repository it was."""
    return Ask.shell(f"[ -s {shlex.quote(path)} ] && echo key; cat {SECOND_ID} 2>/dev/null; true")


def key_and_repository(facts: Facts, path: str) -> tuple[bool, str]:
    """Return whether the key is there, and the repository's identity, '' as long as there was none.

    >>> key_and_repository(Facts({key("/root/k"): Answer(0, "key\\n5956a3f67a6230d4a92cefb29529f10196c7d92582ec305fd71ff6d331d6271b\\n")}), "/root/k")
    (True, '5956a3f67a6230d4a92cefb29529f10196c7d92582ec305fd71ff6d331d6271b')
    """
    words = facts[key(path)].out.split()
    return "key" in words, next((word for word in words if word != "key"), "")


def calendar(words: str) -> Ask:
    """Return the question what the host's own systemd makes of a time (systemd.time(7))."""
    return Ask.run("systemd-analyze", "calendar", words)


def next_time(facts: Facts, words: str) -> int:
    """Return when a time comes next, in seconds since 1970 by the host's clock; 0 when its systemd does not say.

    >>> next_time(Facts({calendar("daily"): Answer(0, "    Next elapse: Tue 2026-12-01 00:00:00 CET\\n       (in UTC): Mon 2026-11-30 23:00:00 UTC\\n")}), "daily")
    1796079600
    """
    found = re.search(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) UTC", facts[calendar(words)].out)
    return names.seconds("{}{}{}T{}{}{}Z".format(*found.groups())) if found else 0


def _turn(said: Any) -> Turn:
    if not isinstance(said, dict) or not isinstance(said.get("ended"), int):
        return Turn()
    guests = said.get("guests") if isinstance(said.get("guests"), dict) else {}
    errors = said.get("errors") if isinstance(said.get("errors"), list) else []
    second = said.get("second") if isinstance(said.get("second"), dict) else None
    rows = tuple((str(name), row) for name, row in (guests or {}).items() if isinstance(row, dict))
    return Turn(said["ended"], tuple(map(str, errors or [])), rows, second)


def _note(line: str) -> tuple[str, str]:
    name, _, text = line.partition(":")
    return name, text


def _booted(text: str) -> list[Booted]:
    """Return the note of one trial.

    >>> _booted("yes 20261122T204155Z it asked for a login after 31 s")
    [Booted(is_up='yes', date='20261122T204155Z', seen='it asked for a login after 31 s')]
    """
    words = text.split(" ", 2)
    return [Booted(*words)] if len(words) == 3 and words[0] in ("yes", "no", "unknown") else []


def _json(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
