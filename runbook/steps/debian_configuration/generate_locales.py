"""Locales: added to the list once, however often the step runs, and made."""

from __future__ import annotations

import re

from runbook.actions import Action, Foreseen, Run, WriteFile
from runbook.facts import locales
from runbook.facts.locales import DEFAULT, GENERATE
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import wanted_packages
from runbook.steps.shared.edits import with_line

TITLE = "Generate the locales that are asked for"
GUIDE = "The template: appended to /etc/locale.gen, once more at each run (H312)"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return locales.COMMANDS


def plan(params: HostParams, facts: Facts) -> Plan:
    """Take the locales into the list, make them, and set the default."""
    asked, now, actions = params.configuration.locales, locales.parse(facts), list[Action]()
    if not asked.generate and not asked.default:
        return Plan(unasked="configuration.locales is empty")
    waits = asked.generate and now.generate is None
    text = listed(now.generate or "", asked.generate)
    if waits:
        lines = "\n".join(f"+{line}" for line in text.splitlines())
        actions.append(
            Foreseen(f"write {GENERATE}", lines, "the package brings the file with every line commented out")
        )
    elif asked.generate and text != now.generate:
        actions.append(WriteFile(GENERATE, text))
    if not now.there.issuperset(asked.generate):
        actions.append(Run(("locale-gen",), "minutes on a slow machine", timeout_s=1800))
    if asked.default and asked.default != now.default:
        actions.append(
            WriteFile(DEFAULT, with_line(now.default_file, r"\s*LANG=.*", f"LANG={asked.default}"))
        )
    return Plan(
        tuple(actions), (wanted_packages.not_installed("locales", step="this step"),) if waits else ()
    )


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every locale is there, and the default is as asked."""
    asked, now = params.configuration.locales, locales.parse(facts)
    found = [
        _fail(f"There is no locale {name}", f"`locale -a` does not list it, so {GENERATE} may misspell it")
        for name in asked.generate
        if name not in now.there
    ]
    if asked.default and asked.default != now.default:
        found.append(_fail(f"The default is '{now.default}', not {asked.default}", f"{DEFAULT} says so"))
    return found


def listed(text: str, names: tuple[str, ...]) -> str:
    """Return /etc/locale.gen with the locales in it: their comment sign taken away, or a line added.

    >>> listed("# en_GB ISO-8859-1\\n# en_GB.UTF-8 UTF-8\\n", ("en_GB.UTF-8",))
    '# en_GB ISO-8859-1\\nen_GB.UTF-8 UTF-8\\n'
    """
    for name in names:
        text = with_line(text, rf"#?\s*{re.escape(name)}\s+UTF-8\s*", f"{name} UTF-8")
    return text


def _fail(what: str, why: str) -> Finding:
    return Finding(
        "fail", what, why, "correct configuration.locales, or run this step in mode apply", "locale.gen(5)"
    )
