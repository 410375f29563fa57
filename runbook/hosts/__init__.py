"""The only code that touches a machine: over ssh, locally, or as a replay of a recording or what a capture holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runbook import programs
from runbook.hosts import keyboard, password
from runbook.hosts.base import Host, OnLine, Result
from runbook.params import HostParams, find
from runbook.params.host import Captured, Recorded, Ssh
from runbook.params.secrets import mask_known_secrets

if TYPE_CHECKING:
    from runbook.hosts.control import Line
    from runbook.hosts.sudo import Sudo

__all__ = ["Host", "OnLine", "Result", "connect", "prepare"]


def prepare(params: HostParams) -> Sudo | None:
    """Have typed, or fetch, what the way to a host needs, and return the way to root there, None where we come as root.

    This process and the kernels that it starts are not asked again. Raises as `connect` does; nothing is contacted.
    """
    programs.require(params)
    mask_known_secrets(params)
    keyboard.require(params.connection)
    return password.sudo(params.connection)


def connect(params: HostParams, notebook: str, line: Line | None = None) -> Host:
    """Return the host of the parameters; nothing is contacted before the first question.

    `line` is the connection that a run's processes share (`runbook.hosts.shared`); a kernel has it from its environment.
    With the environment variable RUNBOOK_RECORD=FOLDER a real host is recorded into that folder.
    Raises `ParamsError` when a file that the connection names does not exist or sudo's password cannot be had, `Refused`
    when nobody is there to type it, and `ConsentMissing` when the parameters would run programs here that the operator
    did not allow.
    """
    from runbook.hosts import control
    from runbook.hosts.captured import CapturedHost
    from runbook.hosts.exchange import Limits
    from runbook.hosts.local import LocalHost
    from runbook.hosts.recorded import RecordedHost
    from runbook.hosts.recorder import Recorder
    from runbook.hosts.recording import keep_params
    from runbook.hosts.ssh import SshHost

    connection = params.connection
    if isinstance(connection, Recorded):
        return RecordedHost(find(connection.recording), notebook, params.host)
    if isinstance(connection, Captured):
        return CapturedHost(find(connection.folder))
    sudo = prepare(params)
    limits = Limits(connection.answer_timeout_s, connection.answer_limit_mib)
    host: Host
    if isinstance(connection, Ssh):
        config = find(connection.config) if connection.config else None
        host = SshHost(
            connection.to,
            config,
            limits,
            line or control.handed(),
            sudo,
            is_asked=connection.login == "keyboard",
        )
    else:
        host = LocalHost(limits, sudo)
    if not (recording := os.environ.get("RUNBOOK_RECORD")):
        return host
    keep_params(Path(recording), params)
    return Recorder(host, Path(recording), notebook)
