"""A replay of a recording that was made of a real run. It never invents an answer.

Reading again answers what the host last said; doing anything must be the next thing that was recorded
(`runbook.hosts.recording`), or it is an error that says what comes next. A question that was never asked has no answer:
reading it is the error, so that only those steps meet it that want to know. With RUNBOOK_AUTHOR in the environment the
errors also show the difference, and how a new recording is made.
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runbook.errors import CommandFailed, HostError, NotRecorded
from runbook.hosts.base import Delivered, OnLine, Result, Supply
from runbook.hosts.recording import PARAMS, Entry, in_order, load
from runbook.model.ask import Answer, Ask, Facts
from runbook.redaction import KNOWN

_OTHERWISE = "for anything else name a machine under `connection` in the parameters"
_ORDER = "run the cells from the top (Run ▸ Run All Above Selected Cell), with the parameters that the recording was made with"
_RENEW = "if the change is meant: `make record` makes a new recording from the testbed"
_LONGEST = 100
"""Characters of a question, or of what was to be done, in a message: some are scripts of many lines."""


class RecordedHost:
    """Plays back one notebook's recording. Nothing on any machine is read or changed."""

    is_real = False

    def __init__(self, recording: Path, notebook: str) -> None:
        self.describe = f"a replay of {recording.name}"
        self.round_trips = 0
        self._notebook = notebook
        self._files = load(recording, notebook)
        if not self._files:
            raise NotRecorded(
                f"There is no recording of {notebook}",
                where=str(recording),
                why="a replay plays the notebooks that were recorded, and nothing else",
                do=_next_move(_OTHERWISE),
            )
        self._recording = recording
        self._entries: list[tuple[str, Entry]] = []
        self._next = 0
        self._known: dict[str, Answer] = {}
        self.in_order(sorted(self._files))

    def in_order(self, steps: Iterable[str]) -> None:
        """Begin anew, with the recorded steps in this order; the recording itself keeps none."""
        self._entries = in_order(self._files, steps)
        self._next, self._known = 0, {}

    def has(self, step: str) -> bool:
        """Return whether this step was played when the recording was made."""
        return step in self._files

    @property
    def params(self) -> Any:
        """What the parameters asked for in the recorded run, None when that was not kept."""
        path = self._recording / PARAMS
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    @property
    def left(self) -> list[str]:
        """The steps of which something that was done is not played yet."""
        return list(dict.fromkeys(step for step, entry in self._entries[self._next :] if "do" in entry))

    def known(self, asks: Iterable[Ask]) -> Facts | None:
        """Return what the host last said to these questions without reading on, None if it was not asked one of them."""
        wanted = list(asks)
        if any(ask.key not in self._known for ask in wanted):
            return None
        return Facts({ask: self._known[ask.key] for ask in wanted})

    def gather(self, asks: Iterable[Ask]) -> Facts:
        self.round_trips += 1
        if "gather" in self._entry:
            self._fold()
        answers = {ask: self._known[ask.key] for ask in asks if ask.key in self._known}
        return Facts(answers, self.describe, self._never_asked)

    def run(
        self,
        argv: tuple[str, ...],
        *,
        stdin: bytes = b"",
        timeout_s: float | None = None,
        on_line: OnLine | None = None,
    ) -> Result:
        said = self._do({"run": list(argv), **({"stdin": stdin.decode()} if stdin else {})})
        for line in (said["out"] + said["err"]).splitlines() if on_line else ():
            if on_line:
                on_line(line)
        return Result(argv, said["status"], said["out"], said["err"])

    def write(self, path: str, data: bytes, *, mode: str, owner: str, check: tuple[str, ...] = ()) -> None:
        wanted = {"write": path, "mode": mode, "owner": owner, "check": list(check), "content": data.decode()}
        said = self._do(wanted)
        if said.get("error"):
            raise CommandFailed(f"Could not write {path}", where=self.describe, why=said["error"])

    def put(self, folder: str, what: str, supply: Supply) -> tuple[Delivered, ...]:
        said = self._do({"put": folder, "what": what})
        if said.get("error"):
            raise CommandFailed(f"Could not copy {what} to {folder}", where=self.describe, why=said["error"])
        return tuple(Delivered(*file) for file in said["files"])

    def reboot(self, wait_s: float, on_line: OnLine | None = None) -> None:
        self._do({"reboot": True})

    def reconnect(self, proof: tuple[str, ...], wait_s: float, on_line: OnLine | None = None) -> None:
        said = self._do({"reconnect": list(proof)})
        if said.get("error"):
            raise HostError(said["error"], where=self.describe)

    def lock(self) -> None:
        """Nothing to keep others off: every replay is its own."""

    def close(self) -> None:
        """Nothing to let go of."""

    @property
    def _entry(self) -> Entry:
        """What comes next, {} at the end."""
        return self._entries[self._next][1] if self._next < len(self._entries) else {}

    def _fold(self) -> None:
        for key, (status, out, err) in self._entry["gather"].items():
            self._known[key] = Answer(status, out, err)
        self._next += 1

    def _do(self, asked: dict[str, Any]) -> dict[str, Any]:
        wanted = KNOWN.clean(asked)  # a recording holds no secrets either
        while "gather" in self._entry:
            self._fold()
        recorded = self._entry.get("do", {})
        if recorded != wanted:
            raise self._something_else(recorded, wanted)
        said: dict[str, Any] = self._entry["said"]
        self._next += 1
        return said

    def _never_asked(self, ask: Ask) -> NotRecorded:
        near = difflib.get_close_matches(ask.key, self._known, n=1, cutoff=0) if _is_author() else []
        return NotRecorded(
            f"The recorded host was never asked: {_short(ask.key)}",
            where=self._notebook,
            why="a replay knows only what was asked with the parameters that it was recorded with"
            + (f"\nthe nearest that it was asked: {near[0]}" if near else ""),
            do=_next_move(f"give these parameters back what you changed; {_OTHERWISE}"),
        )

    def _something_else(self, recorded: dict[str, Any], wanted: dict[str, Any]) -> NotRecorded:
        why = f"next in the recording: {_named(recorded)}; asked for now: {_named(wanted)}"
        if _named(recorded) == _named(wanted):
            why += ", with another content"
        if _is_author():
            diff = difflib.unified_diff(
                _lines(recorded), _lines(wanted), "recorded", "asked now", lineterm="", n=2
            )
            why = "\n".join((why, *diff))
        return NotRecorded(
            "The recorded host was asked to do something else than what was recorded",
            where=self._place(),
            why=why,
            do=_next_move(_ORDER),
        )

    def _place(self) -> str:
        """Return the file and the line that come next, or the last file when nothing does."""
        step = self._entries[min(self._next, len(self._entries) - 1)][0]
        before = sum(name == step for name, _ in self._entries[: self._next])
        return f"{self._notebook}/{step}.jsonl, entry {before + 1}"


def _is_author() -> bool:
    """Return whether who works here makes the recordings too, and wants to see what differs."""
    return bool(os.environ.get("RUNBOOK_AUTHOR"))


def _next_move(move: str) -> str:
    return f"{move}; {_RENEW}" if _is_author() else move


def _short(text: str) -> str:
    first, more, _ = text.partition("\n")
    return f"{first[:_LONGEST]} …" if more or len(first) > _LONGEST else first


def _named(exchange: dict[str, Any]) -> str:
    """Return in a few words what is to be done.

    >>> _named({"write": "/etc/hosts", "content": "127.0.0.1"}), _named({"run": ["rm", "-f", "x"]}), _named({})
    ('write /etc/hosts', 'run rm -f x', 'the recording ends here')
    """
    if not exchange:
        return "the recording ends here"
    kind = next(kind for kind in ("run", "write", "put", "reboot", "reconnect") if kind in exchange)
    value = exchange[kind]
    if kind == "reboot":
        return "restart"
    if kind == "put":
        return _short(f"copy {exchange['what']} to {value}")
    return _short(f"{kind} {shlex.join(value) if isinstance(value, list) else value}")


def _lines(exchange: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    for key, value in sorted(exchange.items()):
        text = value if isinstance(value, str) else json.dumps(value)
        lines += [f"{key}: {text}"] if "\n" not in text else [f"{key}:", *text.splitlines()]
    return lines or ["(the recording ends here)"]
