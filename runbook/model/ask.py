"""Questions to a host and its answers: the raw material of every fact."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from runbook.errors import HostError, RunbookError

MISSING = 44
UNREADABLE = 45


@dataclass(frozen=True, order=True)
class Ask:
    """One read-only question: the output of a command, or the content of a file.

    >>> Ask.run("uname", "-r").key
    'uname -r'
    >>> Ask.read("/etc/fstab").key
    '< /etc/fstab'
    """

    kind: str
    argv: tuple[str, ...]

    @classmethod
    def run(cls, *argv: str) -> Ask:
        """Return a question answered by a command's status and output. It must only read."""
        return cls("run", argv)

    @classmethod
    def shell(cls, script: str) -> Ask:
        """Return a question answered by a read-only shell script (POSIX sh), where globs are the point."""
        return cls("run", ("sh", "-c", script))

    @classmethod
    def read(cls, path: str) -> Ask:
        """Return a question answered by a file's content, 'missing' and 'unreadable' told apart."""
        return cls("read", (path,))

    @property
    def key(self) -> str:
        """The question as one line: the command as typed, or `< PATH`."""
        return f"< {self.argv[0]}" if self.kind == "read" else shlex.join(self.argv)


@dataclass(frozen=True)
class Answer:
    """What came back: exit status and both streams, decoded as UTF-8 (bad bytes replaced).

    `err` of a file that was read is its mode and owner, such as `0644 root:root`.
    """

    status: int
    out: str = ""
    err: str = ""

    @property
    def ok(self) -> bool:
        """True when the command ended with status 0, or the file was read."""
        return self.status == 0


class Facts(Mapping[Ask, Answer]):
    """The answers of one host at one moment, frozen; parsers in `runbook.facts` read it.

    `of` is the host, for people. `read` are the questions whose answers were looked at, the last one at the end:
    who meets an answer that cannot be understood names it by that (`runbook.model.unreadable`).
    `unknown` makes the error for a question that was asked and has no answer.
    """

    def __init__(
        self,
        answers: Mapping[Ask, Answer],
        of: str = "",
        unknown: Callable[[Ask], RunbookError] | None = None,
    ) -> None:
        self._answers = dict(answers)
        self._unknown = unknown or _nobody_asked
        self.of = of
        self.read: dict[Ask, None] = {}

    def __getitem__(self, ask: Ask) -> Answer:
        try:
            answer = self._answers[ask]
            self.read.pop(ask, None)
            self.read[ask] = None
            return answer
        except KeyError:
            raise self._unknown(ask) from None

    def __contains__(self, ask: object) -> bool:
        return ask in self._answers

    def __iter__(self) -> Iterator[Ask]:
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    def out(self, *argv: str) -> str:
        """Return the standard output of a command asked before, '' when the command failed."""
        answer = self[Ask.run(*argv)]
        return answer.out if answer.ok else ""

    def text(self, path: str) -> str | None:
        """Return the content of a file asked before, None when it does not exist.

        Raises `HostError` when it exists and could not be read: a plan made from a guess
        would destroy what is there.
        """
        answer = self[Ask.read(path)]
        if answer.status == UNREADABLE:
            raise HostError(
                f"Could not read {path}",
                why=answer.err.strip(),
                do="run as root, or look at the file by hand",
            )
        return None if answer.status == MISSING else answer.out

    def mode(self, path: str) -> tuple[str, str] | None:
        """Return mode (four octal digits) and owner (`user:group`) of a file asked before, None when unknown.

        A symbolic link's are those of the file that it leads to. An owner without a name (stat(1) says
        UNKNOWN) is unknown.
        """
        answer = self[Ask.read(path)]
        mode, _, owner = answer.err.partition(" ")
        return (mode, owner) if answer.ok and owner and "UNKNOWN" not in owner else None


def _nobody_asked(ask: Ask) -> RunbookError:
    return RunbookError(
        f"Nobody asked the host: {ask.key}",
        why="the step uses a fact that its `asks(params)` does not name",
        do="add the question to the step's asks()",
    )
