"""What must hold before a notebook goes on: a host that can be used, a plan that nothing stops, a check that passes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runbook.errors import CheckFailed, Refused

if TYPE_CHECKING:
    from runbook.facts.system import System
    from runbook.hosts import Host
    from runbook.model.plan import Finding, Plan
    from runbook.params import HostParams


def require_usable(
    host: Host, params: HostParams, system: System, notebook: str, *, plans_only: bool
) -> None:
    """Raise `Refused` unless we are root there and it runs the release that the parameters name.

    `plans_only` is for the guide's own release, which is shown on whatever runs.
    """
    if not system.is_root:
        raise Refused(
            f"Not root on {host.describe}",
            why="the runbook writes to /etc and installs packages",
            do="say `become: sudo` under `connection` in the parameters, where the account may use sudo; or let the "
            "connection go to root, by key (`to: root@host`)",
        )
    if plans_only or system.codename == params.release or _comes_before_debian(params, notebook):
        return
    raise Refused(
        f"{params.host} runs {system.pretty_name}, not {params.release}",
        why="packages, paths and versions differ between releases",
        do=f"set `release: {system.codename}` if you mean this machine, or correct `connection.to`",
    )


def require_machine(params: HostParams, mode: str) -> None:
    """Raise `Refused` where something is to be done and a capture stands in place of the host."""
    connection = params.connection
    if mode == "apply" and connection.kind == "capture":
        raise Refused(
            f"{params.host} is a capture here, and a capture cannot be changed",
            where=connection.folder,
            why="it holds what a machine answered; no machine is behind it",
            do="use mode plan or check; on the machine itself, leave --capture out and name its parameter file",
        )


def refuse_if_blocked(planned: Plan, step: str, where: str) -> None:
    """Raise `Refused` with all that stops a plan."""
    if planned.stops:
        first, *others = planned.stops
        raise Refused(
            _title(step, first, others), where=where, why=first.why, do=first.do, also=_each(others)
        )


def require_passed(findings: Sequence[Finding], step: str, where: str) -> None:
    """Raise `CheckFailed` with all that a check found wrong."""
    wrong = [finding for finding in findings if finding.stops]
    if wrong:
        first, *others = wrong
        do = first.do or "look at the host, then run again"
        raise CheckFailed(_title(step, first, others), where=where, why=first.why, do=do, also=_each(others))


def require_nothing_left(planned: Plan, what: str, where: str) -> None:
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


def _title(step: str, first: Finding, others: Sequence[Finding]) -> str:
    return f"{step}: {first.what}" + (f" (and {len(others)} more)" if others else "")


def _each(others: Sequence[Finding]) -> tuple[str, ...]:
    """Return each finding with its reason and next move, on lines of their own below it."""
    return tuple(
        "\n".join(
            [f.what, *(f"    {label}: {text}" for label, text in (("why", f.why), ("do", f.do)) if text)]
        )
        for f in others
    )
