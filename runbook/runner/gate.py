"""The gate of a report: what a kernel says goes through it, and no secret does."""

from __future__ import annotations

import codecs
import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from nbclient import NotebookClient
from nbformat import NotebookNode

from runbook.hosts import password
from runbook.redaction import CHANNEL, KNOWN, Stream
from runbook.runner.startup import OwnProfile


class Gate:
    """Learns the secrets that one kernel fetches, and masks what the kernel's own process writes.

    Two pipes. Through the first the kernel hands over each value before anything can be done with it
    (`runbook.redaction.learn`), so who empties it before looking at what the kernel said knows enough.
    The second stands in the place of the kernel's standard output and error.
    """

    def __init__(self, log: Path | None) -> None:
        """`log` is the file for what the kernel's process writes; with None it goes to standard error."""
        self._path, self._lock, self._rest = log, threading.Lock(), b""
        self._theirs: list[int] = []
        self._log: threading.Thread | None = None

    def open(self) -> dict[str, Any]:
        """Open both pipes, and return what the kernel has to be started with. Raises `OSError`."""
        sink = self._path.open("ab", buffering=0) if self._path else os.fdopen(os.dup(2), "wb", buffering=0)
        self._secrets, secrets = os.pipe()
        os.set_blocking(self._secrets, False)
        source, output = os.pipe()
        self._theirs = [secrets, output]
        self._log = threading.Thread(target=self._write, args=(source, sink), daemon=True)
        self._log.start()
        self._profile = OwnProfile()
        env = {CHANNEL: f"{secrets}:{os.fstat(secrets).st_ino}", **self._profile.environment()}
        handles = [secrets]
        if lent := password.lend():
            handles.append(lent[0])
            self._theirs.append(lent[0])
            env |= lent[1]
        return {"env": env, "stdout": output, "stderr": output, "pass_fds": tuple(handles)}

    def started(self) -> None:
        """Let go of the kernel's ends of the pipes, once it has them or will never have them."""
        while self._theirs:
            os.close(self._theirs.pop())

    def take(self) -> None:
        """Learn what the kernel fetched since the last look."""
        with self._lock, suppress(BlockingIOError):
            while data := os.read(self._secrets, 65536):
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    KNOWN.learn(*json.loads(line))

    def close(self) -> None:
        """Wait for the kernel's last words. A process that it left behind may still hold the pipe; it is not waited for."""
        if self._log is None:
            return
        self._profile.remove()
        self.started()
        self._log.join(2)
        self.take()
        if not self._log.is_alive():
            os.close(self._secrets)

    def _write(self, handle: int, to: IO[bytes]) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        stream = Stream(KNOWN)
        with os.fdopen(handle, "rb", buffering=0) as source, to as sink:
            while data := source.read(65536):
                self.take()
                _put(sink, stream.feed(decode(data)))
            _put(sink, stream.feed(decode(b"", True)) + stream.end())


def _put(sink: IO[bytes], text: str) -> None:
    """Write, or go on without: a kernel must not wait for a full disk."""
    with suppress(OSError):
        sink.write(text.encode("utf-8", "surrogateescape"))


class Client(NotebookClient):
    """nbclient with an ear for what a cell says while it runs, behind a gate."""

    def __init__(self, nb: NotebookNode, gate: Gate, hear: Callable[[str, str], None], **traits: Any) -> None:
        super().__init__(nb, **traits)
        self._gate, self._hear = gate, hear
        self._streams: dict[str, Stream] = {}
        self._parent: dict[str, Any] = {}
        self.has_begun = False
        """Whether the kernel said that it has begun the cell."""

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        self._gate.take()
        content = msg["content"]
        self.has_begun = self.has_begun or msg["msg_type"] == "execute_input"
        if msg["msg_type"] == "stream":
            name = content["name"]
            text = self._streams.setdefault(name, Stream(KNOWN)).feed(content["text"])
            self._parent = msg["parent_header"]
            return self._say(name, text, cell, cell_index) if text else None
        if content.get("execution_state") == "idle":
            self.let_go(cell, cell_index)
        content = KNOWN.clean(content)
        if shown := content.get("data", {}).get("text/plain"):
            self._hear("display", shown)
        return super().process_message({**msg, "content": content}, cell, cell_index)

    def let_go(self, cell: NotebookNode, cell_index: int) -> None:
        """Say what was held back of a cell's streams, where it would have stood: the cell ended."""
        for name, stream in self._streams.items():
            if not (text := stream.end()):
                continue
            before = [out for out in cell.outputs if out.output_type == "stream" and out.name == name]
            if before:
                self._hear(name, text)
                before[-1].text += text
            else:
                self._say(name, text, cell, cell_index)

    def _say(self, name: str, text: str, cell: NotebookNode, cell_index: int) -> Any:
        self._hear(name, text)
        what = {"msg_type": "stream", "header": {"msg_type": "stream"}, "parent_header": self._parent}
        return super().process_message({**what, "content": {"name": name, "text": text}}, cell, cell_index)
