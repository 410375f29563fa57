"""Which entry of the menu starts what runs, and the entry that leads to the same when it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.facts import grub, proved_pair, started_words, xen
from runbook.facts.grub import Entry
from runbook.facts.proved_pair import ID, KEPT
from runbook.model.ask import Facts

_ENTRY = re.compile(r"(?ms)^[ \t]*(menuentry [^\n]*)\{\n(.*?)\n[ \t]*\}$")
_WORD = re.compile(r"""(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\])+""")
"""A word of GRUB's language with its quotes."""


@dataclass(frozen=True)
class Wanted:
    """What is to be kept."""

    files: dict[str, str]
    """The names in /boot that the menu's own entry loads, by kind: of two names of one file the one that is started."""
    text: str
    """The entry that it gets."""

    @property
    def kernel(self) -> str:
        return self.files["vmlinuz"].removeprefix("vmlinuz-")


def not_running(entry: Entry, facts: Facts) -> list[str]:
    """Return in what the pair that runs is not what an entry starts: its files, or their words; [] when it is."""
    pair, found = proved_pair.parse(facts), proved_pair.images(entry)
    names = [found.get(kind) or kind for kind in KEPT if not pair.runs.has(kind, found.get(kind, ""))]
    if names:
        return [f"{', '.join(names)} is not what runs"]
    return started_words.differences(entry, xen.parse(facts))


def is_running(entry: Entry, facts: Facts) -> bool:
    """Return whether what an entry starts is what runs, file by file and word by word."""
    return not not_running(entry, facts)


def wanted(facts: Facts) -> Wanted | None:
    """Return what is kept of the running pair; None where not all of it is known (`kept_pair.unkept`)."""
    running = xen.parse(facts)
    found = next(_blocks(facts), None) if running.version else None
    if found is None:
        return None
    entry, head, body = found
    files = proved_pair.images(entry)
    title = f"Proved: Xen {plain(running.full_version)} and Linux {plain(files['vmlinuz'].removeprefix('vmlinuz-'))}"
    rights = "".join(f"{word} " for word in _rights(head))
    text = f"menuentry '{title}' {rights}$menuentry_id_option '{ID}' {{\n{_led(body, files)}\n}}\n"
    is_led = proved_pair.images(grub.entries(text)[0]) == {kind: kind for kind in KEPT}
    return Wanted(files, text) if is_led else None


def _blocks(facts: Facts) -> Iterator[tuple[Entry, str, str]]:
    """Yield each entry that starts what runs, with the words that it was started with: parsed, its head, its lines."""
    for head, body in re.findall(_ENTRY, facts.text(grub.CONFIG) or ""):
        entry = grub.entries(f"{head}{{\n{body}\n}}\n")[0]
        if entry.id != ID and entry.is_xen and not entry.is_recovery and is_running(entry, facts):
            yield entry, head, body


def _rights(head: str) -> Iterator[str]:
    """Yield the words by which an entry says who may choose it, and of which class it is (grub manual, "menuentry").

    >>> list(_rights("menuentry 'A --users b' --class xen --unrestricted --users 'b c' $menuentry_id_option 'x' "))
    ['--class', 'xen', '--unrestricted', '--users', "'b c'"]
    """
    found = _WORD.findall(head)[2:]
    for word, value in zip(found, [*found[1:], ""], strict=True):
        if word in ("--users", "--class"):
            yield from (word, value)
        elif word == "--unrestricted" or word.startswith(("--users=", "--class=")):
            yield word


def _led(block: str, files: dict[str, str]) -> str:
    """Return the lines of an entry, led to what is kept; what it only shows on the screen names the files as they were."""
    lines = [line.strip() for line in block.splitlines() if line.split()[:1] != ["echo"]]
    for kind in KEPT:
        name = re.escape(files[kind])
        lines = [re.sub(rf"(\s)(\S*/){name}(?=\s|$)", rf"\1\2proved/{kind}", line) for line in lines]
    return "\n".join(f"\t{line}" for line in lines)


def plain(text: str) -> str:
    """Return a version as GRUB's language can have it within quotes.

    >>> plain("4.20.5-pre'; reboot")
    '4.20.5-prereboot'
    """
    return re.sub(r"[^A-Za-z0-9.+~_-]", "", text)
