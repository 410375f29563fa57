"""Where a kernel listens: on sockets of its own, in a folder that is closed to others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from traitlets.config import Config

from runbook.controller.private import temporary


@contextmanager
def listening(folder: Path | None = None) -> Iterator[Config]:
    """Yield what jupyter_client needs to be told; `folder` has a short path, and is that of temporary files by default.

    Ports can be listened to by all users of a machine, and two kernels that start at once may be given the same one.
    """
    with TemporaryDirectory(prefix="runbook-kernel-", dir=folder or temporary()) as own:
        yield Config({"KernelManager": {"transport": "ipc", "ip": str(Path(own) / "kernel")}})
