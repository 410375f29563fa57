"""Answers of a host as they should not be: cut, garbled, of a wrong type, too large. Seeded, so that a case comes again."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from runbook.model.ask import MISSING, UNREADABLE, Answer

NUMBERS = (
    "0", "-1", "1e308", "nan", "inf", "0x10", "007", "1.5", "²", "१२", "9" * 20, "9" * 400, "9" * 5000, "1" + "0" * 12,
    "18446744073709551616", "-9223372036854775809", "1_000", "+5", " 5", "",
)  # fmt: skip
WORDS = (
    "", " ", "\t", "\n\n", "\0", "\ufeff", "\ufffd" * 5, "–", "null", "N/A", "-", ":", "::", "/", "..", "=", '"', "'", "{", "[", "]]", "%s", "$(x)",
    "\x1b[31m", "\u202e", "a" * 300, "é", "\r", "2026-13-45T99:99:99", "0000:00:00.0", "ffff:ff:1f.7", "1970-01-01",
)  # fmt: skip
JSON_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, 1e308, float("nan"), "", "x", [], {}, [None], [[]], {"": None}, [1, "2"], "9" * 5000, "\ud800",
)  # fmt: skip
COMPLAINTS = (
    (127, "", "sh: 1: lsblk: not found\n"), (127, "", "timeout: failed to run command ‘xl’: No such file or directory\n"),
    (126, "", "Permission denied\n"), (124, "", ""), (137, "", "Killed\n"), (1, "", "Segmentation fault\n"), (255, "", "error\n"),
    (0, "", "warning: something\n"), (0, "command not found\n", ""), (MISSING, "", ""), (UNREADABLE, "", "Permission denied\n"),
)  # fmt: skip

Mutation = Callable[[random.Random, Answer], Answer]


def mutate(rng: random.Random, answer: Answer) -> tuple[str, Answer]:
    """Return the name of what was done to an answer, and what became of it."""
    is_json = answer.out.lstrip()[:1] in ("{", "[") and rng.random() < 0.3
    kind = "json" if is_json else rng.choice([*MUTATIONS])
    return kind, MUTATIONS[kind](rng, answer)


def _text(change: Callable[[random.Random, str], str]) -> Mutation:
    return lambda rng, answer: Answer(answer.status, change(rng, answer.out), answer.err)


def _complaint(rng: random.Random, answer: Answer) -> Answer:
    return Answer(*rng.choice(COMPLAINTS))


def _timed_out(rng: random.Random, answer: Answer) -> Answer:
    return Answer(124, answer.out[: rng.randrange(len(answer.out) + 1)], answer.err)


def _encoded(rng: random.Random, text: str) -> str:
    name = rng.choice(["utf-16", "utf-16-le", "utf-32", "cp037", "utf-8-sig", "utf-7"])
    return text.encode(name, "replace").decode("utf-8", "replace")


def _noise(rng: random.Random, text: str) -> str:
    data = bytearray(text.encode()[:100_000] or b"x")
    for _ in range(rng.choice([1, 5, 50])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return data.decode("utf-8", "replace")


def _lines(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True) or ["\n"]
    at = rng.randrange(len(lines))
    how = rng.randrange(5)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines[at] = lines[at] * rng.choice([2, 1000])
    elif how == 2:
        lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
    elif how == 3:
        lines[at] = rng.choice(WORDS) + "\n"
    else:
        rng.shuffle(lines)
    return "".join(lines)


def _swap(pattern: str, values: tuple[str, ...]) -> Callable[[random.Random, str], str]:
    found = re.compile(pattern)

    def change(rng: random.Random, text: str) -> str:
        places = list(found.finditer(text))
        if not places:
            return rng.choice(values)
        for place in rng.sample(places, 1) if rng.random() < 0.7 else reversed(places):
            text = text[: place.start()] + rng.choice(values) + text[place.end() :]
            if len(text) > 1_000_000:
                break
        return text

    return change


def _long(rng: random.Random, text: str) -> str:
    unit = rng.choice(
        [
            " ",
            "a",
            "0",
            ".",
            "-",
            "\t",
            "(",
            "[",
            "\\",
            '"',
            "a ",
            "a=",
            "a:",
            "1.",
            "\n",
            ", ",
            "/a",
            text[:30] or "x",
        ]
    )
    many = unit * (rng.choice([3_000, 30_000, 200_000]) // len(unit))
    at = rng.randrange(len(text) + 1)
    return rng.choice([many, text + many, many + text, text[:at] + many + text[at:]])


def _json(rng: random.Random, text: str) -> str:
    try:
        whole = json.loads(text)
    except ValueError:
        return json.dumps(rng.choice(JSON_VALUES))
    places = list(_places(whole))
    if not places or rng.random() < 0.1:
        return json.dumps(rng.choice(JSON_VALUES))
    holder, key = rng.choice(places)
    if rng.random() < 0.3:
        del holder[key]
    else:
        holder[key] = rng.choice(JSON_VALUES)
    return json.dumps(whole)


def _places(value: Any) -> Any:
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def _deep(rng: random.Random, text: str) -> str:
    depth, pair = rng.choice([50, 990, 100_000]), rng.choice(["[]", "{}", "()"])
    opened = '{"a":' * depth if pair == "{}" else pair[0] * depth
    return rng.choice([opened, opened + pair[1] * depth, text + opened, opened + text])


MUTATIONS: dict[str, Mutation] = {
    "complaint": _complaint,
    "timed out": _timed_out,
    "status": lambda rng, answer: Answer(rng.choice([1, 2, 5, 44, 45, 126, 127, 255, -1]), answer.out, answer.err),
    "mode": lambda rng, answer: Answer(answer.status, answer.out, rng.choice(["", "x", "99999 a:b", "0644", "0644 UNKNOWN:x", "\0 \0"])),
    "empty": _text(lambda rng, text: rng.choice(["", "\n", " ", "\0"])),
    "cut": _text(lambda rng, text: text[: rng.randrange(len(text) + 1)]),
    "beheaded": _text(lambda rng, text: text[rng.randrange(len(text) + 1) :]),
    "encoding": _text(_encoded),
    "noise": _text(_noise),
    "lines": _text(_lines),
    "number": _text(_swap(r"\d+", NUMBERS)),
    "word": _text(_swap(r"[^\s:=,|]+", WORDS)),
    "space": _text(_swap(r"[ \t:=|,]+", WORDS)),
    "long": _text(_long),
    "json": _text(_json),
    "deep": _text(_deep),
    "crlf": _text(lambda rng, text: text.replace("\n", rng.choice(["\r\n", "\r", "\u2028", "\x0b"]))),
    "twice": _text(lambda rng, text: text * rng.choice([2, 50])),
}  # fmt: skip
