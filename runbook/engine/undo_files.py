"""Files and links on the way back: whether somebody else changed one, and whether each is as it was before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from runbook.actions import Action, Link, PurgePackages, Remove, ReplaceNetwork, WriteFile
from runbook.engine.network_switch import TAKEN_BACK, is_taken_back
from runbook.model.action import GONE, digest
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.redaction import has_mark

if TYPE_CHECKING:
    from runbook.engine.undo import Done

_DID = {GONE: "removed it"}
_LINKS = ("-maxdepth", "0", "-printf", "%y\\t%l\\t%p\\n")


def state_after(action: Action | None, path: str) -> str:
    """Return what stands at a path after an action, as it is written in a journal; '' when nothing tells."""
    return next((left.state for left in action.leaves if left.path == path), "") if action else ""


def _masked(action: Action | None) -> list[str]:
    """Return the paths of which an action would write a content in which a secret was masked."""
    return [left.path for left in action.leaves if has_mark(left.content)] if action else []


def links(paths: Iterable[str]) -> tuple[Ask, ...]:
    """Return the question which of these paths are links, and where they lead."""
    paths = tuple(paths)
    return (Ask.run("find", *paths, *_LINKS),) if paths else ()


def played(done: Iterable[Done], facts: Facts, asks: Iterable[Ask]) -> Facts:
    """Return the facts of a replay, with what it was never asked of links as these actions left them.

    On a recorded host nobody does anything between the runs: what they left at a path is what is there.
    """
    left = {path: target for d in done for path in d.paths if (target := d.left(path)).startswith("-> ")}
    rows = "".join(f"l\t{target.removeprefix('-> ')}\t{path}\n" for path, target in left.items())
    answers = {ask: facts[ask] for ask in facts}
    for ask in asks:
        if ask not in answers and ask.argv[-4:] == _LINKS:
            answers[ask] = Answer(0, rows)
        elif ask not in answers and (ask.argv[0] in left or ask in TAKEN_BACK):
            answers[ask] = Answer(MISSING)
    return Facts(answers, facts.of, facts.unknown)


def changed(done: list[Done], facts: Facts) -> Iterator[Finding]:
    """Yield a refusal for each path that is not what the newest of these actions left there, or that somebody
    else changed between two of them.

    What is gone and would go anyway is right: a file in /run goes with a restart.
    """
    for path in dict.fromkeys(path for d in done for path in d.paths):
        of_it = [d for d in done if path in d.paths]
        if said := _changed_since(path, of_it, facts) or _changed_between(path, of_it):
            yield Finding(
                "refuse",
                f"{path} was {said}",
                "going back would throw away what somebody else did there",
                f"look at the file; run {of_it[0].step} again to make it the runbook's, or leave it out with --step",
                "undo",
            )


def _changed_since(path: str, of_it: list[Done], facts: Facts) -> str:
    """Return in words what happened to a path after the newest action on it, '' when nothing did."""
    newest, oldest = of_it[0], of_it[-1]
    left = newest.left(path)
    now = _state(path, facts, is_link=left.startswith("-> "))
    if now in _could_be(newest, path) or (now == GONE and isinstance(oldest.back, Remove)):
        return ""
    return f"{'removed' if now == GONE else 'changed'} since {newest.step} {_DID.get(left, 'wrote it')}"


def _could_be(done: Done, path: str) -> set[str]:
    """Return what may stand at a path after an action: one that is not sure to have ended well may have done nothing."""
    return {done.left(path)} if done.is_sure else {done.left(path), state_after(done.back, path)}


def _changed_between(path: str, of_it: list[Done]) -> str:
    """Return in words between which actions somebody else changed a path, '' when nobody did.

    What an action found there is in its way back. An original with a masked secret cannot be compared; a
    file that went in between may have gone with a restart.
    """
    for newer, older in pairwise(of_it):
        found = state_after(newer.back, path)
        if found not in ("", GONE, *_could_be(older, path)) and path not in _masked(newer.back):
            return f"changed between {older.step} in run {older.run} and {newer.step} in run {newer.run}"
    return ""


def _state(path: str, facts: Facts, *, is_link: bool) -> str:
    """Return what is at a path now; a file behind a link is a file, unless the link itself is asked for."""
    text = facts.text(path)
    if (is_link or text is None) and (target := _targets(facts).get(path)):
        return f"-> {target}"
    return GONE if text is None else digest(text)


def _targets(facts: Facts) -> dict[str, str]:
    answers = (facts[ask].out for ask in facts if ask.argv[0] == "find" and ask.argv[-4:] == _LINKS)
    rows = (line.split("\t") for out in answers for line in out.splitlines())
    return {path: target for kind, target, path in rows if kind == "l"}


def held_secrets(done: list[Done]) -> Iterator[Finding]:
    """Yield a refusal for each file whose original is not whole, because a secret in it was masked."""
    for d in done:
        for path in _masked(d.back):
            yield Finding(
                "refuse",
                f"{path} held a secret before {d.step} wrote it",
                "a journal keeps no secrets, so the file as it was is not there",
                "put it back by hand, and leave the step out with --step",
                "undo",
            )


def is_back(action: ReplaceNetwork, facts: Facts, later: Mapping[str, str]) -> bool:
    """Return whether a host's network is as this way back would leave it.

    `later` is what stands at the paths that newer ways back lead to first; what those are about they put in force.
    """
    if any(path not in later for path in (file.path for file in action.files)) and not is_taken_back(facts):
        return False
    return all(
        (later.get(left.path) or _state(left.path, facts, is_link=False)) == left.state
        and (left.path in later or (facts.mode(left.path) or ("",))[0] in (_mode(action, left.path), ""))
        for left in action.leaves
    )


def check(planned: Plan, facts: Facts) -> dict[str, Finding]:
    """Return, by their paths, the files that are not as the way back should have left them.

    A file that is back may go afterwards with its package.
    """
    last = {
        left.path: (place, action, left.state)
        for place, action in enumerate(planned.actions)
        for left in action.leaves
    }
    found = dict[str, Finding]()
    for path, (place, action, wanted) in last.items():
        if Ask.read(path) not in facts:
            continue
        now = _state(path, facts, is_link=isinstance(action, Link))
        went = now == GONE and any(isinstance(later, PurgePackages) for later in planned.actions[place:])
        wrong = "" if went or now == wanted else f"{path} is not as it was before"
        if (had := _mode(action, path)) and not wrong:
            mode, _ = facts.mode(path) or (had, "")
            wrong = "" if mode == had else f"{path} has mode {mode}, and had {had} before"
        if wrong:
            found[path] = Finding("fail", wrong, "", "look at it on the host", "undo")
    return found


def _mode(action: Action, path: str) -> str:
    """Return the mode that an action gives a path, '' when it leaves that alone."""
    if isinstance(action, ReplaceNetwork):
        return next(file.mode for file in action.files if file.path == path)
    return action.mode if isinstance(action, WriteFile) else ""
