"""What a caller may ask of the engine that runs one notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from nbformat import NotebookNode

from runbook.runner.kernel import Spare


@dataclass
class Options:
    """What a caller may ask of the engine; the first six are papermill's own."""

    input_path: str | None = None
    start_timeout: int = 60
    execution_timeout: float | None = None
    """Seconds for one cell; none by default, because the steps have their own limits."""
    log_output: bool = False
    stdout_file: TextIO | None = None
    stderr_file: TextIO | None = None
    save_to: Path | None = None
    """Where to save, instead of papermill's output path: papermill then writes nothing itself."""
    only_step: str = ""
    """The one step whose plan and deed are carried out; those of all others are left out. '' for all."""
    save_every_s: float = 5.0
    grace_s: float = 20.0
    """How long an interrupted cell may take to tidy up before its kernel is killed."""
    env: Mapping[str, str] | None = None
    """More environment variables for the kernel."""
    cwd: Path | None = None
    """The folder in which the kernel starts; the current one by default."""
    kernel_log: Path | None = None
    """A file for what the kernel's own process writes, such as why it crashed; else it goes to stderr."""
    sockets: Path | None = None
    """A short path of a folder in which the kernel's own is made, to listen in; among the temporary ones by default."""
    spare: Spare | None = None
    """Where a kernel may be that was started already, and where the next one may be started."""
    next_env: Mapping[str, str] | None = None
    """`env` of the notebook that comes next; None when none does."""
    on_cell_start: Callable[[int, str], None] | None = None
    on_output: Callable[[str], None] | None = None
    on_tick: Callable[[], None] | None = None
    on_interrupt: Callable[[], None] | None = None
    on_saved: Callable[[NotebookNode], None] | None = None
    """Told the notebook that was saved last, when all of it is on the disk."""
