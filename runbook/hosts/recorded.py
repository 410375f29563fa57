"""A replay of a recording that was made of a real run. It never invents an answer.

Reading again answers what the host last said; doing anything must be the next thing that was recorded
(`runbook.hosts.recording`), or it is an error that says what comes next. A question that was never asked has no answer:
reading it is the error, so that only those steps meet it that want to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runbook.errors import CommandFailed, HostError, NotRecorded
from runbook.hosts import not_recorded
from runbook.hosts.base import Delivered, OnLine, Result, Supply
from runbook.hosts.recording import Entry, asked, in_order, load, names
from runbook.hosts.renamed import renaming
from runbook.model.ask import Answer, Ask, Facts
from runbook.redaction import KNOWN


class RecordedHost:
    """Plays back one notebook's recording. Nothing on any machine is read or changed."""

    is_real = False

    def __init__(self, recording: Path, notebook: str, name: str = "") -> None:
        """`name` is what the host is called, where that is not what it was called when it was recorded."""
        self.describe = f"a replay of {recording.name}"
        self.round_trips = 0
        self._notebook, self._recording, self._name = notebook, recording, name
        self._files = load(recording, notebook, name)
        if not self._files:
            raise not_recorded.notebook(recording, notebook)
        self._entries: list[tuple[str, Entry]] = []
        self._next = 0
        self._known: dict[str, Answer] = {}
        self.in_order(sorted(self._files))

    @classmethod
    def as_left(cls, recording: Path, name: str, steps: Mapping[str, Iterable[str]]) -> RecordedHost:
        """Return the host as it was when the last notebook was done: it answers whatever any of them asked, the last answer.

        `steps` are the notebooks with their steps, in order.
        """
        played = [notebook for notebook in steps if notebook in names(recording)]
        host = cls(recording, played[0] if played else "", name)
        for notebook in played:
            for _, entry in in_order(load(recording, notebook, name), steps[notebook]):
                host._known |= {key: Answer(*said) for key, said in entry.get("gather", {}).items()}
        host._entries = []
        return host

    def in_order(self, steps: Iterable[str]) -> None:
        """Begin anew, with the recorded steps in this order; the recording itself keeps none."""
        self._entries = in_order(self._files, steps)
        self._next, self._known = 0, {}

    def leave_out(self, step: str) -> None:
        """Play on without what a step did: what the host answered afterwards stays, and nobody is asked to do it."""
        before, rest = self._entries[: self._next], self._entries[self._next :]
        self._entries = before + [(name, entry) for name, entry in rest if name != step or "do" not in entry]

    def has(self, step: str) -> bool:
        """Return whether this step was played when the recording was made."""
        return step in self._files

    @property
    def on_its_own(self) -> str:
        """How the whole notebook is played outside of JupyterLab, in the middle of a sentence."""
        return f"in a terminal `runbook run --only {self._notebook}`"

    @property
    def params(self) -> Any:
        """What the parameters asked for in the recorded run, None when that was not kept."""
        found = asked(self._recording)
        return renaming(found or {}, self._name)(found)

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
            raise not_recorded.deed(recorded, wanted, self._place(), self.on_its_own)
        said: dict[str, Any] = self._entry["said"]
        self._next += 1
        return said

    def _never_asked(self, ask: Ask) -> NotRecorded:
        return not_recorded.question(ask, self._known, self._notebook)

    def _place(self) -> str:
        """Return the file and the line that come next, or the last file when nothing does."""
        step = self._entries[min(self._next, len(self._entries) - 1)][0]
        before = sum(name == step for name, _ in self._entries[: self._next])
        return f"{self._notebook}/{step}.jsonl, entry {before + 1}"
