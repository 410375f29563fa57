"""Guests are shut down with the host, not saved to disk: one with a PCI device cannot be saved."""

from __future__ import annotations

import re

from runbook import releases
from runbook.actions import Foreseen, WriteFile
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.releases import xen

TITLE = "Shut guests down with the host instead of saving them"
GUIDE = "“Xen Configuration”: two seds on /etc/default/xendomains, one of which did nothing (H602)"
RISK = "safe"

FILE = "/etc/default/xendomains"
KEYS = ("XENDOMAINS_SAVE", "XENDOMAINS_RESTORE")
_NOTE = "The file belongs to a package: when an upgrade asks, keep your version (H604)."


_SET = r"(?m)^([ \t]*(?:export[ \t]+)?)"
_VALUE = r"""(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s;&|'"\\])*"""
"""One value as a shell takes it; what stands behind it is another word, a comment, or another command."""


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (Ask.read(FILE),)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Empty both settings and keep every other line of the package's file.

    Empty is the only value that means no: Debian's script asks whether XENDOMAINS_RESTORE has
    any text, so the guide's `false` still restored (H602).
    """
    text = facts.text(FILE)
    if text is None:
        return Plan((_foreseen(),), (_not_installed(params),), _NOTE)
    wanted = emptied(text)
    if wanted == text:
        return Plan()
    return Plan((WriteFile(FILE, wanted),), note=_NOTE)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Neither setting has a value."""
    text = facts.text(FILE)
    if text is None:
        return [_not_installed(params)]
    return [
        Finding(
            "fail",
            f"{key} is '{value}' in {FILE}",
            "guests would be saved when the host stops, which fails for a guest with a PCI device",
            "run the step stop_saving_guests in mode apply",
            "H602, H603",
        )
        for key in KEYS
        if (value := _values(text).get(key))
    ]


def emptied(text: str) -> str:
    """Return the file with both settings empty: edited where they stand, added where they do not.

    >>> emptied("# when to save\\nXENDOMAINS_SAVE=/var/lib/xen/save\\nXENDOMAINS_RESTORE=true\\n")
    '# when to save\\nXENDOMAINS_SAVE=\\nXENDOMAINS_RESTORE=\\n'
    """
    for key in KEYS:
        text, count = re.subn(rf"{_SET}{key}={_VALUE}", rf"\g<1>{key}=", text)
        if not count:
            text = (text if not text or text.endswith("\n") else text + "\n") + f"{key}=\n"
    return text


def _values(text: str) -> dict[str, str]:
    rows = re.findall(rf"{_SET}(\w+)=({_VALUE})", text)
    return {key: value.strip("\"'") for _, key, value in rows}


def _foreseen() -> Foreseen:
    lines = [f"--- {FILE}", f"+++ {FILE}", *(line for key in KEYS for line in (f"-{key}=…", f"+{key}="))]
    assumes = "the package brings the file with both settings; every other line stays as it brings it"
    return Foreseen(f"write {FILE}", "\n".join(lines), assumes)


def _not_installed(params: HostParams) -> Finding:
    return Finding(
        "wait",
        f"{FILE} is not there yet",
        "the package xen-utils-common brings it",
        "run the notebook 05_xen_installation first",
        after=xen.supply(params.xen.source, releases.get(params.release)).step,
    )
