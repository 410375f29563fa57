"""Programs that are called, and that may tidy up when the one that called them has to end.

The host runs this very file; it needs nothing but Python's own library.
"""

from __future__ import annotations

import os
import signal
import subprocess


def run(argv: list[str], *, is_one_stream: bool = False) -> subprocess.CompletedProcess[str]:
    """Return how a program ended and what it said; with `is_one_stream` its errors stand among its output.

    When this one is told to end, that one and its children are told so too, and are waited for: a snapshot is removed,
    a guest that was paused goes on. Raises `OSError` when there is no such program.
    """
    errors = subprocess.STDOUT if is_one_stream else subprocess.PIPE
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                          errors="replace", start_new_session=True) as process:  # fmt: skip
        try:
            out, err = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate()
            raise
    return subprocess.CompletedProcess(argv, process.returncode, out, err or "")
