"""A host as all that was done left it: a machine itself, or a recorded one after its last notebook."""

from __future__ import annotations

from runbook.hosts import Host, connect
from runbook.hosts.recorded import RecordedHost
from runbook.params import HostParams, find
from runbook.params.host import Recorded
from runbook.steps import name_of, notebooks


def reach(params: HostParams, name: str) -> Host:
    """Return the host of the parameters, `name` for what it is reached; a recorded one as it was at the end.

    Raises as `runbook.hosts.connect`.
    """
    if not isinstance(params.connection, Recorded):
        return connect(params, name)
    books = {notebook: [name_of(step) for step in known] for notebook, known in notebooks().items()}
    return RecordedHost.as_left(find(params.connection.recording), params.host, books)
