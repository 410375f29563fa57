"""One kernel, from its process to the client that talks to it; and the one that is started while another is at work."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

import zmq.asyncio
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError

from runbook.controller.signals import Stops
from runbook.kernels.forked import Forked
from runbook.kernels.provisioner import ForkProvisioner
from runbook.runner.gate import Gate
from runbook.runner.sockets import listening

IN_MEMORY = "--HistoryManager.hist_file=:memory:"
AGAIN_MS = 10
"""How soon a socket looks again for a kernel that does not listen yet."""


@dataclass(frozen=True)
class Wanted:
    """What a kernel is to be."""

    name: str = "python3"
    env: Mapping[str, str] = field(default_factory=dict)
    """More environment variables than this process has."""
    cwd: Path | None = None
    log: Path | None = None
    """A file for what its process writes; standard error by default."""
    sockets: Path | None = None
    timeout_s: float = 60


class Kernel:
    """A kernel that answers, or has been closed."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted, self.gate = wanted, Gate(wanted.log)
        self.language: Any = None
        """What the kernel says of its language."""
        self._held = ExitStack()
        self._context = zmq.asyncio.Context()
        self._context.setsockopt(zmq.RECONNECT_IVL, AGAIN_MS)
        self.km: Any = None
        self.kc: Any = None

    async def start(self, stops: Stops) -> None:
        """Start it, and wait until it answers. Raises `DeadKernelError` when it does not, and `OSError`."""
        config = self._held.enter_context(listening(self.wanted.sockets))
        self.km = AsyncKernelManager(kernel_name=self.wanted.name, config=config, context=self._context)
        if may_be_forked(self.km):
            self.km.provisioner = ForkProvisioner(
                kernel_id=self.km.kernel_id, kernel_spec=self.km.kernel_spec, parent=self.km
            )
        gate = self.gate.open()
        more, handle = stops.lifeline()
        env = {**os.environ, **self.wanted.env, **gate.pop("env"), **more}
        handles = (*gate.pop("pass_fds"), handle)
        memory = [IN_MEMORY] if self.km.ipykernel else []
        cwd = str(self.wanted.cwd or Path.cwd())
        await self.km.start_kernel(extra_arguments=memory, **gate, env=env, pass_fds=handles, cwd=cwd)
        self.gate.started()
        self.kc = self.km.client(context=self._context)
        self.kc.start_channels(stdin=False, hb=False)
        self.language = (await self._answer())["content"]["language_info"]

    async def _answer(self) -> dict[str, Any]:
        """Return the kernel's answer to who it is, when its outputs have been heard as well."""
        until = time.monotonic() + self.wanted.timeout_s
        while True:
            message_id = self.kc.kernel_info()
            with suppress(Empty):
                reply = await _until(self.kc.get_shell_msg, message_id, "kernel_info_reply", 1)
                await _until(self.kc.get_iopub_msg, message_id, "idle", 0.1)
                return reply
            if not await self.is_alive():
                raise DeadKernelError("The kernel did not start: it died before it answered")
            if time.monotonic() > until:
                raise DeadKernelError(f"The kernel did not start: no answer in {self.wanted.timeout_s:g} s")

    async def is_alive(self) -> bool:
        """Return whether its process lives."""
        return bool(await self.km.is_alive())

    @property
    def is_forked(self) -> bool:
        """Whether another one like it can be had at little cost."""
        return isinstance(getattr(self.km.provisioner, "process", None), Forked)

    async def close(self) -> None:
        """End it, if it has not ended; wait for what it still says, and let go of all that it had."""
        if self.km is not None:
            with suppress(Exception):
                if await self.is_alive():
                    await self.km.shutdown_kernel(now=self.kc is None)
            with suppress(Exception):
                await self.km.cleanup_resources()
        if self.kc is not None:
            self.kc.stop_channels()
        self._context.destroy(linger=100)
        self.gate.close()
        self._held.close()


def may_be_forked(km: AsyncKernelManager) -> bool:
    """Return whether nobody said how such a kernel is to be started."""
    spec: Any = km.kernel_spec
    return "kernel_provisioner" not in spec.metadata and "JUPYTER_DEFAULT_PROVISIONER_NAME" not in os.environ


async def _until(get: Any, message_id: str, what: str, timeout_s: float) -> dict[str, Any]:
    """Return the message of this type or state that follows what was asked. Raises `queue.Empty`."""
    until = time.monotonic() + timeout_s
    while True:
        message: dict[str, Any] = await get(timeout=max(0, until - time.monotonic()))
        is_it = what in (message["msg_type"], message["content"].get("execution_state"))
        if is_it and message["parent_header"].get("msg_id") == message_id:
            return message


class Spare:
    """The kernel of the notebook that comes next, started while the one before it is at work."""

    def __init__(self) -> None:
        self._kernel: Kernel | None = None
        self._task: asyncio.Future[None] | None = None

    def begin(self, wanted: Wanted, stops: Stops) -> None:
        """Start it; what becomes of it is seen when it is taken."""
        if self._kernel is None:
            self._kernel = Kernel(wanted)
            self._task = asyncio.ensure_future(self._kernel.start(stops))

    async def take(self, wanted: Wanted) -> Kernel | None:
        """Return the spare kernel where it is what is wanted, and lives; else None, and there is none any more."""
        kernel, task = self._kernel, self._task
        if kernel is None or task is None:
            return None
        if kernel.wanted == wanted:
            with suppress(Exception):
                await task
                if await kernel.is_alive():
                    self._kernel = self._task = None
                    return kernel
        await self.close()
        return None

    async def close(self) -> None:
        """End the kernel that nobody took."""
        kernel, task, self._kernel, self._task = self._kernel, self._task, None, None
        if kernel is None or task is None:
            return
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task
        await kernel.close()
