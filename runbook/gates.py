"""What must hold before a notebook goes on: a host that can be used, a plan that nothing stops, a check that passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runbook.errors import CheckFailed, Refused

if TYPE_CHECKING:
    from runbook.facts.system import System
    from runbook.hosts import Host
    from runbook.params import HostParams
    from runbook.plan import Finding, Plan


def is_usable(host: Host, params: HostParams, system: System, notebook: str, *, plans_only: bool) -> None:
    """Raise `Refused` unless we are root there and it runs the release that the parameters name.

    `plans_only` is for the guide's own release, which is shown on whatever runs.
    """
    if not system.is_root:
        raise Refused(
            f"Not root on {host.describe}",
            why="the runbook writes to /etc and installs packages",
            do="let the connection go to root, by key (`to: root@host`)",
        )
    if plans_only or system.codename == params.release or _comes_before_debian(params, notebook):
        return
    raise Refused(
        f"{params.host} runs {system.pretty_name}, not {params.release}",
        why="packages, paths and versions differ between releases",
        do=f"set `release: {system.codename}` if you mean this machine, or correct `connection.to`",
    )


def may_go(planned: Plan, step: str, where: str) -> None:
    """Raise `Refused` with all that stops a plan."""
    if planned.stops:
        why, do = _said(planned.stops, "why"), _said(planned.stops, "do")
        raise Refused(_first(step, planned.stops), where=where, why=why, do=do)


def passes(findings: Sequence[Finding], step: str, where: str) -> None:
    """Raise `CheckFailed` with all that a check found wrong."""
    wrong = [finding for finding in findings if finding.stops]
    if wrong:
        do = _said(wrong, "do") or "look at the host, then run again"
        raise CheckFailed(_first(step, wrong), where=where, why=_said(wrong, "why"), do=do)


def is_done(planned: Plan, what: str, where: str) -> None:
    """Raise `CheckFailed` if a plan still has actions; `what` says what that means."""
    if planned.actions:
        raise CheckFailed(
            what,
            where=where,
            why="still to do: " + "; ".join(action.title for action in planned.actions),
            do="look at the host, then run in mode apply",
        )


def _comes_before_debian(params: HostParams, notebook: str) -> bool:
    """A live system may be another release than the one that is installed from it; 02 tells them apart."""
    return params.installation.method == "live" and notebook <= "02_debian_installation"


def _first(step: str, findings: Sequence[Finding]) -> str:
    return f"{step}: {findings[0].what}" + (f" (and {len(findings) - 1} more)" if findings[1:] else "")


def _said(findings: Sequence[Finding], part: str) -> str:
    return "; ".join(text for f in findings if (text := getattr(f, part)))
