"""What xl accepts without a word and yet is wrong, found in the text of an xl.cfg."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files

from runbook.guests import device_words, devices, rules, words
from runbook.guests.refusals import refusals
from runbook.guests.syntax import Config, Unreadable, parse
from runbook.model.plan import Finding


@cache
def known_keys(release: str) -> frozenset[str]:
    """Return every key that the release's xl reads, empty for a release without a list."""
    file = files("runbook.guests") / f"xl_keys_{release}.txt"
    return frozenset(file.read_text(encoding="utf-8").split()) if file.is_file() else frozenset()


def validate(text: str, release: str, name: str = "the configuration") -> list[Finding]:
    """Return what is wrong with an xl.cfg; `name` is what the findings call it."""
    try:
        config = parse(text)
    except Unreadable as error:
        return [
            Finding(
                "fail",
                f"{name}, line {error.line}: xl cannot read it",
                error.why,
                "correct that line; the form is `key = value`",
                "xl.cfg(5), SYNTAX",
            )
        ]
    found = [*_keys(config, release), *_refused(config, release), *rules.broken(config)]
    found += words.wrong(config) + device_words.wrong(config, release)
    found += devices.cards(config) + devices.passed(config) + devices.disks(config)
    return [_named(finding, name) for finding in found]


def _refused(config: Config, release: str) -> Iterator[Finding]:
    for refusal in refusals(config, release):
        yield Finding("fail", refusal.what, "xl stops there, and starts nothing", refusal.do, refusal.source)


def _keys(config: Config, release: str) -> Iterator[Finding]:
    known = known_keys(release)
    for key in config.values if known else ():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            do = (
                f"did you mean `{near[0]}`?"
                if near
                else "remove it, or see xl.cfg(5) for the word that is meant"
            )
            yield Finding(
                "fail",
                f"line {config.lines[key]}: xl does not know `{key}`",
                "xl skips unknown words silently, so the setting would be lost",
                do,
            )
    for key in config.repeated:
        yield rules.warn(
            f"line {config.lines[key]}: `{key}` is given twice",
            "the last one counts",
            "delete one",
            "xl.cfg(5)",
        )


def _named(finding: Finding, name: str) -> Finding:
    return replace(finding, what=f"{name}: {finding.what}")
