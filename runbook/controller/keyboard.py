"""Whether somebody is there to answer."""

from __future__ import annotations

import sys
from typing import Any


def at_keyboard() -> bool:
    """Return whether somebody can answer: in a front end that takes input, or at a terminal.

    A pipe is nobody: consent that a script feeds in is not a person's.
    """
    kernel = _kernel()
    return at_terminal() if kernel is None else bool(getattr(kernel, "_allow_stdin", False))


def at_terminal() -> bool:
    """Return whether somebody can answer at a terminal of this process, whichever thread asks."""
    return _kernel() is None and sys.stdin is not None and sys.stdin.isatty()


def _kernel() -> Any:
    """Return the kernel of a notebook, None where this process is none."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = ask() if ask else None
    return getattr(shell, "kernel", None)
