"""Kernels for whoever starts them by jupyter_client: papermill, nbclient, nbval, JupyterLab, and runs of the runbook.

JUPYTER_DEFAULT_PROVISIONER_NAME=runbook-fork papermill in.ipynb out.ipynb
"""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from runbook.kernels import server as servers
from runbook.kernels.forked import PATIENCE_S, Forked, Lost, NotForked, Stale

log = logging.getLogger("runbook.evidence")
LAUNCHER = ("-m", "ipykernel_launcher")
TAKEN = {"stdin", "stdout", "stderr", "env", "cwd", "pass_fds", "independent"}
"""What a kernel may be started with to be forked; anything else is for `subprocess.Popen`."""
LEAVE_S = 2.0
"""How long a kernel that was asked to end is waited for before jupyter_client looks for itself, ten times a second."""


class ForkProvisioner(LocalProvisioner):
    """Forks a kernel where it would start one with this Python, and starts any other the ordinary way."""

    process: Any

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Return the connection of the kernel that was started."""
        try:
            self.process = await _forked(cmd, LocalProvisioner._scrub_kwargs(kwargs))
        except NotForked as why:
            _say(why, kwargs.get("stderr"))
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    async def shutdown_requested(self, restart: bool = False) -> None:  # noqa: ARG002 - jupyter_client's
        """Wait until the kernel has ended, for a while: it is told at once, and not asked now and then."""
        if isinstance(self.process, Forked) and self.process.poll() is None:
            with suppress(TimeoutError):
                await _readable(self.process.fileno(), LEAVE_S)


async def _forked(cmd: list[str], options: dict[str, Any]) -> Forked:
    """Return a forked kernel. Raises `NotForked` for one that is to be something else than another of the same."""
    if tuple(cmd[1:3]) != LAUNCHER or Path(cmd[0]) != Path(sys.executable):
        raise NotForked(f"it is no kernel of this Python: {' '.join(cmd)}")
    if more := [name for name, value in options.items() if name not in TAKEN and value is not None]:
        raise NotForked(f"it is started with {', '.join(more)}")
    if options.get("independent"):
        raise NotForked("it is to outlive this process")
    env = {**(options.get("env") or os.environ), "JPY_PARENT_PID": str(os.getpid())}
    cwd = str(options.get("cwd") or Path.cwd())
    try:
        return await _request(cmd, cwd, env, options)
    except Stale:
        servers.close()
        return await _request(cmd, cwd, env, options)
    except Lost as why:
        servers.close(instead=why)
        raise


def _say(why: NotForked, errors: Any) -> None:
    """Say it where a kernel's own process would, when kernels can be forked no more."""
    log.log(logging.WARNING if isinstance(why, Lost) else logging.DEBUG, "a kernel is not forked: %s", why)
    if isinstance(why, Lost) and isinstance(errors, int) and errors >= 0:
        os.write(errors, f"This kernel is a new process, and those after it: {why}\n".encode())


async def _request(cmd: list[str], cwd: str, env: dict[str, str], options: dict[str, Any]) -> Forked:
    server = servers.server()
    with Path(os.devnull).open("rb") as nothing:
        streams = {0: options.get("stdin") or nothing, 1: options.get("stdout"), 2: options.get("stderr")}
        if subprocess.PIPE in streams.values():
            raise NotForked("its streams are to be pipes")
        handles = {number: _handle(stream, number) for number, stream in streams.items()}
        handles |= {handle: handle for handle in options.get("pass_fds") or ()}
        launcher = find_spec(LAUNCHER[1])
        argv = [str(launcher and launcher.origin), *cmd[3:]]
        line = server.ask("runbook.kernels.child:kernel", argv, cwd, env, handles)
        try:
            await _readable(line.fileno(), PATIENCE_S)
        except BaseException as error:
            line.close()
            if isinstance(error, TimeoutError):
                raise Lost(
                    f"the process that kernels are forked from gave no answer in {PATIENCE_S:g} s"
                ) from None
            raise
        return server.answer(line)


def _handle(stream: int | IO[Any] | None, usual: int) -> int:
    if stream is None:
        return usual
    if stream == subprocess.STDOUT:
        raise NotForked("its streams are one")
    return stream if isinstance(stream, int) else stream.fileno()


async def _readable(handle: int, timeout_s: float) -> None:
    """Return when something can be read. Raises `TimeoutError`."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, done.set)
    try:
        await asyncio.wait_for(done.wait(), timeout_s)
    finally:
        loop.remove_reader(handle)
