"""QEMU's own control of the virtual PC (QMP), as far as copies of its disks need it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runbook.testbed.errors import TestbedError

PATIENCE_S = 120


class Monitor:
    """An open connection to one machine's monitor."""

    def __init__(self, connection: socket.socket, where: Path) -> None:
        self._lines, self._where = connection.makefile("rw", encoding="utf-8"), where
        self._answer("connect")
        self.tell("qmp_capabilities")

    def tell(self, command: str, **arguments: Any) -> Any:
        """Return QEMU's answer to one command. Raises `TestbedError` when it refuses, or is gone."""
        json.dump({"execute": command, "arguments": arguments}, self._lines)
        self._lines.flush()
        return self._answer(command)

    def _answer(self, command: str) -> Any:
        while line := self._lines.readline():
            said = json.loads(line)
            if "error" in said:
                raise self._failed(command, said["error"].get("desc", line))
            if "return" in said or "QMP" in said:
                return said.get("return")
        raise self._failed(command, "it closed the connection")

    def _failed(self, command: str, why: str) -> TestbedError:
        return TestbedError(
            f"the virtual PC's monitor did not do: {command}",
            where=str(self._where),
            why=why,
            next_move="see qemu.log beside it; without a checkpoint the machine goes on as it is",
        )


@contextmanager
def monitor(path: Path) -> Iterator[Monitor]:
    """Open the monitor that listens at `path`. Raises `TestbedError` when nobody does."""
    # The path of a socket has at most 108 bytes, and folders may lie deep.
    relative = os.path.relpath(path)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE_S)
        try:
            connection.connect(min(relative, str(path), key=len))
            yield Monitor(connection, path)
        except OSError as error:
            raise TestbedError(
                "the virtual PC's monitor does not answer",
                where=str(path),
                why=str(error),
                next_move="see whether the machine is on: runbook testbed status",
            ) from error
