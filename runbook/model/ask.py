"""Questions to a host and its answers: the raw material of every fact."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from runbook.errors import HostError, RunbookError

MISSING = 44
UNREADABLE = 45
# Each file's head, then its lines behind a space; a file without a newline at its end gets one. Nothing is said of
# a link that leads nowhere.
_FILES = """for f; do [ -e "$f" ] && [ ! -d "$f" ] || continue; stat -L -c '= %04a %U:%G %n' -- "$f"; \
[ -r "$f" ] || echo '! permission denied'; """
_WHOLE = r"sed 's/^/ /;$a\'"


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

    @classmethod
    def files(cls, *patterns: str, shown: str = _WHOLE) -> Ask:
        """Return a question answered by the content of every file that matches a pattern of the shell.

        `Facts.text` and `Facts.mode` then know each of them by its path, and that no other file matches.
        `shown` is the program that prints a file, each line behind a space; what it keeps back it tells by a line
        `! REASON`, and the file is then one that could not be read.

        >>> asked = Ask.files("/etc/netplan/*.yaml")
        >>> facts = Facts({asked: Answer(0, "= 0600 root:root /etc/netplan/a.yaml\\n network:\\n")})
        >>> facts.text("/etc/netplan/a.yaml"), facts.text("/etc/netplan/b.yaml"), facts.mode("/etc/netplan/a.yaml")
        ('network:\\n', None, ('0600', 'root:root'))
        """
        return cls.shell(f'set -- {" ".join(patterns)}; {_FILES}{shown} "$f" 2>/dev/null; done; true')

    @property
    def patterns(self) -> tuple[str, ...]:
        """What `files` asked for, () for every other question."""
        head, is_files, _ = self.argv[-1].partition(f"; {_FILES}")
        return tuple(head.split()[2:]) if is_files and self.kind == "run" else ()

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
        self.unknown = unknown or _nobody_asked
        self.of = of
        self.read: dict[Ask, None] = {}

    def __getitem__(self, ask: Ask) -> Answer:
        if ask.kind == "read" and ask not in self._answers:
            for other in self._answers:
                if any(PurePosixPath(ask.argv[0]).match(pattern) for pattern in other.patterns):
                    return self._file(other, ask.argv[0])
        try:
            answer = self._answers[ask]
            self.read.pop(ask, None)
            self.read[ask] = None
            return answer
        except KeyError:
            raise self.unknown(ask) from None

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

    def files(self, ask: Ask) -> dict[str, str]:
        """Return the content of each file that `Ask.files` found, by its path, in the order of the patterns.

        Raises `HostError` when one of them could not be read.
        """
        paths = (line.split(" ", 3)[3] for line in self[ask].out.splitlines() if line.startswith("= "))
        return {path: self.text(path) or "" for path in paths}

    def mode(self, path: str) -> tuple[str, str] | None:
        """Return mode (four octal digits) and owner (`user:group`) of a file asked before, None when unknown.

        A symbolic link's are those of the file that it leads to. An owner without a name (stat(1) says
        UNKNOWN) is unknown.
        """
        answer = self[Ask.read(path)]
        mode, _, owner = answer.err.partition(" ")
        return (mode, owner) if answer.ok and owner and "UNKNOWN" not in owner else None

    def _file(self, ask: Ask, path: str) -> Answer:
        """Return one file's answer from those of `Ask.files`."""
        found: list[str] | None = None
        mode = ""
        for line in self[ask].out.split("\n"):
            if line.startswith("= "):
                if found is not None:
                    break
                _, bits, owner, name = line.split(" ", 3)
                if name == path:
                    found, mode = [], f"{bits} {owner}"
            elif found is not None and line.startswith("! "):
                return Answer(UNREADABLE, "", line[2:])
            elif found is not None and line:
                found.append(line[1:])
        if found is None:
            return Answer(MISSING)
        return Answer(0, "".join(f"{line}\n" for line in found), mode)


def _nobody_asked(ask: Ask) -> RunbookError:
    return RunbookError(
        f"Nobody asked the host: {ask.key}",
        why="the step uses a fact that its `asks(params)` does not name",
        do="add the question to the step's asks()",
    )
