"""Which cells a kernel has carried out, and when: what of a notebook's file is of this run and what is older."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ran:
    """One cell that was carried out: its source, when it ended (seconds since 1970), and whether without an error."""

    source: str
    ended: float
    is_good: bool


class Cells:
    """Listens in this kernel from now on; hears nothing where there is none."""

    def __init__(self) -> None:
        self.ran: dict[int, Ran] = {}
        """By the number that stands beside the cell."""
        shell = self._shell()
        if shell is not None:
            shell.events.register("post_run_cell", self._hear)

    def stop(self) -> None:
        """Listen no more."""
        shell = self._shell()
        if shell is not None:
            shell.events.unregister("post_run_cell", self._hear)

    def variable(self, name: str) -> Any:
        """Return what a variable of the notebook holds, None when there is none of that name."""
        shell = self._shell()
        return None if shell is None else shell.user_ns.get(name)

    def _hear(self, result: Any) -> None:
        if result.execution_count is not None and result.info is not None:
            self.ran[result.execution_count] = Ran(result.info.raw_cell, time.time(), result.success)

    @staticmethod
    def _shell() -> Any:
        ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
        return ask() if ask else None
