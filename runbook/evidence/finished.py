"""A recorded host that a run finished: what looks at it afterwards finds it as that run left it."""

from __future__ import annotations

from pathlib import Path

from runbook.errors import ParamsError
from runbook.evidence import archive
from runbook.hosts import recording
from runbook.params import HostParams, digest, find
from runbook.params.host import Recorded

_LOOKS = ("plan", "check")
_DOES = ("auto", "apply")


def after_a_run(params: HostParams, mode: str, reports: Path) -> HostParams:
    """Return the parameters with the recording of the finished host, where this run looks and an earlier one finished it.

    A run finished it that had the same parameters, played every notebook of the recording and completed. Raises
    `ParamsError` for a recording that is not there.
    """
    connection = params.connection
    if mode not in _LOOKS or not isinstance(connection, Recorded) or not connection.finished:
        return params
    if not is_finished(params, reports):
        return params
    find(connection.finished)
    end_state = connection.model_copy(update={"recording": connection.finished})
    return params.model_copy(update={"connection": end_state})


def is_finished(params: HostParams, reports: Path) -> bool:
    """Return whether a run with these parameters played all of a recording."""
    if not isinstance(params.connection, Recorded):
        return False
    try:
        needed = set(recording.names(find(params.connection.recording)))
    except ParamsError:
        return False
    return any(
        run["mode"] in _DOES
        and run["outcome"] == "completed"
        and run["params"]["digest"] == digest(params)
        and needed <= {book["name"] for book in run["notebooks"]}
        for run in archive.find_runs(reports, params.host)
    )
