"""Which rights new files do not get, by the one setting that every login reads."""

from __future__ import annotations

import re

from runbook.actions import Action, WriteFile
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared.edits import with_line, with_section

TITLE = "Set the umask of new sessions"
GUIDE = "The template: umask 002, its line in PAM's file appended at each run (H312)"
RISK = "safe"

_DEFS, _PAM = "/etc/login.defs", "/etc/pam.d/common-session"
_MODULE = r"session\s+\S+\s+pam_umask\.so.*"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (Ask.read(_DEFS), Ask.read(_PAM)) if params.configuration.umask else ()


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the value; add PAM's module where a release does not have it (Debian 12 has not)."""
    umask, actions = params.configuration.umask, list[Action]()
    if not umask:
        return Plan(unasked="configuration.umask is empty")
    defs, pam = facts.text(_DEFS) or "", facts.text(_PAM) or ""
    if _value(defs) != umask:
        actions.append(WriteFile(_DEFS, with_line(defs, r"\s*UMASK\s.*", f"UMASK\t\t{umask}")))
    if not _reads(pam):
        actions.append(WriteFile(_PAM, with_section(pam, "session optional\t\t\tpam_umask.so\n")))
    return Plan(tuple(actions))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The value is there, and something reads it."""
    umask = params.configuration.umask
    if not umask:
        return []
    found = []
    if _value(facts.text(_DEFS) or "") != umask:
        found.append(_fail(f"{_DEFS} does not say UMASK {umask}", "so another value, or 022, is in force"))
    pam = facts.text(_PAM) or ""
    if not _reads(pam):
        found.append(_fail(f"{_PAM} has no pam_umask", "so nothing reads the value"))
    own = re.search(rf"(?m)^{_MODULE}\b(umask=0*(\d+))", pam)
    if own and own[2] != umask.lstrip("0"):
        what, do = f"{_PAM} tells pam_umask {own[1]}", f"take {own[1]} out of that line of {_PAM}"
        found.append(Finding("fail", what, "which counts before the file's value", do, "pam_umask(8)"))
    return found


def _value(text: str) -> str:
    values: list[str] = re.findall(r"(?m)^[ \t]*UMASK[ \t]+(\d+)", text)
    return values[-1] if values else ""


def _reads(text: str) -> bool:
    return re.search(rf"(?m)^{_MODULE}$", text) is not None


def _fail(what: str, why: str) -> Finding:
    return Finding("fail", what, why, "run the step set_umask in mode apply", "pam_umask(8)")
