"""One notebook, one kernel, from start to end: what each cell came to, and what ended it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nbclient.exceptions import DeadKernelError
from nbclient.util import ensure_async
from nbformat import NotebookNode

from runbook.controller.signals import watching
from runbook.evidence.ledger import SKIP, Ledger, runs
from runbook.lint.notebook import CALL
from runbook.redaction import KNOWN
from runbook.runner.gate import Client
from runbook.runner.kernel import Kernel, Wanted
from runbook.runner.options import Options
from runbook.runner.verdict import CancelledCell, verdict

log = logging.getLogger("runbook.evidence")
log.addHandler(logging.NullHandler())
TICK_S = 0.25


class Execution:
    """A notebook under way. `run` ends with the notebook saved, and raises what ended it early."""

    def __init__(
        self, nb: NotebookNode, kernel_name: str, path: Path | None, progress_bar: bool, options: Options
    ) -> None:
        self.nb, self.options, self.progress_bar = nb, options, progress_bar
        self.ledger = Ledger(nb, path, options.save_every_s)
        self.kernel_name = kernel_name
        self.kernel: Kernel | None = None
        self._mute: set[str] = set()
        self._is_in_cell = False

    async def run(self) -> None:
        self.stop, self.stop_now = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        self.ledger.begin()
        with (
            watching() as self.stops,
            self.stops.deferred(),
            self.stops.told(lambda: loop.call_soon_threadsafe(self._interrupted)),
        ):
            clock = asyncio.ensure_future(self._clock())
            try:
                await self._start()
                await self._cells()
            finally:
                clock.cancel()
                await self._shut_down()
                self._tell("on_tick")
                self.ledger.end()
                self._tell("on_saved", self.nb)
            self.stops.go_on()  # what comes after this notebook is not begun

    async def _start(self) -> None:
        self.stops.go_on()
        task = asyncio.ensure_future(self._start_kernel())
        if await self._wait(task, None) or self.stops.requests:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
            raise KeyboardInterrupt("Interrupted before the first cell")
        try:
            task.result()
        except RuntimeError as error:
            raise DeadKernelError(f"The kernel did not start: {error}") from error
        self._connect()

    async def _start_kernel(self) -> None:
        spare, wanted = self.options.spare, self._wanted(self.options.env)
        self.kernel = await spare.take(wanted) if spare else None
        if self.kernel is None:
            self.kernel = Kernel(wanted)
            await self.kernel.start(self.stops)

    def _wanted(self, env: Mapping[str, str] | None) -> Wanted:
        opts = self.options
        return Wanted(
            self.kernel_name, env or {}, opts.cwd, opts.kernel_log, opts.sockets, opts.start_timeout
        )

    def _connect(self) -> None:
        """Let the notebook's cells go to the kernel, and the next notebook's be started meanwhile."""
        assert self.kernel is not None
        self.client = Client(
            self.nb,
            self.kernel.gate,
            self._hear,
            km=self.kernel.km,
            iopub_timeout=60,  # a busy machine delivers late; what was said must not be lost
            raise_on_iopub_timeout=True,
            log=log,
        )
        self.client.kc = self.kernel.kc
        self.nb.metadata["language_info"] = self.kernel.language
        spare, env = self.options.spare, self.options.next_env
        if spare and env is not None and self.kernel.is_forked:
            spare.begin(self._wanted(env), self.stops)

    async def _cells(self) -> None:
        from tqdm.auto import tqdm  # type: ignore[import-untyped]

        for index, cell in enumerate(tqdm(self.nb.cells, unit="cell", disable=not self.progress_bar)):
            if runs(cell) and not self._is_left_out(cell):
                self.stops.go_on()
                await self._cell(index, cell)
        self.client.set_widgets_metadata()

    def _is_left_out(self, cell: NotebookNode) -> bool:
        """Return whether a cell is not to be carried out: it is tagged so, or plans or applies a step that is not meant."""
        call, step = CALL.search(cell.source), self.options.only_step
        is_other = bool(step and call and call[1] in ("plan", "apply") and call[2] != step)
        return is_other or SKIP in cell.metadata.get("tags", [])

    async def _cell(self, index: int, cell: NotebookNode) -> None:
        self.ledger.cell_begins(cell)
        self.client.has_begun = False
        self._tell("on_cell_start", index, cell.source)
        self._is_in_cell = True
        task = asyncio.ensure_future(self.client.async_execute_cell(cell, index))
        reason = await self._wait(task, self.options.execution_timeout)
        if reason:
            await self._break_off(task)
        self._is_in_cell = False
        self.client.let_go(cell, index)
        cause = CancelledCell("cancelled") if task.cancelled() else task.exception()
        if cause is not None and self.stops.requests:  # one signal may reach the kernel before this process
            reason = "interrupted"
        status, error = verdict(index, cell, reason, cause, self.options.execution_timeout)
        if error and not any(out.output_type == "error" for out in cell.outputs):
            name, text = type(error).__name__, KNOWN.text(str(error))
            output = {"ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}
            cell.outputs.append(NotebookNode(output_type="error", **output))  # type: ignore[no-untyped-call]
        self.ledger.cell_ends(cell, status)
        if error:
            raise error

    async def _wait(self, task: asyncio.Future[Any], timeout_s: float | None) -> str:
        """Return '' when a task is done, 'timed-out', or 'interrupted' when somebody wants to stop."""
        stop = asyncio.ensure_future(self.stop.wait())
        await asyncio.wait({task, stop}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if task.done():
            return ""
        return "interrupted" if self.stop.is_set() else "timed-out"

    async def _break_off(self, task: asyncio.Future[Any]) -> None:
        """Interrupt the kernel, give the cell time to tidy up, then kill the kernel."""
        assert self.kernel is not None
        km = self.kernel.km
        again = asyncio.ensure_future(self.stop_now.wait())
        left = grace = self.options.grace_s
        while left > 0 and not (task.done() or again.done() or self.client.has_begun):
            # A kernel is deaf to an interrupt until it has begun the cell.
            await asyncio.wait({task, again}, timeout=0.02, return_when=asyncio.FIRST_COMPLETED)
            left -= 0.02
        with suppress(Exception):
            await ensure_async(km.interrupt_kernel())
        await asyncio.wait({task, again}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        if not task.done():
            with suppress(Exception):
                await ensure_async(km.shutdown_kernel(now=True))
            await asyncio.wait({task}, timeout=10)
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=1)

    async def _clock(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._tell("on_tick")
            self.ledger.save_when_due()

    async def _shut_down(self) -> None:
        if self.kernel is not None:
            await self.kernel.close()

    def _interrupted(self) -> None:
        (self.stop_now if self.stop.is_set() else self.stop).set()
        if self.stops.requests > 1:
            self.stop_now.set()
        if self._is_in_cell:  # nothing else is interrupted: it ends by itself, in a moment
            self._tell("on_interrupt")

    def _hear(self, stream: str, text: str) -> None:
        self.ledger.touch()
        if self.options.log_output:
            logging.getLogger("papermill").info(text)
        file = {"stdout": self.options.stdout_file, "stderr": self.options.stderr_file}.get(stream)
        if file is not None:
            file.write(text)
            file.flush()
        self._tell("on_output", text)

    def _tell(self, name: str, *args: Any) -> None:
        """Call back; a listener that fails is not called again, and never stops a run halfway."""
        listener = getattr(self.options, name)
        if listener is None or name in self._mute:
            return
        try:
            listener(*args)
        except Exception:
            self._mute.add(name)
            log.exception("%s failed and is not called again", name)
