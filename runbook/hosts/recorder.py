"""Record what a real host says while the runbook works on it. The source of every replay."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from typing import Any

from runbook.errors import CommandFailed, HostError
from runbook.hosts.base import Delivered, Host, OnLine, Result, Supply
from runbook.hosts.recording import OPENING, lines
from runbook.model.ask import Ask, Facts
from runbook.redaction import KNOWN

_URL_HOST = re.compile(r"\b(https?|ftp)://[A-Za-z0-9.:-]+")


class Recorder:
    """A host that writes down everything that passes. Names of package mirrors and secrets are masked."""

    def __init__(self, host: Host, recording: Path, notebook: str) -> None:
        self._host = host
        self.describe, self.is_real = host.describe, host.is_real
        self._known: dict[str, list[Any]] = {}
        self._folder = recording / notebook
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self.at(OPENING)

    def at(self, step: str) -> None:
        """Hear at which step the runbook is: what comes now happens in it."""
        self._step = step
        (self._folder / f"{step}.jsonl").touch()

    @property
    def round_trips(self) -> int:
        return self._host.round_trips

    def gather(self, asks: Iterable[Ask]) -> Facts:
        facts = self._host.gather(asks)
        now = {ask.key: [a.status, masked(a.out), masked(a.err)] for ask, a in facts.items()}
        self._note({"gather": {key: said for key, said in now.items() if self._known.get(key) != said}})
        self._known.update(now)
        return facts

    def run(
        self,
        argv: tuple[str, ...],
        *,
        stdin: bytes = b"",
        timeout_s: float | None = None,
        on_line: OnLine | None = None,
    ) -> Result:
        result = self._host.run(argv, stdin=stdin, timeout_s=timeout_s, on_line=on_line)
        did = {"run": list(argv), **({"stdin": stdin.decode()} if stdin else {})}
        said = {"status": result.status, "out": masked(result.out), "err": masked(result.err)}
        self._note({"do": did, "said": said})
        return result

    def write(self, path: str, data: bytes, *, mode: str, owner: str, check: tuple[str, ...] = ()) -> None:
        did = {"write": path, "mode": mode, "owner": owner, "check": list(check), "content": data.decode()}
        try:
            self._host.write(path, data, mode=mode, owner=owner, check=check)
        except CommandFailed as error:
            self._note({"do": did, "said": {"error": masked(error.why)}})
            raise
        self._note({"do": did, "said": {}})

    def put(self, folder: str, what: str, supply: Supply) -> tuple[Delivered, ...]:
        did = {"put": folder, "what": what}
        try:
            sent = self._host.put(folder, what, supply)
        except CommandFailed as error:
            self._note({"do": did, "said": {"error": masked(error.why)}})
            raise
        self._note({"do": did, "said": {"files": [astuple(file) for file in sent]}})
        return sent

    def reboot(self, wait_s: float, on_line: OnLine | None = None) -> None:
        self._host.reboot(wait_s, on_line)
        self._note({"do": {"reboot": True}, "said": {}})

    def reconnect(self, proof: tuple[str, ...], wait_s: float, on_line: OnLine | None = None) -> None:
        did = {"reconnect": list(proof)}
        try:
            self._host.reconnect(proof, wait_s, on_line)
        except HostError as error:
            self._note({"do": did, "said": {"error": error.what}})
            raise
        self._note({"do": did, "said": {}})

    def lock(self) -> None:
        self._host.lock()

    def close(self) -> None:
        self._host.close()

    def _note(self, entry: dict[str, Any]) -> None:
        with (self._folder / f"{self._step}.jsonl").open("a", encoding="utf-8") as file:
            file.write(lines([KNOWN.clean(entry)], is_opening=self._step == OPENING))


def masked(text: str) -> str:
    """Return the text with the host names of addresses replaced.

    >>> masked("Get:1 http://mirror.local/debian trixie InRelease")
    'Get:1 http://mirror.example/debian trixie InRelease'
    """
    return _URL_HOST.sub(r"\1://mirror.example", text)
