"""Read an xl.cfg the way xl does: assignments of words, numbers and lists.

Source: xl.cfg(5), "SYNTAX", and libxlu_cfg_l.l, libxlu_cfg_y.y and libxlu_cfg.c in tools/libs/util of Xen 4.17 and 4.20.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Value = str | int | tuple["Value", ...]

_TOKEN = re.compile(
    r"""(?P<space>[ \t]+)
      | (?P<end>\n|;|\#[^\n]*\n)
      | (?P<name>[a-z][._0-9a-z]*)
      | (?P<number>[0-9][0-9a-fx]*)
      | (?P<text>"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*')
      | (?P<mark>\+=|[=,\[\]])""",
    re.VERBOSE,
)
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    **{c: c for c in "\"'\\"},
}
_DEEPEST = 100
"""Lists inside each other; nothing that xl reads needs more than two."""


class Unreadable(ValueError):
    """The text is not an xl.cfg; `line` is where it stops being one."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line, self.why = line, why


@dataclass(frozen=True)
class Config:
    """The assignments of one file: the last one of each key counts, as it does for xl."""

    values: Mapping[str, Value] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()
    added: frozenset[str] = frozenset()
    """Keys whose last assignment was `+=`: xl reads no number in them."""

    def text(self, key: str, default: str = "") -> str:
        """Return a value as text, numbers too; `default` when it is not there."""
        value = self.values.get(key, default)
        return default if isinstance(value, tuple) else str(value)

    def number(self, key: str) -> int | None:
        """Return a value as a number, None when it is none."""
        return number_of(self.values[key]) if key in self.values and key not in self.added else None

    def items(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; a single text counts as a list of one."""
        value = self.values.get(key, ())
        return tuple(str(item) for item in value) if isinstance(value, tuple) else (str(value),)


def number_of(value: Value) -> int | None:
    """Return a value as the number that xl reads in it, None when it is none: C's strtol in base 0, to the end.

    >>> number_of("0x10"), number_of("010"), number_of(" 7"), number_of("8 "), number_of("four"), number_of(())
    (16, 8, 7, None, None, None)
    """
    match = re.fullmatch(r"[ \t\n\v\f\r]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))", str(value))
    if isinstance(value, tuple) or not match:
        return None
    sign, hexadecimal, octal, decimal = match.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(octal, 8) if octal else int(decimal)
    return None if number > 2**63 - 1 else -number if sign == "-" else number


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def parse(text: str) -> Config:
    """Return the assignments of an xl.cfg. Raises `Unreadable` where xl would call it a syntax error.

    >>> parse("memory = 512\\npci = [ '03:00.0', ]").values
    {'memory': 512, 'pci': ('03:00.0',)}
    """
    tokens = deque(_tokens(text))
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    repeated, added = list[str](), set[str]()
    while tokens:
        name = tokens.popleft()
        if name.kind == "end":
            continue
        if name.kind != "name":
            raise Unreadable(name.line, f"a line starts with `{name.text}` instead of a key")
        mark = _next(tokens, name.line)
        if mark.text not in ("=", "+="):
            raise Unreadable(mark.line, f"`{name.text}` is followed by `{_shown(mark)}` instead of `=`")
        value = _value(tokens, mark.line)
        after = tokens.popleft() if tokens else None
        if after and after.kind != "end":
            raise Unreadable(after.line, f"`{after.text}` stands after the value of `{name.text}`")
        if mark.text == "=" and name.text in values:
            repeated.append(name.text)
        added.discard(name.text)
        if mark.text == "+=":
            added.add(name.text)
            value = _sum(values[name.text], value, mark.line) if name.text in values else value
        values[name.text], lines[name.text] = value, name.line
    return Config(values, lines, tuple(repeated), frozenset(added))


def _sum(before: Value, more: Value, line: int) -> Value:
    """Return what `+=` makes of two values: xl joins lists, and texts, and nothing else."""
    if isinstance(before, tuple) != isinstance(more, tuple):
        raise Unreadable(line, "`+=` adds a list to a text, or a text to a list")
    if isinstance(before, tuple) and isinstance(more, tuple):
        return before + more
    return _atom(f"{before}{more}")


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            if at == len(text) - 1:
                return  # flex waits for what follows a wrong character before it says so; nothing does
            raise Unreadable(line, _why_none(text, at))
        if match.lastgroup != "space":
            yield _Token(str(match.lastgroup), match[0], line)
        line += match[0].count("\n")
        at = match.end()


def _why_none(text: str, at: int) -> str:
    """Return why no word of an xl.cfg begins at a place."""
    sign = text[at]
    if sign == "\r":
        return "its lines end as in Windows (CR LF); make them end in LF, `dos2unix FILE`"
    if sign == "#":
        return "the last line is a comment without a line's end, and xl takes none; add the line's end"
    if sign.isalpha() and sign.isascii():
        return f"`{sign}` is a capital letter; keys and numbers have small ones"
    return f"`{sign}` cannot stand here; is a quotation mark missing?"


def _atom(text: str) -> Value:
    """Return a text, as a number where digits write one and nothing is lost: to xl both are the same."""
    return int(text) if re.fullmatch("0|[1-9][0-9]{0,17}", text) else text


def _value(tokens: deque[_Token], line: int, depth: int = 0) -> Value:
    token = _next(tokens, line)
    if token.kind == "number":
        return _atom(token.text)
    if token.kind == "text":
        return _unquoted(token)
    if token.text != "[":
        raise Unreadable(token.line, f"`{_shown(token)}` is not a value; texts need quotation marks")
    if depth > _DEEPEST:
        raise Unreadable(token.line, "too many lists lie inside each other")
    return tuple(_members(tokens, token.line, depth))


def _unquoted(token: _Token) -> str:
    """Return a text without its quotes. xl knows few signs behind a backslash, and of numbers it forgets the value."""
    found: list[str] = []
    rest = token.text[1:-1]
    while rest:
        head, backslash, rest = rest.partition("\\")
        found.append(head)
        if not backslash:
            break
        sign, rest = rest[0], rest[1:]
        if sign in _ESCAPES:
            found.append(_ESCAPES[sign])
        elif (
            sign in "01234567"
            and (number := re.match(r"(?=..)\s*[+-]?[0-9]+", rest[:3]))
            and len(number[0]) > 1
        ):
            rest = rest[len(number[0]) :]
        else:
            raise Unreadable(token.line, f"`\\{sign}` means nothing to xl; write `\\\\` for a backslash")
    return "".join(found)


def _members(tokens: deque[_Token], line: int, depth: int) -> Iterator[Value]:
    """Yield the members of a list up to its `]`; line ends do not count inside, a last comma may stand."""
    wants_comma = False
    while True:
        token = _next(tokens, line)
        if token.text == "]" and token.kind == "mark":
            return
        if token.kind == "end" and token.text != ";":
            continue
        if wants_comma:
            if token.text != ",":
                raise Unreadable(token.line, f"a comma is missing before `{_shown(token)}`")
            wants_comma = False
            continue
        tokens.appendleft(token)
        yield _value(tokens, token.line, depth + 1)
        wants_comma = True


def _next(tokens: deque[_Token], line: int) -> _Token:
    if not tokens:
        raise Unreadable(line, "the file ends in the middle of a value; is a `]` missing?")
    return tokens.popleft()


def _shown(token: _Token) -> str:
    return "the end of the line" if token.kind == "end" and token.text != ";" else token.text
