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
    """Yield what nbclient needs to be told; `folder` has a short path, and is a temporary one by default.

    Ports can be listened to by all users of a machine, and two kernels that start at once may be given the same one.
    """
    if folder is not None:
        yield Config({"KernelManager": {"transport": "ipc", "ip": str(folder / "kernel")}})
        return
    with TemporaryDirectory(prefix="runbook-kernel-", dir=temporary()) as own, listening(Path(own)) as config:
        yield config
