"""Read an xl.cfg the way xl does: assignments of words, numbers and lists (xl.cfg(5), "SYNTAX")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Value = str | int | tuple["Value", ...]

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*)
      | (?P<end>\n|;)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>0[xX][0-9a-fA-F]+|[0-9]+)
      | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<mark>\+=|[=,\[\]])""",
    re.VERBOSE,
)


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

    def text(self, key: str, default: str = "") -> str:
        """Return a value as text, numbers too; `default` when it is not there."""
        value = self.values.get(key, default)
        return default if isinstance(value, tuple) else str(value)

    def number(self, key: str) -> int | None:
        """Return a value as a number, None when it is none."""
        return number_of(self.values[key]) if key in self.values else None

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
    tokens = list(_tokens(text))
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    repeated: list[str] = []
    while tokens:
        name = tokens.pop(0)
        if name.kind == "end":
            continue
        if name.kind != "name":
            raise Unreadable(name.line, f"a line starts with `{name.text}` instead of a key")
        mark = _next(tokens, name.line)
        if mark.text not in ("=", "+="):
            raise Unreadable(mark.line, f"`{name.text}` is followed by `{_shown(mark)}` instead of `=`")
        value = _value(tokens, mark.line)
        after = tokens.pop(0) if tokens else None
        if after and after.kind != "end":
            raise Unreadable(after.line, f"`{after.text}` stands after the value of `{name.text}`")
        if mark.text == "=" and name.text in values:
            repeated.append(name.text)
        before = values.get(name.text) if mark.text == "+=" else None
        both = isinstance(before, tuple) and isinstance(value, tuple)
        values[name.text] = before + value if both else value  # type: ignore[operator]
        lines[name.text] = name.line
    return Config(values, lines, tuple(repeated))


def _tokens(text: str) -> Iterator[_Token]:
    at, line = 0, 1
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise Unreadable(line, f"`{text[at]}` cannot stand here; is a quotation mark missing?")
        if match.lastgroup != "space":
            yield _Token(str(match.lastgroup), match[0], line)
        line += match[0].count("\n")
        at = match.end()


def _value(tokens: list[_Token], line: int) -> Value:
    token = _next(tokens, line)
    if token.kind == "number":
        return int(token.text, 16 if token.text[:2] in ("0x", "0X") else 10)
    if token.kind == "text":
        return re.sub(r"\\(.)", r"\1", token.text[1:-1])
    if token.text != "[":
        raise Unreadable(token.line, f"`{_shown(token)}` is not a value; texts need quotation marks")
    return tuple(_members(tokens, token.line))


def _members(tokens: list[_Token], line: int) -> Iterator[Value]:
    """Yield the members of a list up to its `]`; line ends do not count inside, a last comma may stand."""
    wants_comma = False
    while True:
        token = _next(tokens, line)
        if token.text == "]" and token.kind == "mark":
            return
        if token.text == "\n":
            continue
        if wants_comma:
            if token.text != ",":
                raise Unreadable(token.line, f"a comma is missing before `{token.text}`")
            wants_comma = False
            continue
        tokens.insert(0, token)
        yield _value(tokens, token.line)
        wants_comma = True


def _next(tokens: list[_Token], line: int) -> _Token:
    if not tokens:
        raise Unreadable(line, "the file ends in the middle of a value; is a `]` missing?")
    return tokens.pop(0)


def _shown(token: _Token) -> str:
    return "the end of the line" if token.kind == "end" else token.text
