"""Where the reports of a host lie: its runs, which are a chain, and apart from them its newest plans, which are none."""

from __future__ import annotations

from pathlib import Path

from runbook.attestation.statement import runs_in

PLANS = "plans"
"""The folder of a host's plans, beside its runs. No host can be called so (`runbook.params.names`)."""


def is_plan(run: Path) -> bool:
    """Return whether the folder of a run lies among a host's plans."""
    return run.parent.name == PLANS


def host_of(run: Path) -> Path:
    """Return the folder of the host whose run or plan lies in a folder."""
    return run.parent.parent if is_plan(run) else run.parent


def plans_in(host: Path) -> list[Path]:
    """Return the folders of a host's plans, in the order in which they were started."""
    folder = host / PLANS
    return runs_in(folder) if folder.is_dir() and not folder.is_symlink() else []


def has_reports(host: Path) -> bool:
    """Return whether a folder has runs or plans of a host."""
    return host.is_dir() and bool(runs_in(host) or plans_in(host))


def hosts_in(reports: Path) -> list[str]:
    """Return the names of the hosts that have runs or plans in a folder of reports."""
    return sorted(path.name for path in reports.iterdir() if has_reports(path)) if reports.is_dir() else []


def folder_of(reports: Path, host: str, run: str) -> Path:
    """Return the folder of a run: among the host's plans if it is there and nowhere else."""
    apart = reports / host / PLANS / run
    return apart if apart.is_dir() and not (reports / host / run).is_dir() else reports / host / run


def files_of(reports: Path, file: str, host: str = "*") -> list[Path]:
    """Return the files of this name in the folders of a host's runs, then of its plans, each in order; of all hosts with "*".

    What is being made or removed has a name with a dot before it, and is neither.
    """
    found = [*sorted(reports.glob(f"{host}/*/{file}")), *sorted(reports.glob(f"{host}/{PLANS}/*/{file}"))]
    return [path for path in found if not path.parent.name.startswith(".")]
