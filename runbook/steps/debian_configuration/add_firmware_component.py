"""The component non-free-firmware among the package sources: microcode and the cards' firmware."""

from __future__ import annotations

import re

from runbook.actions import Run, WriteFile
from runbook.facts import apt_settings
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.debian_configuration.fetch_package_lists import UPDATE

TITLE = "Add the component of firmware to the package sources"
GUIDE = "The template: it installed firmware-linux-nonfree from wheezy's non-free"
RISK = "safe"
COMPONENT = "non-free-firmware"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*apt_settings.SOURCES, *(Ask.read(p) for p in _FILES)) if _is_asked(params) else ()


_FILES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
"""Where Debian's installers write Debian's own sources; others belong to somebody else."""


def plan(params: HostParams, facts: Facts) -> Plan:
    """Add the word where Debian's own sources lack it, and fetch the lists anew."""
    if not _is_asked(params):
        return Plan(unasked="configuration.package_groups does not have `firmware`")
    changed = {path: new for path in _FILES if (new := _new(params, facts, path)) is not None}
    if not changed:
        return Plan()
    writes = (WriteFile(path, text) for path, text in changed.items())
    return Plan((*writes, Run(UPDATE, "the lists of the new component", timeout_s=900)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Some source offers the component."""
    if not _is_asked(params) or any(COMPONENT in text for text in apt_settings.sources(facts).values()):
        return []
    return [
        Finding(
            "fail",
            f"No package source offers {COMPONENT}",
            f"neither {' nor '.join(_FILES)} names {params.release}, so nothing was added",
            f"add the word {COMPONENT} behind `main` where your sources name Debian",
            "sources.list(5)",
        )
    ]


def with_component(text: str, release: str) -> str:
    """Return a file of sources, in either form, with the component wherever it offers the release's `main`.

    >>> with_component("deb http://deb.example/debian trixie main\\n", "trixie")
    'deb http://deb.example/debian trixie main non-free-firmware\\n'
    >>> with_component("Suites: trixie trixie-updates\\nComponents: main\\n", "trixie")
    'Suites: trixie trixie-updates\\nComponents: main non-free-firmware\\n'
    """
    suite = rf"\b(?:{release}|stable)(?:-updates|-security)?\b"
    line = re.compile(
        rf"(?m)^(deb(?:-src)?\s+(?:\[[^]]*\]\s+)?\S+\s+{suite}\s+(?=.*\bmain\b)[^#\n]*?)(\s*(?:#.*)?)$"
    )
    text = line.sub(lambda m: m[0] if COMPONENT in m[1] else f"{m[1]} {COMPONENT}{m[2]}", text)
    stanzas = re.split(r"(\n\s*\n)", text)
    for i, stanza in enumerate(stanzas):
        if re.search(rf"(?m)^Suites:.*{suite}", stanza) and COMPONENT not in stanza:
            stanzas[i] = re.sub(r"(?m)^(Components:.*\bmain\b.*)$", rf"\1 {COMPONENT}", stanza)
    return "".join(stanzas)


def _new(params: HostParams, facts: Facts, path: str) -> str | None:
    """Return a file's new text, None when it is not there or right."""
    old = facts.text(path)
    new = None if old is None else with_component(old, params.release)
    return None if new == old else new


def _is_asked(params: HostParams) -> bool:
    return "firmware" in params.configuration.package_groups
