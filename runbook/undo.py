"""The way back: what the runs of a host did, read from their journals, and the actions that return.

Each action's inverse was written to the journal before the action was carried out, with the
original of a file that was changed. Going back takes the newest action first, as one takes
plates from a stack; what was taken back once is not taken back again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from runbook import actions as kinds
from runbook import undo_files
from runbook.actions import Link, Remove, Run, WriteFile
from runbook.ask import Ask, Facts
from runbook.journal import Line, of_machine, read
from runbook.plan import Plan

NOTEBOOK = "undo"
"""The name under which a way back stands in a journal."""


@dataclass(frozen=True)
class Done:
    """One action that a run carried out. `back` is None where there is no way back, or none is needed."""

    run: str
    at: str
    step: str
    title: str
    back: Any
    path: str = ""
    left: str = ""
    """What the action left at `path` (`left_by`): anything else there was made by someone else."""
    is_sure: bool = True
    """False for an action that did not end well: it may have done all of it, a part, or nothing."""

    @property
    def key(self) -> str:
        """What names this action among all runs of the host."""
        return f"{self.run} {self.at}"


def pack(action: Any) -> dict[str, Any] | None:
    """Return an action as a value for a journal, None for None.

    >>> pack(Remove("/etc/x"))
    {'type': 'Remove', 'path': '/etc/x', 'link': ''}
    """
    if action is None:
        return None
    return {"type": type(action).__name__, **{f.name: getattr(action, f.name) for f in fields(action)}}


def unpack(value: dict[str, Any] | None) -> Any:
    """Return the action that `pack` made a value of.

    >>> unpack({"type": "Run", "argv": ["update-grub"], "why": ""}).argv
    ('update-grub',)
    """
    if value is None:
        return None
    kind = getattr(kinds, value["type"])
    more = {key: tuple(v) if isinstance(v, list) else v for key, v in value.items() if key != "type"}
    return kind(**more)


def left_by(action: Any) -> dict[str, str]:
    """Return what an action leaves at a path, as `{"path": …, "left": …}`; {} for any other action.

    For a file that is its SHA-256, for a link `-> TARGET`, for what was removed `gone`.

    >>> left_by(Link("/etc/a", "b")), left_by(Remove("/etc/a")), left_by(Run(("true",)))
    ({'path': '/etc/a', 'left': '-> b'}, {'path': '/etc/a', 'left': 'gone'}, {})
    """
    left = undo_files.state_after(action)
    return {"path": action.path, "left": left} if left else {}


def history(host_reports: Path, machine: str) -> list[Done]:
    """Return what the runs of one host did and nobody took back, the newest first.

    Only runs of this very installation count (`runbook.facts.identity`): what was done to a host before
    it was installed anew is gone. An action that failed, or whose end is missing, counts too: it may have
    done something, and its way back is harmless where it did not.
    """
    done: list[Done] = []
    taken: set[str] = set()
    for journal in sorted(host_reports.glob("*/journal.jsonl")):
        lines = of_machine(read(journal), machine)
        taken |= {key for line in lines if line["event"] == "taken-back" for key in line["keys"]}
        taken -= {key for line in lines if line["event"] == "not-back" for key in line["keys"]}
        done += [
            _done(journal.parent.name, line, is_sure=end == "done")
            for line, end in _actions(lines)
            if line.get("notebook") != NOTEBOOK
        ]
    return [d for d in reversed(done) if d.key not in taken]


def asks(done: Iterable[Done]) -> tuple[Ask, ...]:
    """Return the questions for what is now at the paths that were changed."""
    paths = tuple(dict.fromkeys(d.path or d.back.path for d in done if d.path or _has_path(d.back)))
    return (*map(Ask.read, paths), *undo_files.links(paths))


def plan(done: list[Done], facts: Facts) -> Plan:
    """Return the way back from these actions, in the order in which they have to be taken back (`order`).

    A file that somebody changed since, or in between, is refused.
    """
    findings = (*undo_files.changed(done, facts), *undo_files.held_secrets(done))
    return Plan(tuple(back for back, _ in order(done)), findings)


def order(done: list[Done]) -> list[tuple[Any, list[Done]]]:
    """Return the actions of the way back in order, each with all that it takes back, the newest first.

    What only renews something (the boot menu, an initial RAM disk) comes once before each restart and at
    the end, after everything that it is made from. Of a step's restarts the oldest keeps its place: what
    started before it needs no second one.
    """
    restarts = {d.step: d.key for d in done if isinstance(d.back, kinds.Reboot)}
    backs: list[tuple[Any, list[Done]]] = []
    renew: dict[Run, list[Done]] = {}
    newer: dict[str, list[Done]] = {}
    for d in done:
        if isinstance(d.back, kinds.Reboot):
            newer.setdefault(d.step, []).append(d)
            if restarts[d.step] == d.key:
                backs += [*renew.items(), (d.back, newer[d.step])]
                renew = {}
        elif isinstance(d.back, Run) and d.back.again:
            renew.setdefault(d.back, []).append(d)
        elif d.back is not None:
            backs.append((d.back, [d]))
    return [*backs, *renew.items()]


def risk(planned: Plan) -> str:
    """Return the risk of a way back: `destructive` when a volume goes, `disruptive` with a restart or the network."""
    commands = {a.argv[0] for a in planned.actions if isinstance(a, Run)}
    if "lvremove" in commands:
        return "destructive"
    strong = (kinds.Reboot, kinds.ReplaceNetwork, kinds.Switch)
    return "disruptive" if any(isinstance(a, strong) for a in planned.actions) else "safe"


def _actions(lines: list[Line]) -> Iterator[tuple[Line, str]]:
    """Yield each action's first line with how it ended: `done`, `failed`, or '' when nothing says."""
    open_: Line | None = None
    for line in lines:
        if line["event"] == "action-begin":
            if open_ is not None:
                yield open_, ""
            open_ = line
        elif line["event"] == "action-end" and open_ is not None:
            yield open_, str(line.get("status"))
            open_ = None
    if open_ is not None:
        yield open_, ""


def _done(run: str, line: Line, *, is_sure: bool) -> Done:
    return Done(
        run,
        line["at"],
        str(line.get("step")),
        str(line.get("title")),
        unpack(line.get("undo")),
        str(line.get("path") or ""),
        str(line.get("left") or ""),
        is_sure,
    )


def _has_path(action: Any) -> bool:
    return isinstance(action, WriteFile | Remove | Link)
