"""What xl accepts without a word and yet is wrong, found in the text of an xl.cfg."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files

from runbook.guests import device_words, devices, rules, words
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
    found = [*_keys(config, release), *rules.broken(config)]
    found += words.wrong(config) + device_words.wrong(config)
    found += devices.cards(config) + devices.passed(config) + devices.disks(config)
    return [_named(finding, name) for finding in found]


def conflicts(texts: Mapping[str, str]) -> list[Finding]:
    """Return what two configurations both claim: a disk, a device, a MAC, a VNC display, a name.

    `texts` is the content by path. Only one of the two guests can run, or both are damaged.
    """
    owners: dict[tuple[str, str], list[str]] = {}
    for path, text in sorted(texts.items()):
        try:
            claims = set(_claims(parse(text)))
        except Unreadable:
            continue
        for claim in claims:
            owners.setdefault(claim, []).append(path)
    return [
        Finding(
            "warn",
            f"The {kind} {what} is claimed by {' and '.join(paths)}",
            "only one of these guests can run at a time; a disk written by two is destroyed",
            "take it out of one of the two, or remove the file that is not used",
        )
        for (kind, what), paths in sorted(owners.items())
        if len(paths) > 1
    ]


def _claims(config: Config) -> Iterator[tuple[str, str]]:
    yield "name", config.text("name")
    for spec in config.items("disk"):
        if "cdrom" not in spec:
            yield "disk", devices.target_of(spec)
    for spec in config.items("pci"):
        if address := devices.address_of(spec):
            yield "device", address
    for spec in config.items("vif"):
        if mac := devices.words_of(spec).get("mac"):
            yield "MAC", mac.lower()
    if config.text("vnc") == "1" and (display := config.text("vncdisplay")):
        yield "VNC display", display


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
