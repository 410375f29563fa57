"""What a parameter file would run on the controller: by its ssh configuration, for a secret, in a build."""

from __future__ import annotations

from collections.abc import Iterator

from runbook import params as parameters
from runbook.controller import allowed
from runbook.controller.allowed import Program
from runbook.errors import ParamsError
from runbook.params import HostParams
from runbook.params.host import Ssh, Stored
from runbook.params.secrets import commands


def of(params: HostParams) -> tuple[Program, ...]:
    """Return the programs of parameters, each with the place that names it; nothing is run.

    Raises `ParamsError` for an ssh configuration that cannot be read.
    """
    return (*_connection(params), *commands(params), *_builds(params), *_notices(params))


def require(params: HostParams) -> None:
    """Return when the operator gave their word for all programs of the parameters, or none would be run.

    Raises `ConsentMissing`. A replay and a capture connect to nothing, fetch no secret and build nothing.
    """
    if not isinstance(params.connection, Stored):
        allowed.require(of(params), params.host)


def _connection(params: HostParams) -> Iterator[Program]:
    from runbook.programs import ssh_config

    connection = params.connection
    if not isinstance(connection, Ssh) or not connection.config:
        return
    try:
        path = parameters.find(connection.config)
    except ParamsError:
        return  # it is not there yet: looked for again when it is used
    if lines := ssh_config.would_run(path):
        yield Program("connection.config", "\n".join(lines))


def _notices(params: HostParams) -> Iterator[Program]:
    """Yield who is told of runs: it leaves this machine, and a parameter file may come from anybody."""
    for index, notice in enumerate(params.notify):
        yield Program(f"notify.{index}", notice.whereto)
    if address := params.watch.heartbeat or params.watch.heartbeat_at:
        yield Program("watch.heartbeat", f"call of {address}")


def _builds(params: HostParams) -> Iterator[Program]:
    from runbook.builds import kernel, xen
    from runbook.builds.foreign import foreign

    if params.kernel.tarball:
        yield from foreign(kernel.recipe(params, None))
    if params.xen.source == "git":
        yield from foreign(xen.recipe(params))
