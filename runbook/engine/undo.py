"""The way back: what the runs of a host did, read from their journals, and the actions that return.

Each action's inverse was written to the journal before the action was carried out, with the
original of a file that was changed. Going back takes the newest action first, as one takes
plates from a stack; what was taken back once is not taken back again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runbook import actions as kinds
from runbook.actions import Action, Run
from runbook.engine import undo_files
from runbook.engine.journal import Line, of_machine
from runbook.engine.network_switch import TAKEN_BACK
from runbook.engine.packing import pack, unpack
from runbook.errors import Refused
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Plan, Risk

__all__ = ["Done", "asks", "history", "left_by", "needed", "order", "pack", "plan", "risk", "unpack"]

NOTEBOOK = "undo"
"""The name under which a way back stands in a journal."""


_RISKS: tuple[Risk, ...] = ("safe", "disruptive", "destructive")


@dataclass(frozen=True)
class Done:
    """One action that a run carried out. `back` is None where there is no way back, or none is needed."""

    run: str
    at: str
    step: str
    title: str
    back: Action | None
    leaves: tuple[tuple[str, str], ...] = ()
    """Each path that it was about and what it left there (`left_by`): anything else there was made by someone else."""
    is_sure: bool = True
    """False for an action that did not end well: it may have done all of it, a part, or nothing."""
    risk: str = ""
    """That of its step, as the run noted it; '' in a journal that does not say."""

    @property
    def key(self) -> str:
        """What names this action among all runs of the host."""
        return f"{self.run} {self.at}"

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that it was about."""
        return tuple(path for path, _ in self.leaves)

    def left(self, path: str) -> str:
        """Return what it left at a path, '' for one that it was not about."""
        return dict(self.leaves).get(path, "")


def left_by(action: Action) -> dict[str, Any]:
    """Return what an action leaves at its path, as `{"path": …, "left": …}`; {} for an action that is about none.

    For a file that is its SHA-256, for a link `-> TARGET`, for what was removed `gone`. Of several paths, those
    behind the first are in `also`.

    >>> left_by(kinds.Link("/etc/a", "b")), left_by(kinds.Remove("/etc/a")), left_by(Run(("true",)))
    ({'path': '/etc/a', 'left': '-> b'}, {'path': '/etc/a', 'left': 'gone'}, {})
    """
    if not action.leaves:
        return {}
    first, *more = action.leaves
    also = {"also": {left.path: left.state for left in more}} if more else {}
    return {"path": first.path, "left": first.state, **also}


def history(journals: Mapping[str, list[Line]], machine: str) -> list[Done]:
    """Return what the runs of one host did and nobody took back, the newest first.

    `journals` are those of its runs by their names. Only what was done on this very installation counts
    (`runbook.facts.identity`): what was done to a host before it was installed anew is gone. An action that failed,
    or whose end is missing, counts too: it may have done something, and its way back is harmless where it did not.

    Raises `Refused` for a journal that holds what no run writes.
    """
    done: list[Done] = []
    taken: set[str] = set()
    for run in sorted(journals):
        lines = of_machine(journals[run], machine)
        try:
            taken |= {key for line in lines if line["event"] == "taken-back" for key in line["keys"]}
            taken -= {key for line in lines if line["event"] == "not-back" for key in line["keys"]}
            done += _deeds(run, lines)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Refused(
                f"The journal of the run {run} cannot be taken at its word",
                why=f"it holds what no run writes: {str(error).splitlines()[0]}",
                do="runbook report verify; restore the run from a backup",
            ) from None
    return [d for d in reversed(done) if d.key not in taken]


def newest_of_each(done: list[Done]) -> list[Done]:
    """Return of each step what the newest run did that has it: every replay begins anew, and does all of it again."""
    newest: dict[str, str] = {}
    return [d for d in done if newest.setdefault(d.step, d.run) == d.run]


def asks(done: Iterable[Done]) -> tuple[Ask, ...]:
    """Return the questions for what is now at the paths that were changed, and what became of a switch that failed."""
    done = tuple(done)
    paths = tuple(dict.fromkeys(path for d in done for path in d.paths or _back_at(d)))
    switch = TAKEN_BACK if any(isinstance(d.back, kinds.ReplaceNetwork) for d in done) else ()
    return (*map(Ask.read, paths), *undo_files.links(paths), *switch)


def plan(done: list[Done], facts: Facts) -> Plan:
    """Return the way back from these actions, in the order in which they have to be taken back (`order`).

    A file that somebody changed since, or in between, is refused.
    """
    findings = (*undo_files.changed(done, facts), *undo_files.held_secrets(done))
    return Plan(tuple(back for back, _ in order(needed(done, facts))), findings)


def needed(done: list[Done], facts: Facts) -> list[Done]:
    """Return the same actions, without the ways back that the host has gone itself.

    A switch of the network that fails is taken back by the host. To go that way once more would interrupt the network
    for nothing: neither a file nor what is in force would be another.
    """
    later: dict[str, str] = {}
    found = []
    for d in done:
        back = d.back
        if (
            isinstance(back, kinds.ReplaceNetwork)
            and not d.is_sure
            and undo_files.is_back(back, facts, later)
        ):
            d = replace(d, back=None)
        found.append(d)
        later |= {left.path: left.state for left in d.back.leaves} if d.back else {}
    return found


def order(done: list[Done]) -> list[tuple[Action, list[Done]]]:
    """Return the actions of the way back in order, each with all that it takes back, the newest first.

    What only renews something (the boot menu, an initial RAM disk) comes once before each restart and at
    the end, after everything that it is made from. Of a step's restarts the oldest keeps its place: what
    started before it needs no second one.
    """
    restarts = {d.step: d.key for d in done if isinstance(d.back, kinds.Reboot)}
    backs: list[tuple[Action, list[Done]]] = []
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


def risk(done: Iterable[Done], known: Mapping[str, str]) -> Risk:
    """Return the risk of a way back: that of the strongest step that is taken back, or of what leads back.

    `known` is the risk of each step, by name; a step that neither it nor the journal knows is disruptive. A command
    comes from a file, so it is never safe; one that removes a volume is destructive.
    """
    return max((_risk(d, known) for d in done if d.back is not None), key=_RISKS.index, default="safe")


def _risk(done: Done, known: Mapping[str, str]) -> Risk:
    said = [r for r in _RISKS if r in (known.get(done.step), done.risk)] or ["disruptive"]
    if isinstance(done.back, Run) and "lvremove" in " ".join(done.back.argv):
        said.append("destructive")
    elif isinstance(done.back, Run | kinds.Reboot | kinds.ReplaceNetwork | kinds.Switch):
        said.append("disruptive")
    return max(said, key=_RISKS.index)


def _deeds(run: str, lines: list[Line]) -> Iterator[Done]:
    """Yield what one run did, the oldest first; a way back does nothing that could be taken back."""
    risks = {
        str(line.get("step")): str(line.get("risk") or "") for line in lines if line["event"] == "step-begin"
    }
    for line, end in _actions(lines):
        if line.get("notebook") != NOTEBOOK:
            yield _done(run, line, is_sure=end == "done", risk=risks.get(str(line.get("step")), ""))


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


def _done(run: str, line: Line, *, is_sure: bool, risk: str) -> Done:
    return Done(
        run,
        line["at"],
        str(line.get("step")),
        str(line.get("title")),
        unpack(line.get("undo")),
        _leaves(line),
        is_sure,
        risk,
    )


def _leaves(line: Line) -> tuple[tuple[str, str], ...]:
    """Return what an action's line says of paths. Raises what `history` refuses for anything that no run writes."""
    first = ((str(line["path"]), str(line.get("left") or "")),) if line.get("path") else ()
    return (*first, *((str(path), str(left)) for path, left in line.get("also", {}).items()))


def _back_at(done: Done) -> tuple[str, ...]:
    """Return the paths that the way back is about."""
    return tuple(left.path for left in done.back.leaves) if done.back else ()
